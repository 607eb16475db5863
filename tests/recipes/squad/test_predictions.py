# SPDX-License-Identifier: Apache-2.0
"""Answers to questions: files, evaluation, limits."""

import json
import os

import numpy as np
import pytest

from albert import model_directory
from albert.tasks.squad import answer_metrics
from albert.tasks.squad.squad_files import read_squad

PREDICTION_FILES = {
    "predictions.json",
    "nbest_predictions.json",
    "examples.md",
    "predict_questions.json",
}
SCORES_1_1 = {"exact_match", "f1"}
SCORES_2_0 = {
    f"{part}{name}"
    for part in ("", "HasAns_", "NoAns_")
    for name in ("exact", "f1")
}


def without_answers(file, path):
    """Writes a file's questions alone: no answers, no word of a version."""
    content = json.loads(file.read_text("utf-8"))
    content.pop("version")
    for article in content["data"]:
        for paragraph in article["paragraphs"]:
            paragraph["qas"] = [
                {"id": each["id"], "question": each["question"]}
                for each in paragraph["qas"]
            ]
    path.write_text(json.dumps(content), "utf-8")
    return path


def test_model_directory_is_complete(trained, version, read, events):
    out, printed, errors = trained[version]
    is_2 = version == "2.0"
    assert set(os.listdir(out)) == PREDICTION_FILES | {
        "README.md",
        "albert_config.json",
        "checksums.json",
        "curves.png",
        "eval_results.json",
        "run.json",
        "spiece.json",
        "spiece.model",
        "task.json",
        "tensorboard",
        "train_questions.json",
        "training_data.json",
        *(["null_odds.json"] if is_2 else []),
        *(
            f"model.ckpt-{step}.{suffix}"
            for step in ("2", "4", "5", "best")
            for suffix in ("index", "data-00000-of-00001")
        ),
    }
    assert model_directory.read_task(out) == {
        "task_name": "squad",
        "kind": "span",
        "head": "v2" if is_2 else "v1",
        "version_2_with_negative": is_2,
        "max_seq_length": 96,
        "doc_stride": 40,
        "max_query_length": 64,
        "start_n_top": 5,
        "end_n_top": 5,
        "n_best_size": 20,
        "max_answer_length": 30,
        "language": "en",
        "classifier_dropout": 0.1,
    }
    names = SCORES_2_0 if is_2 else SCORES_1_1
    results = read(out, "eval_results.json")
    assert names <= results.keys()
    assert results["checkpoint"] == str(out / "model.ckpt-best")
    assert events(out / "tensorboard" / "eval") == names
    assert {"loss", "learning_rate"} <= events(out / "tensorboard" / "train")
    for name in names:
        assert f"{results[name]:.4f}" in printed
    assert f"Rules of SQuAD {version}" in printed
    assert f"settings of SQuAD {version}" in errors
    assert "Training: 5 steps in" in printed


def test_predictions_are_in_the_official_formats(trained, version, files, read):
    out = trained[version][0]
    data = read_squad(files[version][1])
    ids = [question.id for question in data.questions]
    predictions = read(out, "predictions.json")
    assert list(predictions) == ids
    for question in data.questions:
        answer = predictions[question.id]
        assert answer in data.contexts[question.context_index]
    n_best = read(out, "nbest_predictions.json")
    assert list(n_best) == ids
    for entries in n_best.values():
        assert all(isinstance(entry["text"], str) for entry in entries)
        total = sum(entry["probability"] for entry in entries)
        assert abs(total - 1) < 1e-12  # At most 20 terms in float64.
    # What the evaluation says is what the predictions are worth.
    results = read(out, "eval_results.json")
    scores = answer_metrics.score(data, predictions)
    exact = "exact" if data.has_impossible else "exact_match"
    assert abs(results[exact] - 100 * scores.exact.mean()) < 1e-9
    assert abs(results["f1"] - 100 * scores.f1.mean()) < 1e-9
    if data.has_impossible:
        odds = read(out, "null_odds.json")
        assert list(odds) == ids
        assert all(isinstance(value, float) for value in odds.values())
        assert [not predictions[id_] for id_ in ids] == [
            odds[id_] > 0 for id_ in ids
        ]
        # Against answering nothing, and what was tuned says so.
        nothing = answer_metrics.score(data, dict.fromkeys(ids, ""))
        baseline = results["baseline"]
        assert abs(baseline["f1"] - 100 * nothing.f1.mean()) < 1e-9
        assert baseline["NoAns_exact"] == 100
        assert "tuned on" in results["note"]
        assert "tuned on these very questions" in trained[version][1]
    report = (out / "examples.md").read_text("utf-8")
    assert report.count("\n## ") == min(10, len(ids))


