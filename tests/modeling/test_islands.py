# SPDX-License-Identifier: Apache-2.0
"""Islands against formulas in float64, as they are and compiled by XLA."""

import contextlib

import numpy as np
import pytest
import tensorflow as tf

from albert.modeling import islands

ROWS, WIDTH = 7, 13
EPSILON = 1e-12


def gelu(x, bias):
    return tf.nn.gelu(x + bias, approximate=True)


def normalization(x, update, bias, gamma, beta):
    x = x + update + bias
    mean, variance = tf.nn.moments(x, axes=[-1], keepdims=True)
    return gamma * (x - mean) / tf.sqrt(variance + EPSILON) + beta


def normalization_alone(x, gamma, beta):
    return normalization(x, tf.zeros_like(x), 0.0, gamma, beta)


def softmax(scores, mask_scores, bias=0.0):
    return tf.nn.softmax(scores + tf.stop_gradient(mask_scores) + bias)


# name: (function, formula, shapes of the arguments, which are float32 always)
CASES = {
    "bias": (islands.add_bias, tf.add, [(ROWS, WIDTH), (WIDTH,)], []),
    "gelu": (islands.add_bias_and_gelu, gelu, [(ROWS, WIDTH), (WIDTH,)], []),
    "normalization": (
        lambda x, update, bias, gamma, beta: islands.add_and_normalize(
            [x, update], bias, gamma, beta, EPSILON
        ),
        normalization,
        [(ROWS, WIDTH)] * 2 + [(WIDTH,)] * 3,
        [3, 4],
    ),
    "normalization alone": (
        lambda x, gamma, beta: islands.add_and_normalize(
            [x], None, gamma, beta, EPSILON
        ),
        normalization_alone,
        [(2, 3, WIDTH), (WIDTH,), (WIDTH,)],
        [1, 2],
    ),
    "softmax": (
        islands.masked_softmax,
        softmax,
        [(2, 3, 5, 5), (2, 1, 1, 5)],
        [1],
    ),
    "softmax of biased scores": (
        islands.masked_softmax,
        softmax,
        [(2, 3, 5, 5), (2, 1, 1, 5), (1, 3, 5, 5)],
        [1, 2],
    ),
}


def with_gradients(function, arguments, upstream, context):
    """Returns the output and the gradients of the arguments, as float64."""

    @tf.function
    def call(*arguments):
        with context:
            with tf.GradientTape() as tape:
                tape.watch(arguments)
                output = function(*arguments)
            gradients = tape.gradient(
                output,
                arguments,
                output_gradients=tf.cast(upstream, output.dtype),
                unconnected_gradients="zero",
            )
        return [tf.cast(x, tf.float64) for x in (output, *gradients)]

    concrete = call.get_concrete_function(*arguments)
    return [x.numpy() for x in concrete(*arguments)], concrete.graph


def is_compiled(graph):
    return any("_XlaMustCompile" in str(op) for op in graph.get_operations())


@pytest.mark.parametrize(
    # bfloat16 keeps 8 bits: an island rounds its result only, ordinary
    # operations round each of theirs.
    ("dtype", "on", "tolerance"),
    [
        ("float32", False, 3e-6),
        ("float32", True, 3e-6),
        ("bfloat16", False, 2.0**-6),
        ("bfloat16", True, 2.0**-8),
    ],
)
@pytest.mark.parametrize("name", CASES)
def test_is_its_formula(name, dtype, on, tolerance):
    function, formula, shapes, float32_arguments = CASES[name]
    rng = np.random.default_rng(len(name))
    arguments = [
        tf.cast(
            rng.normal(size=shape),
            "float32" if index in float32_arguments else dtype,
        )
        for index, shape in enumerate(shapes)
    ]
    # What rounding leaves of random numbers is exact in float64.
    upstream = tf.cast(rng.normal(size=shapes[0]), dtype)
    found, graph = with_gradients(
        function, arguments, upstream, islands.compiled(on)
    )
    assert is_compiled(graph) == on
    expected, _ = with_gradients(
        formula,
        [tf.cast(x, tf.float64) for x in arguments],
        upstream,
        contextlib.nullcontext(),
    )
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        scale = max(1.0, np.max(np.abs(other)))
        assert np.max(np.abs(one - other)) < tolerance * scale


def test_gradient_without_islands_is_that_of_the_rounded_sum():
    # 256 + 1 is 256 in bfloat16; of the sums that are not rounded, the
    # gradient is another.
    x = tf.constant([[256.0, 258.0, 250.0]], tf.bfloat16)
    update = tf.constant([[1.0, -1.0, 0.0]], tf.bfloat16)
    gamma, beta = tf.constant([2.0, 3.0, -1.0]), tf.zeros(3)
    upstream = tf.constant([[1.0, -2.0, 0.5]], tf.bfloat16)

    def call(x, update):
        return islands.add_and_normalize(
            [x, update], None, gamma, beta, EPSILON
        )

    def of_rounded(x, update):
        return normalization_alone(tf.cast(x + update, "float32"), gamma, beta)

    context = contextlib.nullcontext()
    found, _ = with_gradients(call, [x, update], upstream, context)
    expected, _ = with_gradients(of_rounded, [x, update], upstream, context)
    for one, other in zip(found, expected, strict=True):
        assert np.max(np.abs(one - other)) < 2.0**-8 * np.max(np.abs(other))


def test_one_row_without_an_axis_for_it_is_normalised():
    x = tf.constant([1.0, 2.0, 6.0])
    gamma, beta = tf.constant([2.0, 3.0, -1.0]), tf.constant([0.5, 0.0, 1.0])
    for addends in ([x], [x, x]):
        found = islands.add_and_normalize(addends, None, gamma, beta, EPSILON)
        expected = normalization_alone(sum(addends), gamma, beta)
        assert np.max(np.abs(found - expected)) < 1e-6


@pytest.mark.parametrize("name", ["gelu", "normalization"])
def test_the_form_for_engines_is_the_formula(name):
    function, formula, shapes, _ = CASES[name]
    rng = np.random.default_rng(len(name))
    arguments = [rng.normal(size=shape).astype("float32") for shape in shapes]
    with islands.for_engines():
        found = function(*arguments)
        graph = tf.function(function).get_concrete_function(*arguments).graph
    expected = formula(*(tf.cast(x, tf.float64) for x in arguments))
    assert np.max(np.abs(found - tf.cast(expected, tf.float32))) < 3e-6
    assert "Pow" in {op.type for op in graph.get_operations()}


def test_context_ends():
    with islands.compiled():
        with islands.compiled(False):
            assert not compiles_here()
        assert compiles_here()
    assert not compiles_here()


def compiles_here():
    add = tf.function(lambda: islands.add(tf.ones(3), tf.ones(3)))
    return is_compiled(add.get_concrete_function().graph)
