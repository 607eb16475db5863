# SPDX-License-Identifier: Apache-2.0
"""The original's activation functions, and the exact GELU."""

import math

import tensorflow as tf

_SQRT_2_OVER_PI = math.sqrt(2.0 / math.pi)
_CUBIC = 0.044715


@tf.custom_gradient
def gelu(x):
    """Gaussian error linear unit, the tanh form (original modeling.py:311).

    x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³)))

    The gradient is written out: the automatic one keeps every intermediate
    of the formula alive and makes about twice the passes over the widest
    tensor of the model.
    """
    square = x * x
    tanh = tf.tanh(x * (_SQRT_2_OVER_PI * _CUBIC * square + _SQRT_2_OVER_PI))
    half_gate = 0.5 * tanh + 0.5

    def gradient(upstream):
        slope = 1.5 * _SQRT_2_OVER_PI * _CUBIC * square + 0.5 * _SQRT_2_OVER_PI
        return upstream * (half_gate + x * (1.0 - tanh * tanh) * slope)

    return x * half_gate, gradient


def gelu_erf(x):
    """Gaussian error linear unit, the exact form: x · Φ(x).

    For models made elsewhere; the original has the tanh form alone.
    """
    return tf.nn.gelu(x, approximate=False)


_ACTIVATIONS = {
    "gelu": gelu,
    "gelu_erf": gelu_erf,
    "relu": tf.nn.relu,
    "tanh": tf.tanh,
    "linear": tf.identity,
}


def get_activation(name):
    """Returns the function of ``AlbertConfig.hidden_act``."""
    return _ACTIVATIONS[name]
