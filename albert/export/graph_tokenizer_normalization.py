# SPDX-License-Identifier: Apache-2.0
"""Normalises text in a graph, by tables, as ``albert.text.normalization``.

The tables are filled from Python's own Unicode data when an export is made,
so that the graph follows them and not the Unicode version of the libraries
that it later runs on. Nothing but the final sigma looks beyond one character.

Letters: N texts, T characters of all texts.
"""

import functools
import sys

import numpy as np
import tensorflow as tf

from albert.export.graph_tokenizer_tables import CodePointTable
from albert.export.graph_tokenizer_tables import all_characters
from albert.export.graph_tokenizer_tables import code_point_marks
from albert.export.graph_tokenizer_tables import repeat
from albert.text import normalization

_SPACE = ord(" ")
_SIGMA = 0x3A3  # Σ
_FINAL_SIGMA = 0x3C2  # ς
_DOTTED_I = "\u0130"  # İ
# Characters that NFKD changes are kept as start * 32 + length of what they
# become; the longest is 18, U+FDFA.
LENGTH_BITS = 5
UNCHANGED = -1
# A letter that no rule knows, and how many characters it separates at a time.
_SEPARATOR = "\ue000"
_PART = 4096
_OTHER, _CASED, _IGNORABLE = range(3)


class GraphNormalizer(tf.Module):
    """Normaliser of strings to the characters that SentencePiece is given.

    Args:
      lower_case, strip_accents: bool, as of ``normalize``.
    """

    def __init__(self, lower_case, strip_accents=True):
        super().__init__()
        self.lower_case = lower_case
        decomposed, characters = self._tabulate(lower_case, strip_accents)
        # Made here, or each trace would have its own.
        self._characters = tf.constant(characters)
        self._white = CodePointTable(
            code_point_marks(filter(str.isspace, all_characters()))
        )
        self._decomposed = CodePointTable(decomposed)
        if lower_case:
            differences, classes = _cases()
            self._lower = CodePointTable(differences)
            self._classes = CodePointTable(classes)

    @staticmethod
    def _tabulate(lower_case, strip_accents):
        """Returns the table of what characters become, as of ``tabulate``."""
        return _tabulate_decompositions(lower_case, strip_accents)

    def decode(self, texts):
        """Returns the characters of texts.

        Bytes that are not UTF-8 become U+FFFD as in Python.

        Args:
          texts: string [N].

        Returns:
          int32 ragged [N, None].
        """
        return tf.strings.unicode_decode(texts, "UTF-8", errors="replace")

    def is_white(self, codes):
        """Returns where ``str.isspace`` holds: bool, shaped as ``codes``."""
        return self._white.lookup(codes) > 0

    def normalize(self, codes):
        """Normalises characters.

        Args:
          codes: int32 ragged [N, None].

        Returns:
          (normalized, origins): ragged [N, None], int32 characters, and
          int64 the position of the character of ``codes`` that each came
          from.
        """
        rows, starts = codes.value_rowids(), codes.row_starts()
        values, places = self._join_white_space(codes.flat_values, rows)
        values, places = self._decompose(values, places)
        rows = tf.gather(rows, places)
        if self.lower_case:
            values = self._to_lower(values, rows)
        splits = tf.RaggedTensor.from_value_rowids(
            values, rows, nrows=codes.nrows(), validate=False
        ).row_splits

        def ragged(flat):
            return tf.RaggedTensor.from_row_splits(flat, splits, validate=False)

        return ragged(values), ragged(places - tf.gather(starts, rows))

    def _join_white_space(self, codes, rows):
        """Does ``" ".join(text.split())``; returns (characters, places)."""
        white = self.is_white(codes)
        words = tf.where(~white)[:, 0]
        # White space is kept, as one space, right behind a word that is not
        # the last one of its text.
        rows_of_words = tf.concat([tf.gather(rows, words), [-1]], 0)
        following = tf.gather(
            rows_of_words, tf.cumsum(tf.cast(~white, tf.int32))
        )
        before = tf.where(white, tf.constant(-1, tf.int64), rows)[:-1]
        preceding = tf.concat([[-1], before], 0)
        kept = ~white | ((preceding == rows) & (following == rows))
        places = tf.where(kept)[:, 0]
        return tf.gather(tf.where(white, _SPACE, codes), places), places

    def _decompose(self, codes, places):
        """Puts what characters become in their places, without case."""
        found = self._decomposed.lookup(codes)

        def change():
            unchanged = found == UNCHANGED
            own = tf.shape(self._characters)[0] + tf.range(tf.shape(codes)[0])
            starts = tf.where(
                unchanged, own, tf.bitwise.right_shift(found, LENGTH_BITS)
            )
            lengths = tf.where(
                unchanged,
                1,
                tf.bitwise.bitwise_and(found, (1 << LENGTH_BITS) - 1),
            )
            indices = tf.ragged.range(starts, starts + lengths).flat_values
            values = tf.concat([self._characters, codes], 0)
            return tf.gather(values, indices), repeat(places, lengths)

        return tf.cond(
            tf.reduce_any(found != UNCHANGED),
            change,
            lambda: (tf.identity(codes), tf.identity(places)),
        )

    def _to_lower(self, codes, rows):
        lower = codes + self._lower.lookup(codes)
        is_sigma = codes == _SIGMA
        return tf.cond(
            tf.reduce_any(is_sigma),
            lambda: tf.where(
                is_sigma & self._ends_word(codes, rows), _FINAL_SIGMA, lower
            ),
            lambda: tf.identity(lower),
        )

    def _ends_word(self, codes, rows):
        """Returns where a sigma would be final, as ``str.lower`` decides it.

        The character before it is cased and the one behind it is not, both
        looked for beyond those that case rules ignore.
        """
        classes = self._classes.lookup(codes)
        places = tf.where(classes != _IGNORABLE)
        rows = tf.gather(rows, places[:, 0])
        cased = tf.gather(classes, places[:, 0]) == _CASED
        same = rows[1:] == rows[:-1]
        before = tf.concat([[False], cased[:-1] & same], 0)
        behind = tf.concat([cased[1:] & same, [False]], 0)
        return tf.scatter_nd(
            places,
            before & ~behind,
            tf.shape(codes, out_type=tf.int64),
        )


