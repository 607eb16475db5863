# SPDX-License-Identifier: Apache-2.0
"""Logits → predictions."""

import dataclasses

import numpy as np
import scipy.special

from albert.tasks import metrics
from albert.tasks import tag_schemes


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
    """What a model says of N examples.

    Attributes:
      values: int64 [N], numbers of labels or options; float64 [N] of a
        regression; N lists of BIO tags of tagging, one for each word.
      probabilities: float64 [N, labels] or [N, choices]; None of a
        regression and of tagging.
    """

    values: np.ndarray | list
    probabilities: np.ndarray | None = None


def predict(task, logits, word_positions=None):
    """Reads predictions off logits.

    Args:
      task: ``Task`` with labels.
      logits: float, in the order of the features: [N, labels]; [N, choices];
        [N, 1] of a regression; [sequences, positions, labels] of tagging.
      word_positions: ``WordPositions`` of tagging.

    Returns:
      ``Predictions``. A word without pieces gets the tag O. Tags are BIO:
      an inner tag that continues nothing begins an entity.

    Raises:
      UserError: logits are not finite.
    """
    logits = np.asarray(logits)
    metrics.check_finite(logits)
    if task.kind == "regression":
        return Predictions(logits.reshape(-1).astype(np.float64))
    if task.kind == "tagging":
        return Predictions(_tags(task, word_positions, logits))
    return Predictions(
        logits.argmax(axis=-1),
        scipy.special.softmax(logits.astype(np.float64), axis=-1),
    )


def _tags(task, words, logits):
    best = logits.argmax(axis=-1)[words.rows, words.columns]
    outside = task.labels.index(tag_schemes.OUTSIDE)
    best = np.where(words.rows < 0, outside, best)
    tags = np.array(task.labels, object)[best]
    return [
        tag_schemes.to_bio(tags[first:end])
        for first, end in zip(words.splits[:-1], words.splits[1:], strict=True)
    ]
