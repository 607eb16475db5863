# SPDX-License-Identifier: Apache-2.0
"""Computes metrics and predictions of a model on the splits of a task."""

import os

from albert import model_directory
from albert.tasks import metrics
from albert.tasks import prediction_files
from albert.tasks.label_types import LABEL_TYPES


def predict(loop, data, batch_size, evaluate=False):
    """Predicts the labels of a split.

    Args:
      loop: ``TrainingLoop`` with the model.
      data: ``TextData`` or ``RecordData``.
      batch_size: int, examples in a batch over all devices; nothing depends
        on it.
      evaluate: whether losses are wanted too.

    Returns:
      (``Predictions``, dict of the objective's metrics).

    Raises:
      UserError: the model's outputs are not finite.
    """
    outputs, losses = loop.predict(
        loop.distribute(data.evaluation_batches(batch_size)),
        data.features.num_examples,
        evaluate=evaluate,
    )
    return data.predict(outputs["logits"]), losses


def predict_test_splits(loop, data, batch_size):
    """Predicts the test splits among the data: dict to ``Predictions``.

    Args:
      loop, batch_size: as of ``predict``.
      data: dict from split to ``TextData`` or ``RecordData``.
    """
    return {
        split: predict(loop, each, batch_size)[0]
        for split, each in data.items()
        if split.startswith("test")
    }


def of_dev_splits(task, data, batch_size):
    """Returns the ``TaskEvaluation`` of the dev splits, or None without any.

    Args:
      task, batch_size: as of ``TaskEvaluation``.
      data: dict from split to ``TextData`` or ``RecordData``.
    """
    dev = {
        split: each for split, each in data.items() if split.startswith("dev")
    }
    return TaskEvaluation(task, dev, batch_size) if dev else None


class TaskEvaluation:
    """Evaluation of a model on the dev splits of a task.

    Args:
      task: ``Task`` with labels.
      dev: dict from split to ``TextData`` or ``RecordData``, the main one
        first.
      batch_size: int, see ``predict``.

    Attributes:
      best_metric: str, the metric whose largest value is best.
      baseline: dict of float, what one answer to everything reaches.

    Raises:
      UserError: a split has no labels.
    """

    def __init__(self, task, dev, batch_size):
        self.task = task
        self.dev = dev
        self.batch_size = batch_size
        self.best_metric = task.best_metric
        self.baseline = {}
        for split, data in dev.items():
            self.baseline |= _named(
                metrics.baseline(task, data.gold), split, dev
            )

    @property
    def evaluated_on(self):
        """str, identifies the splits."""
        return " ".join(data.fingerprint for data in self.dev.values())

    def metrics(self, loop):
        """Returns the metrics of ``evaluate``, without the predictions."""
        return self.evaluate(loop)[0]

    def evaluate(self, loop):
        """Evaluates the model of a ``TrainingLoop``.

        Returns:
          (results, predictions): dict of float, "loss" and the task's
          metrics, of further splits with a suffix ("accuracy_mismatched");
          and dict from split to ``Predictions``.
        """
        results, predictions = {}, {}
        for split, data in self.dev.items():
            predictions[split], losses = predict(
                loop, data, self.batch_size, evaluate=True
            )
            values = data.evaluate(predictions[split])
            results |= _named(
                {"loss": losses["loss"], **values}, split, self.dev
            )
        return results, predictions

    def write(self, directory, weights, outcome):
        """Writes the metrics of one model.

        Args:
          directory: str, created where it does not exist.
          weights: str, the checkpoint that was evaluated.
          outcome: of ``evaluate``.
        """
        results, _ = outcome
        model_directory.write_evaluation(
            directory, weights, results, self.baseline
        )

    def write_confusion_matrix(self, directory, predictions):
        """Draws the confusion matrix of the main split.

        Args:
          directory: str, has been created.
          predictions: of ``evaluate``.

        Returns:
          list of str, the picture; empty for a regression.
        """
        if not LABEL_TYPES[self.task.label_type].has_classes:
            return []
        split = next(iter(self.dev))
        path = os.path.join(directory, "confusion_matrix.png")
        prediction_files.write_confusion_matrix(
            path, self.task, self.dev[split].gold, predictions[split]
        )
        return [path]


def _named(values, split, splits):
    """Returns values by name, with a suffix for a second split."""
    suffix = "" if split == next(iter(splits)) else f"_{split.split('_')[1]}"
    return {f"{name}{suffix}": value for name, value in values.items()}
