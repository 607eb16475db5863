# SPDX-License-Identifier: Apache-2.0
"""Checks the values of records that were parsed.

Letters: R records, C choices, S tokens.
"""

import dataclasses
import typing

import numpy as np

# Where the vocabulary is not known.
_LARGEST_VOCABULARY = 1 << 22


@dataclasses.dataclass(frozen=True)
class Check:
    """Which records have a fault, and what it is.

    Attributes:
      bad: bool [R].
      describe: function of the index of such a record to a str.
      fatal: bool, whether nothing can be counted in such a record.
    """

    bad: np.ndarray
    describe: typing.Callable
    fatal: bool = False


def check_ids(name, ids, vocabulary_size):
    """Checks that ids are those of pieces.

    Args:
      name: str, of the field.
      ids: int64 [R, length].
      vocabulary_size: int, or None where it is not known.
    """
    size = vocabulary_size or _LARGEST_VOCABULARY
    outside = (ids < 0) | (ids >= size)
    return Check(
        outside.any(axis=1),
        lambda row: (
            f"the id {ids[row][outside[row]][0]} in {name!r} is none of the "
            f"vocabulary's {size:,} pieces"
        ),
        fatal=True,
    )


def check_values(name, columns, allowed):
    """Checks that a field has no other values than some."""
    values = columns[name]
    other = ~np.isin(values, allowed)
    shown = " or ".join(str(value) for value in allowed if value >= 0)
    return Check(
        other.any(axis=1),
        lambda row: f"{values[row][other[row]][0]} in {name!r} is not {shown}",
    )


def check_sequences(columns, choices):
    """Yields the checks of the mask of padding and of the segments.

    Args:
      columns: dict of arrays [R, C·S].
      choices: C.
    """
    mask = columns["input_mask"]
    other = ~np.isin(mask, (0, 1)).all(axis=1)
    rows = mask.reshape(len(mask), choices, -1)
    returns = (rows[..., 1:] > rows[..., :-1]).any(axis=(1, 2))
    # Where lengths are sums of this mask, it must be right.
    yield Check(
        other | returns,
        lambda row: "'input_mask' is no run of 1 that 0 follow",
        fatal=True,
    )
    empty = ~(mask > 0).any(axis=1)
    if "is_real_example" in columns:  # The original's filling is empty.
        empty &= columns["is_real_example"][:, 0] > 0
    yield Check(empty, lambda row: "'input_mask' is 0 everywhere")
    yield check_values("segment_ids", columns, (0, 1))


class FirstFaults:
    """The first fault of each kind, and how many more there are."""

    def __init__(self, noun="records"):
        """Knows of none yet; ``noun`` is what has faults."""
        self._noun = noun
        self._lines = {}  # By kind: line, number of more.

    def add(self, kind, line, count=1):
        """Adds faults of a kind, the first of which a line is about."""
        line, more = self._lines.get(kind, (line, -1))
        self._lines[kind] = line, more + count

    def lines(self, remedy):
        """Returns a line for each kind of fault: list of str."""
        return [
            line
            + (f" (and {more:,} more {self._noun})" if more else "")
            + f": {remedy}"
            for line, more in self._lines.values()
        ]
