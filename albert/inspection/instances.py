# SPDX-License-Identifier: Apache-2.0
"""Holds instances as arrays, whatever kind of records they come from.

Letters: R records, C choices, N = R·C sequences, S tokens.
"""

import dataclasses
import functools

import numpy as np


@dataclasses.dataclass(frozen=True)
class Instances:
    """Instances of records, a row for each sequence.

    Attributes:
      input_ids: int64 [N, S], what the model sees.
      true_ids: int64 [N, S], the same before anything was masked.
      lengths: int64 [N], tokens without padding; 0 of an option that a
        question lacks.
      segment_ids: int64 [N, S].
      word_starts: bool [N, S], or None where the records do not tell words.
      is_masked: bool [N, S], the tokens to predict; None of records without.
      labels: int64 or float32 [R]; of tagging int64 [R, S], -1 where not
        scored; of several labels a text int64 [R, L], the numbers of those
        that it has, and -1.
      records: int64 [R], which of the records that were parsed these are.
      choices: C.
    """

    input_ids: np.ndarray
    true_ids: np.ndarray
    lengths: np.ndarray
    segment_ids: np.ndarray
    word_starts: np.ndarray | None
    is_masked: np.ndarray | None
    labels: np.ndarray
    records: np.ndarray
    choices: int = 1

    @functools.cached_property
    def is_real(self):
        """Tokens that are no padding: bool [N, S]."""
        return np.arange(self.input_ids.shape[1]) < self.lengths[:, None]

    @functools.cached_property
    def segment_lengths(self):
        """Tokens of both segments without special ones: int64 [2, N].

        A sequence is ``[CLS] A [SEP]`` or ``[CLS] A [SEP] B [SEP]``.
        """
        second = (self.is_real & (self.segment_ids == 1)).sum(axis=1)
        first = self.lengths - second
        return np.maximum([first - 2, second - 1], 0)

    @functools.cached_property
    def is_special(self):
        """Tokens that are [CLS] or [SEP] by their place: bool [N, S]."""
        position = np.arange(self.input_ids.shape[1])
        first, _ = self.segment_lengths
        places = (position == 0) | (position == first[:, None] + 1)
        return self.is_real & (places | (position == self.lengths[:, None] - 1))

    @functools.cached_property
    def words(self):
        """The number of each token's word, in all rows: int64 [N, S].

        What follows a special token begins a word; where the records tell no
        words, each token is one.
        """
        starts = self.word_starts
        if starts is None:
            starts = np.ones(self.input_ids.shape, bool)
        starts = starts | self.is_special | ~self.is_real
        starts[:, 1:] |= self.is_special[:, :-1]
        starts[:, :1] = True
        return starts.reshape(-1).cumsum().reshape(starts.shape) - 1

    def example(self, index):
        """Returns the instances of one record: a copy of its C rows."""
        rows = slice(index * self.choices, (index + 1) * self.choices)

        def part(values):
            return None if values is None else values[rows].copy()

        return Instances(
            *map(
                part,
                (
                    self.input_ids,
                    self.true_ids,
                    self.lengths,
                    self.segment_ids,
                    self.word_starts,
                    self.is_masked,
                ),
            ),
            self.labels[index : index + 1].copy(),
            self.records[index : index + 1].copy(),
            self.choices,
        )
