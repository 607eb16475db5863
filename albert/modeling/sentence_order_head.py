# SPDX-License-Identifier: Apache-2.0
"""The sentence-order prediction head."""

import keras
import tensorflow as tf

from albert.modeling.initializers import weight_initializer

NUM_ORDERS = 2  # 0: segment A came first in the text; 1: segment B did.


class SentenceOrderHead(keras.layers.Layer):
    """pooled_output · output_weightsᵀ + output_bias, no dropout.

    Source: ``get_sentence_order_output`` of the original's
    run_pretraining.py, whose variable is [2, H], not [H, 2].

    Args:
      config: ``AlbertConfig``.

    Call arguments:
      pooled_output: [B, H].

    Returns: float32 logits [B, 2].
    """

    def __init__(self, config, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.config = config

    def build(self, input_shape=None):
        self.output_weights = self.add_weight(
            (NUM_ORDERS, self.config.hidden_size),
            initializer=weight_initializer(self.config),
            name="output_weights",
            autocast=False,
        )
        self.output_bias = self.add_weight(
            (NUM_ORDERS,),
            initializer="zeros",
            name="output_bias",
            autocast=False,
        )
        self.built = True

    def call(self, pooled_output):
        logits = tf.matmul(
            tf.cast(pooled_output, tf.float32),
            self.output_weights.value,
            transpose_b=True,
        )
        return tf.nn.bias_add(logits, self.output_bias.value)
