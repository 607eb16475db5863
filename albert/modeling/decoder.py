# SPDX-License-Identifier: Apache-2.0
"""Transformer decoder whose layers share weights as ALBERT's encoder does.

A layer is that of Vaswani et al. 2017 (section 3.1), with the normalisation
behind each sublayer, as in the encoder: self-attention to earlier positions,
cross-attention to the source, feed-forward network. Its parts are the
encoder's own.

Letters: B sequences, S source positions, T target positions, R rows, H hidden
width, N heads, D = H / N width of a head, V pieces in the vocabulary.
"""

import math

import keras
import tensorflow as tf

from albert.modeling import islands
from albert.modeling.gradients import SharedWeights
from albert.modeling.gradients import recompute
from albert.modeling.head_layers import MaskedLanguageModelHead
from albert.modeling.layers import matmul_rows
from albert.modeling.transformer_block import MASKED_SCORE
from albert.modeling.transformer_block import FeedForward
from albert.modeling.transformer_block import SelfAttention
from albert.modeling.transformer_block import add_and_normalize

SHARING = ("all", "none")


class CausalSelfAttention(SelfAttention):
    """Self-attention that can also be computed position by position.

    Called with the mask of ``causal_mask_scores`` it computes all positions
    at once; ``extend`` computes one more of them with what is kept of the
    others.
    """

    def extend(self, hidden, cache, weights):
        """Computes the next position of each sequence.

        Args:
          hidden: [R, H], one row for each sequence.
          cache: (keys, values), [R, N, T, D] of the T positions before.
          weights: result of ``step_weights``.

        Returns:
          ([R, H], cache of T + 1 positions).
        """
        heads = self.config.num_attention_heads
        fused = islands.add_bias(
            tf.matmul(hidden, weights["kernel"]), weights["bias"]
        )  # [R, 3·H]
        query, *new = (
            _split_heads(part, tf.shape(hidden)[0], heads)  # [R, N, 1, D]
            for part in tf.split(fused, 3, axis=1)
        )
        keys, values = (
            tf.concat([old, part], axis=2)
            for old, part in zip(cache, new, strict=True)
        )
        scores = tf.matmul(query, keys, transpose_b=True)  # [R, N, 1, T + 1]
        probabilities = islands.masked_softmax(scores, tf.zeros((1, 1, 1, 1)))
        context = tf.matmul(probabilities, values)
        hidden = add_and_normalize(
            hidden,
            tf.reshape(context, tf.shape(hidden)),
            self.output_projection,
            self.output_dropout,
            self.layer_norm,
            weights,
            False,
            None,
        )
        return hidden, (keys, values)


class CrossAttention(SelfAttention):
    """Attention of the target's positions to those of the source.

    Has the variables of ``SelfAttention``; keys and values come from the
    encoder, so that layers with the same weights have them in common.

    Call arguments:
      hidden: [R, H] of the compute dtype.
      memory: (keys, values), result of ``remember``.
      mask_scores: float32 [B, 1, 1, S], see ``SelfAttention``.
      rows: ``Rows``, the positions of the target that R stands for.
      training, weights, seeds: as of ``SelfAttention``.

    Returns:
      ([R, H] of the compute dtype, attention weights [B, N, T, S]).
    """

    def step_weights(self):
        """Returns the weights of the target's side, for one forward pass."""
        scale = 1.0 / math.sqrt(
            self.config.hidden_size // self.config.num_attention_heads
        )
        query = (self.query.kernel.value, self.query.bias.value)
        return {
            "query": [
                tf.cast(part * scale, self.compute_dtype) for part in query
            ],
            "output": self.output_projection.step_weights(),
            "layer_norm": self.layer_norm.step_weights(),
        }

    def remember(self, encoded):
        """Returns (keys, values), [B, N, S, D], of the encoder's [B, S, H]."""
        batch, heads = tf.shape(encoded)[0], self.config.num_attention_heads
        (key, key_bias), (value, value_bias) = (
            layer.step_weights() for layer in (self.key, self.value)
        )
        products = matmul_rows(encoded, tf.concat([key, value], 1))
        fused = islands.add_bias(
            products, tf.concat([key_bias, value_bias], 0)
        )  # [B, S, 2·H]
        return tuple(
            _split_heads(part, batch, heads)
            for part in tf.split(fused, 2, axis=2)
        )

    def call(
        self,
        hidden,
        memory,
        mask_scores,
        rows,
        training=False,
        weights=None,
        seeds=None,
    ):
        weights = self.step_weights() if weights is None else weights
        probabilities_seed, output_seed = seeds or (None, None)
        keys, values = memory
        kernel, bias = weights["query"]
        query = islands.add_bias(tf.matmul(hidden, kernel), bias)
        query = _split_heads(
            rows.spread(query),
            tf.shape(keys)[0],
            self.config.num_attention_heads,
        )  # [B, N, T, D]
        scores = tf.matmul(query, keys, transpose_b=True)  # [B, N, T, S]
        probabilities = islands.masked_softmax(scores, mask_scores)
        context = tf.matmul(
            self.probabilities_dropout(
                probabilities, training=training, seed=probabilities_seed
            ),
            values,
        )  # [B, N, T, D]
        context = rows.take(
            tf.transpose(context, (0, 2, 1, 3)), tf.shape(hidden)
        )  # [R, H]
        hidden = add_and_normalize(
            hidden,
            context,
            self.output_projection,
            self.output_dropout,
            self.layer_norm,
            weights,
            training,
            output_seed,
        )
        return hidden, probabilities


