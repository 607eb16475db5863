# SPDX-License-Identifier: Apache-2.0
"""Lengths that the two texts of a pair are cut to, for many pairs at once."""

import numpy as np

from albert.errors import UserError

# [CLS], one piece of each text, two [SEP].
MIN_SEQUENCE_LENGTH = 5


def check_max_seq_length(max_seq_length):
    """Refuses a length that leaves no room for text.

    Raises:
      UserError: it is too small.
    """
    if max_seq_length < MIN_SEQUENCE_LENGTH:
        raise UserError(
            f"--max_seq_length {max_seq_length}: a sequence needs at least "
            f"{MIN_SEQUENCE_LENGTH} positions: choose more"
        )


def truncate_pairs(lengths_a, lengths_b, budget):
    """Cuts pairs at their ends as the original does.

    ``_truncate_seq_pair`` of ``classifier_utils.py`` pops a piece from the
    longer text, or from the second where both are as long, until the pair
    fits. So the longer text is cut down to the shorter one first, and then
    both by turns.

    Args:
      lengths_a, lengths_b: int64 [N], pieces of the texts.
      budget: int, the most pieces of a pair.

    Returns:
      (lengths_a, lengths_b) after cutting.
    """
    half = budget - budget // 2  # The first text keeps the odd piece.
    fits = lengths_a + lengths_b <= budget
    kept_a = np.maximum(np.minimum(lengths_a, half), budget - lengths_b)
    kept_a = np.where(fits, lengths_a, kept_a)
    return kept_a, np.where(fits, lengths_b, budget - kept_a)
