# SPDX-License-Identifier: Apache-2.0
"""One device, accumulation, replicas and workers compute the same.

Each global batch is one of 32 sequences: 1 x 32, 4 accumulation steps x 8,
2 replicas x 16, 2 worker processes x 16.
"""

import pathlib

import numpy as np
import pytest

pytestmark = pytest.mark.slow

PROGRAM = pathlib.Path(__file__).with_name("equality_program.py")


@pytest.fixture(scope="module")
def results(inputs, module_launcher, tmp_path_factory):
    """dict from case to dict of arrays; workers are worker_0 and worker_1."""
    folder = tmp_path_factory.mktemp("equality")
    records = inputs / "eval.tfrecord"
    started = [
        module_launcher.start(
            PROGRAM, records, folder / "local.npz", "replicas"
        ),
        *module_launcher.start_workers(
            PROGRAM, records, folder / "worker_{index}.npz", "workers"
        ),
    ]
    for each in started:
        each.succeed()
    found = {}
    for path in sorted(folder.glob("*.npz")):
        with np.load(path, allow_pickle=False) as arrays:
            for key, value in arrays.items():
                case, kind, name = key.split("/", 2)
                case = case.replace("workers", path.stem)
                found.setdefault(case, {}).setdefault(kind, {})[name] = value
    return found


def difference(one, other):
    """Largest absolute difference of equally named arrays."""
    assert one.keys() == other.keys()
    assert all(one[name].shape == other[name].shape for name in one)
    return max(np.max(np.abs(one[name] - other[name])) for name in one)


def relative_difference(one, other, sizes):
    """Largest difference of equally named arrays, relative to the sizes."""
    assert one.keys() == other.keys() == sizes.keys()
    return max(
        np.max(np.abs(one[name] - other[name])) / np.max(sizes[name])
        for name in one
    )


def without_key_bias(weights):
    """The loss does not depend on the bias of keys, which moves by rounding."""
    return {
        name: value
        for name, value in weights.items()
        if not name.endswith("key/bias")
    }


def movement_difference(one, other):
    """Largest difference of weights, relative to how far these moved."""
    return relative_difference(
        *map(without_key_bias, (one["weights"], other["weights"], one["moved"]))
    )


CASES = ["accumulated", "replicas", "worker_0", "worker_1"]
# What one unit in the last place of every weight changes: movements by up to
# 7e-5 (an update divides by the root of the gradient's square, so that small
# gradients, rounding for the most part, move weights as far as large ones do),
# histories by up to 7e-7, and logits and losses, up to 5, by up to 5.4e-6.
OF_MOVEMENT, OF_HISTORY, ROUNDING = 2e-3, 2e-4, 5e-5


@pytest.mark.parametrize("case", CASES)
def test_updates_are_those_of_one_device(results, case):
    one, other = results["one"], results[case]
    assert (one["history"]["gradient_norm"] > 1.0).all()  # clipping is active
    assert min(without_key_bias(one["moved"]).values()) > 1e-3
    assert movement_difference(one, other) < OF_MOVEMENT
    assert max(other["spread"].values()) == 0.0
    largest = {name: np.abs(one["history"][name]) for name in one["history"]}
    assert (
        relative_difference(one["history"], other["history"], largest)
        < OF_HISTORY
    )


def test_clipping_in_each_replica_would_be_noticed(results):
    one, trap = results["one"], results["trap"]
    assert movement_difference(one, trap) > 50 * OF_MOVEMENT


@pytest.mark.parametrize("case", ["replicas", "worker_0", "worker_1"])
def test_evaluations_and_predictions_are_those_of_one_device(results, case):
    one, other = results["one"], results[case]
    assert len(one["evaluation"]) == 2 * 4 + 2 + 1
    assert difference(one["evaluation"], other["evaluation"]) < ROUNDING
    assert difference(one["prediction"], other["prediction"]) < ROUNDING
