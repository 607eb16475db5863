# SPDX-License-Identifier: Apache-2.0
"""ALBERT encoder: embeddings, layers with shared weights, pooler.

Letters: B sequences, S positions, E embedding width, H hidden width,
L layers, J inner layers of each.
"""

import contextlib
import math

import keras
import tensorflow as tf

from albert.config import AlbertConfig
from albert.modeling.base_model import BaseModel
from albert.modeling.gradients import SharedWeights
from albert.modeling.gradients import recompute
from albert.modeling.layers import Dense
from albert.modeling.layers import Dropout
from albert.modeling.layers import LayerNormalization
from albert.modeling.layers import weight_initializer
from albert.modeling.positions import RelativeBias
from albert.modeling.positions import sinusoids
from albert.modeling.rows import Rows
from albert.modeling.transformer_block import MASKED_SCORE
from albert.modeling.transformer_block import FeedForward
from albert.modeling.transformer_block import SelfAttention


class Embeddings(keras.layers.Layer):
    """Embeddings of words, token types and positions, of width E.

    ``dropout(LayerNorm(word + token type + position))``; of
    ``config.position_embedding`` "sinusoidal" it is ``√E · (word + token type)
    + sinusoids``, of "relative_bias" there is no position in the sum.

    Source: ``embedding_lookup`` and ``embedding_postprocessor`` of the
    original's modeling.py.

    Args:
      config: ``AlbertConfig``.

    Call arguments:
      input_ids: int32 [B, S], S at most ``config.longest_sequence``.
      segment_ids: int32 [B, S], each below ``config.type_vocab_size``. A
        place with an id that is in no table gets NaN, where TensorFlow does
        not refuse it; so with ``position_ids``.
      training: bool, whether dropout is active.
      first_position: int or int32 scalar, position of the first of the S.
      position_ids: int32 [B, S], the position of each of the S, where they do
        not follow one another from ``first_position`` on; None: they do. Of
        "relative_bias" it changes nothing.

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
        if config.position_embedding == "learned":
            self.position_embeddings = table(
                "position_embeddings", config.max_position_embeddings
            )
        self.layer_norm.build()
        self.built = True

    def call(
        self,
        input_ids,
        segment_ids,
        training=False,
        first_position=0,
        position_ids=None,
    ):
        length = input_ids.shape[1]
        if length is not None:
            limit = self.config.longest_sequence
            if length > limit:
                raise ValueError(
                    f"sequences of {length} pieces were received, but the "
                    f"model has max_position_embeddings = {limit}"
                )
        words = tf.gather(self.word_embeddings.value, input_ids)
        # Rows by matrix product: there are two, and the gradient is dense.
        token_types = tf.matmul(
            self._rows_of_token_types(input_ids, segment_ids, position_ids),
            self.token_type_embeddings.value,
        )
        vectors = self._add_positions(
            words + token_types, first_position, position_ids
        )
        vectors = tf.cast(self.layer_norm(vectors), self.compute_dtype)
        return self.dropout(vectors, training=training)

    def _rows_of_token_types(self, input_ids, segment_ids, position_ids):
        """Returns which row each position takes: float32 [B, S, types].

        It is NaN where one of the ids is in no table. XLA and GPUs would give
        another row, or zeros, without a word; of NaN everything tells.
        """
        known = _is_below(input_ids, self.config.vocab_size)
        known &= _is_below(segment_ids, self.config.type_vocab_size)
        if position_ids is not None:
            known &= _is_below(position_ids, self.config.longest_sequence)
        rows = tf.one_hot(segment_ids, self.config.type_vocab_size)
        return tf.where(known[..., tf.newaxis], rows, math.nan)

    def _add_positions(self, vectors, first, position_ids):
        """Returns [B, S, E] with what tells the positions apart."""
        length = tf.shape(vectors)[1]
        if self.config.position_embedding == "learned":
            table = self.position_embeddings.value
            if position_ids is None:
                return vectors + table[first : first + length]
            return vectors + tf.gather(table, position_ids)
        if self.config.position_embedding == "sinusoidal":
            # Its size is 1, that of new word embeddings 0.02: the paper makes
            # these √E times larger, too (section 3.4).
            width = self.config.embedding_size
            if position_ids is None:
                position_ids = first + tf.range(length)
            return math.sqrt(width) * vectors + sinusoids(position_ids, width)
        return vectors  # the attention tells them apart


def _is_below(ids, count):
    return (ids >= 0) & (ids < count)


@keras.saving.register_keras_serializable(package="albert")
class AlbertEncoder(BaseModel):
    """Encoder of piece ids: a vector for each position and for the sequence.

    Source: ``AlbertModel`` and ``transformer_model`` of the original's
    modeling.py; sharing strategies: paper, section 4.4. The weights exist as
    soon as the object does.

    Args:
      config: ``AlbertConfig``, or its dict.

    Call arguments:
      inputs: dict of
        input_ids: int32 [B, S];
        input_mask: int32 [B, S], 1 for pieces and 0 for padding (optional:
          all ones);
        segment_ids: int32 [B, S] (optional: all zeros);
        position_ids: int32 [B, S], the positions (optional: 0, 1, …); what
          is relative, of "relative_bias", does not depend on them.
      training: bool, whether dropout is active.

    Attributes:
      recompute_layers: bool, whether training keeps the inputs of layers only
        and computes the layers again for their gradients; settable.
      num_layers_applied: int, the layers that a call applies: all of them,
        but in the block of ``depth``.

    Returns:
      dict of
        embedding_output: [B, S, E];
        layer_outputs: list of L·J tensors [B, S, H];
        sequence_output: [B, S, H], the last of them;
        pooled_output: [B, H], tanh(dense(first position)).

    Example:
      >>> import albert
      >>> import tensorflow as tf
      >>> encoder = albert.AlbertEncoder(albert.AlbertConfig.named("tiny"))
      >>> outputs = encoder({"input_ids": tf.constant([[2, 17, 43, 3]])})
      >>> outputs["sequence_output"].shape
      TensorShape([1, 4, 256])
      >>> outputs["pooled_output"].shape
      TensorShape([1, 256])
    """

    def __init__(self, config, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(config, AlbertConfig):
            config = AlbertConfig.from_dict(config)
        self.config = config
        self.recompute_layers = False
        self.num_layers_applied = config.num_hidden_layers
        options = {"dtype": self.dtype_policy}
        hidden_size = config.hidden_size

        self.embeddings = Embeddings(config, name="embeddings", **options)
        self.embedding_projection = None
        if config.embedding_size != hidden_size:
            self.embedding_projection = Dense(
                config,
                config.embedding_size,
                hidden_size,
                name="embedding_projection",
                **options,
            )
        self.relative_bias = None
        if config.position_embedding == "relative_bias":
            self.relative_bias = RelativeBias(
                config, name="relative_bias", **options
            )
        self.attentions = [
            [
                SelfAttention(config, name=f"attention_{g}_{j}", **options)
                for j in range(config.inner_group_num)
            ]
            for g in range(config.num_attention_groups)
        ]
        self.feed_forwards = [
            [
                FeedForward(config, name=f"feed_forward_{g}_{j}", **options)
                for j in range(config.inner_group_num)
            ]
            for g in range(config.num_ffn_groups)
        ]
        self.pooler = Dense(
            config, hidden_size, hidden_size, name="pooler", **options
        )
        self.build()

    def build(self, input_shape=None):
        self.embeddings.build()
        if self.embedding_projection is not None:
            self.embedding_projection.build()
        if self.relative_bias is not None:
            self.relative_bias.build()
        for group in (*self.attentions, *self.feed_forwards):
            for layer in group:
                layer.build()
        self.pooler.build()
        self.built = True

    def call(self, inputs, training=False):
        config = self.config
        input_ids = inputs["input_ids"]
        input_mask = inputs.get("input_mask")
        segment_ids = inputs.get("segment_ids")
        if input_mask is None:
            input_mask = tf.ones_like(input_ids)
        if segment_ids is None:
            segment_ids = tf.zeros_like(input_ids)
        batch, length = tf.unstack(tf.shape(input_ids))

        embedding_output = self.embeddings(
            input_ids,
            segment_ids,
            training=training,
            position_ids=inputs.get("position_ids"),
        )
        # Positions are rows of one matrix from here on: a product of two
        # matrices is quicker than one of a batch of them.
        rows = Rows(input_mask)
        hidden = rows.take(embedding_output, (-1, config.embedding_size))
        if self.embedding_projection is not None:
            hidden = self.embedding_projection(hidden)  # [T, H]
        mask_scores = (
            1.0 - tf.cast(input_mask, tf.float32)[:, tf.newaxis, tf.newaxis, :]
        ) * MASKED_SCORE  # [B, 1, 1, S]

        layers = self.num_layers_applied
        attention_groups = _groups(config.num_attention_groups, layers)
        ffn_groups = _groups(config.num_ffn_groups, layers)
        attention_weights = _shared(self.attentions, attention_groups, training)
        ffn_weights = _shared(self.feed_forwards, ffn_groups, training)
        score_biases = ()
        if self.relative_bias is not None:
            of_all_layers = SharedWeights(
                (self.relative_bias(length),),
                layers * config.inner_group_num,
                training,
            )
        layer_outputs = []
        for a, f in zip(attention_groups, ffn_groups, strict=True):
            for j in range(config.inner_group_num):
                hidden, of_attention = attention_weights[a][j].take(hidden)
                hidden, of_ffn = ffn_weights[f][j].take(hidden)
                if self.relative_bias is not None:
                    hidden, score_biases = of_all_layers.take(hidden)
                hidden = self._apply_layer(
                    self.attentions[a][j],
                    self.feed_forwards[f][j],
                    hidden,
                    mask_scores,
                    rows,
                    (of_attention, of_ffn, score_biases),
                    training,
                )
                layer_outputs.append(
                    tf.reshape(
                        rows.spread(hidden),
                        (batch, length, config.hidden_size),
                    )
                )
        sequence_output = layer_outputs[-1]
        return {
            "embedding_output": embedding_output,
            "layer_outputs": layer_outputs,
            "sequence_output": sequence_output,
            "pooled_output": tf.tanh(self.pooler(sequence_output[:, 0])),
        }

    @contextlib.contextmanager
    def depth(self, num_layers):
        """Applies fewer layers in a block: a context manager.

        Args:
          num_layers: int, no fewer than there are groups of layers, so that
            all weights are used; None: all layers.
        """
        before = self.num_layers_applied
        self.num_layers_applied = num_layers or self.config.num_hidden_layers
        try:
            yield
        finally:
            self.num_layers_applied = before

    def _apply_layer(
        self,
        attention,
        feed_forward,
        hidden,
        mask_scores,
        rows,
        weights,
        training,
    ):
        again = training and self.recompute_layers
        # Both times with the same dropout.
        attention_seeds = attention.draw_seeds() if again else None
        ffn_seeds = feed_forward.draw_seeds() if again else None

        def layer(hidden, weights):
            attention_weights, ffn_weights, score_biases = weights
            hidden = attention(
                hidden,
                mask_scores,
                rows=rows,
                training=training,
                weights=attention_weights,
                seeds=attention_seeds,
                score_biases=score_biases,
            )
            return feed_forward(
                hidden,
                training=training,
                weights=ffn_weights,
                seeds=ffn_seeds,
            )

        if again:
            return recompute(layer, hidden, weights)
        return layer(hidden, weights)

    def export(self, filepath, *arguments, **kwargs):
        """Exports what is no list, which formats lack: no "layer_outputs".

        Args:
          filepath, arguments, kwargs: as of ``BaseModel.export``.
        """
        inputs = {
            name: keras.Input((None,), dtype=each.dtype, name=name)
            for name, each in self.input_signature().items()
        }
        outputs = self(inputs)
        del outputs["layer_outputs"]
        whole = keras.Model(inputs, outputs, name=self.name)
        return whole.export(filepath, *arguments, **kwargs)

    def get_config(self):
        return {**super().get_config(), "config": self.config.to_dict()}


def _groups(num_groups, num_layers):
    """Returns the group of each layer: list of int. Neighbours share one."""
    return [layer * num_groups // num_layers for layer in range(num_layers)]


def _shared(groups, group_of_layer, training):
    """Returns ``SharedWeights`` of each group's inner layers: list of lists."""
    return [
        [
            SharedWeights(
                layer.step_weights(), group_of_layer.count(index), training
            )
            for layer in group
        ]
        for index, group in enumerate(groups)
    ]
