# SPDX-License-Identifier: Apache-2.0
"""Computes metrics and predictions of a model on the splits of a task."""

import dataclasses
import difflib

import numpy as np

from albert import evaluation_results
from albert.errors import UserError
from albert.tasks import metrics
from albert.tasks import prediction_files
from albert.tasks import thresholds
from albert.tasks.label_types import LABEL_TYPES
from albert.tasks.predictions import Predictions
from albert.tasks.task import Task
from albert.training import event_tags

_CONFUSION_MATRIX = "confusion_matrix.png"
# A matrix of more labels is too large to look at, and grows with their square.
_MOST_LABELS_OF_MATRIX = 500


def predict(loop, data, batch_size, evaluate=False):
    """Predicts the labels of a split.

    Args:
      loop: ``InferenceLoop`` with the model.
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


def test(loop, task, data, batch_size, label_thresholds=None):
    """Predicts the test splits, and evaluates those that have labels.

    Args:
      loop, batch_size: as of ``predict``.
      task: ``Task`` with labels.
      data: dict from split to ``TextData`` or ``RecordData``.
      label_thresholds: as of ``TaskEvaluation.evaluate``.

    Returns:
      ``TestOutcome``.
    """
    splits = {
        split: each for split, each in data.items() if split.startswith("test")
    }
    labelled = {split: each for split, each in splits.items() if each.labelled}
    results, predictions, baseline = {}, {}, {}
    if labelled:
        losses = filter(event_tags.is_loss, loop.objective.metric_names)
        evaluation = TaskEvaluation(
            task, labelled, batch_size, losses=tuple(losses)
        )
        results, predictions = evaluation.evaluate(loop, label_thresholds)
        baseline = evaluation.baseline
    for split, each in splits.items():
        if split not in labelled:
            found, _ = predict(loop, each, batch_size)
            predictions[split] = found.with_thresholds(label_thresholds)
    return TestOutcome(task, splits, predictions, results, baseline)


def of_dev_splits(
    task,
    data,
    batch_size,
    best_metric=None,
    losses=("loss",),
    tune_thresholds=False,
):
    """Returns the ``TaskEvaluation`` of the dev splits, or None without any.

    Args:
      task, batch_size, best_metric, losses, tune_thresholds: as of
        ``TaskEvaluation``.
      data: dict from split to ``TextData`` or ``RecordData``.
    """
    dev = {
        split: each for split, each in data.items() if split.startswith("dev")
    }
    if not dev:
        return None
    return TaskEvaluation(
        task, dev, batch_size, best_metric, losses, tune_thresholds
    )


class TaskEvaluation:
    """Evaluation of a model on splits of a task that have labels.

    Args:
      task: ``Task`` with labels.
      splits: dict from split to ``TextData`` or ``RecordData``, the main one
        first.
      batch_size: int, see ``predict``.
      best_metric: str, another one than the task's; of further splits with
        their suffix.
      losses: names of the losses that the objective has.
      tune_thresholds: bool, of several labels a text: whether each evaluation
        chooses the thresholds of the labels, on the first split.

    Attributes:
      best_metric: str, the metric whose largest value is best, or the
        smallest of a loss.
      baseline: dict of float, what one answer to everything reaches.

    Raises:
      UserError: a split has no labels, or there is no such metric of them.
    """

    def __init__(
        self,
        task,
        splits,
        batch_size,
        best_metric=None,
        losses=("loss",),
        tune_thresholds=False,
    ):
        self.task = task
        self.tune_thresholds = tune_thresholds
        self.splits = splits
        self.batch_size = batch_size
        self.best_metric = best_metric or task.best_metric
        self.losses = losses
        self.baseline = {}
        if tune_thresholds:
            first = next(iter(splits.values()))
            thresholds.warn_of_rare_labels(task.labels, first.gold)
        for split, data in splits.items():
            self.baseline |= _named(
                metrics.baseline(task, data.gold), split, splits
            )
        if best_metric:
            self._check_reported(best_metric)

    @property
    def evaluated_on(self):
        """str, identifies the splits."""
        return " ".join(data.fingerprint for data in self.splits.values())

    @property
    def data(self):
        """list of dict, what results say about the splits."""
        return [data.description for data in self.splits.values()]

    def metrics(self, loop):
        """Returns the metrics of ``evaluate`` alone: dict of float."""
        results, _ = self.evaluate(loop)
        return thresholds.without(results)

    def evaluate(self, loop, label_thresholds=None):
        """Evaluates the model of an ``InferenceLoop``.

        Args:
          loop: ``InferenceLoop``.
          label_thresholds: float64 [labels], of several labels a text; None
            for the usual one, or for those that are tuned here.

        Returns:
          (results, predictions): dict of float, "loss" and the task's
          metrics, of further splits with a suffix ("accuracy_mismatched"),
          and thresholds that are not the usual one; and dict from split to
          ``Predictions``.
        """
        results, predictions = {}, {}
        for split, data in self.splits.items():
            found, losses = predict(loop, data, self.batch_size, evaluate=True)
            if self.tune_thresholds and label_thresholds is None:
                label_thresholds = thresholds.choose(
                    data.gold, found.probabilities
                )
            predictions[split] = found.with_thresholds(label_thresholds)
            values = data.evaluate(predictions[split])
            losses = {name: losses[name] for name in self.losses}
            results |= _named({**losses, **values}, split, self.splits)
        results |= thresholds.named(self.task, label_thresholds)
        return results, predictions

    def _check_reported(self, name):
        """Refuses a metric that is not among the results."""
        label_type = LABEL_TYPES[self.task.label_type]
        names = []
        for split, data in self.splits.items():
            constant = label_type.constant(data.gold)
            values = data.evaluate(Predictions(constant, constant))
            names += _named(
                dict.fromkeys((*self.losses, *values)), split, self.splits
            )
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            meant = f"is {near[0]} meant? " if near else ""
            raise UserError(
                f"--best_metric={name} is not reported: {meant}choose one of "
                f"{', '.join(names)}"
            )

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

    @property
    def _has_confusion(self):
        """Whether there are classes, and not too many for a matrix."""
        return (
            LABEL_TYPES[self.task.label_type].has_classes
            and len(self.task.labels) <= _MOST_LABELS_OF_MATRIX
        )

    def _count_confusion(self, predictions):
        """Returns which labels are taken for which: dict, maybe empty."""
        if not self._has_confusion:
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
        if self._has_confusion:
            split = next(iter(self.splits))
            files[_CONFUSION_MATRIX] = prediction_files.draw_confusion_matrix(
                self.task, self.splits[split].gold, predictions[split]
            )
        return files


def medians(results):
    """Returns the median of each metric: dict of float.

    Of several runs each has its own thresholds: what is between them is none.

    Args:
      results: list of dict of float, for each run.
    """
    return {
        name: float(np.median([metrics[name] for metrics in results]))
        for name in (
            results[0] if len(results) == 1 else thresholds.without(results[0])
        )
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