class DecoderLayer(keras.layers.Layer):
    """Layer of the decoder: two attentions and a feed-forward network.

    Args:
      config: ``AlbertConfig``.

    Call arguments:
      hidden: [R, H] of the compute dtype.
      causal_scores: float32 [1, 1, T, T], of ``causal_mask_scores``.
      memory, mask_scores, rows, training: as of ``CrossAttention``.
      weights: result of ``step_weights``.
      seeds: result of ``draw_seeds``; None draws them.

    Returns:
      ([R, H] of the compute dtype, cross-attention's weights [B, N, T, S]).
    """

    def __init__(self, config, **kwargs):
        super().__init__(autocast=False, **kwargs)
        options = {"dtype": self.dtype_policy}
        self.self_attention = CausalSelfAttention(
            config, name="self_attention", **options
        )
        self.cross_attention = CrossAttention(
            config, name="cross_attention", **options
        )
        self.feed_forward = FeedForward(config, name="feed_forward", **options)
        self._parts = (
            self.self_attention,
            self.cross_attention,
            self.feed_forward,
        )

    def build(self, input_shape=None):
        for part in self._parts:
            part.build()
        self.built = True

    def step_weights(self):
        """Returns the weights of the three parts, for one forward pass."""
        return tuple(part.step_weights() for part in self._parts)

    def draw_seeds(self):
        """Returns the seeds of the dropout masks of one application."""
        return tuple(part.draw_seeds() for part in self._parts)

    def call(
        self,
        hidden,
        causal_scores,
        memory,
        mask_scores,
        rows,
        training,
        weights,
        seeds=None,
    ):
        first, second, third = zip(
            weights, seeds or (None, None, None), strict=True
        )
        hidden = self.self_attention(
            hidden,
            causal_scores,
            rows=rows,
            training=training,
            weights=first[0],
            seeds=first[1],
        )
        hidden, probabilities = self.cross_attention(
            hidden,
            memory,
            mask_scores,
            rows=rows,
            training=training,
            weights=second[0],
            seeds=second[1],
        )
        hidden = self.feed_forward(
            hidden, training=training, weights=third[0], seeds=third[1]
        )
        return hidden, probabilities

    def extend(self, hidden, cache, memory, mask_scores, rows, weights):
        """Computes the next position; see ``CausalSelfAttention.extend``.

        Args:
          rows: ``Rows`` of the K sequences that each source has.

        Returns:
          ([R, H], cache).
        """
        hidden, cache = self.self_attention.extend(hidden, cache, weights[0])
        hidden, _ = self.cross_attention(
            hidden, memory, mask_scores, rows=rows, weights=weights[1]
        )
        return self.feed_forward(hidden, weights=weights[2]), cache


