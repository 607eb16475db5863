# SPDX-License-Identifier: Apache-2.0
"""Puts tables of numbers, by code point and by id, into a graph."""

import sys

import numpy as np
import tensorflow as tf

_BLOCK_BITS = 7
_SURROGATES = range(0xD800, 0xE000)


class CodePointTable(tf.Module):
    """Table of a number for each code point, stored as its distinct blocks.

    Args:
      values: int32 [sys.maxunicode + 1].
    """

    def __init__(self, values):
        super().__init__()
        # Equal blocks are one; a dict is quicker than np.unique of rows.
        numbers = {}
        index = [
            numbers.setdefault(block.tobytes(), len(numbers))
            for block in values.astype(np.int32).reshape(-1, 1 << _BLOCK_BITS)
        ]
        self._blocks = tf.constant(np.frombuffer(b"".join(numbers), np.int32))
        self._numbers = tf.constant(index, tf.int32)

    def lookup(self, codes):
        """Returns the numbers of code points: int32 of the same shape."""
        block = tf.gather(
            self._numbers, tf.bitwise.right_shift(codes, _BLOCK_BITS)
        )
        within = tf.bitwise.bitwise_and(codes, (1 << _BLOCK_BITS) - 1)
        return tf.gather(self._blocks, block * (1 << _BLOCK_BITS) + within)


class ReplacementTable(tf.Module):
    """Table of the rows of numbers that take the place of ids.

    Args:
      rows: for each id a list of k-tuples of int.
    """

    def __init__(self, rows):
        super().__init__()
        lengths = np.array([len(row) for row in rows], np.int64)
        self._parts = tf.constant([part for row in rows for part in row])
        self._lengths = tf.constant(lengths)
        self._starts = tf.constant(np.cumsum(lengths) - lengths)

    def replace(self, ids):
        """Replaces each id by its row of numbers.

        Args:
          ids: int32 [n].

        Returns:
          (parts, owners): int32 [m, k], and int64 [m] the position in
          ``ids`` that each came from.
        """
        starts = tf.gather(self._starts, ids)
        lengths = tf.gather(self._lengths, ids)
        places = tf.ragged.range(starts, starts + lengths).flat_values
        return tf.gather(self._parts, places), repeat(
            tf.range(tf.size(ids, tf.int64)), lengths
        )


def repeat(values, lengths):
    """Does what ``tf.repeat`` does for two vectors, without a padded matrix.

    Args:
      values: [n].
      lengths: int32 or int64 [n].

    Returns:
      [sum of lengths].
    """
    ends = tf.cumsum(lengths)
    total = tf.reduce_sum(lengths)
    # How many of them end at or before each place.
    steps = tf.math.unsorted_segment_sum(tf.ones_like(ends), ends, total + 1)
    return tf.gather(values, tf.cumsum(steps)[:-1])


def code_point_marks(characters):
    """Returns an array of code points with 1 for the given characters, else 0.

    Args:
      characters: iterable of str.

    Returns:
      int32 [sys.maxunicode + 1].
    """
    marks = np.zeros(sys.maxunicode + 1, np.int32)
    marks[list(map(ord, characters))] = 1
    return marks


def all_characters():
    """Returns all characters that text can hold, in order: list of str."""
    return [
        chr(code)
        for code in range(sys.maxunicode + 1)
        if code not in _SURROGATES
    ]
