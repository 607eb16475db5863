# SPDX-License-Identifier: Apache-2.0
"""Runs the training steps, the evaluation and the prediction of a model.

There is no other loop: steps run on the device, decisions on the host.
"""

import functools

import numpy as np
import tensorflow as tf

from albert.errors import StopRequested
from albert.modeling import islands
from albert.modeling.rows import padding_skipped
from albert.training import distribution
from albert.training.optimizers import clip_by_global_norm
from albert.training.optimizers import densify

# What says where the pieces of a batch are.
_TOKEN_MASKS = ("input_mask", "target_weights")


class TrainingLoop:
    """The loop that runs a model's steps under a distribution strategy.

    In each replica, and in this order: the denominators of the loss are
    summed over the global batch; the gradients of every micro-batch are
    added up; the sums are reduced over the replicas; the gradients of a
    regulariser are added, once; the global norm is clipped; the optimizer
    updates. So the update is that of the global batch whatever the number of
    replicas and micro-batches.

    Args:
      model: ``keras.Model`` made under ``strategy.scope()``; for a loop that
        predicts only, whatever is called as one.
      optimizer: of ``albert.training.optimizers``, likewise.
      objective: with ``trains``, ``denominators``, ``numerators``, ``loss``
        and ``metrics`` as ``PretrainingObjective`` has them; None for a
        loop that predicts only.
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
        self.model = model
        self.optimizer = optimizer
        self.objective = objective
        self.regularizer = regularizer
        self.strategy = strategy
        self.clip_norm = clip_norm
        self.accumulation_steps = accumulation_steps
        # A weight without a gradient would still decay, and LAMB's trust
        # ratio would make that the whole learning rate.
        self.trained_variables = [
            variable
            for variable in (model.trainable_variables if objective else ())
            if objective.trains(variable.path)
        ]
        self.history_names = [
            *(objective.metric_names if objective else ()),
            *(regularizer.names if regularizer else ()),
            "gradient_norm",
            "learning_rate",
            "sequences",
            "tokens",
        ]
        self.stopped = False
        # On the host, where another thread can set it during a step.
        with tf.device("CPU:0"):
            self._stop = tf.Variable(0.0, trainable=False)
        # Where the step is not compiled as a whole.
        self._islands = not jit_compile and distribution.on_cpus(strategy)
        self._skip_padding = not jit_compile and not distribution.on_tpus(
            strategy
        )
        # Layers that are all frozen only look forward, as in an evaluation.
        # No islands then: each number of rows would be compiled anew.
        self._encoder_infers = (
            objective is not None
            and self._skip_padding
            and not model.encoder.trainable_variables
        )
        # AutoGraph rewrites the source of all that a function calls, for the
        # sake of Python's loops over tensors, which the training steps alone
        # have: without it, the first step comes seconds earlier.
        compiled = functools.partial(
            tf.function, jit_compile=jit_compile, autograph=False
        )
        self._micro_step = compiled(self._gradients_and_numerators)
        self._forward = compiled(self._evaluate_replica)
        self._predict_forward = compiled(self._outputs_and_sums)
        self._train = tf.function(self._train_steps)
        self._evaluate = tf.function(self._evaluate_batch, autograph=False)
        self._predict = tf.function(self._predict_batch, autograph=False)
        # One trace for batches of any size and length.
        self._infer_alone = tf.function(
            self._infer_on_device, autograph=False, reduce_retracing=True
        )

    def distribute(self, dataset):
        """Cuts the global batches of a dataset over the replicas."""
        return distribution.distribute(self.strategy, dataset)

    def request_stop(self):
        """Ends ``train`` after its current step; may be called from any thread.

        With several workers, all stop at the same step.
        """
        self._stop.assign(1.0)

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
          (their pieces that are not padding, of inputs and targets).
        """
        history, stopped = self._train(
            iterator, tf.constant(steps, tf.int32), num_layers
        )
        self.stopped = bool(stopped)
        history = history.numpy().T
        return dict(zip(self.history_names, history, strict=True))

    def evaluate(self, batches):
        """Evaluates a distributed dataset, each example counted once.

        Args:
          batches: distributed dataset; rows with example_weights 0
            count nothing.

        Returns:
          dict of metric name to float, or None where there was no batch.

        Raises:
          StopRequested: before the end, after ``request_stop``.
        """
        totals = None
        for sums in self._each(self._evaluate, batches):
            totals = (
                sums
                if totals is None
                else tf.nest.map_structure(tf.add, totals, sums)
            )
        if totals is None:
            return None
        return {
            name: float(value)
            for name, value in self.objective.metrics(*totals).items()
        }

    def predict(self, batches, num_examples, evaluate=False):
        """Returns the model's outputs in the order of the examples.

        Args:
          batches: distributed dataset with example_index int32 [B] and
            example_weights; rows with weight 0 are left out.
          num_examples: int.
          evaluate: bool, whether the batches have labels to evaluate on.

        Returns:
          (outputs, metrics). outputs: dict of output name to ``np.ndarray``
          [num_examples, ...]; axes that differ between batches have the
          largest length, filled up with 0. metrics: dict of the objective's
          metrics, empty without ``evaluate``.

        Raises:
          ValueError: an example is missing, or there twice.
          StopRequested: before the end, after ``request_stop``.
        """
        parts, totals = [], None
        for *predicted, sums in self._each(self._predict, batches, evaluate):
            outputs, index, weights = tf.nest.map_structure(
                lambda x: x.numpy(), predicted
            )
            real = weights > 0
            outputs = {name: value[real] for name, value in outputs.items()}
            parts.append((index[real], outputs))
            totals = (
                sums
                if totals is None
                else tf.nest.map_structure(tf.add, totals, sums)
            )
        indices = np.concatenate([index for index, _ in parts] or [[]])
        if not np.array_equal(np.sort(indices), np.arange(num_examples)):
            raise ValueError(
                f"{len(indices)} predictions were made for {num_examples} "
                "examples: each must be predicted once"
            )
        outputs = {
            name: _joined(
                [(index, outputs[name]) for index, outputs in parts],
                num_examples,
            )
            for name in (parts[0][1] if parts else ())
        }
        metrics = self.objective.metrics(*totals) if totals else {}
        return outputs, {name: float(x) for name, x in metrics.items()}

    def infer(self, batch):
        """Returns the model's outputs for one batch, on one device.

        For a few examples: without a dataset, whose start takes longer than a
        small model.

        Args:
          batch: dict of arrays, the inputs of the model.

        Returns:
          dict of output name to ``np.ndarray``.
        """
        outputs = self._infer_alone(
            {name: tf.convert_to_tensor(batch[name]) for name in batch}
        )
        return {name: value.numpy() for name, value in outputs.items()}

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
        _, sums = tf.while_loop(
            lambda index, _: index < parts, add, (tf.constant(1), first)
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

    def _evaluate_batch(self, iterator):
        sums, stop = self.strategy.run(
            self._sum_evaluation, args=(next(iterator), self._stop.read_value())
        )
        return tf.nest.map_structure(self._local, sums), self._local(stop)

    def _evaluate_replica(self, batch):
        outputs = self._infer(batch)
        return (
            self.objective.numerators(outputs, batch),
            self.objective.denominators(batch),
        )

    def _predict_batch(self, iterator, evaluate):
        *predicted, sums, stop = self.strategy.run(
            self._predict_replica,
            args=(next(iterator), evaluate, self._stop.read_value()),
        )
        predicted = tf.nest.map_structure(
            lambda value: self.strategy.gather(value, axis=0), predicted
        )
        sums = tf.nest.map_structure(self._local, sums)
        return (*predicted, sums), self._local(stop)

    def _predict_replica(self, batch, evaluate, stop):
        outputs, sums = self._predict_forward(batch, evaluate)
        replica = tf.distribute.get_replica_context()
        sums, stop = replica.all_reduce("SUM", (sums, tf.identity(stop)))
        return (
            outputs,
            batch["example_index"],
            batch["example_weights"],
            sums,
            stop,
        )

    def _infer_on_device(self, batch):
        outputs = self.strategy.run(self._infer, args=(batch,))
        return tf.nest.map_structure(self._local, outputs)

    def _infer(self, batch):
        with padding_skipped(self._skip_padding):
            return self.model(batch, training=False)

    def _outputs_and_sums(self, batch, evaluate):
        outputs = self._infer(batch)
        if not evaluate:
            return outputs, ()
        sums = (
            self.objective.numerators(outputs, batch),
            self.objective.denominators(batch),
        )
        return outputs, sums

    def _sum_evaluation(self, batch, stop):
        replica = tf.distribute.get_replica_context()
        return replica.all_reduce(
            "SUM", (self._forward(batch), tf.identity(stop))
        )

    def _local(self, value):
        """Returns this process's first copy of a value that replicas share."""
        return self.strategy.experimental_local_results(value)[0]

    def _each(self, function, batches, *arguments):
        """Calls a function of an iterator for each batch of a dataset.

        The iterator is passed, not its batches: they differ in length, and
        the type of the iterator does not, so that one trace serves them all.
        """
        iterator = iter(batches)
        while True:
            try:
                with distribution.worker_loss_explained(self.strategy):
                    result, stop = function(iterator, *arguments)
            except tf.errors.OutOfRangeError:
                return
            if stop:
                raise StopRequested(
                    "asked to stop (SIGTERM) before the end of an evaluation; "
                    "the same command makes it"
                )
            yield result


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


def _joined(parts, num_examples):
    """Joins [(indices, values [rows, ...]), ...] to one array by index."""
    shape = np.max([values.shape[1:] for _, values in parts], axis=0)
    whole = np.zeros((num_examples, *np.asarray(shape, int)), parts[0][1].dtype)
    for index, values in parts:
        whole[(index, *map(slice, values.shape[1:]))] = values
    return whole
