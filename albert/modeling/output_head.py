# SPDX-License-Identifier: Apache-2.0
"""The last layer of every head but the masked-LM one: vectors to logits."""

import keras
import tensorflow as tf

from albert.modeling.dense import matmul_rows
from albert.modeling.dropout import Dropout
from albert.modeling.initializers import weight_initializer


class OutputHead(keras.layers.Layer):
    """dropout(x) · output_weightsᵀ + output_bias, in float32.

    Source: ``get_sentence_order_output`` of the original's
    run_pretraining.py and ``create_model`` of its classifier_utils.py,
    race_utils.py and squad_utils.py. Their variable is [N, H], not [H, N].

    Args:
      config: ``AlbertConfig``.
      num_logits: int, N.
      dropout: float in [0, 1), on the input while training.

    Call arguments:
      inputs: [..., H] of any float type.
      training: bool, whether dropout is active.

    Returns: float32 logits [..., N].
    """

    def __init__(self, config, num_logits, dropout=0.0, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.config = config
        self.num_logits = num_logits
        self.dropout = Dropout(dropout, dtype=self.dtype_policy, name="dropout")

    def build(self, input_shape=None):
        self.output_weights = self.add_weight(
            (self.num_logits, self.config.hidden_size),
            initializer=weight_initializer(self.config),
            name="output_weights",
            autocast=False,
        )
        self.output_bias = self.add_weight(
            (self.num_logits,),
            initializer="zeros",
            name="output_bias",
            autocast=False,
        )
        self.built = True

    def call(self, inputs, training=False):
        inputs = self.dropout(inputs, training=training)
        logits = matmul_rows(
            tf.cast(inputs, tf.float32),
            self.output_weights.value,
            transpose_b=True,
        )
        return logits + self.output_bias.value
