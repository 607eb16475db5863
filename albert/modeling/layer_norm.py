# SPDX-License-Identifier: Apache-2.0
"""Layer normalisation over the last axis, in float32."""

import keras
import tensorflow as tf

# The default of the original's contrib_layers.layer_norm. It vanishes in half
# precision, one reason why the computation is always in float32.
EPSILON = 1e-12


class LayerNormalization(keras.layers.Layer):
    """gamma · (x - mean) / √(variance + epsilon) + beta, over the last axis.

    Input and output are [..., width] of any float type; the computation and
    the variables ``gamma`` and ``beta`` ([width]) are float32.
    """

    def __init__(self, width, epsilon=EPSILON, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.width = width
        self.epsilon = epsilon

    def build(self, input_shape=None):
        self.gamma = self.add_weight(
            (self.width,), initializer="ones", name="gamma", autocast=False
        )
        self.beta = self.add_weight(
            (self.width,), initializer="zeros", name="beta", autocast=False
        )
        self.built = True

    def step_weights(self):
        """Returns (gamma, beta) as tensors."""
        return (
            tf.convert_to_tensor(self.gamma.value),
            tf.convert_to_tensor(self.beta.value),
        )

    def call(self, inputs, weights=None):
        gamma, beta = self.step_weights() if weights is None else weights
        return _normalize(inputs, gamma, beta, self.epsilon)


def _normalize(inputs, gamma, beta, epsilon):
    # The gradient is written out for the same reason as that of gelu.
    @tf.custom_gradient
    def normalize(inputs, gamma, beta):
        x = tf.cast(inputs, tf.float32)
        centred = x - tf.reduce_mean(x, axis=-1, keepdims=True)
        variance = tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)
        inverse_deviation = tf.math.rsqrt(variance + epsilon)
        normal = centred * inverse_deviation

        def gradient(upstream):
            upstream = tf.cast(upstream, tf.float32)
            batch_axes = tf.range(tf.rank(upstream) - 1)
            upstream_normal = upstream * normal
            d_gamma = tf.reduce_sum(upstream_normal, axis=batch_axes)
            d_beta = tf.reduce_sum(upstream, axis=batch_axes)
            scaled = upstream * gamma
            projection = tf.reduce_mean(
                upstream_normal * gamma, axis=-1, keepdims=True
            )
            d_inputs = inverse_deviation * (
                scaled
                - tf.reduce_mean(scaled, axis=-1, keepdims=True)
                - normal * projection
            )
            return tf.cast(d_inputs, inputs.dtype), d_gamma, d_beta

        return tf.cast(normal * gamma + beta, inputs.dtype), gradient

    return normalize(inputs, gamma, beta)
