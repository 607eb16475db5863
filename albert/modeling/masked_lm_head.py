# SPDX-License-Identifier: Apache-2.0
"""The masked language modelling head."""

import keras
import tensorflow as tf

from albert.modeling.activations import get_activation
from albert.modeling.dense import Dense
from albert.modeling.layer_norm import LayerNormalization


class MaskedLanguageModelHead(keras.layers.Layer):
    """LayerNorm(activation(dense(h))) · word_embeddingsᵀ + output_bias.

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
        hidden = self.layer_norm(self.activation(self.transform(hidden)))
        logits = tf.matmul(
            hidden,
            tf.cast(word_embeddings, self.compute_dtype),
            transpose_b=True,
        )  # [B·P, V]
        logits = tf.cast(logits, tf.float32) + self.output_bias.value
        return tf.reshape(logits, (-1, predictions, self.config.vocab_size))
