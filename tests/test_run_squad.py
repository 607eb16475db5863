# SPDX-License-Identifier: Apache-2.0
"""Questions in, a model directory and answers out, whatever happens."""

import contextlib
import importlib.util
import io
import json
import logging
import os
import pathlib
import shutil
import sys

import numpy as np
import pytest
import tensorflow as tf
from absl import flags

from albert import command_line
from albert import model_directory
from albert.interchange import tensor_bundle
from albert.tasks.squad import answer_metrics
from albert.tasks.squad.squad_files import read_squad
from albert.training.checkpoints import TrainingCheckpoints

ROOT = pathlib.Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"
TOKENIZER = GOLDEN / "tokenization" / "spm2000.model"
SAMPLE = ROOT / "data" / "sample" / "squad"
FILES = {
    "1.1": (SAMPLE / "train.json", SAMPLE / "dev.json"),
    "2.0": (
        GOLDEN / "squad" / "train-v2.0.json",
        GOLDEN / "squad" / "dev-v2.0.json",
    ),
}
CONFIG = {
    "vocab_size": 2000,
    "embedding_size": 6,
    "hidden_size": 22,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 26,
    "max_position_embeddings": 128,
}
MISMATCHES = "answers not at answer_start"
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


def run(*arguments):
    """Runs the command in this process: (exit status, stdout, stderr)."""
    specification = importlib.util.spec_from_file_location(
        "recipe", ROOT / "run_squad.py"
    )
    recipe = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(recipe)
    handlers = list(logging.getLogger().handlers)
    printed, errors = io.StringIO(), io.StringIO()
    code = 0
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(errors),
    ):
        patch.setattr(flags, "FLAGS", flags.FlagValues())
        patch.setattr(sys, "argv", ["run_squad.py", *map(str, arguments)])
        try:
            command_line.run(recipe.main, recipe.define_flags)
        except SystemExit as error:
            code = error.code
        finally:
            logging.getLogger().handlers[:] = handlers
    return code, printed.getvalue(), errors.getvalue()


def succeed(*arguments):
    code, printed, errors = run(*arguments)
    assert code == 0, errors
    return printed, errors


def training(version, config, out, *more):
    """Arguments that train on a version's files and evaluate on the way."""
    train, dev = FILES[version]
    return [
        f"--albert_config_file={config}",
        f"--spm_model_file={TOKENIZER}",
        f"--train_file={train}",
        f"--predict_file={dev}",
        f"--output_dir={out}",
        "--max_seq_length=96",
        "--doc_stride=40",
        "--train_batch_size=6",
        "--num_train_steps=5",
        "--save_checkpoints_steps=2",
        # One shape to trace.
        "--pad_to_max_length",
        "--do_train",
        "--do_eval",
        *more,
    ]


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "config.json"
    path.write_text(json.dumps(CONFIG))
    return path


@pytest.fixture(scope="module")
def trained(config, tmp_path_factory):
    """Version to (model directory, what was printed and logged), made once.

    Each with the head of its version; not to be changed.
    """
    made = {}
    for version in FILES:
        out = tmp_path_factory.mktemp("trained") / version
        arguments = training(version, config, out, "--nopad_to_max_length")
        made[version] = (out, *succeed(*arguments))
    return made


def read(directory, name):
    return json.loads((directory / name).read_text("utf-8"))


def contents(directory):
    """Path to bytes of every file; None where there is no directory."""
    if not directory.exists():
        return None
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def events(directory):
    """Tags of the TensorBoard events in a directory."""
    tags = set()
    for path in directory.glob("events.*"):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            tags |= {value.tag for value in event.summary.value}
    return tags


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


