# SPDX-License-Identifier: Apache-2.0
"""Weights of labels, as a flag gives them."""

import logging

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from albert.errors import UserError
from albert.tasks import class_weights
from albert.tasks import selection
from albert.tasks.table import TASKS

TASK = TASKS["tsv"].with_labels(("bad", "fair", "good"))


@pytest.mark.parametrize(
    "values, weights",
    [
        (None, None),
        (["balanced"], "balanced"),
        (["1", "2.5", "1e-3"], [1.0, 2.5, 0.001]),
        (["good:7", "bad:0.5"], [0.5, 1.0, 7.0]),
    ],
)
def test_weights_are_read(values, weights):
    assert class_weights.read(values, TASK) == weights


def test_labels_may_have_colons_in_them():
    task = TASKS["tsv"].with_labels(("a:b", "c"))
    assert class_weights.read(["a:b:3"], task) == [3.0, 1.0]


@pytest.mark.parametrize(
    "values, words",
    [
        (["1", "2"], "2 weights for 3 labels: give one for each of bad, fair"),
        (["god:2"], "no label god: is good meant? the labels are bad, fair"),
        (["xyz:2"], "no label xyz: the labels are bad"),
        (["good:2", "good:3"], "a label is given twice"),
        (["good:2", "3", "1"], "give balanced, or a number for each label"),
        (["balanced", "1", "1"], "'balanced' is no weight"),
        (["good:0"], "'0' is no weight: it must be a number from"),
        (["1", "-2", "1"], "'-2' is no weight"),
        (["1", "nan", "1"], "'nan' is no weight"),
    ],
)
def test_weights_that_cannot_be_are_refused(values, words):
    with pytest.raises(UserError) as caught:
        class_weights.read(values, TASK)
    assert str(caught.value).startswith(f"--class_weights={','.join(values)}")
    assert words in str(caught.value)


def test_bare_weights_of_numbers_in_the_order_of_texts():
    labels = tuple(sorted(map(str, range(1, 11))))
    assert labels[:2] == ("1", "10")
    values = [str(n / 10) for n in range(1, 11)]
    with pytest.raises(UserError, match="order of texts .1, 10, 2, ") as caught:
        class_weights.read(values, TASKS["tsv"].with_labels(labels))
    pairs = str(caught.value).rpartition("--class_weights=")[2].split(",")
    assert pairs[0] == "1:0.1" and pairs[-1] == "10:1.0"
    weights = class_weights.read(pairs, TASKS["tsv"].with_labels(labels))
    assert weights[:3] == [0.1, 1.0, 0.2]
    for labels in (("1", "2", "10"), ("10", "9", "8"), ("1", "10", "2a")):
        task = TASKS["tsv"].with_labels(labels)
        assert class_weights.read(["1", "2", "3"], task) == [1.0, 2.0, 3.0]


@pytest.fixture(autouse=True)
def all_is_logged(caplog):
    caplog.set_level(logging.INFO, logger="absl")


def test_balanced_is_that_of_scikit_learn(caplog):
    labels = np.repeat([0, 1, 2], [70, 5, 11])
    expected = compute_class_weight(
        "balanced", classes=np.arange(3), y=labels
    ).tolist()
    weights = class_weights.resolve("balanced", TASK, np.bincount(labels))
    assert weights == pytest.approx(expected)
    assert "bad 0.4095 (70 examples), fair 5.733 (5 examples)" in caplog.text
    assert "largest class weight" not in caplog.text


def test_a_label_that_never_occurs_changes_no_other():
    weights = class_weights.resolve("balanced", TASK, [30, 0, 10])
    assert weights == pytest.approx([40 / 60, 1.0, 2.0])


def test_weights_that_differ_much_are_warned_of(caplog):
    weights = class_weights.resolve("balanced", TASK, [999, 9, 99])
    assert max(weights) == pytest.approx(111 * min(weights))
    assert "the largest class weight is 111 times the smallest" in caplog.text


@pytest.mark.parametrize("name", ["sts-b", "race"])
def test_losses_without_labels_have_no_weights(name):
    with pytest.raises(UserError, match="--focal_gamma is for classes and"):
        class_weights.check_head("focal_gamma", selection.get_task(name))
    class_weights.check_head("focal_gamma", TASKS["ner"])


def test_weights_of_a_model_follow_its_labels():
    description = {
        "labels": ["good", "bad", "fair"],
        "class_weights": [3.0, 1.0, 2.0],
        "max_seq_length": 7,
    }
    found = class_weights.remembered(TASK, "model", description)
    assert found == {"class_weights": [1.0, 2.0, 3.0]}
    only = {"labels": ["a", "b"], "focal_gamma": 2.0}
    found = class_weights.remembered(TASK, "model", only)
    assert found == {"focal_gamma": 2.0}
    for broken in ({"class_weights": [1.0]}, {"labels": ["good", "bad"]}):
        with pytest.raises(UserError, match="^model: task.json does not have"):
            class_weights.remembered(TASK, "model", description | broken)
