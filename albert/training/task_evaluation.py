# SPDX-License-Identifier: Apache-2.0
"""Computes metrics and predictions of a model on the splits of a task."""

import dataclasses

import numpy as np

from albert import evaluation_results
from albert.tasks import metrics
from albert.tasks import prediction_files
from albert.tasks.label_types import LABEL_TYPES
from albert.tasks.task import Task

_CONFUSION_MATRIX = "confusion_matrix.png"


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


@dataclasses.dataclass(frozen=True)
class TestOutcome:
    """Predictions of the test splits, and metrics of those with labels.

    Attributes:
      task: ``Task`` with labels.
      splits: dict from split to ``TextData`` or ``RecordData``.
      predictions: dict from split to ``Predictions``.
      metrics, baseline: dict of float, as of ``TaskEvaluation``; empty where
        no split has labels.
    """

    # Not a test of pytest, which looks at names.
    __test__ = False

    task: Task
    splits: dict
    predictions: dict
    metrics: dict
    baseline: dict

    def write(self, directory, weights):
        """Writes what was predicted, and how good it is; returns the paths.

        Args:
          directory: str, created where it does not exist.
          weights: str, the checkpoint that predicted.
        """
        return evaluation_results.write(
            directory,
            weights,
            self.metrics,
            [data.description for data in self.splits.values()],
            self.baseline,
            name=evaluation_results.TEST_FILE,
            files=_format_predictions(self.splits, self.predictions),
            beside=_prediction_files(self.task, self.splits),
        )


def test(loop, task, data, batch_size):
    """Predicts the test splits, and evaluates those that have labels.

    Args:
      loop, batch_size: as of ``predict``.
      task: ``Task`` with labels.
      data: dict from split to ``TextData`` or ``RecordData``.

    Returns:
      ``TestOutcome``.
    """
    splits = {
        split: each for split, each in data.items() if split.startswith("test")
    }
    labelled = {split: each for split, each in splits.items() if each.labelled}
    results, predictions, baseline = {}, {}, {}
    if labelled:
        evaluation = TaskEvaluation(task, labelled, batch_size)
        results, predictions = evaluation.evaluate(loop)
        baseline = evaluation.baseline
    for split, each in splits.items():
        if split not in labelled:
            predictions[split], _ = predict(loop, each, batch_size)
    return TestOutcome(task, splits, predictions, results, baseline)


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
    """Evaluation of a model on splits of a task that have labels.

    Args:
      task: ``Task`` with labels.
      splits: dict from split to ``TextData`` or ``RecordData``, the main one
        first.
      batch_size: int, see ``predict``.

    Attributes:
      best_metric: str, the metric whose largest value is best.
      baseline: dict of float, what one answer to everything reaches.

    Raises:
      UserError: a split has no labels.
    """

    def __init__(self, task, splits, batch_size):
        self.task = task
        self.splits = splits
        self.batch_size = batch_size
        self.best_metric = task.best_metric
        self.baseline = {}
        for split, data in splits.items():
            self.baseline |= _named(
                metrics.baseline(task, data.gold), split, splits
            )

    @property
    def evaluated_on(self):
        """str, identifies the splits."""
        return " ".join(data.fingerprint for data in self.splits.values())

    @property
    def data(self):
        """list of dict, what results say about the splits."""
        return [data.description for data in self.splits.values()]

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
        for split, data in self.splits.items():
            predictions[split], losses = predict(
                loop, data, self.batch_size, evaluate=True
            )
            values = data.evaluate(predictions[split])
            results |= _named(
                {"loss": losses["loss"], **values}, split, self.splits
            )
        return results, predictions

    def write(self, directory, weights, outcome):
        """Writes the metrics and predictions of one model.

        Args:
          directory: str, created where it does not exist.
          weights: str, the checkpoint that was evaluated.
          outcome: of ``evaluate``.

        Returns:
          list of str, the files.
        """
        results, predictions = outcome
        return evaluation_results.write(
            directory,
            weights,
            results,
            self.data,
            self.baseline,
            files=self._format(predictions),
            beside=_prediction_files(self.task, self.splits),
            details=self._count_confusion(predictions),
        )

    def write_runs(self, directory, outcomes, best, seed):
        """Writes the metrics of several runs, and predictions of their best.

        Args:
          directory: str, created where it does not exist.
          outcomes: list of what ``evaluate`` returned, for each run.
          best: int, the index of the run whose predictions are written.
          seed: int, that of the first run; each has the next one.

        Returns:
          list of str, the files.
        """
        results = [metrics for metrics, _ in outcomes]
        _, predictions = outcomes[best]
        return evaluation_results.write_runs(
            directory,
            seed,
            results,
            medians(results),
            self.data,
            self.baseline,
            files=self._format(predictions),
            beside=_prediction_files(self.task, self.splits),
        )

    def _count_confusion(self, predictions):
        """Returns which labels are taken for which: dict, maybe empty."""
        if not LABEL_TYPES[self.task.label_type].has_classes:
            return {}
        split = next(iter(self.splits))
        counts = prediction_files.count_confusion(
            self.task, self.splits[split].gold, predictions[split]
        )
        labels = list(self.task.labels)
        return {"confusion": {"labels": labels, "counts": counts.tolist()}}

    def _format(self, predictions):
        """Returns the files of predictions: dict from name to bytes."""
        files = _format_predictions(self.splits, predictions)
        if LABEL_TYPES[self.task.label_type].has_classes:
            split = next(iter(self.splits))
            files[_CONFUSION_MATRIX] = prediction_files.draw_confusion_matrix(
                self.task, self.splits[split].gold, predictions[split]
            )
        return files


def medians(results):
    """Returns the median of each metric: dict of float.

    Args:
      results: list of dict of float, for each run.
    """
    return {
        name: float(np.median([metrics[name] for metrics in results]))
        for name in results[0]
    }


def _format_predictions(splits, predictions):
    files = {}
    for split, data in splits.items():
        files |= data.format_predictions(predictions[split])
    return files


def _prediction_files(task, splits):
    return [
        name
        for split in splits
        for name in prediction_files.file_names(task, split)
    ]


def _named(values, split, splits):
    """Returns values by name, with a suffix for a second split."""
    suffix = "" if split == next(iter(splits)) else f"_{split.split('_')[1]}"
    return {f"{name}{suffix}": value for name, value in values.items()}
