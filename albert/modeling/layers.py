# SPDX-License-Identifier: Apache-2.0
"""Basic layers and functions that the parts of the model are made of."""

import math

import keras
import tensorflow as tf

from albert.errors import UserError
from albert.modeling import islands

# The default of the original's contrib_layers.layer_norm. It vanishes in half
# precision, one reason why the computation is always in float32.
EPSILON = 1e-12


def weight_initializer(config):
    """Returns a matrix's initializer: the original's ``create_initializer``.

    A truncated normal; biases start at zero and gammas at one. A new object
    for each variable: a Keras initializer draws the same numbers each time it
    is used.
    """
    return keras.initializers.TruncatedNormal(stddev=config.initializer_range)


def gelu_erf(x):
    """Computes the Gaussian error linear unit, in its exact form: x · Φ(x).

    For models made elsewhere; the original has the tanh form alone.
    """
    if islands.are_for_engines():
        # TensorFlow's has 1 - Φ(-x), which ONNX has no operation for.
        return 0.5 * x * (1.0 + tf.math.erf(x / math.sqrt(2.0)))
    return tf.nn.gelu(x, approximate=False)


_ACTIVATIONS = {
    "gelu_erf": gelu_erf,
    "relu": tf.nn.relu,
    "tanh": tf.tanh,
    "linear": tf.identity,
}


def get_activation(name):
    """Returns the function that ``AlbertConfig.hidden_act`` names.

    Returns:
      function of a matrix product [..., width] and a bias [width], which is
      added first.
    """
    if name == "gelu":
        return islands.add_bias_and_gelu
    activation = _ACTIVATIONS[name]
    return lambda x, bias: activation(islands.add_bias(x, bias))


def matmul_rows(inputs, matrix, **options):
    """Multiplies the last axis of [..., N] with a matrix, by ``tf.matmul``.

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


def refuse_quantization(layer):
    """Refuses what Keras would do in silence: to quantize nothing.

    Args:
      layer: the ``keras.Layer`` or ``keras.Model`` whose ``quantize`` was
        called.

    Raises:
      UserError: always.
    """
    raise UserError(
        f"{layer.name}: Keras's quantize() does not know the layers of an "
        "ALBERT: write int8 with `albert export --format=litert "
        "--quantization=int8`, or leave these layers out with filters="
    )


class BaseLayer(keras.layers.Layer):
    """Base of the layers that hold weights and no other layers."""

    def quantize(self, mode=None, **kwargs):
        """Refuses it; a model around them calls it for each layer."""
        refuse_quantization(self)


class Dense(BaseLayer):
    """Dense layer whose weights are read once and applied many times.

    ``x · kernel + bias``. ALBERT applies one set of weights in every layer.
    ``step_weights`` reads and casts them once; the result is passed to each
    application, so that 12 or 24 layers cost one read and one cast.

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
        return islands.add_bias(tf.matmul(inputs, kernel), bias)


class Dropout(keras.layers.Dropout):
    """Dropout that draws another mask in each replica.

    The state of Keras's generators is equal on all replicas of a
    distribution strategy, so that N devices would drop the same entries of N
    different examples. The replica's number is folded into the seed. Of every
    dtype the same entries are dropped, those of float32: bfloat16 would round
    the rate to a multiple of 1/128.
    """

    def draw_seed(self):
        """Returns the seed of the next mask, int64 [2]; None at rate 0."""
        if not self.rate:
            return None
        seed = tf.cast(self.seed_generator.next(), tf.int64)
        context = tf.distribute.get_replica_context()
        replica = context.replica_id_in_sync_group if context else 0
        return tf.random.experimental.stateless_fold_in(
            seed, tf.cast(replica, tf.int64)
        )

    def call(self, inputs, training=False, seed=None):
        if not training or not self.rate:
            return inputs
        seed = self.draw_seed() if seed is None else seed
        dropped = tf.nn.experimental.stateless_dropout(
            tf.cast(inputs, tf.float32), self.rate, seed
        )
        return tf.cast(dropped, inputs.dtype)


class LayerNormalization(BaseLayer):
    """Layer normalisation over the last axis, in float32.

    ``gamma · (x - mean) / √(variance + epsilon) + beta``. Input and output
    are [..., width] of any float type; the computation and the variables
    ``gamma`` and ``beta`` ([width]) are float32.
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

    def call(self, inputs, update=None, bias=None, weights=None):
        """Normalises the sum of ``inputs`` and what else is given."""
        gamma, beta = self.step_weights() if weights is None else weights
        addends = [inputs] if update is None else [inputs, update]
        return islands.add_and_normalize(
            addends, bias, gamma, beta, self.epsilon
        )
