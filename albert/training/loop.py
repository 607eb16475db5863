# SPDX-License-Identifier: Apache-2.0
"""Runs the training steps of a model.

There is no other loop: steps run on the device, decisions on the host.
"""

import functools

import tensorflow as tf

from albert.modeling import islands
from albert.modeling.rows import padding_skipped
from albert.training import distribution
from albert.training.inference_loop import InferenceLoop
from albert.training.optimizers import clip_by_global_norm
from albert.training.optimizers import densify

# What says where the pieces of a batch are.
_TOKEN_MASKS = ("input_mask", "target_weights")


class TrainingLoop(InferenceLoop):
    """The loop that trains a model under a distribution strategy.

    What it evaluates and predicts is that of an ``InferenceLoop``.

    In each replica, and in this order: the denominators of the loss are
    summed over the global batch; the gradients of every micro-batch are
    added up; the sums are reduced over the replicas; the gradients of a
    regulariser are added, once; the global norm is clipped; the optimizer
    updates. So the update is that of the global batch whatever the number of
    replicas and micro-batches.

    Args:
      model: ``keras.Model`` made under ``strategy.scope()``.
      optimizer: of ``albert.training.optimizers``, likewise.
      objective: with ``trains``, ``denominators``, ``numerators``, ``loss``
        and ``metrics`` as ``PretrainingObjective`` has them.
      strategy: ``tf.distribute.Strategy``.
      regularizer: with ``names`` and ``add_gradients`` as
        ``AttentionRegularizer`` has them, or None.
      clip_norm: float, largest global norm of the gradients.
      accumulation_steps: int, micro-batches per update and replica.
      jit_compile: bool, compile forward and backward pass with XLA.

    Attributes:
      trained_variables: list of ``keras.Variable``, what ``train`` changes.
      stopped: bool, whether ``train`` returned because this worker or
        another one was asked to stop.
    """

    def __init__(
        self,
        model,
        optimizer,
        objective,
        strategy,
        *,
        regularizer=None,
        clip_norm=1.0,
        accumulation_steps=1,
        jit_compile=False,
    ):
        super().__init__(model, objective, strategy, jit_compile=jit_compile)
        self.optimizer = optimizer
        self.regularizer = regularizer
        self.clip_norm = clip_norm
        self.accumulation_steps = accumulation_steps
        # A weight without a gradient would still decay, and LAMB's trust
        # ratio would make that the whole learning rate.
        self.trained_variables = [
            variable
            for variable in model.trainable_variables
            if objective.trains(variable.path)
        ]
        self.history_names = [
            *objective.metric_names,
            *(regularizer.names if regularizer else ()),
            "gradient_norm",
            "learning_rate",
            "sequences",
            "tokens",
            *objective.counted,
        ]
        self.stopped = False
        # Where the step is not compiled as a whole.
        self._islands = not jit_compile and distribution.on_cpus(strategy)
        # Layers that are all frozen only look forward, as in an evaluation.
        # No islands then: each number of rows would be compiled anew.
        self._encoder_infers = (
            self._skip_padding
            and not objective.reads_padding
            and not model.encoder.trainable_variables
        )
        self._micro_step = self._compiled(self._gradients_and_numerators)
        # AutoGraph is for the sake of Python's loop over the steps.
        self._train = tf.function(self._train_steps)

    def train(self, iterator, steps, num_layers=None):
        """Runs ``steps`` updates without returning to Python in between.

        Args:
          iterator: iterator of a distributed dataset of global batches.
          steps: int.
          num_layers: int, the layers that the encoder applies, or None: all.

        Returns:
          dict of metric name to ``np.ndarray`` float32 [steps], fewer after
          ``request_stop``; also ``gradient_norm`` (before clipping),
          ``learning_rate``, ``sequences`` (rows that count) and ``tokens``
          (their pieces that are not padding, of inputs and targets); of
          pretraining ``pairs`` (rows of two segments), without which a step's
          metrics of sentence order are 0.
        """
        history, stopped = self._train(
            iterator, tf.constant(steps, tf.int32), num_layers
        )
        self.stopped = bool(stopped)
        history = history.numpy().T
        return dict(zip(self.history_names, history, strict=True))

    def _train_steps(self, iterator, steps, num_layers):
        update = tf.autograph.experimental.do_not_convert(
            functools.partial(self._update, num_layers=num_layers)
        )
        history = tf.TensorArray(
            tf.float32, size=steps, element_shape=(len(self.history_names),)
        )
        step, stop = 0, tf.constant(0.0)
        while step < steps and stop == 0.0:
            results, stop = self.strategy.run(
                update, args=(next(iterator), self._stop.read_value())
            )
            # The same in every replica: everything in it has been reduced.
            history = history.write(step, self._local(results))
            stop = self._local(stop)
            step += 1
        return history.stack()[:step], stop > 0.0

    def _update(self, batch, stop, num_layers):
        replica = tf.distribute.get_replica_context()
        denominators = replica.all_reduce(
            "SUM", self.objective.denominators(batch)
        )
        gradients, numerators = self._accumulate(
            batch, denominators, num_layers
        )
        gradients = replica.all_reduce("SUM", gradients)
        numerators = replica.all_reduce("SUM", numerators)
        sequences = tf.reduce_sum(batch["example_weights"])
        tokens = count_tokens(batch)
        sequences, tokens, stop = replica.all_reduce(
            "SUM", (sequences, tokens, tf.identity(stop))
        )
        penalties = {}
        if self.regularizer:
            gradients, penalties = self.regularizer.add_gradients(
                gradients, self.trained_variables
            )
        gradients, norm = clip_by_global_norm(gradients, self.clip_norm)
        learning_rate = tf.convert_to_tensor(self.optimizer.learning_rate)
        self.optimizer.apply(gradients, self.trained_variables)
        results = {
            **self.objective.metrics(numerators, denominators),
            **penalties,
            "gradient_norm": norm,
            "learning_rate": learning_rate,
            "sequences": sequences,
            "tokens": tokens,
            **{
                name: denominators[denominator]
                for name, denominator in self.objective.counted.items()
            },
        }
        return tf.stack([results[name] for name in self.history_names]), stop

    def _accumulate(self, batch, denominators, num_layers):
        if self.accumulation_steps == 1:
            return self._micro_step(batch, denominators, num_layers)
        parts = self.accumulation_steps
        micro_batches = tf.nest.map_structure(
            lambda x: tf.reshape(
                x, tf.concat([[parts, -1], tf.shape(x)[1:]], axis=0)
            ),
            batch,
        )

        def micro_batch(index):
            return tf.nest.map_structure(
                lambda whole, cut: tf.ensure_shape(
                    cut[index],
                    [whole.shape[0] and whole.shape[0] // parts]
                    + whole.shape[1:].as_list(),
                ),
                batch,
                micro_batches,
            )

        def add(index, sums):
            more = self._micro_step(
                micro_batch(index), denominators, num_layers
            )
            return index + 1, tf.nest.map_structure(tf.add, sums, more)

        first = self._micro_step(micro_batch(0), denominators, num_layers)
        # One micro-batch after the other, so that the memory holds one: turns
        # of a loop begin as soon as they can, unless they must wait for the
        # one before them, and the first for what comes before the loop.
        # (TensorFlow optimises control dependencies of constants away.)
        *values, second = tf.identity_n(
            [*tf.nest.flatten(first), tf.constant(1)]
        )
        first = tf.nest.pack_sequence_as(first, values)
        _, sums = tf.while_loop(
            lambda index, _: index < parts,
            add,
            (second, first),
            parallel_iterations=1,
        )
        return sums

    def _gradients_and_numerators(self, batch, denominators, num_layers):
        variables = [variable.value for variable in self.trained_variables]
        with (
            islands.compiled(self._islands and not self._encoder_infers),
            self.model.encoder.depth(num_layers),
        ):
            # What no trained variable has a part in is not recorded: frozen
            # layers keep no activations, and no gradient passes them.
            with (
                tf.GradientTape(watch_accessed_variables=False) as tape,
                padding_skipped(self._encoder_infers),
            ):
                tape.watch(variables)
                outputs = self.model(batch, training=True)
                numerators = self.objective.numerators(outputs, batch)
                loss = self.objective.loss(numerators, denominators)
            gradients = tape.gradient(loss, variables)
        return densify(gradients), numerators


def count_tokens(batch):
    """Returns the pieces of a batch, of inputs and of targets: float32.

    Args:
      batch: dict of input_mask [B, ...], of target_weights likewise where
        there are targets, and of example_weights float32 [B]; rows with
        weight 0 count nothing.
    """
    is_real = tf.cast(batch["example_weights"] > 0, tf.float32)
    masks = [batch[name] for name in _TOKEN_MASKS if name in batch]
    lengths = [
        tf.reduce_sum(tf.cast(mask, tf.float32), range(1, mask.shape.rank))
        for mask in masks
    ]
    return tf.reduce_sum(is_real * tf.add_n(lengths))