class Decoder(keras.layers.Layer):
    """Decoder: layers with shared weights, and the logits of their output.

    Args:
      config: ``AlbertConfig``, of the encoder too.
      num_layers: int, how many times a layer is applied.
      sharing: "all": one layer is applied again and again; "none": each
        layer has weights of its own.

    Call arguments:
      hidden: [R, H] of the compute dtype, the embedded target.
      memory: result of ``remember``.
      mask_scores: float32 [B, 1, 1, S], see ``SelfAttention``.
      rows: ``Rows``, the positions of the target that R stands for.
      length: int32 scalar, T.
      training: bool, whether dropout is active.
      recompute_layers: bool, see ``AlbertEncoder``.

    Returns:
      ([R, H] of the compute dtype, list of ``num_layers`` tensors [B, N, T,
      S], cross-attention's weights; empty with ``recompute_layers``).
    """

    def __init__(self, config, num_layers, sharing, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.config = config
        options = {"dtype": self.dtype_policy}
        shared = sharing == "all"
        self.blocks = [
            DecoderLayer(config, name=f"layer_{index}", **options)
            for index in range(1 if shared else num_layers)
        ]
        # Which of them each layer is.
        self.layout = [0] * num_layers if shared else list(range(num_layers))
        self.output_head = MaskedLanguageModelHead(
            config, name="output", **options
        )

    def build(self, input_shape=None):
        for block in self.blocks:
            block.build()
        self.output_head.build()
        self.built = True

    def list_attentions(self):
        """Returns each ``SelfAttention``: to the target and to the source."""
        return [
            attention
            for block in self.blocks
            for attention in (block.self_attention, block.cross_attention)
        ]

    def remember(self, encoded):
        """Returns the keys and values of the source: a pair for each block.

        Args:
          encoded: [B, S, H], the encoder's output.
        """
        return [
            block.cross_attention.remember(encoded) for block in self.blocks
        ]

    def call(
        self,
        hidden,
        memory,
        mask_scores,
        rows,
        length,
        training=False,
        recompute_layers=False,
    ):
        causal_scores = causal_mask_scores(length)
        again = training and recompute_layers
        weights = [
            SharedWeights(
                block.step_weights(), self.layout.count(index), training
            )
            for index, block in enumerate(self.blocks)
        ]
        attention_weights = []
        for index in self.layout:
            block = self.blocks[index]
            hidden, of_block = weights[index].take(hidden)
            # When they are computed again, with the same dropout.
            seeds = block.draw_seeds() if again else None

            def layer(hidden, inputs, block=block, seeds=seeds):
                of_block, of_source = inputs
                return block(
                    hidden,
                    causal_scores,
                    of_source,
                    mask_scores,
                    rows=rows,
                    training=training,
                    weights=of_block,
                    seeds=seeds,
                )

            inputs = (of_block, memory[index])
            if again:
                hidden = recompute(
                    lambda *arguments, layer=layer: layer(*arguments)[0],
                    hidden,
                    inputs,
                )
            else:
                hidden, of_layer = layer(hidden, inputs)
                attention_weights.append(of_layer)
        return hidden, attention_weights

    def step_weights(self):
        """Returns the weights of each block, for ``extend``: list."""
        return [block.step_weights() for block in self.blocks]

    def extend(self, hidden, caches, memory, mask_scores, rows, weights):
        """Computes the next position of K sequences for each source.

        Args:
          hidden: [R, H] with R = B·K, the embedded pieces.
          caches: list with (keys, values) of each layer, [R, N, T, D]; T = 0
            at the first position.
          memory, mask_scores: as of the call.
          rows: ``Rows`` of [B, K].
          weights: result of ``step_weights``.

        Returns:
          ([R, H], the caches with T + 1 positions).
        """
        extended = []
        for index, cache in zip(self.layout, caches, strict=True):
            hidden, cache = self.blocks[index].extend(
                hidden, cache, memory[index], mask_scores, rows, weights[index]
            )
            extended.append(cache)
        return hidden, extended


def causal_mask_scores(length):
    """Returns what hides later positions: float32 [1, 1, T, T]."""
    visible = tf.linalg.band_part(tf.ones((length, length)), -1, 0)
    return ((1.0 - visible) * MASKED_SCORE)[tf.newaxis, tf.newaxis]


def _split_heads(rows, batch, heads):
    """Returns [B, N, T, D] of [B·T, H], or of [B, T, H]."""
    head_size = rows.shape[-1] // heads
    split = tf.reshape(rows, tf.stack([batch, -1, heads, head_size]))
    return tf.transpose(split, (0, 2, 1, 3))
