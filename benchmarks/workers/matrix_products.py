# SPDX-License-Identifier: Apache-2.0
"""Worker that finds the limit: the matrix products of an encoder alone.

One run is the products of a forward pass with the weights, one after another,
in TensorFlow, without anything between them.
"""

import tensorflow as tf

import albert
from workers import protocol


def products(work):
    """Returns a function that makes the products of a forward pass."""
    config = albert.AlbertConfig.from_dict(work["config"])
    hidden, inner = config.hidden_size, config.intermediate_size
    layers = config.num_hidden_layers * config.inner_group_num

    def normal(*shape):
        # Products keep the variance of what they multiply.
        value = tf.random.normal(shape, stddev=shape[0] ** -0.5)
        return tf.cast(value, work["dtype"])

    square, up = normal(hidden, hidden), normal(hidden, inner)
    down = normal(inner, hidden)

    @tf.function
    def forward(value, square, up, down):
        for _ in range(layers):
            for weights in (square, square, square, square, up, down):
                value = tf.matmul(value, weights)
        return value

    value = normal(work["batch"] * work["length"], hidden)
    return lambda: forward(value, square, up, down).numpy()


if __name__ == "__main__":
    protocol.serve(
        {"encode": products, "pretraining": products},
        {"tensorflow": tf.__version__},
    )
