# SPDX-License-Identifier: Apache-2.0
"""Examples as ids, with counts of what was cut."""

import dataclasses

import numpy as np

from albert.tasks.features import Features


@dataclasses.dataclass(frozen=True, eq=False)
class WordPositions:
    """Positions of the first pieces of words, all sentences joined.

    Attributes:
      rows: int64 [words], the sequence, in increasing order.
      columns: int64 [words], the position in that sequence; 0, which is
        [CLS], for a word without pieces.
      splits: int64 [N + 1]; sentence n has the words splits[n] to
        splits[n + 1] - 1.
    """

    rows: np.ndarray
    columns: np.ndarray
    splits: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Featurized:
    """Examples as the model reads them.

    Attributes:
      features: ``Features``. Of tagging, each sequence is one example there,
        and a long sentence has several.
      truncated: int, examples that lost pieces; of tagging, sentences that
        were cut in several sequences and lost nothing.
      longest: int, pieces of the longest example before that, [CLS] and
        [SEP] counted.
      empty: int, examples with a sequence without pieces; of tagging, words
        without.
      word_positions: ``WordPositions`` of tagging, else None.
      lower_cased: int, of tagging, words with capitals that the vocabulary
        does not have, which mark names in many languages.
    """

    features: Features
    truncated: int
    longest: int
    empty: int
    word_positions: WordPositions | None = None
    lower_cased: int = 0

    def summary(self):
        """Returns the counts as one line for the log."""
        line = (
            f"{self.features.num_examples} examples, longest "
            f"{self.longest} pieces, {self.truncated} cut"
        )
        what = ""
        if self.word_positions is not None:
            line += " in parts"  # Nothing is lost.
            what = " words"
        if self.empty:
            line += f", {self.empty}{what} without pieces"
        if self.lower_cased:
            share = self.lower_cased / len(self.word_positions.rows)
            line += (
                f", {self.lower_cased} words ({share:.0%}) with capitals, "
                "which the lower-cased vocabulary hides"
            )
        return line
