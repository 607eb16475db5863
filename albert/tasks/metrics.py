# SPDX-License-Identifier: Apache-2.0
"""Metrics of the tasks, as the benchmarks define them.

GLUE: arXiv:1804.07461, section 3; entities: the CoNLL-2003 shared task.
Computed by scikit-learn, SciPy and seqeval, which are imported when used: they
take a second.
"""

import math
import warnings

import numpy as np
from absl import logging

from albert.errors import UserError
from albert.tasks import label_metrics
from albert.tasks import tag_schemes
from albert.tasks.label_types import LABEL_TYPES
from albert.tasks.task import GLUE_SCORE


def compute(task, labels, predictions, probabilities=None):
    """Computes the metrics of a task.

    Args:
      task: ``Task`` with labels.
      labels: gold labels: int [N] of a classification or multiple choice,
        float [N] of a regression, list of lists of BIO tags of tagging, int
        [N, L] of several labels a text.
      predictions: the same kind of values.
      probabilities: float [N, L], of several labels a text.

    Returns:
      dict of float: the task's metrics, ``GLUE_SCORE`` where the task has
      that, "macro_f1" of a classification, and precision, recall and F1 of
      each label ("f1_LABEL", see ``label_metrics``), or of each type of
      entity ("entity_f1_PER") that the labels have. 0 where a metric is not
      defined, such as the correlation with a constant, so that checkpoints
      can always be compared; this is logged.
    """
    results = _compute(task, labels, predictions, probabilities)
    undefined = {"pearson", "spearman"}.intersection(task.metrics)
    if undefined and not any(results[name] for name in undefined):
        logging.warning(
            "%s: predictions or labels are all the same: their correlation is "
            "not defined, 0 is reported",
            task.name,
        )
    return results


def _compute(task, labels, predictions, probabilities=None):
    results = {
        name: float(
            RANKING_METRICS[name](labels, probabilities)
            if name in RANKING_METRICS
            else METRICS[name](labels, predictions)
        )
        for name in task.metrics
    }
    if task.best_metric == GLUE_SCORE:
        results[GLUE_SCORE] = float(np.mean(list(results.values())))
    if task.label_type == "class" and "macro_f1" not in results:
        results["macro_f1"] = float(_macro_f1(labels, predictions))
    if "entity_f1" in task.metrics:
        return results | _scores_of_types(labels, predictions)
    return results | label_metrics.compute(task, labels, predictions)


def baseline(task, labels):
    """Computes the metrics of a model that gives one answer to everything.

    Args:
      task: ``Task`` with labels.
      labels: gold labels, see ``compute``; the answer is taken from them.

    Returns:
      dict of float: the metrics of answering the commonest label (of several
      labels a text, the commonest ones), the mean of a regression, or O of
      tagging.
    """
    constant = LABEL_TYPES[task.label_type].constant(labels)
    # The same for all: so are the probabilities that a ranking is made of.
    results = _compute(task, labels, constant, constant)
    names = (*task.metrics, GLUE_SCORE, "macro_f1")
    return {name: results[name] for name in names if name in results}


def check_finite(logits):
    """Refuses outputs that no metric can judge.

    Raises:
      UserError: there is a NaN or an infinity.
    """
    if not np.isfinite(logits).all():
        raise UserError(
            "the model's outputs are not finite: it has diverged; train it "
            "again with a smaller --learning_rate"
        )


# ------------------------------------------------------------ single metrics


def _accuracy(labels, predictions):
    import sklearn.metrics

    if len(labels) and isinstance(labels[0], list):
        labels, predictions = _joined(labels), _joined(predictions)
    return sklearn.metrics.accuracy_score(labels, predictions)


def _f1(labels, predictions):
    """Computes F1 of label 1 of two, as GLUE does for MRPC and QQP."""
    import sklearn.metrics

    return sklearn.metrics.f1_score(labels, predictions, zero_division=0.0)