@pytest.mark.parametrize("version", FILES)
def test_model_directory_is_complete(trained, version):
    out, printed, errors = trained[version]
    is_2 = version == "2.0"
    assert set(os.listdir(out)) == PREDICTION_FILES | {
        "albert_config.json",
        "curves.png",
        "eval_results.json",
        "run.json",
        "spiece.json",
        "spiece.model",
        "task.json",
        "tensorboard",
        "train_questions.json",
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


@pytest.mark.parametrize("version", FILES)
def test_predictions_are_in_the_official_formats(trained, version):
    out = trained[version][0]
    data = read_squad(FILES[version][1])
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
        assert abs(total - 1) < 1e-6
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
        assert "Tuned on these very questions" in trained[version][1]
    report = (out / "examples.md").read_text("utf-8")
    assert report.count("\n## ") == min(10, len(ids))


def test_same_command_again_changes_nothing(config, trained):
    out = trained["1.1"][0]
    before = contents(out)
    printed, errors = succeed(
        *training("1.1", config, out, "--nopad_to_max_length")
    )
    assert "continuing at step 5 of 5" in errors
    assert "all 5 steps were made before" in printed
    after = contents(out)
    new = after.keys() - before.keys()
    assert all("events" in name for name in new)
    pictures = before.pop("curves.png"), after.pop("curves.png")
    assert all(pictures)
    assert before.items() <= after.items()


def test_interrupted_run_ends_as_if_it_had_not_been(
    config, tmp_path, monkeypatch
):
    # With dropout in encoder and head, whose state must go on too.
    version = "2.0"
    dropout = "--dropout_prob=0.2", "--num_train_steps=4"
    save = TrainingCheckpoints.save

    def save_and_stop(self, *arguments):
        save(self, *arguments)
        raise KeyboardInterrupt

    stopped, whole = tmp_path / "stopped", tmp_path / "whole"
    with monkeypatch.context() as patch:
        patch.setattr(TrainingCheckpoints, "save", save_and_stop)
        code, _, errors = run(*training(version, config, stopped, *dropout))
        assert code == 130, errors
    assert tensor_bundle.steps(stopped) == [2]
    _, errors = succeed(*training(version, config, stopped, *dropout))
    assert "continuing at step 2 of 4" in errors
    succeed(*training(version, config, whole, *dropout))
    for name in ("model.ckpt-4", "model.ckpt-best"):
        one, two = (
            tensor_bundle.read(stopped / name),
            tensor_bundle.read(whole / name),
        )
        assert one.keys() == two.keys()
        for variable in one:
            np.testing.assert_array_equal(
                one[variable], two[variable], variable
            )
    for name in ("predictions.json", "nbest_predictions.json"):
        assert read(stopped, name) == read(whole, name)


@pytest.mark.parametrize("version", FILES)
def test_evaluation_alone_is_that_of_training(trained, tmp_path, version):
    model = trained[version][0]
    # Lengths and head are the model's. The number of windows is none of
    # these batch sizes' multiple.
    for batch_size in (7, 1000):
        out = tmp_path / str(batch_size)
        printed, _ = succeed(
            f"--init_checkpoint={model}",
            f"--predict_file={FILES[version][1]}",
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
                np.testing.assert_allclose(
                    [entry[name] for entry in here[id_]],
                    [entry[name] for entry in there[id_]],
                    atol=1e-5,
                )


@pytest.mark.parametrize("version", FILES)
def test_prediction_without_answers(trained, tmp_path, version):
    model = trained[version][0]
    file = without_answers(FILES[version][1], tmp_path / "questions.json")
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


def test_prediction_in_the_model_directory(config, trained, tmp_path):
    """Training alone, then answers to several files, with its own limits."""
    out = tmp_path / "model"
    train, dev = FILES["1.1"]
    succeed(
        f"--init_checkpoint={trained['1.1'][0]}",
        f"--train_file={train},{FILES['1.1'][1]}",
        f"--output_dir={out}",
        "--max_seq_length=96",
        "--num_train_steps=1",
        "--do_train",
    )
    assert not PREDICTION_FILES & set(os.listdir(out))
    assert read(out, "train_questions.json")["counts"]["questions"] == 32
    weights = contents(out)
    printed, _ = succeed(
        f"--predict_file={train.parent}/*.json",
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


@pytest.mark.parametrize("version, head", [("1.1", "v2"), ("2.0", "v1")])
def test_either_head_on_either_version(config, tmp_path, version, head):
    out = tmp_path / "model"
    succeed(
        *training(
            version, config, out, f"--head={head}", "--num_train_steps=1"
        ),
        "--do_predict",
    )
    assert model_directory.read_task(out)["head"] == head
    names = {
        name.split("/")[0] for name in tensor_bundle.read(out / "model.ckpt-1")
    }
    assert ("answer_class" in names) == (head == "v2")
    data = read_squad(FILES[version][1])
    odds = out / "null_odds.json"
    assert odds.exists() == data.has_impossible
    # What no threshold can reach; with the v1 head too.
    for threshold, empty in ((-1e9, len(data.questions)), (1e9, 0)):
        printed, _ = succeed(
            f"--predict_file={FILES[version][1]}",
            f"--output_dir={out}",
            f"--null_score_diff_threshold={threshold}",
            "--do_eval",
        )
        if not data.has_impossible:
            empty = 0
        predictions = read(out, "predictions.json").values()
        assert sum(not answer for answer in predictions) == empty
        if data.has_impossible:
            assert f"{empty} of {len(data.questions)} questions get" in printed
            what = {"v1": "[CLS]", "v2": "unanswerable"}[head]
            assert what in printed
    code, _, errors = run(
        f"--predict_file={FILES[version][1]}",
        f"--output_dir={out}",
        f"--head={'v1' if head == 'v2' else 'v2'}",
        "--do_eval",
    )
    assert code == 2
    assert f"has the head {head}" in errors


def test_version_by_flag(config, tmp_path):
    out = tmp_path / "model"
    succeed(
        *training("1.1", config, out, "--version_2_with_negative"),
        "--num_train_steps=1",
    )
    assert model_directory.read_task(out)["version_2_with_negative"]
    assert model_directory.read_task(out)["head"] == "v2"
    assert read(out, "eval_results.json")["HasAns_total"] == 8
    assert len(read(out, "null_odds.json")) == 8


def test_windows_without_answer(config, trained, tmp_path):
    """Trained on by default, and left out by flag."""
    out = tmp_path / "model"
    _, errors = succeed(
        *training("1.1", config, out, "--num_train_steps=1"),
        *("--predict_file=", "--nodo_eval", "--nokeep_windows_without_answer"),
    )
    many, few = (
        read(folder, "train_questions.json")["counts"]["windows"]
        for folder in (trained["1.1"][0], out)
    )
    assert 24 <= few < many
    assert f"{few} examples; 1 steps" in errors


def test_head_to_start_from(trained, tmp_path):
    source = trained["2.0"][0]
    arguments = [
        f"--train_file={FILES['2.0'][0]}",
        "--max_seq_length=96",
        "--num_train_steps=1",
        "--learning_rate=1e-30",
        "--do_train",
    ]
    out = tmp_path / "same"
    _, errors = succeed(
        *arguments, f"--init_checkpoint={source}", f"--output_dir={out}"
    )
    assert "new: none" in errors
    before, after = (
        tensor_bundle.read(path)
        for path in (source / "model.ckpt-best", out / "model.ckpt-1")
    )
    for name in ("start_logits/dense/kernel", "answer_class/dense_1/kernel"):
        np.testing.assert_array_equal(after[name], before[name], name)
    out = tmp_path / "other"
    _, errors = succeed(
        *arguments,
        f"--init_checkpoint={source}",
        f"--output_dir={out}",
        "--head=v1",
    )
    assert "new: span/output_bias, span/output_weights" in errors


def test_weights_of_others(trained, tmp_path):
    """Weights alone say which head they have, but not its settings."""
    model = trained["2.0"][0]
    weights, out = tmp_path / "weights", tmp_path / "out"
    weights.mkdir()
    for path in model.glob("*"):
        if path.name.startswith(("model.ckpt-best", "albert", "spiece")):
            shutil.copy(path, weights)
    succeed(
        f"--init_checkpoint={weights}",
        f"--predict_file={FILES['2.0'][1]}",
        f"--output_dir={out}",
        "--max_seq_length=96",
        "--doc_stride=40",
        "--do_predict",
    )
    assert read(out, "predictions.json") == read(model, "predictions.json")


def test_chinese_is_compared_by_characters(trained, tmp_path):
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


def test_questions_that_need_attention_are_listed(trained):
    out, _, errors = trained["2.0"]
    for name in ("train", "predict"):
        report = read(out, f"{name}_questions.json")
        assert report["counts"]["questions"] == 28
        assert report["questions cut"] == ["q10"]
        where = [line.split(":")[0] for line in report[MISMATCHES]]
        assert where == ["question q26", "question q27"]
    assert "2 answers are not at their answer_start: question q26" in errors
    assert "1 questions are too long and lose their end: q10" in errors
    # They are answered and scored all the same.
    assert {"q10", "q26", "q27"} <= read(out, "predictions.json").keys()
    assert read(out, "eval_results.json")["total"] == 28


def squad(**question):
    """A file of one question; None takes a key away."""
    question = {
        "id": "a1",
        "question": "What is red?",
        "answers": [{"text": "fox", "answer_start": 4}],
    } | question
    question = {k: v for k, v in question.items() if v is not None}
    context = question.pop("context", "The fox is red.")
    paragraph = {"context": context, "qas": [question]}
    return {
        "version": "1.1",
        "data": [{"title": "F", "paragraphs": [paragraph]}],
    }


BAD_FILES = {
    "no JSON": ("{", "not valid JSON"),
    "other JSON": ({"rows": []}, '"data"'),
    "no question": (
        squad(question=None),
        'question a1: there is no "question"',
    ),
    "no id": (squad(id=None), 'article 1 ("F"), paragraph 1, question 1'),
    "empty context": (squad(context=" "), "context is empty"),
    "empty answer": (
        squad(answers=[{"text": "", "answer_start": 4}]),
        "an answer is empty",
    ),
    "no answers": (squad(answers=None), "no answers to train on"),
    "impossible": (
        squad(is_impossible=True, answers=[]),
        "--version_2_with_negative",
    ),
    "answer outside": (
        squad(answers=[{"text": "fox", "answer_start": 400}]),
        "no question is left",
    ),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_bad_files_are_refused(config, tmp_path, name):
    content, words = BAD_FILES[name]
    file = tmp_path / "bad.json"
    file.write_text(
        content if isinstance(content, str) else json.dumps(content)
    )
    out = tmp_path / "out"
    more = ["--version_2_with_negative=false"] if name == "impossible" else []
    code, printed, errors = run(
        *training("1.1", config, out, f"--train_file={file}", *more)
    )
    assert code == 2
    assert printed == ""
    assert errors.splitlines()[-1].startswith("error: ")
    assert words in errors.splitlines()[-1]
    assert str(file) in errors
    assert not out.exists()


@pytest.mark.parametrize(
    "more, words",
    [
        (["--output_dir="], "--output_dir is required"),
        (["--nodo_train", "--nodo_eval"], "nothing to do"),
        (["--train_file="], "--train_file is required for --do_train"),
        (["--predict_file="], "--predict_file is required for --do_eval"),
        (["--nodo_eval"], "--predict_file is for --do_eval or --do_predict"),
        (["--nodo_train"], "--train_file is for --do_train"),
        (["--train_file=nowhere*.json"], "nowhere"),
        (["--predict_file=nowhere.json"], "nowhere"),
        (["--max_seq_length=129"], "128 positions"),
        (["--max_seq_length=20"], "leaves no room for a context"),
        (["--start_n_top=97"], "a beam of 97"),
        (["--doc_stride=0"], "doc_stride"),
        (["--head=v3"], "head"),
        (["--language=fr"], "language"),
        (["--null_score_diff_threshold=nan"], "null_score_diff_threshold"),
        (["--learning_rate=0"], "learning_rate"),
        (
            ["--warmup_proportion=0.5", "--num_warmup_steps=3"],
            "say the same thing",
        ),
        (["--num_train_epochs=2"], "say the same thing"),
        (["--albert_config_file="], "--init_checkpoint is required"),
        (["--spm_model_file="], "--spm_model_file"),
        (["--version_2_with_negative=maybe"], "version_2_with_negative"),
    ],
)
def test_bad_flags_are_refused(config, tmp_path, more, words):
    out = tmp_path / "out"
    code, printed, errors = run(*training("1.1", config, out, *more))
    assert code == 2
    assert printed == ""
    assert words in errors.splitlines()[-1]
    assert errors.splitlines()[-1].startswith("error: ")
    assert not out.exists()


def test_mismatches_stop_by_flag(config, tmp_path):
    out = tmp_path / "out"
    code, _, errors = run(*training("2.0", config, out, "--stop_at_mismatch"))
    assert code == 2
    assert "2 answers are not where the file says" in errors
    assert "q26" in errors
    assert not out.exists()


def test_ids_in_two_files_are_refused(config, tmp_path):
    out = tmp_path / "out"
    copy = tmp_path / "copy.json"
    copy.write_bytes(FILES["1.1"][0].read_bytes())
    code, _, errors = run(
        *training("1.1", config, out, f"--train_file={FILES['1.1'][0]},{copy}")
    )
    assert code == 2
    assert "ids must be unique" in errors
    assert not out.exists()


def test_models_of_other_kinds_are_refused(config, trained, tmp_path):
    dev = f"--predict_file={FILES['1.1'][1]}"
    empty, other = tmp_path / "empty", tmp_path / "other"
    for directory, words in (
        (tmp_path / "nowhere", "holds no model of a task"),
        (empty, "holds no model of a task"),
        (other, "a model of cola (classification)"),
    ):
        if directory == empty:
            empty.mkdir()
        if directory == other:
            other.mkdir()
            task = {"task_name": "cola", "kind": "classification"}
            (other / "task.json").write_text(json.dumps(task))
        before = contents(directory)
        code, _, errors = run(dev, f"--output_dir={directory}", "--do_predict")
        assert code == 2
        assert words in errors
        assert contents(directory) == before
    # A directory with another run.
    out = trained["1.1"][0]
    before = contents(out)
    code, _, errors = run(*training("1.1", config, out, "--doc_stride=41"))
    assert code == 2
    assert "doc_stride 40 there, 41 here" in errors
    code, _, errors = run(*training("2.0", config, out))
    assert code == 2
    assert "holds another run" in errors
    assert contents(out) == before
