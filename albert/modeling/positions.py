# SPDX-License-Identifier: Apache-2.0
"""What tells positions apart in place of learned embeddings of them.

Both kinds are there for any position and any distance, so that sequences may
be longer than those trained on.

Letters: S positions, N heads, W width, R buckets.
"""

import keras
import numpy as np
import tensorflow as tf

from albert.modeling.layers import matmul_rows

# Vaswani et al. 2017, section 3.5.
_LONGEST_WAVE = 10000.0

# The least distance of each of T5's buckets of one direction but the first:
# from 8 on the first whole number that is at least 8 · (128/8)^(k/8), k = 0
# to 7. The last bucket has no end.
BUCKET_STARTS = (1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 23, 32, 46, 64, 91)
NUM_BUCKETS = 2 * len(BUCKET_STARTS) + 1


def sinusoids(positions, width):
    """Computes the sinusoidal encodings of positions.

    Column 2i of a position p is ``sin(p / 10000^(2i/W))`` and column 2i + 1
    the cosine of the same (Vaswani et al. 2017, section 3.5).

    Args:
      positions: int [...].
      width: int, W; where it is odd, the last column is a sine.

    Returns:
      float32 [..., W].
    """
    column = np.arange(width)
    rates = _LONGEST_WAVE ** (-(column // 2 * 2) / width)
    positions = tf.cast(positions, tf.float32)[..., tf.newaxis]
    angles = positions * tf.constant(rates, tf.float32)
    return tf.where(column % 2 == 0, tf.sin(angles), tf.cos(angles))


class RelativeBias(keras.layers.Layer):
    """Bias of the attention's scores by head and by distance of the pieces.

    In head n, the score of key j for query i gets ``bias[bucket(j - i), n]``
    added before the softmax. The buckets are T5's (Raffel et al. 2020,
    section 2.1; ``_relative_position_bucket`` in mesh-tensorflow's
    transformer_layers.py): distances 1 to 7 have one each, those from 8 to 90
    share seven, and all larger ones have the last; so in both directions, and
    distance 0 has its own. (T5 counts 32, but no distance falls into one.)

    T5's buckets and not Shaw et al. 2018, who clip distances: there vectors
    are added to the keys, one product more in each layer, and all that is
    farther away than the clipping distance looks the same. Here near distances
    are told apart exactly and far ones roughly, for one number each. Training
    on 92 pieces or more has seen every bucket that any sequence needs.

    One table serves all layers, whatever ``config.sharing`` and
    ``num_hidden_groups`` say: T5 has one for layers that share nothing else,
    and the bias of a batch is computed once.

    The bias starts at zero and is not decayed, as all biases: decay would pull
    attention towards being the same at every distance.

    Args:
      config: ``AlbertConfig``.

    Call arguments:
      length: int tensor, S.

    Returns: float32 [1, N, S, S].
    """

    def __init__(self, config, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.config = config

    def build(self, input_shape=None):
        self.bias = self.add_weight(
            (NUM_BUCKETS, self.config.num_attention_heads),
            initializer="zeros",
            name="bias",
            autocast=False,
        )
        self.built = True

    def call(self, length):
        # The distances of the first query, 0 to S - 1, then those that wrap
        # around, -S to -1. Each further query begins one place earlier in
        # this circle: rows of 2·S - 1 out of its repetition. So the gradient
        # is a sum of rows, where that of a gather would be a scatter.
        distances = tf.range(2 * length)
        distances = tf.where(
            distances < length, distances, distances - 2 * length
        )
        far = tf.abs(distances)[:, tf.newaxis] >= tf.constant(BUCKET_STARTS)
        sizes = tf.reduce_sum(tf.cast(far, tf.int32), axis=1)
        buckets = len(BUCKET_STARTS) + tf.sign(distances) * sizes
        circle = tf.transpose(
            matmul_rows(tf.one_hot(buckets, NUM_BUCKETS), self.bias.value)
        )  # [N, 2·S]
        heads = self.config.num_attention_heads
        rows = tf.tile(circle, (1, length))[:, : length * (2 * length - 1)]
        rows = tf.reshape(rows, (1, heads, length, 2 * length - 1))
        return rows[..., :length]
