# SPDX-License-Identifier: Apache-2.0
"""Examples as ids, with counts of what was cut."""

import dataclasses

import numpy as np
from absl import logging

from albert.errors import UserError
from albert.tasks.features import Features
from albert.text.tokenizers import MOST_UNKNOWN

# More examples that are cut, or texts without known pieces, are warned of.
_MANY_CUT = 0.1
_MANY_EMPTY = 0.01
# With more of them, something else was read than is meant.
_MOST_EMPTY = 0.5


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
      empty: int, examples with a sequence without a piece that the vocabulary
        knows; of tagging, words without any piece.
      empty_b: int, examples whose second text has no known piece; 0 of
        single texts.
      pieces, unknown: int, of all sequences, and those that the vocabulary
        does not know.
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
    empty_b: int = 0
    pieces: int = 0
    unknown: int = 0

    def summary(self):
        """Returns the counts as one line for the log."""
        line = (
            f"{self.features.num_examples} examples, longest "
            f"{self.longest} pieces, "
            f"{_with_share(self.truncated, self._num_examples)} cut"
        )
        what = "without known pieces"
        if self.word_positions is not None:
            line += " in parts"  # Nothing is lost.
            what = "words without pieces"
        if self.empty:
            line += f", {_with_share(self.empty, self._num_texts)} {what}"
        if self.empty_b:
            number = _with_share(self.empty_b, self._num_texts)
            line += f", {number} {what} in the second text"
        if self.unknown:
            line += f", {self.unknown / self.pieces:.1%} of the pieces unknown"
        if self.lower_cased:
            number = _with_share(self.lower_cased, self._num_texts)
            line += (
                f", {number} words with capitals, which the lower-cased "
                "vocabulary hides"
            )
        return line

    def check(self, name):
        """Warns of much that the model does not see, and refuses more.

        Args:
          name: str, what messages call the data.

        Raises:
          UserError: most texts have no piece that the vocabulary knows, or
            none of the second ones has any.
        """
        total = self._num_texts
        # A few rows may be single texts among pairs, as in the original.
        what = "texts have no piece that the vocabulary knows"
        if self.word_positions is not None:
            what = "words have no piece"
        for count, most, which, flag in (
            (self.empty, _MOST_EMPTY * total, what, "--text_column"),
            (self.empty_b, total - 1, f"second {what}", "--text_b_column"),
        ):
            said = f"{_with_share(count, total)} of {total} {which}"
            if count and count > most:
                raise UserError(
                    f"{name}: {said}: correct the file or {flag}, or use a "
                    "model of their language"
                )
            if count > _MANY_EMPTY * total:
                logging.warning(
                    "%s: %s: is %s the right column?", name, said, flag
                )
        if self.unknown > MOST_UNKNOWN * self.pieces:
            logging.warning(
                "%s: %.1f%% of the pieces are unknown to the vocabulary, and "
                "nothing is learnt of them: use a model of this language",
                name,
                100 * self.unknown / self.pieces,
            )
        if self.word_positions is not None:
            return
        if self.truncated > _MANY_CUT * self._num_examples:
            logging.warning(
                "%s: %s of %d examples are cut: raise --max_seq_length if the "
                "model has more positions",
                name,
                _with_share(self.truncated, self._num_examples),
                self._num_examples,
            )

    @property
    def _num_examples(self):
        """Number of examples; of tagging, of sentences."""
        if self.word_positions is None:
            return self.features.num_examples
        return len(self.word_positions.splits) - 1

    @property
    def _num_texts(self):
        """Number of what may lack pieces: examples; of tagging, words."""
        if self.word_positions is None:
            return self.features.num_examples
        return len(self.word_positions.rows)


def name_data(examples, split):
    """Returns what messages call the examples of a split: their file.

    Args:
      examples: of ``interface.load``.
      split: str.
    """
    paths = [each["path"] for each in examples.files]
    return paths[0] if len(paths) == 1 else f"{split} data"


def _with_share(count, total):
    return f"{count} ({count / total:.1%})" if count else "0"
