# SPDX-License-Identifier: Apache-2.0
"""Thresholds of several labels a text: choosing, keeping, reading."""

import json
import logging

import numpy as np
import pytest
import sklearn.metrics

from albert import model_directory
from albert import run_settings
from albert.config import AlbertConfig
from albert.errors import UserError
from albert.tasks import selection
from albert.tasks import thresholds
from albert.tasks.predictions import Predictions

LABELS = ("art", "sea", "war")
TASK = selection.get_task("tsv", multi_label=True, labels=LABELS)


def f1(gold, probabilities, threshold):
    return sklearn.metrics.f1_score(
        gold, probabilities >= threshold, zero_division=0.0
    )


CONFIG = AlbertConfig.named("tiny", vocab_size=41)


def test_no_threshold_is_better():
    generator = np.random.default_rng(3)
    gold = (generator.random((61, 3)) < [0.1, 0.4, 0.8]).astype(int)
    # Ties too.
    probabilities = (generator.random((61, 3)) + 0.4 * gold).round(1) / 1.4
    chosen = thresholds.choose(gold, probabilities)
    for label in range(3):
        best = max(
            f1(gold[:, label], probabilities[:, label], threshold)
            for threshold in np.linspace(0, 1, 501)
        )
        found = f1(gold[:, label], probabilities[:, label], chosen[label])
        assert found == pytest.approx(best)
        assert found >= f1(gold[:, label], probabilities[:, label], 0.5)


def test_in_the_middle_and_near_the_usual_one():
    gold = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0]])
    probabilities = np.array(
        [[0.9, 0.7, 0.2], [0.8, 0.4, 0.9], [0.6, 0.1, 0.3]]
    )
    chosen = thresholds.choose(gold, probabilities)
    # Between 0.6 and 0.8; 0.5 is between 0.4 and 0.7; nothing to choose by.
    assert chosen == pytest.approx([0.7, 0.5, 0.5])


def test_few_examples_are_said(caplog):
    gold = np.zeros((30, 3), int)
    gold[:10, 0] = gold[:9, 1] = 1
    with caplog.at_level(logging.WARNING, "absl"):
        thresholds.warn_of_rare_labels(LABELS, gold)
    assert "label: sea (9), war (0);" in caplog.text


def test_predictions_with_thresholds():
    before = Predictions(np.array([[1, 0]]), np.array([[0.6, 0.3]]))
    assert before.with_thresholds(None) is before
    after = before.with_thresholds(np.array([0.7, 0.3]))
    assert after.values.tolist() == [[0, 1]]
    assert after.probabilities is before.probabilities


class TestKeptWithTheModel:
    def describe(self, **values):
        return {
            "kind": "multi_label",
            "labels": ["war", "art", "sea"],
            **values,
        }

    def test_there_and_back(self, tmp_path):
        path = tmp_path / model_directory.TASK_FILE
        path.write_text(json.dumps(self.describe()))
        values = np.array([0.1, 0.2, 0.3])
        found = Predictions(np.ones((1, 3)), np.ones((1, 3)), values)
        thresholds.store(str(tmp_path), TASK, ({}, {"dev": found}))
        description = model_directory.read_task(str(tmp_path))
        # In the order of the model's own labels.
        assert description["thresholds"] == [0.3, 0.1, 0.2]
        assert thresholds.of_model(TASK, description, "m").tolist() == [
            *(0.1, 0.2, 0.3)
        ]
        assert thresholds.named(TASK, values) == {
            "threshold_art": 0.1,
            "threshold_sea": 0.2,
            "threshold_war": 0.3,
        }

    def test_results_without_them(self):
        results = {"loss": 0.1} | thresholds.named(TASK, np.ones(3))
        assert len(results) == 4
        assert thresholds.without(results) == {"loss": 0.1}

    def test_none_there(self):
        description = self.describe(tune_thresholds=False)
        assert thresholds.of_model(TASK, description, "m") is None
        plain = selection.get_task("tsv", labels=LABELS)
        description["thresholds"] = [0.5]
        assert thresholds.of_model(plain, description, "m") is None
        assert thresholds.named(TASK, None) == {}

    def test_still_to_be_tuned(self):
        with pytest.raises(UserError, match="m: its thresholds were to be"):
            thresholds.of_model(TASK, self.describe(tune_thresholds=True), "m")

    def test_a_repeated_command_keeps_them(self, tmp_path):
        def write(task):
            run_settings.write(str(tmp_path), CONFIG, None, {"seed": 3}, task)
            return model_directory.read_task(str(tmp_path))

        write(self.describe())
        tuned = self.describe(thresholds=[0.1, 0.2, 0.3])
        (tmp_path / model_directory.TASK_FILE).write_text(json.dumps(tuned))
        assert write(self.describe()) == tuned
        other = self.describe(label_smoothing=0.5)
        assert write(other) == other

    def test_of_other_labels(self):
        with pytest.raises(UserError, match="m has 2 thresholds, and 3 labels"):
            thresholds.of_model(TASK, self.describe(thresholds=[0.5, 0.5]), "m")
