# SPDX-License-Identifier: Apache-2.0
"""Ids to vectors of the embedding width E."""

import keras
import tensorflow as tf

from albert.modeling.dropout import Dropout
from albert.modeling.initializers import weight_initializer
from albert.modeling.layer_norm import LayerNormalization


class Embeddings(keras.layers.Layer):
    """dropout(LayerNorm(word + token type + position)), all of width E.

    Source: ``embedding_lookup`` and ``embedding_postprocessor`` of the
    original's modeling.py.

    Args:
      config: ``AlbertConfig``.

    Call arguments:
      input_ids: int32 [B, S], S at most ``config.max_position_embeddings``.
      segment_ids: int32 [B, S], each below ``config.type_vocab_size``.
      training: bool, whether dropout is active.

    Returns: [B, S, E] of the compute dtype.
    """

    def __init__(self, config, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.config = config
        self.layer_norm = LayerNormalization(
            config.embedding_size, dtype=self.dtype_policy, name="layer_norm"
        )
        self.dropout = Dropout(
            config.hidden_dropout_prob, dtype=self.dtype_policy, name="dropout"
        )

    def build(self, input_shape=None):
        config = self.config

        def table(name, rows):
            return self.add_weight(
                (rows, config.embedding_size),
                initializer=weight_initializer(config),
                name=name,
                autocast=False,
            )

        self.word_embeddings = table("word_embeddings", config.vocab_size)
        self.token_type_embeddings = table(
            "token_type_embeddings", config.type_vocab_size
        )
        self.position_embeddings = table(
            "position_embeddings", config.max_position_embeddings
        )
        self.layer_norm.build()
        self.built = True

    def call(self, input_ids, segment_ids, training=False):
        length = input_ids.shape[1]
        if length is not None:
            limit = self.config.max_position_embeddings
            if length > limit:
                raise ValueError(
                    f"sequences of {length} pieces were received, but the "
                    f"model has max_position_embeddings = {limit}"
                )
        words = tf.gather(self.word_embeddings.value, input_ids)
        # Rows by matrix product: there are two, and the gradient is dense.
        token_types = tf.matmul(
            tf.one_hot(segment_ids, self.config.type_vocab_size),
            self.token_type_embeddings.value,
        )
        positions = self.position_embeddings.value[: tf.shape(input_ids)[1]]
        vectors = self.layer_norm(words + token_types + positions)
        vectors = tf.cast(vectors, self.compute_dtype)
        return self.dropout(vectors, training=training)
