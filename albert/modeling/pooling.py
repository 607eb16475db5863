# SPDX-License-Identifier: Apache-2.0
"""Pools the vectors of positions to one vector for the sequence.

Letters: B sequences, S positions, H hidden width.
"""

import keras
import tensorflow as tf

# Padding is in none of them, [CLS] and [SEP] are in the mean and the maximum,
# as in the models of sentence-transformers.
POOLINGS = ("mean", "cls", "max")


def pool(sequence_output, input_mask, pooling="mean"):
    """Pools the vectors of a sequence.

    Args:
      sequence_output: float [B, S, H].
      input_mask: int32 [B, S], 1 for pieces and 0 for padding; the first
        position is none.
      pooling: str of ``POOLINGS``: the mean of all pieces, the vector of
        [CLS], or the largest value of all pieces in each of the H.

    Returns:
      float32 [B, H].

    Raises:
      ValueError: ``pooling`` is none of them.
    """
    _check(pooling)
    vectors = tf.cast(sequence_output, tf.float32)
    is_piece = tf.cast(input_mask, tf.bool)[..., tf.newaxis]
    if pooling == "mean":
        counts = tf.reduce_sum(tf.cast(is_piece, tf.float32), axis=1)
        return tf.reduce_sum(tf.where(is_piece, vectors, 0.0), axis=1) / counts
    if pooling == "cls":
        return vectors[:, 0]
    lowest = vectors.dtype.min
    return tf.reduce_max(tf.where(is_piece, vectors, lowest), axis=1)


def _check(pooling):
    if pooling not in POOLINGS:
        raise ValueError(f"pooling is {pooling!r}: it must be of {POOLINGS}")


class PooledEncoder(keras.Model):
    """Encoder that gives each sequence one vector.

    Args:
      encoder: ``AlbertEncoder``.
      pooling: str of ``POOLINGS``.
      normalize: bool, whether vectors have the length 1.

    Call arguments:
      inputs: dict as of ``AlbertEncoder``, with input_mask.
      training: bool, whether dropout is active.

    Returns:
      dict of vectors: float32 [B, H].
    """

    def __init__(self, encoder, pooling="mean", normalize=False, **kwargs):
        _check(pooling)
        super().__init__(**kwargs)
        self.encoder = encoder
        self.pooling = pooling
        self.normalize = normalize
        self.built = True

    def call(self, inputs, training=False):
        encoded = self.encoder(inputs, training=training)["sequence_output"]
        vectors = pool(encoded, inputs["input_mask"], self.pooling)
        if self.normalize:
            vectors = tf.math.l2_normalize(vectors, axis=1)
        return {"vectors": vectors}
