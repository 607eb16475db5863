# SPDX-License-Identifier: Apache-2.0
"""What TensorFlow computes within the products of the forward pass, on CPUs.

It looks for patterns of ops, which a change of the formula or of a name can
miss without any change of results.
"""

import collections

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.eager import context

import albert
from albert.modeling.layers import get_activation
from albert.modeling.rows import padding_skipped

LAYERS = 3
DTYPES = ["float32", "bfloat16"]


def fused_products(function, *inputs):
    """Returns how many products of the graph that runs end in what: Counter.

    Keys are names as "BiasAdd+Relu", joined.
    """
    eager = context.context()
    eager.enable_graph_collection()
    try:
        function(*inputs)
        graphs = eager.export_run_metadata().function_graphs
    finally:
        eager.disable_graph_collection()
    return collections.Counter(
        "+".join(name.decode() for name in node.attr["fused_ops"].list.s)
        for graph in graphs
        for node in graph.post_optimization_graph.node
        if node.op == "_FusedMatMul"
    )


def dense(dtype, activation, size=1):
    """Returns the function ``activation(x · 1 + 0)`` of [rows, size]."""
    kernel = tf.Variable(np.eye(size), dtype=dtype)
    bias = tf.Variable(np.zeros(size), dtype=dtype)

    @tf.function(input_signature=[tf.TensorSpec((None, size), dtype)])
    def apply(inputs):
        product = tf.matmul(inputs, kernel)
        return activation(product, bias)

    return apply


def onednn_computes(dtype):
    """Returns whether oneDNN is used for the type, here.

    By the pattern that is hardest to miss. Where it is not, because of the
    processor or of TF_ENABLE_ONEDNN_OPTS=0, all but a few ops are computed
    one by one.
    """
    function = dense(dtype, get_activation("gelu_erf"))
    found = fused_products(function, tf.ones((2, 1), dtype))
    return "BiasAdd+GeluExact" in found


def tiny_encoder(dtype, hidden_act, skipped=False):
    config = albert.AlbertConfig(
        vocab_size=97,
        embedding_size=7,
        hidden_size=26,
        num_attention_heads=2,
        intermediate_size=37,
        num_hidden_layers=LAYERS,
        max_position_embeddings=17,
        initializer_range=0.2,
        hidden_act=hidden_act,
    )
    policy = {"float32": "float32", "bfloat16": "mixed_bfloat16"}[dtype]
    encoder = albert.AlbertEncoder(config, dtype=policy)

    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.int32)])
    def encode(input_ids):
        inputs = {
            "input_ids": input_ids,
            "input_mask": tf.cast(input_ids > 0, tf.int32),
        }
        with padding_skipped(skipped):
            outputs = encoder(inputs)
        return outputs["sequence_output"], outputs["pooled_output"]

    return encode


INPUT_IDS = np.arange(33, dtype="int32").reshape(3, 11)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("hidden_act", "op", "skipped"),
    [
        ("gelu", "GeluApproximate", False),
        ("gelu", "GeluApproximate", True),
        ("gelu_erf", "GeluExact", False),
        ("relu", "Relu", False),
    ],
)
def test_bias_activation_and_residual_are_computed_in_products(
    dtype, hidden_act, op, skipped
):
    found = fused_products(
        tiny_encoder(dtype, hidden_act, skipped), tf.constant(INPUT_IDS)
    )
    if onednn_computes(dtype):
        assert found == {
            "BiasAdd": 1 + LAYERS,  # projection; query, key and value
            f"BiasAdd+{op}": LAYERS,
            "BiasAdd+Add": 2 * LAYERS,
            "BiasAdd+Tanh": 1,  # pooler
        }
    else:
        assert set(found) <= {"BiasAdd", "BiasAdd+Relu"}


# Of vectors whose largest value is about 3: a few units in the last place.
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float32", 1e-5), ("bfloat16", 0.2)]
)
def test_fused_and_op_by_op_are_equal(dtype, tolerance):
    encode = tiny_encoder(dtype, "gelu")
    for fused, single in zip(
        encode(INPUT_IDS), encode.python_function(INPUT_IDS), strict=True
    ):
        difference = np.asarray(fused, "float64") - np.asarray(
            single, "float64"
        )
        assert np.max(np.abs(difference)) < tolerance


@pytest.mark.parametrize("name", ["Gelu", "a", "z"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_gelu_is_fused_whatever_the_ops_before_it_are_called(dtype, name):
    def activation(*arguments):
        with tf.name_scope(name):
            return get_activation("gelu")(*arguments)

    found = fused_products(dense(dtype, activation), tf.ones((2, 1), dtype))
    assert onednn_computes(dtype) == (found == {"BiasAdd+GeluApproximate": 1})
