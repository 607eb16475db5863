# SPDX-License-Identifier: Apache-2.0
"""Predictions, computed from logits."""

import dataclasses

import numpy as np

from albert.tasks import metrics
from albert.tasks.label_types import LABEL_TYPES


@dataclasses.dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions of a model for N examples.

    Attributes:
      values: int64 [N], numbers of labels or options; of several labels a
        text int64 [N, labels], 1 or 0; float64 [N] of a regression; N lists
        of BIO tags of tagging, one for each word.
      probabilities: float64 [N, labels] or [N, choices]; None of a
        regression and of tagging.
      thresholds: float64 [labels], of several labels a text, where they are
        not ``DEFAULT_THRESHOLD``.
    """

    values: np.ndarray | list
    probabilities: np.ndarray | None = None
    thresholds: np.ndarray | None = None

    def with_thresholds(self, thresholds):
        """Returns what the same probabilities mean with other thresholds.

        Args:
          thresholds: float64 [labels], or None to change nothing.
        """
        if thresholds is None:
            return self
        return Predictions(
            (self.probabilities >= thresholds).astype(int),
            self.probabilities,
            thresholds,
        )


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
    label_type = LABEL_TYPES[task.label_type]
    return Predictions(*label_type.predict(task, logits, word_positions))
