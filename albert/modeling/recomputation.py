# SPDX-License-Identifier: Apache-2.0
"""Activations that are computed twice instead of being kept.

Source: Chen et al. 2016, Training Deep Nets with Sublinear Memory Cost.
"""

import tensorflow as tf


def recompute(function, inputs, weights):
    """Returns ``function(inputs, weights)``, keeping nothing for its gradient.

    The gradient first computes the function again, so that its inner results
    take memory for one application at a time.

    Args:
      function: of a float tensor and a structure of float tensors, to a
        float tensor. Called twice, it must give the same: what is random in
        it is drawn before. Nothing else that it uses gets a gradient.
      inputs: float tensor.
      weights: nested structure of float tensors.

    Returns:
      float tensor.
    """

    @tf.custom_gradient
    def call(inputs, *flat_weights):
        def apply(inputs):
            return function(
                inputs, tf.nest.pack_sequence_as(weights, flat_weights)
            )

        def gradient(upstream):
            # Not before the gradient is there: else it would all be computed
            # in the forward pass, and kept.
            with tf.control_dependencies([upstream]):
                again = inputs + _zero_that_depends_on(upstream)
            with tf.GradientTape() as tape:
                sources = [again, *flat_weights]
                tape.watch(sources)
                outputs = apply(again)
            return tape.gradient(outputs, sources, output_gradients=upstream)

        return apply(inputs), gradient

    return call(inputs, *tf.nest.flatten(weights))


def _zero_that_depends_on(tensor):
    """A dependence that XLA, which knows no control edges, sees as well."""
    value = tf.reshape(tensor, [-1])[0]
    zero = tf.zeros((), tensor.dtype)
    # Only true of NaN, and no compiler may assume that there is none.
    return tf.where(tf.math.is_nan(value), value, zero)
