# SPDX-License-Identifier: Apache-2.0
"""Element-wise pieces of the model, which XLA can compile one by one.

On a CPU, every element-wise operation of TensorFlow is a pass over memory, and
one in bfloat16 converts to float32 and back: the activation of a layer costs
more than its matrix products. An island is a function whose operations XLA
makes into one or two passes, in float32 inside. Matrix products stay outside:
on CPUs, XLA's are slower than oneDNN's.

Only within ``compiled()`` are islands compiled: the training loop enters it for
training steps on CPUs. Elsewhere they are ordinary operations, which is what
exports must consist of, in a form that TensorFlow computes within the matrix
products before them where no gradient is wanted; and a step that XLA compiles
as a whole, as on TPUs, fuses them anyway. Within ``for_engines()`` they have
the form that ONNX Runtime and OpenVINO make one operation of.

The gradients are written out: automatic ones keep every intermediate of a
formula alive, and make a pass more for the gradient of each bias.

Letters: B sequences, S positions, N heads.
"""

import contextlib
import contextvars
import functools
import math

import tensorflow as tf

_SQRT_2_OVER_PI = math.sqrt(2.0 / math.pi)
_CUBIC = 0.044715

_compiled = contextvars.ContextVar("compiled", default=False)
_for_engines = contextvars.ContextVar("for_engines", default=False)


@contextlib.contextmanager
def compiled(enabled=True):
    """Compiles the islands that are called, or traced, in this context.

    Args:
      enabled: bool; False leaves them ordinary operations.
    """
    token = _compiled.set(enabled)
    try:
        yield
    finally:
        _compiled.reset(token)


@contextlib.contextmanager
def for_engines():
    """Traces islands in the form that inference engines recognise."""
    token = _for_engines.set(True)
    try:
        yield
    finally:
        _for_engines.reset(token)


def are_for_engines():
    """Tells whether ``for_engines()`` is entered."""
    return _for_engines.get()


def island(function, plain=None, in_engines=None):
    """Wraps a function of tensors that is an island.

    Args:
      function: of tensors (and Python numbers, which are constants of it) to
        a structure of tensors, without matrix products, variables and side
        effects.
      plain: function of the same, to be called outside of ``compiled()``;
        None is ``function`` itself.
      in_engines: the same within ``for_engines()``; None is ``plain``.

    Returns:
      the function, compiled by XLA within ``compiled()``.
    """
    plain = plain or function
    in_engines = in_engines or plain
    # One object for all calls: XLA compiles it once for each shape.
    by_xla = tf.function(function, jit_compile=True, autograph=False)

    @functools.wraps(function)
    def call(*arguments):
        if _for_engines.get():
            return in_engines(*arguments)
        return (by_xla if _compiled.get() else plain)(*arguments)

    return call


@tf.custom_gradient
def add_bias(x, bias):
    """Adds a bias [width] to [..., width], both of one dtype."""

    def gradient(upstream):
        return upstream, _column_sums(upstream)

    return tf.nn.bias_add(x, bias), gradient


@tf.custom_gradient
def add_bias_and_gelu(x, bias):
    """Computes the Gaussian error linear unit of ``x + bias``: its tanh form.

    ``y/2 · (1 + tanh(√(2/π) · (y + 0.044715 y³)))``, as in the original
    (modeling.py:311).

    Args:
      x: [..., width] of any float type.
      bias: [width] of the same type.

    Returns:
      [..., width] of the same type.
    """

    def gradient(upstream):
        return _gelu_gradient(x, bias, upstream)

    return _gelu(x, bias), gradient


