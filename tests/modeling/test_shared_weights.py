# SPDX-License-Identifier: Apache-2.0
"""Weights that several layers use have one gradient, of one size."""

import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from albert.modeling.shared_weights import SharedWeights


def apply_thrice(x, weights, training):
    shared = SharedWeights(weights, 3, training)
    for _ in range(3):
        x, used = shared.take(x)
        x = x * used["a"] + used["b"]
    return x


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_gradients_are_those_of_all_uses(training, graph):
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
def test_one_gradient_at_a_time(recompute_layers):
    # Those of one use are 2 x 32 x 2^16 floats: 16 MiB, and of 24: 384.
    settings = {
        "recompute_layers": recompute_layers,
        "jit_compile": False,
        "batch": 1,
        "length": 7,
        "intermediate": 2**16,
    }
    program = pathlib.Path(__file__).with_name("peak_memory.py")
    done = subprocess.run(
        [sys.executable, program, json.dumps(settings)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(done.stdout) < 300
