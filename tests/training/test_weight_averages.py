# SPDX-License-Identifier: Apache-2.0
"""Weights give way to their averages, and come back whatever happens."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from albert.training.optimizers import AdamW
from albert.training.weight_averages import averaged_weights
from albert.training.weight_averages import has_averages


def make_loop(decay=0.5, steps=2):
    """Returns a loop with a kernel that is trained and a bias that is not."""
    variables = [keras.Variable([3.0, 5.0], name=x) for x in ("bias", "kernel")]
    optimizer = AdamW(0.1, weight_average_decay=decay)
    optimizer.build(variables)
    for _ in range(steps):
        optimizer.apply([tf.constant([1.0, -2.0])], variables[1:])
    return types.SimpleNamespace(
        optimizer=optimizer,
        trained_variables=variables[1:],
        variables=variables,
    )


def values(loop):
    return [variable.numpy() for variable in loop.variables]


@pytest.mark.parametrize("error", [None, KeyboardInterrupt])
def test_weights_are_their_averages_for_a_while(error):
    loop = make_loop()
    assert has_averages(loop)
    bias, kernel = values(loop)
    average = loop.optimizer.averages[1].numpy()
    assert np.abs(average - kernel).min() > 1e-3
    try:
        with averaged_weights(loop):
            inside = values(loop)
            if error:
                raise error
    except KeyboardInterrupt:
        assert error
    assert np.array_equal(inside, [bias, average])
    assert np.array_equal(values(loop), [bias, kernel])


@pytest.mark.parametrize("changes", [{"decay": None}, {"steps": 0}])
def test_without_averages_nothing_changes(changes):
    loop = make_loop(**changes)
    before = values(loop)
    assert has_averages(loop) == ("steps" in changes)
    with averaged_weights(loop):
        assert np.array_equal(values(loop), before)


def test_a_loop_that_evaluates_alone_has_none():
    loop = types.SimpleNamespace(optimizer=None)
    assert not has_averages(loop)
    with averaged_weights(loop):
        pass
