# SPDX-License-Identifier: Apache-2.0
"""A dense layer whose weights are fetched once and applied many times."""

import keras
import tensorflow as tf

from albert.modeling.initializers import weight_initializer


def matmul_rows(inputs, matrix, **options):
    """``tf.matmul`` of the last axis of [..., N] with a matrix.

    Always a product of two matrices: on CPUs, TensorFlow 2.21 reads outside
    of ``matrix`` where it has to repeat it for an axis of length 1
    (github.com/tensorflow/tensorflow/issues/117700).
    """
    rows = tf.reshape(inputs, (-1, inputs.shape[-1]))
    products = tf.matmul(rows, matrix, **options)
    width = products.shape[-1]
    shape = tf.concat([tf.shape(inputs)[:-1], [-1]], axis=0)
    products = tf.reshape(products, shape)
    return tf.ensure_shape(products, (*inputs.shape[:-1], width))


class Dense(keras.layers.Layer):
    """x · kernel + bias.

    ALBERT applies one set of weights in every layer. ``step_weights`` reads
    and casts them once; the result is passed to each application, so that
    12 or 24 layers cost one read and one cast.

    Args:
      config: ``AlbertConfig``, for the initializer.
      input_size, output_size: ints, the shape of ``kernel``.
    """

    def __init__(self, config, input_size, output_size, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.config = config
        self.input_size = input_size
        self.output_size = output_size

    def build(self, input_shape=None):
        self.kernel = self.add_weight(
            (self.input_size, self.output_size),
            initializer=weight_initializer(self.config),
            name="kernel",
            autocast=False,
        )
        self.bias = self.add_weight(
            (self.output_size,),
            initializer="zeros",
            name="bias",
            autocast=False,
        )
        self.built = True

    def step_weights(self):
        """Returns (kernel, bias) as tensors of the compute dtype."""
        return (
            tf.cast(self.kernel.value, self.compute_dtype),
            tf.cast(self.bias.value, self.compute_dtype),
        )

    def call(self, inputs, weights=None):
        """Applies the layer to [rows, input_size]."""
        kernel, bias = self.step_weights() if weights is None else weights
        return tf.nn.bias_add(tf.matmul(inputs, kernel), bias)