def add_and_normalize(addends, bias, gamma, beta, epsilon):
    """Computes the layer normalisation of a sum, over its last axis.

    ``gamma · (x - mean) / √(variance + epsilon) + beta`` of ``x``, the sum of
    the addends and the bias.

    Args:
      addends: sequence of tensors [..., width] of one float type and of known
        rank.
      bias: [width] of the same type, or None.
      gamma, beta: float32 [width].
      epsilon: float.

    Returns:
      [..., width] of the addends' type; the computation is in float32.
    """
    has_bias = bias is not None

    @tf.custom_gradient
    def call(gamma, beta, *terms):
        outputs, mean, scale = _normalize(
            has_bias, epsilon, gamma, beta, *terms
        )

        def gradient(upstream):
            of_sum, of_gamma, of_beta, of_bias = _normalize_gradient(
                has_bias, upstream, gamma, mean, scale, *terms
            )
            of_terms = [of_sum] * len(addends) + [of_bias] * has_bias
            return of_gamma, of_beta, *of_terms

        return outputs, gradient

    return call(gamma, beta, *addends, *([bias] if has_bias else []))


@tf.custom_gradient
def masked_softmax(scores, mask_scores, *biases):
    """Computes the softmax of the sum of scores over the last axis.

    Args:
      scores: [B, N, S, S] of any float type.
      mask_scores: float32 [B, 1, 1, S]; has no gradient.
      *biases: nothing, or float32 [1, N, S, S].

    Returns:
      [B, N, S, S] of the type of the scores; the computation is in float32.
    """
    # TensorFlow's own softmax is as quick as an island.
    added = sum(biases, tf.cast(scores, tf.float32) + mask_scores)
    probabilities = tf.cast(tf.nn.softmax(added), scores.dtype)

    def gradient(upstream):
        if not biases:
            return _softmax_gradient(probabilities, upstream), None
        of_scores, of_bias = _biased_softmax_gradient(probabilities, upstream)
        return of_scores, None, of_bias

    return probabilities, gradient


@island
def add(x, y):
    """Returns x + y, of their type."""
    return x + y


def _float32(*tensors):
    return [tf.cast(tensor, tf.float32) for tensor in tensors]


def _batch_axes(tensor):
    return list(range(tensor.shape.rank - 1))


@island
def _column_sums(x):
    sums = tf.reduce_sum(tf.cast(x, tf.float32), axis=_batch_axes(x))
    return tf.cast(sums, x.dtype)


def _plain_gelu(x, bias):
    # On CPUs with oneDNN, TensorFlow computes this form within the product
    # that it follows. It finds ``(0.044715 · y) · y²``, and sorts factors by
    # the names of their ops: "square" must come after "mul".
    y = tf.nn.bias_add(x, bias)
    square = tf.square(y, name="square")
    tanh = tf.tanh(_SQRT_2_OVER_PI * (y + _CUBIC * y * square))
    return 0.5 * y * (1.0 + tanh)


def _gelu_in_engines(x, bias):
    # They look for the third power, by these operations in this order.
    y = tf.nn.bias_add(x, bias)
    cube = tf.pow(y, 3.0)
    return 0.5 * y * (1.0 + tf.tanh(_SQRT_2_OVER_PI * (y + _CUBIC * cube)))


@functools.partial(island, plain=_plain_gelu, in_engines=_gelu_in_engines)
def _gelu(x, bias):
    return tf.cast(_plain_gelu(*_float32(x, bias)), x.dtype)


@island
def _gelu_gradient(x, bias, upstream):
    y = tf.add(*_float32(x, bias))
    square = y * y
    tanh = tf.tanh(_SQRT_2_OVER_PI * y * (1.0 + _CUBIC * square))
    slope = _SQRT_2_OVER_PI * (0.5 + 1.5 * _CUBIC * square)
    of_y = tf.cast(upstream, tf.float32) * (
        0.5 * tanh + 0.5 + y * (1.0 - tanh * tanh) * slope
    )
    of_bias = tf.reduce_sum(of_y, axis=_batch_axes(x))
    return tf.cast(of_y, x.dtype), tf.cast(of_bias, bias.dtype)


def _sum(has_bias, terms):
    """Returns the sum of the addends and, if there is one, the bias."""
    *addends, last = terms
    if has_bias:
        # First, so that the sum is computed within the product, too.
        *addends, product = addends
        last = tf.nn.bias_add(product, last)
    return sum(addends, last)


