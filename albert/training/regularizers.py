# SPDX-License-Identifier: Apache-2.0
"""Regularisers: terms of the loss that depend on the weights alone.

They are reported apart from the losses of the task, which stay comparable.
"""

import tensorflow as tf


class AttentionRegularizer:
    """Regulariser of a model's attention, by head and as a whole.

    W_h are the weights of head h of an attention: its D columns of the
    kernels of query, key and value, [H, D] each, and its D rows of the output
    kernel, [D, H]. With c and c' the two coefficients::

        attention_head_l2  = c  · sum over h of ‖W_h‖
        attention_l2       = c' · sum over h of ‖W_h‖² / 2

    over the heads of all attentions, of a decoder too, to the target and to the
    source; one that several layers share counts once. Biases have no part in
    it, as in weight decay.

    The first is the group lasso (Yuan and Lin 2006, Model Selection and
    Estimation in Regression with Grouped Variables; for networks Scardapane
    et al. 2017, arXiv 1607.00485) without its factor √(4·H·D), which is the
    same for all heads. The pull on a head, W_h / ‖W_h‖, is as strong on a
    small one, so that heads of little use shrink to nothing as wholes: what
    Michel et al. 2019 (arXiv 1905.10650) take away after the training. They
    do not become 0 exactly, which takes proximal steps.

    The second is the usual L2 regularisation, whose pull W_h fades with the
    weights. Squares do not know of heads: their sum over heads is that over
    all weights, hence no square in the first. It is not weight decay, which
    is beside the moments of Adam and not in them (Loshchilov and Hutter 2019,
    arXiv 1711.05101).

    Args:
      model: ``ModelWithHeads``.
      attention_head_l2, attention_l2: floats, the coefficients; a term of
        coefficient 0 is left out.

    Attributes:
      names: list of str, the terms that there are.
    """

    def __init__(self, model, *, attention_head_l2=0.0, attention_l2=0.0):
        self._attentions = model.list_attentions()
        self._num_heads = model.config.num_attention_heads
        self._coefficients = {
            name: value
            for name, value in (
                ("attention_head_l2", attention_head_l2),
                ("attention_l2", attention_l2),
            )
            if value
        }
        self.names = list(self._coefficients)

    def penalties(self):
        """Returns the terms, coefficients included: dict of float32 scalars."""
        squares = tf.concat(
            [
                _squares_of_heads(attention, self._num_heads)
                for attention in self._attentions
            ],
            axis=0,
        )
        sums = {
            "attention_head_l2": tf.reduce_sum(_root(squares)),
            "attention_l2": tf.reduce_sum(squares) / 2.0,
        }
        return {
            name: coefficient * sums[name]
            for name, coefficient in self._coefficients.items()
        }

    def add_gradients(self, gradients, variables):
        """Adds the gradients of the terms to those of the task's loss.

        Args:
          gradients: list of float32 tensors, of the global batch.
          variables: list of the ``keras.Variable`` that they are of.

        Returns:
          (list of the sums; the result of ``penalties``).
        """
        with tf.GradientTape() as tape:
            penalties = self.penalties()
            total = tf.add_n(list(penalties.values()))
        additions = tape.gradient(total, [v.value for v in variables])
        sums = [
            gradient if addition is None else gradient + addition
            for gradient, addition in zip(gradients, additions, strict=True)
        ]
        return sums, penalties


def _squares_of_heads(attention, num_heads):
    """Returns the sum of squares of each head's weights: float32 [heads]."""
    inputs = tf.stack(
        [
            attention.query.kernel.value,
            attention.key.kernel.value,
            attention.value.kernel.value,
        ]
    )  # [3, H, H]
    outputs = attention.output_projection.kernel.value  # [H, H]
    width = inputs.shape[-1]
    inputs = tf.reshape(inputs, (3 * width, num_heads, -1))
    outputs = tf.reshape(outputs, (num_heads, -1))
    return tf.reduce_sum(tf.square(inputs), (0, 2)) + tf.reduce_sum(
        tf.square(outputs), 1
    )


def _root(squares):
    """Returns the square root, with a gradient of 0 where that is 0."""
    positive = squares > 0.0
    return tf.where(positive, tf.sqrt(tf.where(positive, squares, 1.0)), 0.0)
