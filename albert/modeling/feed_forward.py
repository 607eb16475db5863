# SPDX-License-Identifier: Apache-2.0
"""The feed-forward network with its residual and normalisation."""

import keras

from albert.modeling.activations import get_activation
from albert.modeling.dense import Dense
from albert.modeling.dropout import Dropout
from albert.modeling.layer_norm import LayerNormalization


class FeedForward(keras.layers.Layer):
    """LayerNorm(x + dropout(output(activation(intermediate(x))))).

    Source: ``attention_ffn_block`` of the original's modeling.py.

    Args:
      config: ``AlbertConfig``.

    Call arguments:
      hidden: [rows, H] of the compute dtype.
      training: bool, whether dropout is active.
      weights: result of ``step_weights``; None reads them.
      seeds: result of ``draw_seeds``; None draws them.

    Returns: [rows, H] of the compute dtype.
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
        wide = self.activation(
            self.intermediate(hidden, weights=weights["intermediate"])
        )
        update = self.output_projection(wide, weights=weights["output"])
        update = self.dropout(update, training=training, seed=seed)
        return self.layer_norm(hidden + update, weights=weights["layer_norm"])
