# SPDX-License-Identifier: Apache-2.0
"""Precision, recall and F1 of single labels."""

import numpy as np
import pytest

from albert.tasks import label_metrics
from albert.tasks import metrics
from albert.tasks import selection
from albert.tasks import thresholds
from albert.tasks.table import TASKS

TASK = TASKS["tsv"].with_labels(("a", "b", "c", "never"))


def test_scores_of_labels_by_hand():
    # Of a: 2 right of 3 said and 4 there; of b: 1 of 3 and of 1; of c: none.
    gold = [0, 0, 0, 0, 1, 2]
    predicted = [0, 0, 1, 1, 1, 0]
    results = label_metrics.compute(TASK, gold, predicted)
    assert results == pytest.approx(
        {
            "precision_a": 2 / 3,
            "recall_a": 2 / 4,
            "f1_a": 4 / 7,
            "precision_b": 1 / 3,
            "recall_b": 1,
            "f1_b": 1 / 2,
            "precision_c": 0,
            "recall_c": 0,
            "f1_c": 0,
        }
    )
    whole = metrics.compute(TASK, gold, predicted)
    assert whole.items() >= results.items()
    assert whole["macro_f1"] == pytest.approx((4 / 7 + 1 / 2 + 0) / 3)


def test_scores_of_several_labels_a_text_by_hand():
    task = selection.get_task(
        "tsv", multi_label=True, labels=("a", "b", "never")
    )
    # Of a: 1 right of 2 said and 2 there; of b: 2 of 3 and of 2.
    gold = np.array([[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 0]])
    predicted = np.array([[0, 1, 0], [1, 1, 0], [0, 1, 1], [1, 0, 1]])
    results = metrics.compute(task, gold, predicted, predicted)
    scores = {
        name: value
        for name, value in results.items()
        if label_metrics.is_of_one_label(name)
    }
    assert scores == pytest.approx(
        {
            "precision_a": 1 / 2,
            "recall_a": 1 / 2,
            "f1_a": 1 / 2,
            "precision_b": 2 / 3,
            "recall_b": 1,
            "f1_b": 4 / 5,
        }
    )
    assert not results.keys() & thresholds.named(task, np.ones(3)).keys()
    # What a command checks --best_metric by.
    constant = np.zeros_like(gold)
    names = metrics.compute(task, gold, constant, constant).keys()
    assert names == results.keys()
    # Nothing of single labels is in the baseline.
    baseline = metrics.baseline(task, gold)
    assert baseline
    assert not any(map(label_metrics.is_of_one_label, baseline))


def test_names_depend_on_the_labels_of_the_data_alone():
    gold = [0, 1]
    names = [
        label_metrics.compute(TASK, gold, predicted).keys()
        for predicted in ([0, 1], [3, 3])
    ]
    assert names[0] == names[1]
    assert not any("never" in name for name in names[0])


def test_tags_that_are_no_entities_have_scores():
    task = TASKS["ner"].with_labels(("NOUN", "VERB"))
    results = metrics.compute(
        task, [["NOUN", "VERB"], ["NOUN"]], [["NOUN", "NOUN"], ["NOUN"]]
    )
    assert (
        results["accuracy"] == results["precision_NOUN"] == pytest.approx(2 / 3)
    )
    assert results["recall_NOUN"] == 1
    assert results["f1_VERB"] == 0


def test_other_tasks_have_none():
    choices = TASKS["race"]
    assert metrics.compute(choices, [0, 1], [0, 0]) == {"accuracy": 0.5}
    ner = TASKS["ner"].with_labels(("O", "B-A", "I-A"))
    assert not label_metrics.compute(ner, [["B-A"]], [["O"]])


@pytest.mark.parametrize(
    "name, is_one",
    [
        ("f1_b", True),
        ("precision_a b", True),
        ("recall_loss", True),
        ("entity_recall_PER", True),
        ("f1", False),
        ("macro_f1", False),
        ("entity_f1", False),
        ("entity_precision", False),
        ("HasAns_f1", False),
        ("accuracy_mismatched", False),
    ],
)
def test_metrics_of_one_label(name, is_one):
    assert label_metrics.is_of_one_label(name) == is_one
