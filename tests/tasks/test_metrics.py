# SPDX-License-Identifier: Apache-2.0
"""Metrics, against the original and by hand."""

import json
import pathlib

import numpy as np
import pytest
import seqeval.metrics
import seqeval.scheme

from albert.errors import UserError
from albert.tasks import metrics
from albert.tasks import predictions as predictions_lib
from albert.tasks import selection
from albert.tasks import tag_schemes
from albert.tasks.featurization import WordPositions
from albert.tasks.table import TASKS

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "classifier"
OUTPUTS = json.loads((GOLDEN / "metric_outputs.json").read_text())
NER = TASKS["ner"].with_labels(("O", "B-LOC", "I-LOC", "B-PER", "I-PER"))
NUMBERS = selection.get_task("tsv", regression=True)


def golden_inputs(name):
    with np.load(GOLDEN / "metric_inputs.npz", allow_pickle=False) as inputs:
        real = inputs[f"{name}/is_real_example"] == 1
        assert real.sum() == 46
        return [inputs[f"{name}/{key}"][real] for key in ("labels", "logits")]


@pytest.mark.parametrize("name", [n for n in OUTPUTS if "check" not in n])
def test_golden(name):
    labels, logits = golden_inputs(name)
    task = TASKS[{"mismnli": "mnli"}.get(name, name)]
    expected = OUTPUTS[name]
    if name == "sts-b":
        results = metrics.compute(NUMBERS, labels, logits)
        assert abs(results["pearson"] - expected["pearson"]) < 1e-6
        assert abs(results["mse"] - expected["MSE"]) < 1e-6
        return
    results = metrics.compute(task, labels, logits.argmax(axis=-1))
    assert abs(results["accuracy"] - expected["eval_accuracy"]) < 1e-6
    if name == "cola":
        assert abs(results["matthews"] - expected["matthew_corr"]) < 1e-6


def test_f1_is_of_label_1():
    # 2 found, 1 wrongly found, 3 missed: precision 2/3, recall 2/5.
    labels = [1, 1, 1, 1, 1, 0, 0]
    predictions = [1, 1, 0, 0, 0, 1, 0]
    results = metrics.compute(TASKS["mrpc"], labels, predictions)
    assert results["f1"] == pytest.approx(0.5)
    assert results["accuracy"] == pytest.approx(3 / 7)
    assert results["glue_score"] == pytest.approx((0.5 + 3 / 7) / 2)


def test_spearman_is_of_ranks():
    results = metrics.compute(
        TASKS["sts-b"], [1.0, 2.0, 3.0, 5.0], [-9.0, 0.1, 0.2, 40.0]
    )
    assert results["spearman"] == pytest.approx(1)
    assert 0.7 < results["pearson"] < 0.99
    assert results["glue_score"] == pytest.approx((1 + results["pearson"]) / 2)


def test_matthews_of_three_labels():
    labels = np.array([0, 1, 2, 0, 1, 2, 0])
    right = metrics.compute(TASKS["ax"], labels, labels)
    assert right["matthews"] == pytest.approx(1)
    wrong = metrics.compute(TASKS["ax"], labels, (labels + 1) % 3)
    assert wrong["matthews"] < -0.4


def test_macro_f1():
    task = TASKS["tsv"].with_labels(("a", "b", "c"))
    results = metrics.compute(task, [0, 0, 0, 1, 2], [0, 0, 0, 1, 1])
    assert results["macro_f1"] == pytest.approx((1 + 2 / 3 + 0) / 3)


def test_macro_f1_is_of_the_labels_that_occur():
    """And does not depend on what else is predicted."""
    task = TASKS["tsv"].with_labels(("a", "b", "c"))
    gold = np.array([0, 0, 1, 1])
    results = metrics.compute(task, gold, np.array([0, 2, 1, 1]))
    assert results["macro_f1"] == pytest.approx((2 / 3 + 1) / 2)
    of_labels = (results["f1_a"] + results["f1_b"]) / 2
    assert results["macro_f1"] == pytest.approx(of_labels)
    results = metrics.compute(task, gold, np.array([0, 1, 1, 1]))
    assert results["macro_f1"] == pytest.approx((2 / 3 + 4 / 5) / 2)
    results = metrics.compute(task, gold, np.full(4, 2))
    assert results["macro_f1"] == 0


SEVERAL = selection.get_task("tsv", multi_label=True, labels=("a", "b", "c"))


