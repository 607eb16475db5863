# SPDX-License-Identifier: Apache-2.0
"""Layers of the heads: vectors of the encoder to logits.

Letters: B sequences, S positions, P masked positions, H hidden width, E
embedding width, V pieces in the vocabulary, K starts that are looked at.
"""

import keras
import tensorflow as tf

from albert.modeling.layers import Dense
from albert.modeling.layers import Dropout
from albert.modeling.layers import LayerNormalization
from albert.modeling.layers import get_activation
from albert.modeling.layers import matmul_rows
from albert.modeling.layers import weight_initializer

# What the original adds to positions that cannot be part of an answer.
MASKED_LOGIT = -1e30


class MaskedLanguageModelHead(keras.layers.Layer):
    """Masked language modelling head: logits over the vocabulary.

    ``LayerNorm(activation(transform(h))) · word_embeddingsᵀ + output_bias``.

    Only at the masked positions: logits for all of them would cost most of
    the memory of a step. Source: ``get_masked_lm_output`` of the original's
    run_pretraining.py.

    Args:
      config: ``AlbertConfig``.

    Call arguments:
      sequence_output: [B, S, H].
      positions: int32 [B, P], indices into S.
      word_embeddings: float32 [V, E], the encoder's table (tied).

    Returns: float32 logits [B, P, V].
    """

    def __init__(self, config, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.config = config
        options = {"dtype": self.dtype_policy}
        self.activation = get_activation(config.hidden_act)
        self.transform = Dense(
            config,
            config.hidden_size,
            config.embedding_size,
            name="transform",
            **options,
        )
        self.layer_norm = LayerNormalization(
            config.embedding_size,
            config.masked_lm_epsilon,
            name="layer_norm",
            **options,
        )

    def build(self, input_shape=None):
        self.transform.build()
        self.layer_norm.build()
        self.output_bias = self.add_weight(
            (self.config.vocab_size,),
            initializer="zeros",
            name="output_bias",
            autocast=False,
        )
        self.built = True

    def call(self, sequence_output, positions, word_embeddings):
        hidden = tf.gather(sequence_output, positions, batch_dims=1)
        predictions = tf.shape(positions)[1]
        hidden = tf.reshape(hidden, (-1, self.config.hidden_size))  # [B·P, H]
        logits = self.score_pieces(hidden, word_embeddings)
        return tf.reshape(logits, (-1, predictions, self.config.vocab_size))

    def score_pieces(self, hidden, word_embeddings):
        """Returns float32 logits [T, V] of vectors [T, H]."""
        kernel, bias = self.transform.step_weights()
        hidden = self.activation(tf.matmul(hidden, kernel), bias)
        hidden = self.layer_norm(hidden)
        logits = tf.matmul(
            hidden,
            tf.cast(word_embeddings, self.compute_dtype),
            transpose_b=True,
        )  # [T, V]
        return tf.cast(logits, tf.float32) + self.output_bias.value


class OutputHead(keras.layers.Layer):
    """Last layer of every other head: vectors to logits, in float32.

    ``dropout(x) · output_weightsᵀ + output_bias``.

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


# From here on: the parts of the span head "v2", which came from XLNet. Source:
# ``create_v2_model`` of the original's squad_utils.py.


def masked_log_softmax(logits, impossible):
    """Computes log-probabilities over the last axis, positions masked.

    Args:
      logits: float32 [..., S].
      impossible: float32, of a shape that broadcasts to it, 1 at positions
        that cannot be part of an answer.

    Returns: float32 [..., S].
    """
    return tf.nn.log_softmax(
        logits * (1.0 - impossible) + MASKED_LOGIT * impossible
    )


class StartLogits(keras.layers.Layer):
    """Scores of the start of a span: [B, S, H] to float32 [B, S]."""

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
    """Scores of the end of a span, given its start.

    ``dense_1(LayerNorm(tanh(dense_0([position; start]))))``.

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
    """Score of there being no answer.

    ``dense_1(dropout(tanh(dense_0([expected start; first position]))))``.

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
    """Product with a kernel, without a bias: [B, H] to float32 [B]."""

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