def _plain_normalize(has_bias, epsilon, gamma, beta, *terms):
    return _normalize_sum(epsilon, gamma, beta, _sum(has_bias, terms))


def _normalize_in_engines(has_bias, epsilon, gamma, beta, *terms):
    # They look for a quotient by a root of a mean of second powers, OpenVINO
    # with a list of axes.
    x = _sum(has_bias, terms)
    mean = tf.reduce_mean(x, axis=[-1], keepdims=True)
    centred = x - mean
    variance = tf.reduce_mean(tf.pow(centred, 2.0), axis=[-1], keepdims=True)
    deviation = tf.sqrt(variance + epsilon)
    return centred / deviation * gamma + beta, mean, 1.0 / deviation


@functools.partial(
    island, plain=_plain_normalize, in_engines=_normalize_in_engines
)
def _normalize(has_bias, epsilon, gamma, beta, *terms):
    outputs, *statistics = _normalize_sum(
        epsilon, gamma, beta, _sum(has_bias, _float32(*terms))
    )
    return tf.cast(outputs, terms[0].dtype), *statistics


def _normalize_sum(epsilon, gamma, beta, inputs):
    """Returns the outputs, in the type of the inputs, mean and 1/deviation."""
    x = tf.cast(inputs, tf.float32)
    mean = tf.reduce_mean(x, axis=-1, keepdims=True)
    centred = x - mean
    variance = tf.reduce_mean(tf.square(centred), axis=-1, keepdims=True)
    scale = tf.math.rsqrt(variance + epsilon)
    outputs = centred * scale * gamma + beta
    return tf.cast(outputs, inputs.dtype), mean, scale


def _plain_normalize_gradient(has_bias, upstream, gamma, mean, scale, *terms):
    # Of the sum as it was rounded: the mean and the scale are that sum's.
    return _normalize_sum_gradient(
        has_bias, upstream, gamma, mean, scale, _sum(has_bias, terms)
    )


@functools.partial(island, plain=_plain_normalize_gradient)
def _normalize_gradient(has_bias, upstream, gamma, mean, scale, *terms):
    return _normalize_sum_gradient(
        has_bias, upstream, gamma, mean, scale, _sum(has_bias, _float32(*terms))
    )


def _normalize_sum_gradient(has_bias, upstream, gamma, mean, scale, inputs):
    """Returns the gradients of the sum, gamma, beta and the bias, or ()."""
    dtype = upstream.dtype
    normal = (tf.cast(inputs, tf.float32) - mean) * scale
    upstream = tf.cast(upstream, tf.float32)
    batch_axes = _batch_axes(upstream)
    of_gamma = tf.reduce_sum(upstream * normal, axis=batch_axes)
    of_beta = tf.reduce_sum(upstream, axis=batch_axes)
    of_normal = upstream * gamma
    of_sum = scale * (
        of_normal
        - tf.reduce_mean(of_normal, axis=-1, keepdims=True)
        - normal * tf.reduce_mean(of_normal * normal, axis=-1, keepdims=True)
    )
    of_bias = tf.reduce_sum(of_sum, axis=batch_axes) if has_bias else ()
    return (
        tf.cast(of_sum, dtype),
        of_gamma,
        of_beta,
        tf.cast(of_bias, dtype) if has_bias else (),
    )


@island
def _softmax_gradient(probabilities, upstream):
    of_scores = _gradient_of_scores(probabilities, upstream)
    return tf.cast(of_scores, probabilities.dtype)


@island
def _biased_softmax_gradient(probabilities, upstream):
    """Returns the gradients of the scores and of the bias of all sequences."""
    of_scores = _gradient_of_scores(probabilities, upstream)
    of_bias = tf.reduce_sum(of_scores, axis=0, keepdims=True)
    return tf.cast(of_scores, probabilities.dtype), of_bias


def _gradient_of_scores(probabilities, upstream):
    p, upstream = _float32(probabilities, upstream)
    weighted = p * upstream
    return weighted - p * tf.reduce_sum(weighted, axis=-1, keepdims=True)