def test_several_labels():
    gold = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 0], [1, 1, 0]])
    probabilities = np.array(
        [
            [0.9, 0.6, 0],
            [0.7, 0.3, 0],
            [0.8, 0.1, 0],
            [0, 0.2, 0],
            [0.1, 0.4, 0],
        ]
    )
    predicted = (probabilities >= 0.5).astype(int)
    results = metrics.compute(SEVERAL, gold, predicted, probabilities)
    # a: 2 right, 1 wrong, 1 missed; b: none right, 1 wrong, 3 missed.
    assert results["micro_f1"] == pytest.approx(4 / (4 + 2 + 4))
    assert results["macro_f1"] == pytest.approx((4 / 6 + 0 + 0) / 3)
    # No text has c: it has no precision.
    of_a = (1 + 2 / 3 + 3 / 4) / 3
    of_b = (1 / 2 + 2 / 3 + 3 / 4) / 3
    assert results["average_precision"] == pytest.approx((of_a + of_b) / 2)
    # A text without labels counts too.
    assert results["subset_accuracy"] == 0
    right = metrics.compute(SEVERAL, gold, gold, gold.astype(float))
    assert right["subset_accuracy"] == right["average_precision"] == 1
    assert right["macro_f1"] == pytest.approx(2 / 3)


def test_baseline_of_several_labels():
    gold = np.array([[1, 0, 0], [1, 1, 0], [0, 0, 0], [0, 1, 0], [1, 1, 0]])
    baseline = metrics.baseline(SEVERAL, gold)
    # Always a and b.
    assert baseline["micro_f1"] == pytest.approx(12 / (10 + 6))
    assert baseline["average_precision"] == pytest.approx(3 / 5)
    assert baseline["subset_accuracy"] == pytest.approx(2 / 5)


def test_data_without_any_label():
    gold = np.zeros((2, 3), int)
    results = metrics.compute(SEVERAL, gold, gold, gold + 0.1)
    assert results == {
        "micro_f1": 0,
        "macro_f1": 0,
        "average_precision": 0,
        "subset_accuracy": 1,
    }


def test_entities():
    gold = [["B-PER", "I-PER", "O", "B-LOC"], ["B-PER", "B-PER"]]
    predicted = [["B-PER", "O", "O", "B-LOC"], ["B-PER", "I-PER"]]
    results = metrics.compute(NER, gold, predicted)
    # Of 4 entities only the place has both ends right; 3 are predicted.
    assert results["entity_recall"] == pytest.approx(1 / 4)
    assert results["entity_precision"] == pytest.approx(1 / 3)
    assert results["entity_f1"] == pytest.approx(2 / 7)
    assert results["accuracy"] == pytest.approx(4 / 6)
    assert results["entity_f1_LOC"] == 1
    assert results["entity_f1_PER"] == 0


def test_no_entities_at_all():
    results = metrics.compute(NER, [["O", "O"]], [["O", "O"]])
    assert results == {
        "entity_f1": 0,
        "entity_precision": 0,
        "entity_recall": 0,
        "accuracy": 1,
    }


@pytest.mark.parametrize(
    "predictions", [np.full(5, 0.25), np.full(5, 1e9), np.zeros(5)]
)
def test_a_constant_has_no_correlation(predictions):
    labels = np.array([0.5, 1, 2, 3, 5])
    results = metrics.compute(TASKS["sts-b"], labels, predictions)
    assert set(results.values()) == {0.0}
    results = metrics.compute(TASKS["sts-b"], predictions, labels)
    assert set(results.values()) == {0.0}


def test_nearly_constant():
    predictions = 1 + np.array([0, 0, 0, 0, 3e-16])
    results = metrics.compute(TASKS["sts-b"], np.arange(5.0), predictions)
    assert np.isfinite(list(results.values())).all()


def test_one_example():
    for name, labels in (("cola", [1]), ("mrpc", [0]), ("sts-b", [2.5])):
        results = metrics.compute(TASKS[name], labels, labels)
        assert np.isfinite(list(results.values())).all()


@pytest.mark.parametrize("constant", [0, 1])
def test_one_label_predicted(constant):
    labels = np.array([0, 1, 1])
    for name in ("cola", "mrpc", "ax"):
        results = metrics.compute(TASKS[name], labels, np.full(3, constant))
        assert np.isfinite(list(results.values())).all()
        assert results.get("matthews", 0) == 0


class TestBaseline:
    def test_commonest_label(self):
        labels = np.array([0, 1, 1, 1, 0, 0, 0])
        assert metrics.baseline(TASKS["cola"], labels) == {
            "matthews": 0,
            "accuracy": 4 / 7,
            "macro_f1": pytest.approx(8 / 11 / 2),
        }
        results = metrics.baseline(TASKS["mrpc"], 1 - labels)
        assert results["accuracy"] == pytest.approx(4 / 7)
        assert results["f1"] == pytest.approx(8 / 11)

    def test_mean(self):
        labels = np.array([1.0, 2, 6])
        results = metrics.baseline(NUMBERS, labels)
        assert results["mse"] == pytest.approx((4 + 1 + 9) / 3)
        assert results["pearson"] == 0

    def test_outside(self):
        results = metrics.baseline(NER, [["O", "B-PER"], ["O"]])
        assert results["accuracy"] == pytest.approx(2 / 3)
        assert set(results) == set(NER.metrics)


