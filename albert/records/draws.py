# SPDX-License-Identifier: Apache-2.0
"""Draws random numbers that depend on what they are drawn for alone.

TensorFlow's generators give a whole tensor for a seed, so that a number in it
depends on its place in a batch. Here each number is a function of a key and an
index: SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number
generators", 2014), whose k-th output is a mixture of the bits of its seed plus
k times a constant.

Letters: N rows.
"""

import tensorflow as tf

_STEP = 0x9E3779B97F4A7C15
_MULTIPLIERS = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_HASH_VALUES = (1 << 63) - 1


def record_keys(seed, epochs, serialized):
    """Returns a key for each record in an epoch: uint64 [N].

    A record is known by its content, so that its draws are the same in
    whichever file, batch or order it comes. The identity that the writer put
    into it tells it from others of the same text.

    Args:
      seed: int of at most 63 bits.
      epochs: int64 [N].
      serialized: str [N], the records.
    """
    # FarmHash, which TensorFlow promises not to change.
    hashes = tf.strings.to_hash_bucket_fast(serialized, _HASH_VALUES)
    of_epoch = _mix(tf.constant(seed, tf.uint64))
    of_epoch = random_bits(of_epoch, epochs)
    return _mix(tf.bitwise.bitwise_xor(of_epoch, tf.cast(hashes, tf.uint64)))


def random_bits(keys, indices):
    """Returns uint64 of the shape that ``keys`` and ``indices`` broadcast to.

    Args:
      keys: uint64.
      indices: integers, at least 0.
    """
    steps = (tf.cast(indices, tf.uint64) + 1) * tf.constant(_STEP, tf.uint64)
    return _mix(keys + steps)


def high_bits(bits):
    """Returns the upper 31 bits of uint64 values: int32."""
    return tf.cast(_shifted(bits, 33), tf.int32)


def low_fraction(bits):
    """Returns numbers in [0, 1) of the lower 32 bits: float64.

    They are independent of ``high_bits``.
    """
    low = tf.bitwise.bitwise_and(bits, tf.constant(0xFFFFFFFF, tf.uint64))
    return tf.cast(tf.cast(low, tf.int64), tf.float64) * 2.0**-32


def _mix(bits):
    for shift, multiplier in zip((30, 27), _MULTIPLIERS, strict=True):
        bits = tf.bitwise.bitwise_xor(bits, _shifted(bits, shift))
        bits *= tf.constant(multiplier, tf.uint64)
    return tf.bitwise.bitwise_xor(bits, _shifted(bits, 31))


def _shifted(bits, places):
    return tf.bitwise.right_shift(bits, tf.constant(places, tf.uint64))
