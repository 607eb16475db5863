# SPDX-License-Identifier: Apache-2.0
"""RACE, and questions with different numbers of options."""

import json

import numpy as np
import pytest


@pytest.fixture(scope="module")
def race(sentences, tmp_path_factory):
    folder = tmp_path_factory.mktemp("race")
    for split, articles in (("train", 3), ("dev", 3), ("test", 2)):
        for level in ("high", "middle"):
            inner = folder / "RACE" / split / level
            inner.mkdir(parents=True)
            for n in range(articles):
                entry = {
                    "id": f"{level}{n}.txt",
                    "article": " ".join(sentences[n : n + 3]),
                    "questions": ["It was _ .", "What was it?"],
                    "options": [sentences[9:13], list("abcd")],
                    "answers": ["ABCD"[n], "C"],
                }
                (inner / f"{n}.txt").write_text(json.dumps(entry))
    return folder


@pytest.mark.usefixtures("steps_without_gradients")
def test_multiple_choice(
    inputs, race, tmp_path, train_task, results_of, rows_of, run
):
    out = tmp_path / "model"
    train_task(inputs, out, "race", race, "--do_predict", "--max_qa_length=19")
    results = results_of(out)
    assert {"accuracy", "accuracy_high", "accuracy_middle"} < results.keys()
    rows = rows_of(out / "dev_predictions.tsv")[1:]
    assert len(rows) == 12
    right = np.mean([row[-6] == row[-5] for row in rows])
    assert results["accuracy"] == pytest.approx(right)
    answers = json.loads((out / "test_answers.json").read_text())
    assert len(answers) == 8 and set(answers.values()) <= set("ABCD")
    # The lengths need not be said again.
    code, _, errors = run(
        out, "--task_name=race", f"--data_dir={race}", "--do_eval"
    )
    assert code == 0, errors
    assert results_of(out) == results


def test_different_numbers_of_options(
    inputs, sentences, tmp_path, train_task, results_of, rows_of
):
    for split in ("train", "dev", "test"):
        rows = [
            {
                "id": f"{split} {n}",
                "context": sentences[n],
                "question": "What was it?",
                "options": sentences[9 : 11 + n % 4],
                "answer": n % 2 if split != "test" else None,
            }
            for n in range(9)
        ]
        (tmp_path / f"{split}.json").write_text(json.dumps(rows))
    out = tmp_path / "model"
    train_task(
        inputs,
        out,
        "multiple-choice",
        tmp_path,
        "--do_predict",
        "--max_qa_length=31",
    )
    task = json.loads((out / "task.json").read_text())
    assert task["labels"] == list("ABCDE")
    header, *rows = rows_of(out / "dev_predictions.tsv")
    assert header.count("prediction") == 1 and len(rows) == 9
    right = [row[header.index("label")] == row[-6] for row in rows]
    assert results_of(out)["accuracy"] == pytest.approx(np.mean(right))
    for n, row in enumerate(rows):
        probabilities = np.array(row[-5:], np.float64)
        assert np.isclose(probabilities.sum(), 1, atol=1e-3)
        assert not probabilities[2 + n % 4 :].any()
    answers = json.loads((out / "test_answers.json").read_text())
    assert list(answers) == [f"test {n}" for n in range(9)]
