# SPDX-License-Identifier: Apache-2.0
"""Random numbers that depend on what they are drawn for alone."""

import numpy as np
import tensorflow as tf

from albert.records import draws


def splitmix64(state):
    """The published algorithm, one number at a time, in Python's integers."""
    state = (state + 0x9E3779B97F4A7C15) % 2**64
    z = state
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return state, z ^ (z >> 31)


def test_bits_are_those_of_splitmix64():
    seeds = [0, 1234567, 2**64 - 1]
    expected = np.zeros((3, 5), np.uint64)
    for row, state in enumerate(seeds):
        for column in range(5):
            state, expected[row, column] = splitmix64(state)
    assert expected[0, 0] == 0xE220A8397B1DCDAF
    assert expected[1, :2].tolist() == [
        6457827717110365317,
        3203168211198807973,
    ]
    keys = tf.constant(np.array(seeds, np.uint64)[:, None])
    np.testing.assert_array_equal(
        draws.random_bits(keys, tf.range(5)), expected
    )


def test_parts_of_the_bits_are_uniform_and_independent():
    bits = draws.random_bits(tf.constant(5, tf.uint64), tf.range(40_000))
    high = draws.high_bits(bits).numpy() / 2**31
    low = draws.low_fraction(bits).numpy()
    for values in (high, low):
        assert values.min() >= 0 and values.max() < 1
    counts, _, _ = np.histogram2d(high, low, bins=8, range=[[0, 1]] * 2)
    # 64 cells of 625: chi-square with 63 degrees of freedom.
    assert ((counts - 625) ** 2 / 625).sum() < 63 + 4 * np.sqrt(2 * 63)


def test_keys_tell_seeds_epochs_and_records_apart():
    records = tf.constant([b"one", b"two", b"one"])
    found = {}
    for seed in (0, 1, 2**63 - 1):
        for epoch in (0, 1):
            epochs = tf.constant([epoch, epoch, epoch], tf.int64)
            keys = draws.record_keys(seed, epochs, records).numpy()
            assert keys[0] == keys[2]  # wherever it stands
            found[seed, epoch] = keys[:2].tolist()
    keys = sum(found.values(), [])
    assert len(set(keys)) == len(keys)
    # A run that is continued by a later release takes the same masks.
    assert found[1, 0] == [2754650864750853936, 3815250808757922310]
