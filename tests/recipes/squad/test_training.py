# SPDX-License-Identifier: Apache-2.0
"""Heads, versions and windows that a run trains."""

import shutil

import numpy as np
import pytest

from albert import model_directory
from albert.interchange import tensor_bundle
from albert.tasks.squad import squad_files
from albert.tasks.squad.squad_files import read_squad


@pytest.mark.slow
@pytest.mark.parametrize("version, head", [("1.1", "v2"), ("2.0", "v1")])
def test_either_head_on_either_version(
    config, tmp_path, version, head, succeed, training, files, read, run
):
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
    data = read_squad(files[version][1])
    odds = out / "null_odds.json"
    assert odds.exists() == data.has_impossible
    # What no threshold can reach; with the v1 head too.
    for threshold, empty in ((-1e9, len(data.questions)), (1e9, 0)):
        printed, _ = succeed(
            f"--predict_file={files[version][1]}",
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
        f"--predict_file={files[version][1]}",
        f"--output_dir={out}",
        f"--head={'v1' if head == 'v2' else 'v2'}",
        "--do_eval",
    )
    assert code == 2
    assert f"has the head {head}" in errors


@pytest.mark.slow
def test_version_by_flag(config, tmp_path, succeed, training, read):
    out = tmp_path / "model"
    succeed(
        *training("1.1", config, out, "--version_2_with_negative"),
        "--num_train_steps=1",
    )
    assert model_directory.read_task(out)["version_2_with_negative"]
    assert model_directory.read_task(out)["head"] == "v2"
    assert read(out, "eval_results.json")["HasAns_total"] == 8
    assert len(read(out, "null_odds.json")) == 8


def test_windows_without_answer(
    config, trained, tmp_path, succeed, training, read
):
    """Trained on by default, and left out by flag."""
    out = tmp_path / "model"
    arguments = training(
        *("1.1", config, out, "--num_train_steps=1", "--nodo_eval"),
        "--nokeep_windows_without_answer",
    )
    _, errors = succeed(
        *(flag for flag in arguments if "predict_file" not in flag)
    )
    many, few = (
        read(folder, "train_questions.json")["counts"]["windows"]
        for folder in (trained["1.1"][0], out)
    )
    assert 24 <= few < many
    assert f"{few} examples; 1 steps" in errors


@pytest.mark.slow
def test_head_to_start_from(trained, tmp_path, files, succeed):
    source = trained["2.0"][0]
    arguments = [
        f"--train_file={files['2.0'][0]}",
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


def test_weights_of_others(trained, tmp_path, succeed, files, read):
    """Weights alone say which head they have, but not its settings."""
    model = trained["2.0"][0]
    weights, out = tmp_path / "weights", tmp_path / "out"
    weights.mkdir()
    for path in model.glob("*"):
        if path.name.startswith(("model.ckpt-best", "albert", "spiece")):
            shutil.copy(path, weights)
    succeed(
        f"--init_checkpoint={weights}",
        f"--predict_file={files['2.0'][1]}",
        f"--output_dir={out}",
        "--max_seq_length=96",
        "--doc_stride=40",
        "--do_predict",
    )
    assert read(out, "predictions.json") == read(model, "predictions.json")


def test_questions_that_need_attention_are_listed(trained, read):
    out, printed, errors = trained["2.0"]
    for name in ("train", "predict"):
        report = read(out, f"{name}_questions.json")
        assert report["counts"]["questions"] == 28
        assert report["questions cut"] == ["q10"]
        where = [line.split(":")[0] for line in report[squad_files.MOVED]]
        assert where == ["question q26", "question q27"]
        assert report["read as"] == "rules of SQuAD 2.0 (version 'v2.0')"
        assert f"{name}: 28 questions" in printed
    assert printed.count("rules of SQuAD 2.0 (version 'v2.0')") == 2
    assert f"2 {squad_files.MOVED}: question q26" in errors
    assert (
        "1 questions cut: they are too long and lose their end: q10" in errors
    )
    # They are answered and scored all the same.
    assert {"q10", "q26", "q27"} <= read(out, "predictions.json").keys()
    assert read(out, "eval_results.json")["total"] == 28
