# SPDX-License-Identifier: Apache-2.0
"""Weights that one layer after the other uses."""

import tensorflow as tf


class SharedWeights:
    """Weights whose gradient is added up on its way back through their users.

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
        """Returns (the inputs of the layer, the weights to use on them).

        Args:
          inputs: float tensor, which depends on what has used the weights
            before.
        """
        self._uses -= 1
        weights = self._weights
        if self._training and self._uses:
            inputs, weights, self._weights = _use_and_pass_on(inputs, weights)
        return inputs, weights


def _use_and_pass_on(inputs, weights):
    """Returns inputs, weights and weights: for this use, for those to come."""

    @tf.custom_gradient
    def call(inputs, *flat):
        def gradient(of_inputs, *of_weights):
            here, later = of_weights[: len(flat)], of_weights[len(flat) :]
            sums = [tf.add(*pair) for pair in zip(here, later, strict=True)]
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