def tabulate(normalize):
    """Returns what a normalisation makes of each character, by itself.

    Args:
      normalize: function of a str of many characters with others between
        them that no rule knows; it looks no further than to these.

    Returns:
      (replaced, characters): int32 [code points], ``UNCHANGED`` or where in
      ``characters`` stands what a character becomes; int32 [any].
    """
    replaced = np.full(sys.maxunicode + 1, UNCHANGED, np.int32)
    characters = []
    for part in _characters_in_parts():
        # One call for many. At the ends white space would be dropped.
        joined = normalize(_SEPARATOR + _SEPARATOR.join(part) + _SEPARATOR)
        for character, result in zip(
            part, joined.split(_SEPARATOR)[1:-1], strict=True
        ):
            if result != character:
                replaced[ord(character)] = (
                    len(characters) << LENGTH_BITS
                ) + len(result)
                characters += map(ord, result)
    return replaced, np.array(characters, np.int32)


@functools.cache
def _tabulate_decompositions(lower_case, strip_accents):
    """Returns the table of NFKD without the marks, and without case."""

    def decompose(text):
        text = normalization.normalize(text, False, strip_accents)
        # The one letter whose lower case is two.
        return (
            text.replace(_DOTTED_I, _DOTTED_I.lower()) if lower_case else text
        )

    return tabulate(decompose)


@functools.cache
def _cases():
    """Returns the tables of case.

    Returns:
      (differences, classes): int32 [code points], what to add for the lower
      case; and what the rule of the final sigma takes a character for.
    """
    differences = np.zeros(sys.maxunicode + 1, np.int32)
    classes = np.full(sys.maxunicode + 1, _OTHER, np.int32)
    for part in _characters_in_parts():
        # Two letters from İ alone, which was taken apart before.
        part = [character for character in part if character != _DOTTED_I]
        codes = _code_points(part)
        differences[codes] = _code_points(" ".join(part).lower()[::2]) - codes
        after, between = (
            _code_points(
                "".join(f"{before}{one}\u03a3 " for one in part).lower()
            )
            for before in ("", "A")
        )
        cased = after[1::3] == _FINAL_SIGMA
        ignorable = ~cased & (between[2::4] == _FINAL_SIGMA)
        classes[codes[cased]] = _CASED
        classes[codes[ignorable]] = _IGNORABLE
    return differences, classes


def _characters_in_parts():
    """Yields all characters but the separator, in lists."""
    characters = [
        character for character in all_characters() if character != _SEPARATOR
    ]
    for first in range(0, len(characters), _PART):
        yield characters[first : first + _PART]


def _code_points(characters):
    return np.array(list(map(ord, characters)), np.int32)
