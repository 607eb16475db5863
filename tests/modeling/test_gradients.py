# SPDX-License-Identifier: Apache-2.0
"""Recomputation and shared weights: the same gradients in less memory."""

import json
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import albert
from albert.modeling.gradients import SharedWeights
from albert.modeling.gradients import recompute


def gradients(recompute_layers, jit_compile, dtype):
    config = albert.AlbertConfig(
        vocab_size=89,
        embedding_size=7,
        hidden_size=22,
        num_attention_heads=2,
        intermediate_size=31,
        num_hidden_layers=4,
        num_hidden_groups=2,
        inner_group_num=2,
        max_position_embeddings=17,
        hidden_dropout_prob=0.2,
        attention_probs_dropout_prob=0.3,
        # Larger ones make the gradients depend more on how all is rounded.
        initializer_range=0.1,
    )
    keras.utils.set_random_seed(5)
    model = albert.AlbertClassifier(config, num_labels=3, dtype=dtype)
    model.encoder.recompute_layers = recompute_layers
    rng = np.random.default_rng(3)
    for variable in model.trainable_variables:
        variable.assign(variable + rng.normal(0, 0.1, variable.shape))
    batch = {
        "input_ids": rng.integers(0, 89, (5, 13)).astype("int32"),
        "input_mask": np.arange(13) < rng.integers(3, 14, (5, 1)),
        "segment_ids": rng.integers(0, 2, (5, 13)).astype("int32"),
    }

    @tf.function(jit_compile=jit_compile)
    def step():
        with tf.GradientTape() as tape:
            logits = model(batch, training=True)["logits"]
            loss = tf.reduce_sum(logits * [[0.3, -0.7, 1.1]])
        values = tape.gradient(
            loss, [v.value for v in model.trainable_variables]
        )
        return logits, [tf.convert_to_tensor(value) for value in values]

    # Twice: the state of dropout must be moved in the same way.
    step()
    logits, values = step()
    return [logits.numpy(), *(value.numpy() for value in values)]


def difference(a, b):
    return max(np.max(np.abs(x - y)) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize(
    "jit_compile", [False, pytest.param(True, marks=pytest.mark.slow)]
)
def test_gradients_are_the_same(jit_compile):
    kept = gradients(False, jit_compile, "float32")
    again = gradients(True, jit_compile, "float32")
    size = max(np.max(np.abs(value)) for value in kept)
    assert size > 1.0
    # Operations are fused and gradients summed in another order. One unit in
    # the last place of every weight is 1e-6; a part of the gradient that is a
    # tenth too small, 1e-2; other dropout, 0.3.
    assert difference(kept, again) < 2e-5 * size


@pytest.mark.slow
def test_gradients_are_the_same_in_half_precision():
    # Not those of float32, whose dropout draws other numbers.
    kept = gradients(False, False, "mixed_bfloat16")
    again = gradients(True, False, "mixed_bfloat16")
    size = max(np.max(np.abs(value)) for value in kept)
    # Rounded to 8 bits at other places: 0.009; with other dropout 0.2.
    assert difference(kept, again) < 0.05 * size


def test_the_function_is_computed_again_for_the_gradient():
    calls = []

    def function(x, weights):
        calls.append(x)
        return tf.square(x) * weights["a"] + weights["b"]

    x = tf.constant([2.0, -3.0])
    weights = {"a": tf.constant(5.0), "b": tf.constant([7.0, 11.0])}
    with tf.GradientTape() as tape:
        tape.watch([x, weights])
        y = recompute(function, x, weights)
        total = tf.reduce_sum(y * [1.0, 10.0])
    assert len(calls) == 1
    gradient = tape.gradient(total, [x, weights])
    assert len(calls) == 2
    assert np.array_equal(y, [27.0, 56.0])
    assert np.array_equal(gradient[0], [20.0, -300.0])
    assert np.array_equal(gradient[1]["a"], 94.0)
    assert np.array_equal(gradient[1]["b"], [1.0, 10.0])


def peak_megabytes(**settings):
    """What a step adds to the memory of a process."""
    program = pathlib.Path(__file__).with_name("peak_memory.py")
    done = subprocess.run(
        [sys.executable, program, json.dumps(settings)],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize(("jit_compile", "share"), [(False, 0.6), (True, 0.1)])
def test_less_memory_is_taken(jit_compile, share):
    # 24 layers keep at least 24 x 13 x 128 x 1024 floats: 156 MiB.
    settings = {
        "jit_compile": jit_compile,
        "batch": 13,
        "length": 128,
        "intermediate": 1024,
    }
    kept = peak_megabytes(recompute_layers=False, **settings)
    again = peak_megabytes(recompute_layers=True, **settings)
    assert kept > 300
    assert again < share * kept


def apply_thrice(x, weights, training):
    shared = SharedWeights(weights, 3, training)
    for _ in range(3):
        x, used = shared.take(x)
        x = x * used["a"] + used["b"]
    return x


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_shared_weights_have_the_gradient_of_all_uses(training, graph):
    x = tf.constant([2.0, -3.0])
    weights = {"a": tf.constant([5.0, 7.0]), "b": tf.constant([11.0, 13.0])}

    def gradients():
        with tf.GradientTape() as tape:
            tape.watch([x, weights])
            y = apply_thrice(x, weights, training)
        return y, tape.gradient(y, [x, weights])

    y, (of_x, of_weights) = (tf.function(gradients) if graph else gradients)()
    # y = a³x + (a² + a + 1)b
    a, b, x = (np.asarray(v) for v in (weights["a"], weights["b"], x))
    assert np.array_equal(y, a**3 * x + (a**2 + a + 1) * b)
    assert np.array_equal(of_x, a**3)
    assert np.array_equal(of_weights["a"], 3 * a**2 * x + (2 * a + 1) * b)
    assert np.array_equal(of_weights["b"], a**2 + a + 1)


@pytest.mark.slow
@pytest.mark.parametrize("recompute_layers", [False, True])
def test_shared_weights_keep_one_gradient_at_a_time(recompute_layers):
    # Those of one use are 2 x 32 x 2^16 floats: 16 MiB, and of 24: 384.
    added = peak_megabytes(
        recompute_layers=recompute_layers,
        jit_compile=False,
        batch=1,
        length=7,
        intermediate=2**16,
    )
    assert added < 300