# Gold and predicted tags: an entity right, one too long, one of another type,
# one missed, one too many, two that touch and are found as one.
ENTITIES = {
    "IOB1": (
        "I-PER I-PER O I-LOC O I-LOC O I-PER O O O I-LOC B-LOC",
        "I-PER I-PER O I-LOC I-LOC I-PER O O O I-LOC O I-LOC I-LOC",
    ),
    "IOB2": (
        "B-PER I-PER O B-LOC O B-LOC O B-PER O O O B-LOC B-LOC",
        "B-PER I-PER O B-LOC I-LOC B-PER O O O B-LOC O B-LOC I-LOC",
    ),
    "BIOES": (
        "B-PER E-PER O S-LOC O S-LOC O S-PER O O O S-LOC S-LOC",
        "B-PER E-PER O B-LOC E-LOC S-PER O O O S-LOC O B-LOC E-LOC",
    ),
    "BILOU": (
        "B-PER L-PER O U-LOC O U-LOC O U-PER O O O U-LOC U-LOC",
        "B-PER L-PER O B-LOC L-LOC U-PER O O O U-LOC O B-LOC L-LOC",
    ),
    "BMES": (
        "B-PER E-PER O S-LOC O S-LOC O S-PER O O O S-LOC S-LOC",
        "B-PER E-PER O B-LOC E-LOC S-PER O O O S-LOC O B-LOC E-LOC",
    ),
}
THEIR_SCHEMES = {"BIOES": "IOBES", "BMES": "IOBES"}


@pytest.mark.parametrize("name", ENTITIES)
def test_entities_are_those_of_seqeval_in_each_scheme(name):
    gold, predicted = (tags.split() for tags in ENTITIES[name])
    assert not tag_schemes.find_broken(gold, name)
    assert not tag_schemes.find_broken(predicted, name)
    scheme = getattr(seqeval.scheme, THEIR_SCHEMES.get(name, name))
    precision, recall, f1 = (
        score([gold], [predicted], mode="strict", scheme=scheme)
        for score in (
            seqeval.metrics.precision_score,
            seqeval.metrics.recall_score,
            seqeval.metrics.f1_score,
        )
    )
    results = metrics.compute(
        NER, [tag_schemes.to_bio(gold)], [tag_schemes.to_bio(predicted)]
    )
    # One of five is right, one of six in the gold data.
    assert results["entity_precision"] == precision == 1 / 5
    assert results["entity_recall"] == recall == 1 / 6
    assert results["entity_f1"] == f1


def test_diverged():
    metrics.check_finite(np.zeros((2, 3)))
    for value in (np.nan, np.inf):
        with pytest.raises(UserError, match="smaller --learning_rate"):
            metrics.check_finite(np.array([[0, value]]))


def test_the_baseline_of_a_correlation_is_no_warning(caplog):
    gold = np.array([1.0, 2, 3], np.float32)
    with caplog.at_level("WARNING", "absl"):
        assert metrics.baseline(TASKS["sts-b"], gold)["pearson"] == 0
        assert not caplog.records
        metrics.compute(TASKS["sts-b"], gold, np.ones(3))
    assert "their correlation is not defined" in caplog.text


class TestPlainTags:
    task = TASKS["ner"].with_labels(("ADP", "NOUN", "VERB"))
    gold = [["NOUN", "VERB"], ["NOUN"]]

    def test_accuracy_and_scores_of_tags(self):
        predicted = [["NOUN", "ADP"], ["NOUN"]]
        assert metrics.compute(self.task, self.gold, predicted) == {
            "accuracy": pytest.approx(2 / 3),
            **dict.fromkeys(("precision_NOUN", "recall_NOUN", "f1_NOUN"), 1),
            **dict.fromkeys(("precision_VERB", "recall_VERB", "f1_VERB"), 0),
        }

    def test_baseline_is_the_commonest_tag(self):
        assert metrics.baseline(self.task, self.gold) == {
            "accuracy": pytest.approx(2 / 3)
        }

    def test_predictions(self):
        logits = np.eye(3)[[[0, 1, 2, 1]]]
        words = WordPositions(
            rows=np.array([0, 0, 0]),
            columns=np.array([1, 2, 0]),
            splits=np.array([0, 2, 3]),
        )
        predictions = predictions_lib.predict(self.task, logits, words)
        # A word that the model does not see gets the first label.
        assert predictions.values == [["NOUN", "VERB"], ["ADP"]]
