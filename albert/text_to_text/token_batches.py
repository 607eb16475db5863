# SPDX-License-Identifier: Apache-2.0
"""Plans batches by their number of pieces, on both sides.

Pairs of like length share a batch, so that little of it is padding, and all
batches with the same lengths have the same number of rows: XLA compiles anew
for each shape, and there are few of them.

Letters: N pairs, B rows of a batch, S and T positions of its sources and
targets.
"""

import dataclasses
import itertools

import numpy as np

from albert.errors import UserError
from albert.records import batch_plan


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchLimits:
    """Limits of the shapes of batches.

    Attributes:
      most_tokens: int; B · (S + T) is not above it, padding included.
      most_rows: int, B is not above it.
      rows_multiple: int, B is divisible by it: replicas times accumulation
        steps divide it.
      source_lengths, target_lengths: the values that S and T may have,
        increasing; see ``batch_plan.padded_lengths``.
    """

    most_tokens: int
    most_rows: int
    rows_multiple: int
    source_lengths: tuple
    target_lengths: tuple

    def check(self):
        """Refuses limits within which no batch has a pair.

        Raises:
          UserError: naming the flag to raise.
        """
        longest = self.source_lengths[-1], self.target_lengths[-1]
        if self.most_rows < self.rows_multiple:
            raise UserError(
                f"--train_batch_size={self.most_rows} is less than the "
                f"{self.rows_multiple} rows that a batch has at least: raise it"
            )
        if not self.rows(*longest):
            least = self.rows_multiple * sum(longest)
            raise UserError(
                f"--train_batch_tokens={self.most_tokens} is too small for "
                f"{self.rows_multiple} pairs of {longest[0]} and {longest[1]} "
                f"pieces: give {least} or more, or a smaller --max_seq_length "
                "and --max_target_length"
            )

    @property
    def one_shape(self):
        """Whether all batches have the same shape."""
        return len(self.source_lengths) == len(self.target_lengths) == 1

    def padded(self, source_lengths, target_lengths):
        """Returns the least S and T that hold each pair alone: two int [N]."""
        return (
            _round_up(source_lengths, self.source_lengths),
            _round_up(target_lengths, self.target_lengths),
        )

    def rows(self, source_length, target_length):
        """Returns B of batches of some S and T, ints or arrays."""
        rows = self.most_tokens // (source_length + target_length)
        rows = np.minimum(rows, self.most_rows)
        return rows // self.rows_multiple * self.rows_multiple


@dataclasses.dataclass(frozen=True, eq=False)
class TokenBatches:
    """Batches one after the other.

    Attributes:
      examples: int32, the pairs of all rows of all batches.
      weights: float32, for each row 1, or 0 for one that only fills up its
        batch.
      row_splits: int64 [batches + 1], where the rows of each batch begin, and
        the end.
      source_lengths, target_lengths: int32 [batches], S and T of each.
    """

    examples: np.ndarray
    weights: np.ndarray
    row_splits: np.ndarray
    source_lengths: np.ndarray
    target_lengths: np.ndarray

    def __len__(self):
        return len(self.source_lengths)

    @classmethod
    def of(cls, batches):
        """Makes it of a list of (examples int32 [n ≤ B], B, S, T)."""
        examples, weights = [], []
        for members, rows, _, _ in batches:
            filling = rows - len(members)
            examples += [members, members[:1].repeat(filling)]
            weights += [
                np.ones(len(members), np.float32),
                np.zeros(filling, np.float32),
            ]
        sizes = np.array([batch[1:] for batch in batches], np.int64)
        rows, source_lengths, target_lengths = sizes.reshape(-1, 3).T
        return cls(
            np.concatenate([np.zeros(0, np.int32), *examples]),
            np.concatenate([np.zeros(0, np.float32), *weights]),
            np.concatenate([[0], np.cumsum(rows)]),
            source_lengths.astype(np.int32),
            target_lengths.astype(np.int32),
        )


def training_plan(
    source_lengths,
    target_lengths,
    limits,
    num_steps,
    *,
    seed,
    bucket_by_length,
):
    """Plans the batches of a training run.

    Each epoch has every pair once, see ``epoch_plan``. The plan is a function
    of the arguments alone, and that of a longer run begins with it, so a run
    that continues at step k continues with batch k.

    Args:
      source_lengths, target_lengths: integers [N], pieces of each; N at least
        1.
      limits: ``BatchLimits``.
      num_steps: int, batches.
      seed: int, at least 0.
      bucket_by_length: as of ``epoch_plan``.

    Returns:
      ``TokenBatches``.
    """
    batches = []
    for epoch in itertools.count():
        if len(batches) >= num_steps:
            break
        batches += epoch_plan(
            source_lengths,
            target_lengths,
            limits,
            seed=seed,
            epoch=epoch,
            bucket_by_length=bucket_by_length,
        )
    return TokenBatches.of(batches[:num_steps])


def epoch_plan(
    source_lengths,
    target_lengths,
    limits,
    *,
    seed,
    epoch,
    bucket_by_length,
):
    """Plans the batches of an epoch.

    The pairs come in random order, are cut into windows, sorted by length in
    each (equal ones stay in random order), and cut into batches, which are
    shuffled.

    Args:
      source_lengths, target_lengths, limits, seed: as of ``training_plan``.
      epoch: int, its number from 0.
      bucket_by_length: bool; False leaves out windows and sorting.

    Returns:
      list of (int32 [n], B, S, T): the pairs of each batch, n at most B, and
      its shape.
    """
    generator = np.random.Generator(
        np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(epoch,)))
    )
    order = generator.permutation(len(source_lengths)).astype(np.int32)
    sources, targets = limits.padded(source_lengths, target_lengths)
    if bucket_by_length:
        order = order[_sort(sources[order], targets[order], limits)]
    batches = list(_cut(order, sources[order], targets[order], limits))
    if bucket_by_length:
        batches = [batches[i] for i in generator.permutation(len(batches))]
    return batches


def _sort(sources, targets, limits):
    """Returns the order by window, T and S: int [N].

    What follows each other is of like length everywhere: where T grows, S is
    as it was, and a window begins with the T that the one before ended with.
    """
    batches = int(np.sum(sources + targets)) // limits.most_tokens
    windows = max(
        -(-batches // batch_plan.BATCHES_IN_WINDOW),
        min(batches, batch_plan.WINDOWS_IN_EPOCH),
        1,
    )
    window = np.arange(len(sources)) * windows // len(sources)
    target_rank = np.searchsorted(limits.target_lengths, targets)
    return np.lexsort(
        (
            np.where((window + target_rank) % 2, -sources, sources),
            np.where(window % 2, -targets, targets),
            window,
        )
    )


def _cut(order, sources, targets, limits):
    """Yields (int32 [n], B, S, T) of pairs in order."""
    begin = 0
    while begin < len(order):
        most = limits.rows(sources[begin], targets[begin])
        nearest = slice(begin, begin + most)
        longest = [
            np.maximum.accumulate(lengths[nearest])
            for lengths in (sources, targets)
        ]
        rows = limits.rows(*longest)
        # Longer ones leave room for fewer.
        count = np.count_nonzero(np.arange(1, len(rows) + 1) <= rows)
        last = count - 1
        yield (
            order[begin : begin + count],
            int(rows[last]),
            int(longest[0][last]),
            int(longest[1][last]),
        )
        begin += count


def _round_up(lengths, values):
    return np.asarray(values)[np.searchsorted(values, lengths)]
