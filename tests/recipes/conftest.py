# SPDX-License-Identifier: Apache-2.0
"""What the tests of the three recipes share."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from albert.interchange import tensor_bundle
from albert.training import event_tags

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"


@pytest.fixture(scope="session")
def tokenizer_file():
    return GOLDEN / "tokenization" / "spm2000.model"


@pytest.fixture(scope="session")
def other_tokenizer_file():
    return GOLDEN / "tokenization" / "spm2000_numcomma.model"


@pytest.fixture(scope="session")
def read():
    """Function of a directory and a name to what the JSON file holds."""

    def read_json(directory, name):
        return json.loads((directory / name).read_text("utf-8"))

    return read_json


@pytest.fixture(scope="session")
def results_of(read):
    """Function of a directory to its evaluation's results."""
    return lambda directory: read(directory, "eval_results.json")


@pytest.fixture(scope="session")
def events():
    """Function of a directory to the metrics of its TensorBoard events."""

    def read_names(directory):
        names = set()
        for path in directory.glob("events.*"):
            for event in tf.compat.v1.train.summary_iterator(str(path)):
                names |= {
                    event_tags.name_of(value.tag)
                    for value in event.summary.value
                }
        return names

    return read_names


@pytest.fixture(scope="session")
def assert_same_gradients():
    """Function of two checkpoints whose runs must have had equal gradients.

    The rate of both runs is --learning_rate=1e-30, which leaves the weights
    as they are: the first moments are sums of gradients alone. After steps
    that count, weights would prove less: a step is a moment divided by the
    root of another, so the rounding of a gradient that is zero, as the key
    bias's is, makes a step of full size.
    """

    def check(one, two):
        one, two = tensor_bundle.read(one), tensor_bundle.read(two)
        assert one.keys() == two.keys()
        names = [name for name in one if name.endswith("/adam_m")]
        largest = max(np.abs(one[name]).max() for name in names)
        assert largest > 1e-3
        # Gradients are sums over the tokens of a batch, some 200, which
        # float32 rounds by 200 * 2**-24 = 1e-5 of their terms: ten times as
        # much of a sum, as terms cancel.
        for name in names:
            difference = np.abs(one[name] - two[name]).max()
            assert difference < 1e-4 * largest, name

    return check
