# SPDX-License-Identifier: Apache-2.0
"""Which examples stand in which batch."""

import numpy as np
import pytest

from albert.records import batch_plan

LENGTHS = np.random.default_rng(3).integers(3, 90, 1009)


def training_plan(lengths=LENGTHS, batch_size=7, num_steps=500, **options):
    return batch_plan.training_plan(
        lengths,
        batch_size,
        num_steps,
        **{"seed": 5, "bucket_by_length": True, **options},
    )


def padding_share(plan, lengths=LENGTHS):
    used = lengths[plan]
    return 1 - used.sum() / (used.max(axis=1) * plan.shape[1]).sum()


@pytest.mark.parametrize("bucket_by_length", [True, False])
@pytest.mark.parametrize(
    "num_examples, batch_size", [(1009, 7), (1008, 7), (11, 7), (5, 7), (1, 3)]
)
def test_every_example_once_an_epoch(
    num_examples, batch_size, bucket_by_length
):
    plan = training_plan(
        LENGTHS[:num_examples],
        batch_size,
        3 * num_examples,
        bucket_by_length=bucket_by_length,
    )
    assert plan.shape == (3 * num_examples, batch_size)
    # After e epochs each example was there e times, but for the examples
    # that are left over for the next batch.
    for epoch in range(1, 1 + 3 * batch_size):
        whole = epoch * num_examples // batch_size
        times = np.bincount(plan[:whole].reshape(-1), minlength=num_examples)
        assert times.max() <= epoch
        assert (epoch - times).sum() == epoch * num_examples % batch_size


def test_a_longer_run_begins_with_a_shorter_one():
    longer = training_plan()
    for steps in (0, 1, 60, 144, 145, 499):
        np.testing.assert_array_equal(
            training_plan(num_steps=steps), longer[:steps]
        )


def test_depends_on_the_seed_and_the_epoch():
    plan = training_plan()
    np.testing.assert_array_equal(training_plan(), plan)
    assert (training_plan(seed=6) != plan).mean() > 0.9
    first, second = plan[:144], plan[144:288]
    together = {frozenset(batch.tolist()) for batch in first}
    assert len(together) == 144
    assert not together & {frozenset(batch.tolist()) for batch in second}


def test_short_epochs_do_not_repeat_their_batches():
    lengths = np.arange(16)  # sorted as a whole, they would
    plan = training_plan(lengths, 4, 4000)
    _, times = np.unique(np.sort(plan, axis=1), axis=0, return_counts=True)
    assert times.max() < 100


def test_batches_are_shuffled_and_buckets_have_little_padding():
    lengths = np.random.default_rng(4).integers(3, 90, 20011)
    plan = training_plan(lengths, 32, 2000)
    plain = training_plan(lengths, 32, 2000, bucket_by_length=False)
    assert padding_share(plan, lengths) < 0.05
    assert padding_share(plain, lengths) > 0.4
    longest = lengths[plan].max(axis=1).astype(float)
    assert abs(np.corrcoef(longest[1:], longest[:-1])[0, 1]) < 0.1


def test_evaluation_covers_each_example_once():
    for bucket_by_length in (True, False):
        plan, weights = batch_plan.evaluation_plan(
            LENGTHS, 13, bucket_by_length=bucket_by_length
        )
        assert plan.shape == weights.shape == (78, 13)
        assert plan.dtype == np.int32 and weights.dtype == np.float32
        visited = plan[weights == 1]
        assert sorted(visited) == list(range(1009))
        assert (weights.reshape(-1)[1009:] == 0).all()
        if bucket_by_length:
            assert (np.diff(LENGTHS[visited]) <= 0).all()
        else:
            assert (np.diff(visited) == 1).all()


def test_padded_lengths():
    many = batch_plan.padded_lengths(512)
    assert many == list(range(8, 513, 8))
    assert batch_plan.padded_lengths(29) == [8, 16, 24, 29]
    assert batch_plan.padded_lengths(512, "few") == (
        [8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512]
    )
    assert batch_plan.padded_lengths(100, "few") == (
        [8, 16, 24, 32, 48, 64, 96, 100]
    )
    assert batch_plan.padded_lengths(5, "few") == [5]
    assert batch_plan.padded_lengths(100, "one") == [100]
    with pytest.raises(ValueError, match="'some'"):
        batch_plan.padded_lengths(100, "some")
