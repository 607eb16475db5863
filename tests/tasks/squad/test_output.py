# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/tasks/squad/output.py."""

import json
import os

import numpy as np
import pytest

from albert.errors import UserError
from albert.tasks.squad import answer_metrics
from albert.tasks.squad import output
from albert.tasks.squad.decoding import decode_logits
from albert.tasks.squad.squad_files import read_squad
from albert.tasks.squad.windows import build_features


def read(directory, name):
    return json.loads((directory / name).read_text("utf-8"))


@pytest.fixture
def case(golden, tokenizer):
    """Returns a function: version to (data, what random logits say)."""

    def make(version):
        data = read_squad(golden / f"dev-v{version}.json")
        _, windows = build_features(
            data, tokenizer, is_training=False, max_seq_length=101
        )
        generator = np.random.default_rng(23)
        logits = generator.normal(size=(2, len(windows), 101))
        return data, decode_logits(data, windows, *logits)

    return make


def test_predictions(case, tmp_path):
    data, decoded = case("1.1")
    predictions = decoded.predictions()
    directory = tmp_path / "a" / "b"
    output.write_predictions(directory, decoded, predictions)
    assert sorted(os.listdir(directory)) == [
        "nbest_predictions.json",
        "predictions.json",
    ]
    assert read(directory, "predictions.json") == predictions
    assert list(predictions) == [question.id for question in data.questions]
    n_best = read(directory, "nbest_predictions.json")
    assert list(n_best) == list(predictions)
    for id_, entries in n_best.items():
        assert entries[0]["text"] == predictions[id_]
        assert set(entries[0]) == {
            "text",
            "probability",
            "start_log_prob",
            "end_log_prob",
        }
    # Any script is readable in the files themselves.
    assert "\\u" not in (directory / "predictions.json").read_text("utf-8")


def test_null_odds(case, tmp_path):
    _, decoded = case("2.0")
    output.write_predictions(tmp_path, decoded, decoded.predictions(0.0))
    odds = read(tmp_path, "null_odds.json")
    assert list(odds.values()) == decoded.null_scores.tolist()
    assert list(odds) == decoded.ids
    predictions = read(tmp_path, "predictions.json")
    for id_, score in odds.items():
        assert (predictions[id_] == "") == (score > 0)


def test_question_without_any_span(write_squad, tokenizer, tmp_path):
    path = write_squad(("\u0007", [{"id": "a"}]), ("A cat.", [{"id": "b"}]))
    data = read_squad(path)
    _, windows = build_features(data, tokenizer, is_training=False)
    decoded = decode_logits(data, windows, *np.zeros((2, 1, 29)))
    output.write_predictions(tmp_path, decoded, decoded.predictions())
    assert read(tmp_path, "predictions.json")["a"] == ""
    (entry,) = read(tmp_path, "nbest_predictions.json")["a"]
    assert (entry["text"], entry["probability"]) == ("", 1)
    output.write_examples(tmp_path, data, decoded, decoded.predictions())
    assert "(no answer)" in (tmp_path / "examples.md").read_text("utf-8")


def test_evaluation(case, tmp_path):
    for version in ("1.1", "2.0"):
        data, decoded = case(version)
        found = answer_metrics.evaluate(data, decoded)
        output.write_evaluation(tmp_path / version, "model.ckpt-7", found, [5])
        results = read(tmp_path / version, "eval_results.json")
        assert results.pop("checkpoint") == "model.ckpt-7"
        assert results.pop("data") == [5]
        note = results.pop("note", "")
        assert ("tuned" in note) == (version == "2.0")
        assert results == found


def test_examples(case, tmp_path):
    for version, total in (("1.1", 25), ("2.0", 28)):
        data, decoded = case(version)
        predictions = decoded.predictions(5.0)
        output.write_examples(tmp_path, data, decoded, predictions)
        text = (tmp_path / "examples.md").read_text("utf-8")
        assert text.startswith(f"# 10 of {total} questions\n")
        assert text.count("\n## ") == 10
        for needed in ("- predicted: ", "- gold: ", "\n> ", "- id: "):
            assert text.count(needed) == 10
        # From the first question to the last, with its context.
        assert "id: q01, Expedition" in text
        assert data.questions[-1].text in text
        assert "3rd of May 1911" in text


def test_few_examples(write_squad, tokenizer, tmp_path):
    data = read_squad(write_squad(("A cat.", [{"id": "a"}])))
    _, windows = build_features(data, tokenizer, is_training=False)
    decoded = decode_logits(data, windows, *np.zeros((2, 1, 29)))
    output.write_examples(tmp_path, data, decoded, decoded.predictions())
    text = (tmp_path / "examples.md").read_text("utf-8")
    assert text.count("\n## ") == 1
    assert "gold" not in text


def test_place_that_cannot_be_written(case, tmp_path):
    _, decoded = case("1.1")
    (tmp_path / "predictions.json").mkdir()
    with pytest.raises(UserError, match=r"predictions\.json: cannot be"):
        output.write_predictions(tmp_path, decoded, decoded.predictions())
    assert os.listdir(tmp_path) == ["predictions.json"]


def test_paths_baseline_and_report(case, tmp_path):
    _, decoded = case("2.0")
    paths = output.write_predictions(tmp_path, decoded, decoded.predictions())
    paths.append(
        output.write_evaluation(tmp_path, "w", {"f1": 3.0}, [], {"f1": 2.0})
    )
    paths.append(output.write_report(tmp_path, "train", {"cut": ["ü"]}))
    assert sorted(paths) == sorted(map(str, tmp_path.iterdir()))
    assert read(tmp_path, "eval_results.json")["baseline"] == {"f1": 2.0}
    assert read(tmp_path, "train_questions.json") == {"cut": ["ü"]}
