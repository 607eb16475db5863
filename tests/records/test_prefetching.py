# SPDX-License-Identifier: Apache-2.0
"""Elements made side by side: in order, and without TensorFlow's tuning."""

import pathlib

import tensorflow as tf

import albert
from albert.records.prefetching import map_ahead
from albert.training import distribution


def make_dataset():
    return map_ahead(tf.data.Dataset.range(100), lambda x: {"square": x * x})


def test_elements_come_in_order():
    found = [int(element["square"]) for element in make_dataset()]
    assert found == [x * x for x in range(100)]


def test_nothing_tunes_the_dataset_of_one_device():
    # The thread that does sleeps up to a minute, and an iterator waits for it
    # when it is given up. Its time is TensorFlow's: what is to be seen here is
    # that there is none.
    strategy = distribution.get_strategy("one_device")
    dataset = distribution.distribute(strategy, make_dataset())
    assert dataset.options().autotune.enabled is False


def test_no_other_module_leaves_the_choice_to_tensorflow():
    root = pathlib.Path(albert.__file__).parent
    users = [
        path.relative_to(root).as_posix()
        for path in root.rglob("*.py")
        if "AUTOTUNE" in path.read_text(encoding="utf-8")
        or "tf.data.Options" in path.read_text(encoding="utf-8")
    ]
    assert users == ["records/prefetching.py"]
