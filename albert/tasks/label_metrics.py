# SPDX-License-Identifier: Apache-2.0
"""Precision, recall and F1 of each label."""

import re

import numpy as np

from albert.tasks.label_types import LABEL_TYPES

NAMES = ("precision", "recall", "f1")

_OF_ONE_LABEL = re.compile(
    r"(?:entity_)?(?:precision|recall)_.+|f1_.+", re.DOTALL
)


def compute(task, labels, predictions):
    """Computes precision, recall and F1 of each label that the data have.

    Args:
      task: ``Task`` with labels.
      labels, predictions: as of ``metrics.compute``.

    Returns:
      dict of float, "precision_LABEL", "recall_LABEL" and "f1_LABEL"; empty
      where an answer is no label of the task, or a part of an entity. Which
      names there are depends on the labels alone, so that evaluations of the
      same data can be compared.
    """
    are_plain_tags = (
        task.label_type == "tag" and "entity_f1" not in task.metrics
    )
    if task.label_type not in ("class", "classes") and not are_plain_tags:
        return {}
    gold, predicted = (
        LABEL_TYPES[task.label_type].class_numbers(task, values)
        for values in (labels, predictions)
    )
    scores, counts = scores_of(task, gold, predicted)
    return {
        f"{name}_{task.labels[number]}": float(scores[number, column])
        for number in np.flatnonzero(counts)
        for column, name in enumerate(NAMES)
    }


def scores_of(task, gold, predicted):
    """Returns the scores of each label of the task, and its gold examples.

    Args:
      task: ``Task`` with labels.
      gold, predicted: int [N], numbers of labels; of several labels a text
        int [N, L], 1 or 0.

    Returns:
      (float [L, 3], int [L]): the columns are NAMES; 0 where a score is not
      defined.
    """
    import sklearn.metrics

    *scores, counts = sklearn.metrics.precision_recall_fscore_support(
        gold,
        predicted,
        labels=np.arange(len(task.labels)),
        zero_division=0.0,
    )
    return np.stack(scores, axis=1), counts


def is_of_one_label(name):
    """Tells whether a metric is of one label, of which there may be many."""
    return bool(_OF_ONE_LABEL.fullmatch(name))
