# SPDX-License-Identifier: Apache-2.0
"""One device, accumulation, replicas and workers compute the same.

Each global batch is one of 32 sequences: 1 x 32, 4 accumulation steps x 8,
2 replicas x 16, 2 worker processes x 16.
"""

import pathlib

import numpy as np
import pytest

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


CASES = ["accumulated", "replicas", "worker_0", "worker_1"]


@pytest.mark.parametrize("case", CASES)
def test_updates_are_those_of_one_device(results, case):
    one, other = results["one"], results[case]
    assert (one["history"]["gradient_norm"] > 1.0).all()  # clipping is active
    # The loss does not depend on the bias of the keys, which moves by rounding.
    moved = {
        name: value
        for name, value in one["moved"].items()
        if not name.endswith("key/bias")
    }
    assert min(moved.values()) > 1e-3
    assert difference(one["weights"], other["weights"]) < 1e-5
    assert max(other["spread"].values()) == 0.0
    assert difference(one["history"], other["history"]) < 1e-4


def test_clipping_in_each_replica_would_be_noticed(results):
    one, trap = results["one"]["weights"], results["trap"]["weights"]
    assert difference(one, trap) > 1e-3


@pytest.mark.parametrize("case", ["replicas", "worker_0", "worker_1"])
def test_evaluations_and_predictions_are_those_of_one_device(results, case):
    one, other = results["one"], results[case]
    assert len(one["evaluation"]) == 4 + 2 + 1
    assert difference(one["evaluation"], other["evaluation"]) < 1e-6
    assert difference(one["prediction"], other["prediction"]) < 1e-6