def _macro_f1(labels, predictions):
    """Computes the mean over the labels that occur; of several a text, all.

    One that is predicted alone costs recall of others. Were it averaged too,
    other predictions would be compared over other labels.
    """
    import sklearn.metrics

    return sklearn.metrics.f1_score(
        labels,
        predictions,
        labels=np.unique(labels) if np.ndim(labels) == 1 else None,
        average="macro",
        zero_division=0.0,
    )


def _micro_f1(labels, predictions):
    import sklearn.metrics

    return sklearn.metrics.f1_score(
        labels, predictions, average="micro", zero_division=0.0
    )


def _average_precision(labels, probabilities):
    """Computes the mean over the labels that occur; it needs some that do."""
    import sklearn.metrics

    occurs = labels.any(axis=0)
    if not occurs.any():
        return 0.0
    return sklearn.metrics.average_precision_score(
        labels[:, occurs], probabilities[:, occurs], average="macro"
    )


def _matthews(labels, predictions):
    import sklearn.metrics

    # 0 by definition, where scikit-learn warns.
    if not np.ptp(labels) or not np.ptp(predictions):
        return 0.0
    return sklearn.metrics.matthews_corrcoef(labels, predictions)


def _mse(labels, predictions):
    import sklearn.metrics

    return sklearn.metrics.mean_squared_error(labels, predictions)


def _pearson(labels, predictions):
    import scipy.stats

    return _correlation(scipy.stats.pearsonr, labels, predictions)


def _spearman(labels, predictions):
    import scipy.stats

    return _correlation(scipy.stats.spearmanr, labels, predictions)


def _correlation(function, labels, predictions):
    labels, predictions = (
        np.asarray(values, np.float64) for values in (labels, predictions)
    )
    result = math.nan
    if len(labels) > 1 and np.ptp(labels) and np.ptp(predictions):
        with warnings.catch_warnings():
            # Nearly constant values: the result is good or it is NaN.
            warnings.simplefilter("ignore", RuntimeWarning)
            result = float(function(labels, predictions).statistic)
    # 0 where it is not defined, as ``compute`` says.
    return result if math.isfinite(result) else 0.0


def _entity_f1(labels, predictions):
    import seqeval.metrics

    return seqeval.metrics.f1_score(labels, predictions, zero_division=0)


def _entity_precision(labels, predictions):
    import seqeval.metrics

    return seqeval.metrics.precision_score(labels, predictions, zero_division=0)


def _entity_recall(labels, predictions):
    import seqeval.metrics

    return seqeval.metrics.recall_score(labels, predictions, zero_division=0)


METRICS = {
    "accuracy": _accuracy,
    "f1": _f1,
    "macro_f1": _macro_f1,
    "micro_f1": _micro_f1,
    # All labels of a text are right.
    "subset_accuracy": _accuracy,
    "matthews": _matthews,
    "pearson": _pearson,
    "spearman": _spearman,
    "mse": _mse,
    "entity_f1": _entity_f1,
    "entity_precision": _entity_precision,
    "entity_recall": _entity_recall,
}

# Of probabilities and not of what they are taken for.
RANKING_METRICS = {"average_precision": _average_precision}


def _scores_of_types(labels, predictions):
    """Returns dict of "entity_f1_TYPE" and so on, of types that labels have."""
    from seqeval.metrics.sequence_labeling import (
        precision_recall_fscore_support,
    )

    in_labels, in_predictions = (
        {tag_schemes.entity_type(tag) for tag in _joined(values)} - {None}
        for values in (labels, predictions)
    )
    if not in_labels:
        return {}
    *scores, _ = precision_recall_fscore_support(
        labels, predictions, average=None, zero_division=0
    )
    # seqeval sorts the types too.
    types = sorted(in_labels | in_predictions)
    by_type = dict(zip(types, zip(*scores, strict=True), strict=True))
    return {
        f"entity_{name}_{type_}": float(score)
        for type_ in sorted(in_labels)
        for name, score in zip(label_metrics.NAMES, by_type[type_], strict=True)
    }


def _joined(lists):
    return [value for list_ in lists for value in list_]
