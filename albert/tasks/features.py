# SPDX-License-Identifier: Apache-2.0
"""Examples as ids, which batches are made of.

Letters: N examples, C choices (sequences of an example), R = N·C sequences,
T tokens of all sequences, S positions of a padded sequence.
"""

import dataclasses
import itertools

import numpy as np

PAD_ID = 0
# The value of a position behind the end of a sequence: no label there, no
# part of an answer there. (The encoder does not see what padding holds.)
PER_TOKEN_PADDING = {"label_ids": -1, "p_mask": 1}
_EXAMPLE_DTYPES = (np.dtype(np.int32), np.dtype(np.float32))


@dataclasses.dataclass(frozen=True, eq=False)
class Features:
    """Examples without padding: their sequences joined, and their labels.

    Attributes:
      input_ids: int32 [T], all sequences one after another, with [CLS] and
        [SEP], without padding.
      row_splits: int64 [R + 1]; sequence r is
        ``input_ids[row_splits[r]:row_splits[r + 1]]``.
      segment_starts: int32 [R], the first position in the sequence whose
        segment id is 1; the sequence's length where there is none.
      choices: C; example n is the sequences n·C to n·C + C - 1. Those of the
        choices that an example lacks come last, and have no token.
      per_example: dict from name to [N], int32 or float32: "label_ids" of
        classification, multiple choice (int32) and regression (float32), of
        several labels a text int32 [N, labels];
        "start_positions", "end_positions", "is_impossible" of SQuAD.
      per_token: dict from name to int32 [T], names of ``PER_TOKEN_PADDING``:
        "label_ids" of tagging (-1: not scored), "p_mask" of SQuAD.

    Raises:
      ValueError: shapes, types or names that do not agree.
    """

    input_ids: np.ndarray
    row_splits: np.ndarray
    segment_starts: np.ndarray
    choices: int = 1
    per_example: dict = dataclasses.field(default_factory=dict)
    per_token: dict = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        _check("row_splits", self.row_splits, np.int64)
        if not len(self.row_splits):
            raise ValueError("row_splits is empty: no sequences is [0]")
        tokens = int(self.row_splits[-1])
        rows = len(self.row_splits) - 1
        _check("input_ids", self.input_ids, np.int32, tokens)
        _check("segment_starts", self.segment_starts, np.int32, rows)
        if self.row_splits[0] != 0 or (self.lengths() < 0).any():
            raise ValueError("row_splits must start at 0 and increase")
        starts = self.segment_starts
        if ((starts < 0) | (starts > self.lengths())).any():
            raise ValueError("segment_starts must lie in their sequences")
        if self.choices < 1 or rows % self.choices:
            raise ValueError(
                f"{rows} sequences are not examples of {self.choices} choices"
            )
        there = self.lengths().reshape(-1, self.choices) > 0
        if not there[:, 0].all() or (there[:, 1:] > there[:, :-1]).any():
            raise ValueError(
                "a sequence has at least one token, but for those of the "
                "last choices"
            )
        for name, values in self.per_example.items():
            if getattr(values, "dtype", None) not in _EXAMPLE_DTYPES:
                raise ValueError(f"{name} must be an int32 or float32 array")
            _check(name, values, values.dtype, self.num_examples, most=2)
        for name, values in self.per_token.items():
            if name not in PER_TOKEN_PADDING:
                raise ValueError(f"{name} has no padding value")
            if name in self.per_example:
                raise ValueError(f"{name} is per example and per token")
            _check(name, values, np.int32, tokens)

    @classmethod
    def from_sequences(
        cls,
        sequences,
        segment_starts=None,
        *,
        choices=1,
        per_example=None,
        per_token=None,
    ):
        """Joins sequences.

        Args:
          sequences: R lists (or arrays) of ids, [CLS] and [SEP] included.
          segment_starts: R ints, or None where no sequence has a second
            segment.
          choices: C.
          per_example: dict from name to an array [N], int32 or float32.
          per_token: dict from name to R lists, each as long as its sequence.

        Raises:
          ValueError: see ``Features``.
        """
        lengths = _lengths(sequences)
        if segment_starts is None:
            segment_starts = lengths
        per_token = per_token or {}
        for name, values in per_token.items():
            if not np.array_equal(_lengths(values), lengths):
                raise ValueError(f"{name} must be as long as the sequences")
        return cls(
            input_ids=_joined(sequences, lengths),
            row_splits=_splits(lengths),
            segment_starts=np.asarray(segment_starts, np.int32),
            choices=choices,
            per_example=dict(per_example or {}),
            per_token={
                name: _joined(values, lengths)
                for name, values in per_token.items()
            },
        )

    @classmethod
    def concatenate(cls, parts):
        """Joins the examples of several ``Features``, in their order.

        Args:
          parts: list of ``Features``, at least one, with the same number of
            choices and the same names.

        Raises:
          ValueError: they differ in choices or names.
        """
        first = parts[0]
        for part in parts:
            if (
                part.choices != first.choices
                or part.per_example.keys() != first.per_example.keys()
                or part.per_token.keys() != first.per_token.keys()
            ):
                raise ValueError("parts differ in choices or names")

        def join(values):
            return np.concatenate(list(values))

        return cls(
            input_ids=join(part.input_ids for part in parts),
            row_splits=_splits(join(part.lengths() for part in parts)),
            segment_starts=join(part.segment_starts for part in parts),
            choices=first.choices,
            per_example={
                name: join(part.per_example[name] for part in parts)
                for name in first.per_example
            },
            per_token={
                name: join(part.per_token[name] for part in parts)
                for name in first.per_token
            },
        )

    @property
    def num_examples(self):
        """The number of examples: int."""
        return (len(self.row_splits) - 1) // self.choices

    def lengths(self):
        """Returns the number of tokens of each sequence: int64 [R]."""
        return np.diff(self.row_splits)

    def example_lengths(self):
        """Returns the length of each example's longest sequence: int64 [N]."""
        return self.lengths().reshape(-1, self.choices).max(axis=1)

    def max_length(self):
        """The number of tokens of the longest sequence; 0 if there is none."""
        return int(self.lengths().max(initial=0))

    def select(self, examples):
        """Selects examples by their numbers, in that order.

        Args:
          examples: integers [n], or a slice.

        Returns: ``Features`` with n examples; arrays are copied.
        """
        examples = np.arange(self.num_examples)[examples]
        rows = examples[:, None] * self.choices + np.arange(self.choices)
        rows = rows.reshape(-1)
        lengths = self.lengths()[rows]
        splits = _splits(lengths)
        # Token t of the selection is t - (its row's first) behind the
        # first token of that row here.
        tokens = np.arange(splits[-1]) + np.repeat(
            self.row_splits[rows] - splits[:-1], lengths
        )
        return Features(
            input_ids=self.input_ids[tokens],
            row_splits=splits,
            segment_starts=self.segment_starts[rows],
            choices=self.choices,
            per_example={
                name: values[examples]
                for name, values in self.per_example.items()
            },
            per_token={
                name: values[tokens] for name, values in self.per_token.items()
            },
        )

    def padded(self, length):
        """Returns arrays in which all sequences have the same length.

        Args:
          length: S, at least ``max_length()``.

        Returns:
          dict of arrays: input_ids, input_mask, segment_ids and the names of
          per_token int32 [N, S], or [N, C, S] with more than one choice; the
          names of per_example [N].

        Raises:
          ValueError: a sequence is longer than S.
        """
        if self.max_length() > length:
            raise ValueError(
                f"a sequence has {self.max_length()} tokens, not {length}"
            )
        position = np.arange(length)
        real = position < self.lengths()[:, None]
        second = position >= self.segment_starts[:, None]
        shape = (self.num_examples, self.choices, length)
        shape = shape if self.choices > 1 else (self.num_examples, length)

        def fill(values, padding):
            rectangle = np.full(real.shape, padding, np.int32)
            rectangle[real] = values
            return rectangle.reshape(shape)

        return {
            "input_ids": fill(self.input_ids, PAD_ID),
            "input_mask": real.astype(np.int32).reshape(shape),
            "segment_ids": (real & second).astype(np.int32).reshape(shape),
            **{
                name: fill(values, PER_TOKEN_PADDING[name])
                for name, values in self.per_token.items()
            },
            **self.per_example,
        }


def _check(name, values, dtype, length=None, most=1):
    """Refuses what is no array of a type, a length and 1 to most dimensions."""
    if not isinstance(values, np.ndarray) or values.dtype != dtype:
        raise ValueError(f"{name} must be an array of {np.dtype(dtype)}")
    if not 1 <= values.ndim <= most or (
        length is not None and len(values) != length
    ):
        raise ValueError(f"{name} has shape {values.shape}, not [{length}]")


def _lengths(sequences):
    return np.fromiter(map(len, sequences), np.int64, len(sequences))


def _splits(lengths):
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _joined(sequences, lengths):
    return np.fromiter(
        itertools.chain.from_iterable(sequences), np.int32, int(lengths.sum())
    )
