# SPDX-License-Identifier: Apache-2.0
"""A task from its files to its results, kind by kind."""

import pathlib

import numpy as np
import pytest

from albert.errors import UserError
from albert.file_fingerprints import describe_files
from albert.tasks import interface
from albert.tasks import selection
from albert.tasks.multiple_choice.questions import QuestionExamples
from albert.tasks.predictions import Predictions
from albert.tasks.table import TASKS
from albert.text.tokenizer import Tokenizer

ROOT = pathlib.Path(__file__).parents[2]
SAMPLE = ROOT / "data" / "sample" / "classification"
TOKENIZER = Tokenizer(
    ROOT / "tests" / "golden" / "tokenization" / "spm2000.model"
)


@pytest.mark.parametrize(
    ("name", "file", "text"),
    [
        ("tsv", "dev.tsv", "text\tlabel\na\tx\nb\ty\n"),
        ("ner", "dev.conll", "a O\nb B-x\n"),
        (
            "multiple-choice",
            "dev.jsonl",
            '{"question": "a", "options": ["b", "c"], "answer": "A"}\n',
        ),
        ("imdb", "test/pos/0_9.txt", "a"),
    ],
)
def test_files_are_described_as_they_were_read(tmp_path, name, file, text):
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    (tmp_path / "test/neg").mkdir(parents=True)
    (tmp_path / "test/neg/0_1.txt").write_text("b")
    task = selection.get_task(name)
    split = "test" if name == "imdb" else "dev"
    examples = interface.load(task, str(tmp_path), split)
    (expected,) = describe_files([path])
    assert expected in examples.files
    path.write_text("others")
    assert expected in examples.files


def test_the_sample():
    task = selection.get_task("tsv")
    train = interface.load(task, str(SAMPLE), "train")
    task = task.with_labels_of(train)
    assert task.labels == ("blackmore", "ward")
    sets = {
        split: interface.load(task, str(SAMPLE), split)
        for split in ("train", "dev", "test")
    }
    assert [len(examples) for examples in sets.values()] == [1500, 200, 200]
    texts = [text for examples in sets.values() for text in examples.texts]
    assert len(set(texts)) == 1900
    for examples in sets.values():
        assert examples.labels.count("ward") * 2 == len(examples)
        featurized = interface.featurize(task, examples, TOKENIZER, 128)
        assert featurized.empty == 0


def test_single_texts_to_results():
    task = selection.get_task("tsv", labels=("blackmore", "ward"))
    dev = interface.load(task, str(SAMPLE), "dev")
    featurized = interface.featurize(task, dev, TOKENIZER, 128)
    labels = featurized.features.per_example["label_ids"]
    logits = np.eye(2)[labels]
    logits[:7] = 1 - logits[:7]
    predictions = interface.predict(task, featurized, logits)
    results = interface.evaluate(task, dev, predictions)
    assert results["accuracy"] == pytest.approx(193 / 200)
    assert results["macro_f1"] == pytest.approx(193 / 200, abs=1e-3)


def test_race_by_level():
    examples = QuestionExamples(
        ids=list("1234567"),
        levels=["high"] * 3 + ["middle"] * 4,
        articles=["A"],
        article_numbers=[0] * 7,
        questions=["Q"] * 7,
        options=[list("wxyz")] * 7,
        labels=list("ABCDABC"),
    )
    predictions = Predictions(np.array([0, 1, 0, 3, 1, 1, 1]))
    results = interface.evaluate(TASKS["race"], examples, predictions)
    assert results == {
        "accuracy": pytest.approx(4 / 7),
        "accuracy_high": pytest.approx(2 / 3),
        "accuracy_middle": pytest.approx(2 / 4),
    }


def test_regression_from_numbers(tmp_path):
    (tmp_path / "dev.tsv").write_text("text\tlabel\nA\t1.5\nB\t4\nC\t2\n")
    task = selection.get_task("tsv", regression=True)
    dev = interface.load(task, str(tmp_path), "dev")
    featurized = interface.featurize(task, dev, TOKENIZER, 16)
    logits = np.array([[1.0], [4.5], [2.0]], np.float32)
    predictions = interface.predict(task, featurized, logits)
    results = interface.evaluate(task, dev, predictions)
    assert results["mse"] == pytest.approx(0.5 / 3)
    assert results["spearman"] == pytest.approx(1)


def test_no_labels_to_evaluate_with(tmp_path):
    (tmp_path / "test.tsv").write_text("text\nA\n")
    task = selection.get_task("tsv", labels=("x", "y"))
    test = interface.load(task, str(tmp_path), "test")
    with pytest.raises(UserError, match="predicted, not trained"):
        interface.gold_labels(task, test)
    predictions = Predictions(np.array([1]))
    with pytest.raises(UserError, match="no labels"):
        interface.evaluate(task, test, predictions)
    features = interface.featurize(task, test, TOKENIZER, 16).features
    assert "label_ids" not in features.per_example


def test_ax_is_trained_as_mnli():
    with pytest.raises(UserError, match="train with --task_name=mnli"):
        interface.load(TASKS["ax"], "glue", "train")
    assert selection.get_task("ax").trained_as == "mnli"
