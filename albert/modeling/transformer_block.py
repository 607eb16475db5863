# SPDX-License-Identifier: Apache-2.0
"""Self-attention and feed-forward network, the two halves of a block.

Each ends in dropout, residual and layer normalisation. Layers share weights,
so ``step_weights`` reads and casts them once for all of them. A layer that is
computed again for its gradient needs the same dropout both times, so
``draw_seeds`` draws it beforehand.

Letters: B sequences, S positions, T rows, H hidden width, N heads, D = H / N
width of a head.
"""

import math

import keras
import tensorflow as tf

from albert.modeling import islands
from albert.modeling.layers import Dense
from albert.modeling.layers import Dropout
from albert.modeling.layers import LayerNormalization
from albert.modeling.layers import get_activation

# Added to the score of a padded key (original modeling.py:824). Finite, so
# that a row that is all padding stays a number.
MASKED_SCORE = -10000.0


class SelfAttention(keras.layers.Layer):
    """Multi-head self-attention with its residual and normalisation.

    ``LayerNorm(x + dropout(output(dropout(softmax(q·kᵀ/√D + mask)) · v)))``,
    with biases of the scores besides where there are any.

    Source: ``attention_layer`` and ``attention_ffn_block`` of the original's
    modeling.py. Query, key and value are separate variables, as there
    (LAMB's trust ratio is per variable), and one matrix product.

    Args:
      config: ``AlbertConfig``.

    Call arguments:
      hidden: [T, H] of the compute dtype.
      mask_scores: float32 [B, 1, 1, S]: 0 for a key that may be attended to,
        ``MASKED_SCORE`` for padding.
      rows: ``Rows``, the positions that T stands for.
      training: bool, whether dropout is active.
      weights: result of ``step_weights``; None reads them.
      seeds: result of ``draw_seeds``; None draws them.
      score_biases: nothing, or one float32 [1, N, S, S], the result of
        ``RelativeBias``.

    Returns: [T, H] of the compute dtype.
    """

    def __init__(self, config, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.config = config
        size = config.hidden_size
        options = {"dtype": self.dtype_policy}
        self.query = Dense(config, size, size, name="query", **options)
        self.key = Dense(config, size, size, name="key", **options)
        self.value = Dense(config, size, size, name="value", **options)
        self.output_projection = Dense(
            config, size, size, name="output", **options
        )
        self.layer_norm = LayerNormalization(size, name="layer_norm", **options)
        self.probabilities_dropout = Dropout(
            config.attention_probs_dropout_prob,
            name="probabilities_dropout",
            **options,
        )
        self.output_dropout = Dropout(
            config.hidden_dropout_prob, name="output_dropout", **options
        )

    def build(self, input_shape=None):
        for layer in (
            self.query,
            self.key,
            self.value,
            self.output_projection,
            self.layer_norm,
        ):
            layer.build()
        self.built = True

    def step_weights(self):
        """Returns the weights, fused and cast, for one forward pass.

        The scale 1/√D is folded into the query's weights: H² products once
        instead of B·N·S² in every layer.
        """
        scale = 1.0 / math.sqrt(
            self.config.hidden_size // self.config.num_attention_heads
        )
        kernels = (
            self.query.kernel.value * scale,
            self.key.kernel.value,
            self.value.kernel.value,
        )
        biases = (
            self.query.bias.value * scale,
            self.key.bias.value,
            self.value.bias.value,
        )
        return {
            "kernel": tf.cast(tf.concat(kernels, 1), self.compute_dtype),
            "bias": tf.cast(tf.concat(biases, 0), self.compute_dtype),
            "output": self.output_projection.step_weights(),
            "layer_norm": self.layer_norm.step_weights(),
        }

    def draw_seeds(self):
        """Returns the seeds of the two dropout masks of one application."""
        return (
            self.probabilities_dropout.draw_seed(),
            self.output_dropout.draw_seed(),
        )

    def call(
        self,
        hidden,
        mask_scores,
        rows,
        training=False,
        weights=None,
        seeds=None,
        score_biases=(),
    ):
        weights = self.step_weights() if weights is None else weights
        probabilities_seed, output_seed = seeds or (None, None)
        heads = self.config.num_attention_heads
        head_size = self.config.hidden_size // heads
        length = tf.shape(mask_scores)[3]

        fused = islands.add_bias(
            tf.matmul(hidden, weights["kernel"]), weights["bias"]
        )  # [T, 3·H]
        query, key, value = (
            tf.transpose(
                tf.reshape(part, (-1, length, heads, head_size)), (0, 2, 1, 3)
            )  # [B, N, S, D]
            for part in tf.split(rows.spread(fused), 3, axis=1)
        )
        scores = tf.matmul(query, key, transpose_b=True)  # [B, N, S, S]
        probabilities = self.probabilities_dropout(
            islands.masked_softmax(scores, mask_scores, *score_biases),
            training=training,
            seed=probabilities_seed,
        )
        context = tf.matmul(probabilities, value)  # [B, N, S, D]
        # With the shape of hidden, the sum below is computed in the product.
        context = rows.take(
            tf.transpose(context, (0, 2, 1, 3)), tf.shape(hidden)
        )  # [T, H]
        return _add_and_normalize(
            hidden,
            context,
            self.output_projection,
            self.output_dropout,
            self.layer_norm,
            weights,
            training,
            output_seed,
        )


class FeedForward(keras.layers.Layer):
    """Feed-forward network with its residual and normalisation.

    ``LayerNorm(x + dropout(output(activation(intermediate(x)))))``.

    Source: ``attention_ffn_block`` of the original's modeling.py.

    Args:
      config: ``AlbertConfig``.

    Call arguments:
      hidden: [T, H] of the compute dtype.
      training: bool, whether dropout is active.
      weights: result of ``step_weights``; None reads them.
      seeds: result of ``draw_seeds``; None draws them.

    Returns: [T, H] of the compute dtype.
    """

    def __init__(self, config, **kwargs):
        super().__init__(autocast=False, **kwargs)
        options = {"dtype": self.dtype_policy}
        hidden, wide = config.hidden_size, config.intermediate_size
        self.activation = get_activation(config.hidden_act)
        self.intermediate = Dense(
            config, hidden, wide, name="intermediate", **options
        )
        self.output_projection = Dense(
            config, wide, hidden, name="output", **options
        )
        self.layer_norm = LayerNormalization(
            hidden, name="layer_norm", **options
        )
        self.dropout = Dropout(
            config.hidden_dropout_prob, name="dropout", **options
        )

    def build(self, input_shape=None):
        self.intermediate.build()
        self.output_projection.build()
        self.layer_norm.build()
        self.built = True

    def step_weights(self):
        """Returns the weights, cast once for one forward pass."""
        return {
            "intermediate": self.intermediate.step_weights(),
            "output": self.output_projection.step_weights(),
            "layer_norm": self.layer_norm.step_weights(),
        }

    def draw_seeds(self):
        """Returns the seed of the dropout mask of one application."""
        return (self.dropout.draw_seed(),)

    def call(self, hidden, training=False, weights=None, seeds=None):
        (seed,) = seeds or (None,)
        weights = self.step_weights() if weights is None else weights
        kernel, bias = weights["intermediate"]
        wide = self.activation(tf.matmul(hidden, kernel), bias)
        return _add_and_normalize(
            hidden,
            wide,
            self.output_projection,
            self.dropout,
            self.layer_norm,
            weights,
            training,
            seed,
        )


def _add_and_normalize(
    hidden, inputs, projection, dropout, layer_norm, weights, training, seed
):
    """Returns ``LayerNorm(hidden + dropout(projection(inputs)))``."""
    if training and dropout.rate:
        update = projection(inputs, weights=weights["output"])
        update, bias = dropout(update, training=True, seed=seed), None
    else:
        kernel, bias = weights["output"]
        update = tf.matmul(inputs, kernel)
    return layer_norm(hidden, update, bias, weights=weights["layer_norm"])
