# SPDX-License-Identifier: Apache-2.0
"""Runs the evaluation and the prediction of a model."""

import contextlib
import functools

import numpy as np
import tensorflow as tf

from albert.errors import StopRequested
from albert.modeling.rows import padding_skipped
from albert.training import coordination
from albert.training import distribution


class InferenceLoop:
    """The loop that runs a model under a distribution strategy, as it is.

    Args:
      model: ``keras.Model`` made under ``strategy.scope()``, or whatever is
        called as one.
      objective: with ``denominators``, ``numerators`` and ``metrics`` as
        ``PretrainingObjective`` has them; None for a loop that predicts only.
      strategy: ``tf.distribute.Strategy``.
      jit_compile: bool, compile the forward pass with XLA.
    """

    optimizer = None  # A ``TrainingLoop`` has one.

    def __init__(self, model, objective, strategy, *, jit_compile=False):
        self.model = model
        self.objective = objective
        self.strategy = strategy
        # On the host, where another thread can set it during a step.
        with tf.device("CPU:0"):
            self._stop = tf.Variable(0.0, trainable=False)
        self._skip_padding = not jit_compile and not distribution.on_tpus(
            strategy
        )
        # AutoGraph rewrites the source of all that a function calls, for the
        # sake of Python's loops over tensors, which the training steps alone
        # have: without it, the first step comes seconds earlier.
        self._compiled = functools.partial(
            tf.function, jit_compile=jit_compile, autograph=False
        )
        self._forward = self._compiled(self._evaluate_replica)
        self._predict_forward = self._compiled(self._outputs_and_sums)
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
        """Ends what runs after its current step; may be called from any thread.

        With several workers, all stop at the same step.
        """
        self._stop.assign(1.0)

    def evaluate(self, batches, num_layers=None):
        """Evaluates a distributed dataset, each example counted once.

        Args:
          batches: distributed dataset; rows with example_weights 0
            count nothing.
          num_layers: int, the layers that the encoder applies, or None: all.

        Returns:
          dict of metric name to float, or None where there was no batch.

        Raises:
          StopRequested: before the end, after ``request_stop``.
        """
        totals = None
        for sums in self._each(self._evaluate, batches, num_layers):
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

    def _evaluate_batch(self, iterator, num_layers):
        sums, stop = self._run(
            functools.partial(self._sum_evaluation, num_layers=num_layers),
            iterator,
        )
        return tf.nest.map_structure(self._local, sums), self._local(stop)

    def _evaluate_replica(self, batch, num_layers):
        with self._depth(num_layers):
            outputs = self._infer(batch, self.objective.reads_padding)
        return (
            self.objective.numerators(outputs, batch),
            self.objective.denominators(batch),
        )

    def _predict_batch(self, iterator, evaluate):
        *predicted, sums, stop = self._run(
            functools.partial(self._predict_replica, evaluate=evaluate),
            iterator,
        )
        predicted = tf.nest.map_structure(
            lambda value: self.strategy.gather(value, axis=0), predicted
        )
        sums = tf.nest.map_structure(self._local, sums)
        return (*predicted, sums), self._local(stop)

    def _run(self, function, iterator):
        """Runs a function of a batch and of the stop flag on all replicas.

        Whatever else it takes is bound to it: ``TPUStrategy.run`` makes a
        tensor of each argument.
        """
        return self.strategy.run(
            function, args=(next(iterator), self._stop.read_value())
        )

    def _predict_replica(self, batch, stop, evaluate):
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

    def _infer(self, batch, with_padding=False):
        with padding_skipped(self._skip_padding and not with_padding):
            return self.model(batch, training=False)

    def _outputs_and_sums(self, batch, evaluate):
        outputs = self._infer(batch, evaluate and self.objective.reads_padding)
        if not evaluate:
            return outputs, ()
        sums = (
            self.objective.numerators(outputs, batch),
            self.objective.denominators(batch),
        )
        return outputs, sums

    def _depth(self, num_layers):
        """Returns a context in which the model applies so many layers."""
        if num_layers is None:  # Not every model here has an encoder.
            return contextlib.nullcontext()
        return self.model.encoder.depth(num_layers)

    def _sum_evaluation(self, batch, stop, num_layers):
        replica = tf.distribute.get_replica_context()
        return replica.all_reduce(
            "SUM", (self._forward(batch, num_layers), tf.identity(stop))
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
                with coordination.worker_loss_explained(self.strategy):
                    result, stop = function(iterator, *arguments)
            except tf.errors.OutOfRangeError:
                return
            if stop:
                raise StopRequested(
                    "asked to stop (SIGTERM) before the end of an evaluation; "
                    "the same command makes it"
                )
            yield result


def _joined(parts, num_examples):
    """Joins [(indices, values [rows, ...]), ...] to one array by index."""
    shape = np.max([values.shape[1:] for _, values in parts], axis=0)
    whole = np.zeros((num_examples, *np.asarray(shape, int)), parts[0][1].dtype)
    for index, values in parts:
        whole[(index, *map(slice, values.shape[1:]))] = values
    return whole
