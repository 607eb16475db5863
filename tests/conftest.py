# SPDX-License-Identifier: Apache-2.0
import gc
import random
import sys

import hypothesis
import pytest

# How long an example takes is the machine's affair.
hypothesis.settings.register_profile(
    "albert",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("albert")


@pytest.fixture(scope="module", autouse=True)
def _graphs_of_a_module_are_freed():
    """Keeps hundreds of models in one process from filling the memory.

    TensorFlow registers the gradient of each ``tf.custom_gradient`` that is
    traced, by a new name, for ever, and with it the whole graph: about 20 MB
    for a small model that is trained and evaluated.
    """
    yield
    if "tensorflow" in sys.modules:
        from tensorflow.python.framework import ops

        registry = ops.gradient_registry._registry
        for name in list(registry):
            if name.startswith("CustomGradient-"):
                del registry[name]
    gc.collect()


def _seed():
    # Keras draws the seeds of initializers from here, at every call.
    random.seed(20211)
    if "tensorflow" in sys.modules:
        sys.modules["tensorflow"].random.set_seed(20211)


@pytest.fixture(scope="module", autouse=True)
def _weights_of_a_module_are_the_same_in_every_run():
    _seed()


@pytest.fixture(autouse=True)
def _weights_are_the_same_in_every_run():
    """A test that passes today passes tomorrow, alone and among others."""
    _seed()
