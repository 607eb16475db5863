# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/tasks/squad/output.py."""

import json

import numpy as np
import pytest

from albert.tasks.squad import answer_metrics
from albert.tasks.squad import output
from albert.tasks.squad.decoding import decode_logits
from albert.tasks.squad.squad_files import read_squad
from albert.tasks.squad.windows import build_features


def read(files, name):
    return json.loads(files[name].decode("utf-8"))


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


def test_predictions(case):
    data, decoded = case("1.1")
    predictions = decoded.predictions()
    files = output.format_predictions(decoded, predictions)
    assert sorted(files) == [
        "nbest_predictions.json",
        "predictions.json",
    ]
    assert read(files, "predictions.json") == predictions
    assert list(predictions) == [question.id for question in data.questions]
    n_best = read(files, "nbest_predictions.json")
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
    assert "\\u" not in files["predictions.json"].decode()


def test_null_odds(case):
    _, decoded = case("2.0")
    files = output.format_predictions(decoded, decoded.predictions(0.0))
    odds = read(files, "null_odds.json")
    assert list(odds.values()) == decoded.null_scores.tolist()
    assert list(odds) == decoded.ids
    predictions = read(files, "predictions.json")
    for id_, score in odds.items():
        assert (predictions[id_] == "") == (score > 0)


def test_question_without_any_span(write_squad, tokenizer):
    path = write_squad(("\u0007", [{"id": "a"}]), ("A cat.", [{"id": "b"}]))
    data = read_squad(path)
    _, windows = build_features(data, tokenizer, is_training=False)
    decoded = decode_logits(data, windows, *np.zeros((2, 1, 29)))
    files = output.format_answers(data, decoded, decoded.predictions())
    assert read(files, "predictions.json")["a"] == ""
    (entry,) = read(files, "nbest_predictions.json")["a"]
    assert (entry["text"], entry["probability"]) == ("", 1)
    assert "(no answer)" in files["examples.md"].decode()


def test_evaluation(case):
    for version in ("1.1", "2.0"):
        data, decoded = case(version)
        found = answer_metrics.evaluate(data, decoded)
        content = output.format_evaluation(
            {"checkpoint": "model.ckpt-7"}, found, [5]
        )
        results = json.loads(content)
        assert results.pop("checkpoint") == "model.ckpt-7"
        assert results.pop("data") == [5]
        note = results.pop("note", "")
        assert ("tuned" in note) == (version == "2.0")
        assert results == found


def test_examples(case):
    for version, total in (("1.1", 25), ("2.0", 28)):
        data, decoded = case(version)
        predictions = decoded.predictions(5.0)
        text = output.format_examples(data, decoded, predictions).decode()
        assert text.startswith(f"# 10 of {total} questions\n")
        assert text.count("\n## ") == 10
        for needed in ("- predicted: ", "- gold: ", "\n> ", "- id: "):
            assert text.count(needed) == 10
        # From the first question to the last, with its context.
        assert "id: q01, Expedition" in text
        assert data.questions[-1].text in text
        assert "3rd of May 1911" in text


def test_few_examples(write_squad, tokenizer):
    data = read_squad(write_squad(("A cat.", [{"id": "a"}])))
    _, windows = build_features(data, tokenizer, is_training=False)
    decoded = decode_logits(data, windows, *np.zeros((2, 1, 29)))
    text = output.format_examples(data, decoded, decoded.predictions()).decode()
    assert text.count("\n## ") == 1
    assert "gold" not in text


def test_report(tmp_path):
    path = output.write_report(tmp_path / "a", "train", {"cut": ["ü"]})
    assert path == str(tmp_path / "a" / "train_questions.json")
    # Any script is readable in the file itself.
    assert "ü" in (tmp_path / "a" / "train_questions.json").read_text("utf-8")


def test_baseline():
    model = {"checkpoint": "w"}
    content = output.format_evaluation(model, {"f1": 3.0}, [], {"f1": 2.0})
    assert json.loads(content)["baseline"] == {"f1": 2.0}
