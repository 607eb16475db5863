# SPDX-License-Identifier: Apache-2.0
"""Puts averages of the weights in their place for a while."""

import contextlib


def has_averages(loop):
    """Returns whether averages of the weights of a loop are kept.

    Args:
      loop: ``InferenceLoop``; only a ``TrainingLoop`` can have them.
    """
    return bool(loop.optimizer and loop.optimizer.averages)


@contextlib.contextmanager
def averaged_weights(loop):
    """Sets the weights of a model to their averages, and back at the end.

    Where no averages are kept, or no update was made, nothing is changed. What
    is not trained is its own average.

    Args:
      loop: ``InferenceLoop``.
    """
    if not has_averages(loop) or not loop.optimizer.iterations.numpy():
        yield
        return
    trained = loop.trained_variables
    weights = [variable.numpy() for variable in trained]
    for variable in trained:
        variable.assign(loop.optimizer.average(variable).value)
    try:
        yield
    finally:
        for variable, value in zip(trained, weights, strict=True):
            variable.assign(value)
