# SPDX-License-Identifier: Apache-2.0
"""Workers that do not agree, each in a thread of its own."""

import concurrent.futures
import os
import threading

import numpy as np
import pytest

from albert.errors import UserError
from albert.training import agreement
from albert.training import coordination
from albert.training import distribution


class Cluster:
    """Two workers with two replicas each, which wait for one another."""

    def __init__(self):
        self.barrier = threading.Barrier(2, timeout=60)
        self.sent = {}

    def gather(self, worker, values):
        self.sent[worker] = values
        self.barrier.wait()
        rows = np.repeat([self.sent[0], self.sent[1]], 2, axis=0)
        self.barrier.wait()
        return rows


@pytest.fixture
def workers(monkeypatch):
    """Function that calls another once for each worker: list of messages.

    The strategy is the number of the worker, and of a cluster of two.
    """
    both = Cluster()
    monkeypatch.setattr(coordination, "num_workers", lambda worker: 2)
    monkeypatch.setattr(coordination, "is_chief", lambda worker: worker == 0)
    monkeypatch.setattr(coordination, "gather", both.gather)

    def message(function, worker):
        try:
            function(worker)
        except UserError as error:
            return str(error)

    def run(function):
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda each: message(function, each), (0, 1)))

    return run


def test_the_same_values(workers):
    values = {"rate": 0.1, "labels": ["a", "b"], "seed": None}
    assert workers(lambda _: agreement.check_same(_, dict(values))) == [
        None,
        None,
    ]


def test_what_differs_is_named_in_every_worker(workers):
    def check(worker):
        labels = ["a", "b"] if worker else ["b", "a"]
        agreement.check_same(
            worker, {"rate": 0.1, "labels": labels, "text": "x" * 200}
        )

    lines = workers(check)
    for line, labels in zip(lines, ("['b', 'a']", "['a', 'b']"), strict=True):
        assert line.startswith(f"the workers differ in labels (here {labels}):")
        assert "give all of them the same" in line
    lines = workers(
        lambda worker: agreement.check_same(
            worker, {"text": "x" * 999 + str(worker)}
        )
    )
    assert all(len(line) < 250 for line in lines)


def test_other_settings_altogether(workers):
    lines = workers(
        lambda worker: agreement.check_same(worker, {"ab"[worker]: 1, "c": 1})
    )
    assert "differ in a, c:" in lines[0] and "differ in b, c:" in lines[1]


class Data:
    num_examples = 40

    def __init__(self, content):
        self.content_checksum = f"checksum {content}"


def test_other_data(workers):
    lines = workers(
        lambda worker: agreement.check_data(
            worker, {"train": Data(worker), "dev": Data("same")}
        )
    )
    assert "differ in the train data (here 40 examples, checksum 1)" in lines[1]
    assert "dev" not in lines[1]


class Model:
    def __init__(self, value):
        values = np.full([3, 5], value, np.float32)
        self.weights = [Variable(values)]


class Variable:
    def __init__(self, values):
        self.numpy = lambda: values


def test_other_weights(workers):
    check = agreement.check_weights
    assert workers(lambda worker: check(worker, Model(0.5))) == [None, None]
    lines = workers(lambda worker: check(worker, Model(0.5 + worker)))
    assert all("differ in the first weights" in line for line in lines)


def test_a_directory_that_both_see(workers, tmp_path):
    check = agreement.check_shared_directory
    assert workers(lambda worker: check(worker, str(tmp_path))) == [None, None]
    assert os.listdir(tmp_path) == []


def test_a_directory_of_each(workers, tmp_path):
    for name in "01":
        (tmp_path / name).mkdir()
    lines = workers(
        lambda worker: agreement.check_shared_directory(
            worker, str(tmp_path / str(worker)), patience=0.3
        )
    )
    for worker, line in enumerate(lines):
        assert line.startswith(f"{tmp_path}/{worker}: not every worker sees")
        assert "a file system that all workers share" in line
        assert os.listdir(tmp_path / str(worker)) == []


def test_a_file_that_comes_late(workers, tmp_path, monkeypatch):
    """As on NFS, where names are looked up again after a while."""
    real, asked = os.path.exists, []

    def exists(path):
        asked.append(path)
        return len(asked) > 2 and real(path)

    monkeypatch.setattr(agreement.os.path, "exists", exists)
    check = agreement.check_shared_directory
    assert workers(lambda worker: check(worker, str(tmp_path))) == [None, None]
    assert len(asked) == 3


def test_one_process_alone_asks_nobody(tmp_path):
    strategy = distribution.get_strategy("one_device")
    agreement.check_same(strategy, {"a": object})
    # Nothing is read for it: these have neither checksums nor weights.
    agreement.check_data(strategy, {"train": object()})
    agreement.check_weights(strategy, object())
    agreement.check_shared_directory(strategy, str(tmp_path / "missing"))
    assert coordination.gather(strategy, [3, 5]).tolist() == [[3, 5]]
