# SPDX-License-Identifier: Apache-2.0
"""Gradients that take less memory: recomputation and shared weights."""

import tensorflow as tf

from albert.modeling import islands


def recompute(function, inputs, weights):
    """Returns ``function(inputs, weights)``, keeping nothing for its gradient.

    The gradient first computes the function again, so that its inner results
    take memory for one application at a time (Chen et al. 2016, Training Deep
    Nets with Sublinear Memory Cost).

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
    """Returns a zero whose dependence XLA sees: it knows no control edges."""
    value = tf.reshape(tensor, [-1])[0]
    zero = tf.zeros((), tensor.dtype)
    # Only true of NaN, and no compiler may assume that there is none.
    return tf.where(tf.math.is_nan(value), value, zero)


class SharedWeights:
    """Weights that several layers use, with one running sum of gradients.

    ``tf.GradientTape`` keeps the gradient of every use until it has them all,
    and TensorFlow's optimiser of graphs makes one such sum of any chain of
    them: in training, xxlarge would keep 12 times the gradient of a layer,
    4.8 GB in half precision, and needs it once. The sums are the same but for
    their order.

    Args:
      weights: nested structure of float tensors.
      uses: int, how often they will be taken.
      training: bool; without training they have no gradient.
    """

    def __init__(self, weights, uses, training):
        self._weights = weights
        self._uses = uses
        self._training = training

    def take(self, inputs):
        """Returns the weights for one use.

        Args:
          inputs: float tensor that the weights are to be used on; it depends
            on what has used them before.

        Returns:
          (inputs, weights) to use in their place.
        """
        self._uses -= 1
        weights = self._weights
        if self._training and self._uses:
            inputs, weights, self._weights = _use_and_pass_on(inputs, weights)
        return inputs, weights


def _use_and_pass_on(inputs, weights):
    """Returns inputs, weights for this use, and weights for those to come."""

    @tf.custom_gradient
    def call(inputs, *flat):
        def gradient(of_inputs, *of_weights):
            here, later = of_weights[: len(flat)], of_weights[len(flat) :]
            sums = [
                islands.add(*pair) for pair in zip(here, later, strict=True)
            ]
            # An earlier layer's turn comes when this one's gradient is in the
            # sum. The control edges also keep the sums apart: TensorFlow
            # merges those that have none.
            with tf.control_dependencies(sums):
                of_inputs = tf.identity(of_inputs)
            return of_inputs, *sums

        return (inputs, *flat, *flat), gradient

    flat = tf.nest.flatten(weights)
    inputs, *copies = call(inputs, *flat)
    here, later = copies[: len(flat)], copies[len(flat) :]
    return (
        inputs,
        tf.nest.pack_sequence_as(weights, here),
        tf.nest.pack_sequence_as(weights, later),
    )
