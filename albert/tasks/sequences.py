# SPDX-License-Identifier: Apache-2.0
"""Sequences with [CLS] and [SEP], made of pieces of many texts at once.

Letters: R sequences, T tokens of all of them.
"""

import dataclasses
import itertools

import numpy as np

# Texts per call into SentencePiece: its lists of Python integers are the
# largest thing in memory here.
_BATCH_TEXTS = 4096
_SPACE_MARK = "\u2581"


@dataclasses.dataclass(frozen=True, eq=False)
class Spans:
    """Runs of one array of ids; runs may overlap or repeat.

    Attributes:
      ids: int32 [any].
      starts: int64 [R], where each run begins in ``ids``.
      lengths: int64 [R].
    """

    ids: np.ndarray
    starts: np.ndarray
    lengths: np.ndarray

    def first(self, lengths):
        """Returns the first ``lengths`` ids of each run: int64 [R]."""
        return dataclasses.replace(self, lengths=lengths)

    def last(self, lengths):
        """Returns the last ``lengths`` ids of each run: int64 [R]."""
        return Spans(self.ids, self.starts + self.lengths - lengths, lengths)

    def take(self, runs):
        """Selects runs by their numbers, in that order."""
        return Spans(self.ids, self.starts[runs], self.lengths[runs])


def encode(tokenizer, texts):
    """Encodes texts without [CLS] and [SEP].

    Args:
      tokenizer: ``Tokenizer``.
      texts: list of R str.

    Returns:
      ``Spans``, one for each text.
    """
    ids, lengths = [], []
    for first in range(0, len(texts), _BATCH_TEXTS):
        rows = tokenizer.encode_batch(texts[first : first + _BATCH_TEXTS])
        lengths.append(np.fromiter(map(len, rows), np.int64, len(rows)))
        ids.append(
            np.fromiter(
                itertools.chain.from_iterable(rows), np.int32, lengths[-1].sum()
            )
        )
    lengths = np.concatenate([*lengths, np.zeros(0, np.int64)])
    return Spans(
        np.concatenate([*ids, np.zeros(0, np.int32)]),
        np.cumsum(lengths) - lengths,
        lengths,
    )


def count_known(tokenizer, spans):
    """Counts the pieces of each run that stand for some text.

    An unknown piece stands for none, nor does the mark of a space before it.

    Args:
      tokenizer: ``Tokenizer``.
      spans: ``Spans`` of R runs.

    Returns:
      int64 [R].
    """
    known = spans.ids != tokenizer.unknown_id
    if _SPACE_MARK in tokenizer.pieces:
        known &= spans.ids != tokenizer.pieces.index(_SPACE_MARK)
    before = np.concatenate([[0], np.cumsum(known)])
    return before[spans.starts + spans.lengths] - before[spans.starts]


def count_unknown(tokenizer, input_ids):
    """Counts the pieces of sequences, and those that are unknown.

    Args:
      tokenizer: ``Tokenizer``.
      input_ids: int32 [T], of ``assemble``; [CLS] and [SEP] do not count.

    Returns:
      (int, int).
    """
    added = np.isin(input_ids, [tokenizer.cls_id, tokenizer.sep_id])
    unknown = np.count_nonzero(input_ids == tokenizer.unknown_id)
    return len(input_ids) - np.count_nonzero(added), unknown


def ranges(starts, lengths):
    """Returns start, start + 1, … (``length`` numbers) of each pair, joined.

    Args:
      starts, lengths: int64 [R].

    Returns:
      int64 [sum of lengths].
    """
    before = np.cumsum(lengths) - lengths
    return np.arange(lengths.sum()) + np.repeat(starts - before, lengths)


def assemble(tokenizer, first, second=None):
    """Joins pieces to [CLS] first [SEP], or [CLS] first [SEP] second [SEP].

    Args:
      tokenizer: ``Tokenizer``.
      first: ``Spans`` of R runs.
      second: the same, or None. A second run without ids makes a single
        text, without the second [SEP], as in the original.

    Returns:
      (input_ids, row_splits, segment_starts) as ``Features`` wants them:
      int32 [T], int64 [R + 1], int32 [R].
    """
    before_second = first.lengths + 2
    lengths = before_second.copy()
    if second is not None:
        lengths += np.where(second.lengths, second.lengths + 1, 0)
    row_splits = np.concatenate([[0], np.cumsum(lengths)])
    starts = row_splits[:-1]
    input_ids = np.full(row_splits[-1], tokenizer.sep_id, np.int32)
    input_ids[starts] = tokenizer.cls_id
    _copy(first, input_ids, starts + 1)
    if second is not None:
        _copy(second, input_ids, starts + before_second)
    return input_ids, row_splits, before_second.astype(np.int32)


def _copy(spans, target, starts):
    """Writes each run to ``target``, from its start on."""
    target[ranges(starts, spans.lengths)] = spans.ids[
        ranges(spans.starts, spans.lengths)
    ]
