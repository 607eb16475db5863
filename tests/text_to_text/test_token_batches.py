# SPDX-License-Identifier: Apache-2.0
"""Batches planned by their number of pieces."""

import numpy as np
import pytest

from albert.errors import UserError
from albert.text_to_text.token_batches import BatchLimits
from albert.text_to_text.token_batches import TokenBatches
from albert.text_to_text.token_batches import epoch_plan
from albert.text_to_text.token_batches import training_plan

PAIRS = 1009
LENGTHS = (8, 16, 24, 32, 43)


def make_lengths(seed=0):
    generator = np.random.default_rng(seed)
    sources = generator.integers(3, 44, PAIRS)
    targets = np.clip(sources + generator.integers(-6, 7, PAIRS), 2, 43)
    return sources, targets


def make_limits(**changes):
    values = {
        "most_tokens": 700,
        "most_rows": 35,
        "rows_multiple": 5,
        "source_lengths": LENGTHS,
        "target_lengths": LENGTHS,
    }
    return BatchLimits(**(values | changes))


def make_plan(num_steps, seed=3, bucket_by_length=True, **changes):
    return training_plan(
        *make_lengths(),
        make_limits(**changes),
        num_steps,
        seed=seed,
        bucket_by_length=bucket_by_length,
    )


def read(plan):
    """Lists (pairs that count, B, S, T) of each batch."""
    found = []
    for index in range(len(plan)):
        rows = slice(*plan.row_splits[index : index + 2])
        real = plan.weights[rows] > 0
        # What fills up a batch is at its end.
        assert not np.any(np.diff(real.astype(int)) > 0)
        found.append(
            (
                plan.examples[rows][real].tolist(),
                len(real),
                plan.source_lengths[index],
                plan.target_lengths[index],
            )
        )
    return found


@pytest.mark.parametrize("bucket_by_length", [True, False])
def test_an_epoch_has_each_pair_once_within_the_limits(bucket_by_length):
    sources, targets = make_lengths()
    limits = make_limits()
    batches = epoch_plan(
        *(sources, targets, limits),
        seed=3,
        epoch=5,
        bucket_by_length=bucket_by_length,
    )
    members = np.concatenate([batch[0] for batch in batches])
    assert sorted(members) == list(range(PAIRS))
    rows_of_shape = {}
    for pairs, rows, source_length, target_length in batches:
        assert source_length in LENGTHS and target_length in LENGTHS
        assert sources[pairs].max() <= source_length
        assert targets[pairs].max() <= target_length
        # No shorter length would do.
        assert source_length == min(
            n for n in LENGTHS if n >= sources[pairs].max()
        )
        assert 0 < len(pairs) <= rows <= 35 and rows % 5 == 0
        assert rows * (source_length + target_length) <= 700
        rows_of_shape.setdefault((source_length, target_length), set()).add(
            rows
        )
    assert {len(rows) for rows in rows_of_shape.values()} == {1}
    assert not bucket_by_length or rows_of_shape[8, 8] == {35}


def test_pairs_of_like_length_share_a_batch():
    sources, targets = make_lengths()

    def share_of_text(bucket_by_length):
        plan = make_plan(60, bucket_by_length=bucket_by_length)
        rows = np.diff(plan.row_splits)
        positions = rows * (plan.source_lengths + plan.target_lengths)
        text = (sources + targets)[plan.examples] * plan.weights
        return text.sum() / positions.sum()

    # Lengths are multiples of 8, which alone leaves 0.85.
    assert share_of_text(True) > 0.75
    assert share_of_text(False) < 0.6


def test_a_longer_run_begins_with_a_shorter_one():
    long, short = read(make_plan(300)), read(make_plan(177))
    assert len(long) == 300 and long[:177] == short


def test_epochs_and_seeds_differ():
    first = len(
        epoch_plan(
            *make_lengths(),
            make_limits(),
            seed=3,
            epoch=0,
            bucket_by_length=True,
        )
    )
    plan = read(make_plan(2 * first))
    together = {tuple(sorted(batch[0])) for batch in plan[:first]}
    again = {tuple(sorted(batch[0])) for batch in plan[first:]}
    assert len(together & again) < 0.1 * first
    assert read(make_plan(7, seed=4)) != plan[:7]
    # Batches of one length do not follow each other.
    assert len({batch[2] for batch in plan[:9]}) > 2


def test_batches_are_filled_up_with_rows_that_do_not_count():
    plan = TokenBatches.of(
        [
            (np.array([4, 2], np.int32), 5, 8, 16),
            (np.array([7, 1, 3], np.int32), 3, 24, 8),
        ]
    )
    assert plan.examples.tolist() == [4, 2, 4, 4, 4, 7, 1, 3]
    assert plan.weights.tolist() == [1, 1, 0, 0, 0, 1, 1, 1]
    assert plan.row_splits.tolist() == [0, 5, 8]
    assert len(TokenBatches.of([])) == 0


def test_one_shape():
    limits = make_limits(source_lengths=(43,), target_lengths=(43,))
    assert limits.one_shape and not make_limits().one_shape
    plan = make_plan(200, source_lengths=(43,), target_lengths=(43,))
    assert set(np.diff(plan.row_splits)) == {5}
    assert limits.rows(43, 43) == 5


def test_refuses():
    with pytest.raises(UserError, match="5 pairs of 43 and 43 .* give 430 or"):
        make_limits(most_tokens=429).check()
    with pytest.raises(UserError, match="--train_batch_size=4 is less than"):
        make_limits(most_rows=4).check()
