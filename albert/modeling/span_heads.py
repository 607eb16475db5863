# SPDX-License-Identifier: Apache-2.0
"""The parts of the second span-answering head, which came from XLNet.

Source: ``create_v2_model`` of the original's squad_utils.py. Letters: B
sequences, S positions, H hidden width, K starts that are looked at.
"""

import keras
import tensorflow as tf

from albert.modeling.dense import Dense
from albert.modeling.dense import matmul_rows
from albert.modeling.dropout import Dropout
from albert.modeling.initializers import weight_initializer
from albert.modeling.layer_norm import LayerNormalization

# What the original adds to positions that cannot be part of an answer.
MASKED_LOGIT = -1e30


def masked_log_softmax(logits, impossible):
    """Log-probabilities over the last axis, positions masked.

    Args:
      logits: float32 [..., S].
      impossible: float32, of a shape that broadcasts to it, 1 at positions
        that cannot be part of an answer.
    """
    return tf.nn.log_softmax(
        logits * (1.0 - impossible) + MASKED_LOGIT * impossible
    )


class StartLogits(keras.layers.Layer):
    """dense: [B, S, H] to float32 [B, S]."""

    def __init__(self, config, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.dense = Dense(
            config, config.hidden_size, 1, name="dense", dtype="float32"
        )

    def build(self, input_shape=None):
        self.dense.build()
        self.built = True

    def call(self, sequence_output):
        kernel, bias = self.dense.step_weights()
        logits = matmul_rows(tf.cast(sequence_output, tf.float32), kernel)
        return (logits + bias)[..., 0]


class EndLogits(keras.layers.Layer):
    """dense_1(LayerNorm(tanh(dense_0([position; start])))).

    dense_0 is applied to the two halves of its input apart, which are then
    added: the half of a position is the same for all K starts, and the
    concatenation of [B, K, S, 2·H] is never made.

    Call arguments:
      sequence_output: [B, S, H].
      start_features: [B, K, H], the outputs at the starts.

    Returns: float32 [B, K, S].
    """

    def __init__(self, config, **kwargs):
        super().__init__(autocast=False, **kwargs)
        hidden_size = config.hidden_size
        options = {"dtype": self.dtype_policy}
        self.dense_0 = Dense(
            config, 2 * hidden_size, hidden_size, name="dense_0", **options
        )
        self.layer_norm = LayerNormalization(
            hidden_size, name="layer_norm", **options
        )
        self.dense_1 = Dense(
            config, hidden_size, 1, name="dense_1", dtype="float32"
        )

    def build(self, input_shape=None):
        self.dense_0.build()
        self.layer_norm.build()
        self.dense_1.build()
        self.built = True

    def call(self, sequence_output, start_features):
        kernel, bias = self.dense_0.step_weights()
        of_position, of_start = tf.split(kernel, 2)
        hidden = tf.tanh(
            matmul_rows(sequence_output, of_position)[:, tf.newaxis]
            + matmul_rows(start_features, of_start)[:, :, tf.newaxis]
            + bias
        )  # [B, K, S, H]
        hidden = self.layer_norm(hidden)
        kernel, bias = self.dense_1.step_weights()
        logits = matmul_rows(tf.cast(hidden, tf.float32), kernel)
        return (logits + bias)[..., 0]


class AnswerClass(keras.layers.Layer):
    """dense_1(dropout(tanh(dense_0([expected start; first position])))).

    Args:
      config: ``AlbertConfig``.
      dropout: float in [0, 1), before the last layer.

    Call arguments:
      sequence_output: [B, S, H].
      start_log_probs: float32 [B, S].
      training: bool, whether dropout is active.

    Returns: float32 [B], high where there is no answer.
    """

    def __init__(self, config, dropout, **kwargs):
        super().__init__(autocast=False, **kwargs)
        hidden_size = config.hidden_size
        options = {"dtype": self.dtype_policy}
        self.dense_0 = Dense(
            config, 2 * hidden_size, hidden_size, name="dense_0", **options
        )
        self.dropout = Dropout(dropout, name="dropout", **options)
        self.dense_1 = Kernel(config, name="dense_1", dtype="float32")

    def build(self, input_shape=None):
        self.dense_0.build()
        self.dense_1.build()
        self.built = True

    def call(self, sequence_output, start_log_probs, training=False):
        start_probs = tf.cast(tf.exp(start_log_probs), sequence_output.dtype)
        expected_start = tf.matmul(start_probs[:, tf.newaxis], sequence_output)[
            :, 0
        ]
        features = tf.concat([expected_start, sequence_output[:, 0]], axis=-1)
        hidden = tf.tanh(self.dense_0(features))
        hidden = self.dropout(hidden, training=training)
        return self.dense_1(hidden)


class Kernel(keras.layers.Layer):
    """x · kernel, without a bias: [B, H] to float32 [B]."""

    def __init__(self, config, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.config = config

    def build(self, input_shape=None):
        self.kernel = self.add_weight(
            (self.config.hidden_size, 1),
            initializer=weight_initializer(self.config),
            name="kernel",
            autocast=False,
        )
        self.built = True

    def call(self, inputs):
        return tf.matmul(tf.cast(inputs, tf.float32), self.kernel.value)[:, 0]
