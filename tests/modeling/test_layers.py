# SPDX-License-Identifier: Apache-2.0
"""Basic layers: functions against their formulas."""

import math

import numpy as np
import pytest
import tensorflow as tf

from albert.modeling.layers import Dropout
from albert.modeling.layers import get_activation

POINTS = np.linspace(-5.0, 5.0, 101)


def test_exact_gelu_is_the_error_function_s():
    exact = [x * 0.5 * (1.0 + math.erf(x / math.sqrt(2.0))) for x in POINTS]
    # Half of each point is the bias.
    halves = tf.constant(0.5 * POINTS, tf.float32)[tf.newaxis]
    found = get_activation("gelu_erf")(halves, halves[0])
    # Four units in the last place of 5, the largest number.
    assert np.max(np.abs(found[0].numpy() - exact)) < 2e-6
    # The tanh form is another function, by more than a tolerance of parity.
    tanh = get_activation("gelu")(halves, halves[0])
    assert 1e-4 < np.max(np.abs(tanh[0].numpy() - exact)) < 1e-3


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_other_dtypes_drop_the_same_entries_as_float32(dtype):
    ones, seed = tf.ones((1000, 131)), tf.constant([3, 5], tf.int64)
    dropout = Dropout(0.1)
    expected = dropout(ones, training=True, seed=seed)
    found = Dropout(0.1, dtype=dtype)(
        tf.cast(ones, dtype), training=True, seed=seed
    )
    assert found.dtype == dtype
    assert np.array_equal(found, tf.cast(expected, dtype))
    # Four standard deviations.
    kept = np.mean(expected.numpy() > 0)
    assert abs(kept - 0.9) < 4 * math.sqrt(0.09 / 131000)