def test_evaluation_alone_is_that_of_training(
    trained, tmp_path, version, succeed, files, read
):
    model = trained[version][0]
    # Lengths and head are the model's. The number of windows is none of
    # these batch sizes' multiple.
    for batch_size in (7, 1000):
        out = tmp_path / str(batch_size)
        printed, _ = succeed(
            f"--init_checkpoint={model}",
            f"--predict_file={files[version][1]}",
            f"--output_dir={out}",
            f"--eval_batch_size={batch_size}",
            "--do_eval",
        )
        assert f"Model: {model}/model.ckpt-best" in printed
        wanted = PREDICTION_FILES | {"eval_results.json"}
        if version == "2.0":
            wanted |= {"null_odds.json"}
        assert set(os.listdir(out)) == wanted
        here, there = (
            read(folder, "eval_results.json") for folder in (out, model)
        )
        for name in SCORES_2_0 | SCORES_1_1:
            assert here.get(name) == there.get(name)
        assert read(out, "predictions.json") == read(model, "predictions.json")
        here, there = (
            read(folder, "nbest_predictions.json") for folder in (out, model)
        )
        for id_ in there:
            for name in ("probability", "start_log_prob", "end_log_prob"):
                # Logits of about one, from sums over the 96 pieces of a
                # window in float32: 96 * 2**-24.
                np.testing.assert_allclose(
                    [entry[name] for entry in here[id_]],
                    [entry[name] for entry in there[id_]],
                    rtol=1e-5,
                    atol=1e-5,
                )


def test_prediction_without_answers(
    trained, tmp_path, version, files, succeed, read, run
):
    model = trained[version][0]
    file = without_answers(files[version][1], tmp_path / "questions.json")
    out = tmp_path / "out"
    for _ in range(2):  # The second time into the directory of the first.
        printed, _ = succeed(
            f"--init_checkpoint={model}/model.ckpt-best",
            f"--predict_file={file}",
            f"--output_dir={out}",
            "--do_predict",
        )
    # A model of version 2.0 leaves questions without an answer.
    assert f"Rules of SQuAD {version}" in printed
    assert read(out, "predictions.json") == read(model, "predictions.json")
    assert (out / "null_odds.json").exists() == (version == "2.0")
    assert not (out / "eval_results.json").exists()
    code, _, errors = run(
        f"--init_checkpoint={model}",
        f"--predict_file={file}",
        f"--output_dir={tmp_path / 'new'}",
        "--do_eval",
    )
    assert code == 2
    assert "no answers to compare with" in errors
    assert not (tmp_path / "new").exists()


@pytest.mark.usefixtures("steps_without_gradients")
def test_prediction_in_the_model_directory(
    config, trained, tmp_path, files, succeed, read, contents
):
    """Training alone, then answers to several files, with its own limits."""
    out = tmp_path / "model"
    train, dev = files["1.1"]
    succeed(
        f"--init_checkpoint={trained['1.1'][0]}",
        f"--train_file={train},{files['1.1'][1]}",
        f"--output_dir={out}",
        "--max_seq_length=96",
        "--num_train_steps=1",
        "--do_train",
    )
    assert not PREDICTION_FILES & set(os.listdir(out))
    assert read(out, "train_questions.json")["counts"]["questions"] == 32
    weights = contents(out)
    for file in (train, dev):
        without_answers(file, tmp_path / f"only-{file.name}")
    printed, _ = succeed(
        f"--predict_file={tmp_path}/only-*.json",
        f"--output_dir={out}",
        "--max_answer_length=1",
        "--n_best_size=3",
        "--do_predict",
    )
    assert "32 questions, 8 contexts" in printed
    after = contents(out)
    assert weights.items() <= after.items()
    assert after.keys() - weights.keys() == PREDICTION_FILES
    n_best = read(out, "nbest_predictions.json")
    assert len(n_best) == 32
    assert max(map(len, n_best.values())) == 3
    predictions = read(out, "predictions.json")
    assert all(len(answer.split()) <= 1 for answer in predictions.values())
    # Answers to other questions go elsewhere when these come.
    _, errors = succeed(
        f"--predict_file={dev}", f"--output_dir={out}", "--do_eval"
    )
    (data,) = read(out, "eval_results.json")["data"]
    assert data["path"] == str(dev)
    assert data["examples"] == len(read(out, "predictions.json")) < 32
    (earlier,) = (out / "earlier_results").iterdir()
    assert earlier.name.startswith("predict-32-") and str(earlier) in errors
    assert set(os.listdir(earlier)) == PREDICTION_FILES
    assert read(earlier, "predictions.json") == predictions


def test_chinese_is_compared_by_characters(trained, tmp_path, succeed, read):
    model = trained["1.1"][0]
    file = tmp_path / "zh.json"
    text = "长江全长六千三百余公里。"
    question = {
        "id": "1",
        "question": "长江有多长?",
        "answers": [{"text": text[:-1], "answer_start": 0}],
    }
    paragraph = {"context": text, "qas": [question]}
    file.write_text(
        json.dumps({"data": [{"title": "江", "paragraphs": [paragraph]}]})
    )
    for language in ("en", "zh"):
        out = tmp_path / language
        succeed(
            f"--init_checkpoint={model}",
            f"--predict_file={file}",
            f"--output_dir={out}",
            f"--language={language}",
            "--do_eval",
        )
        answer = read(out, "predictions.json")["1"]
        expected = answer_metrics.score_answer(
            answer, text[:-1], language=language
        )
        results = read(out, "eval_results.json")
        assert abs(results["f1"] - 100 * expected[1]) < 1e-9
    assert results["f1"] > 0
