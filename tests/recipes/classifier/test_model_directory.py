# SPDX-License-Identifier: Apache-2.0
"""What a run of the fine-tuning recipe writes and says."""

import hashlib
import json
import os

import numpy as np
import pytest
from absl import flags

import albert
from albert import classification_flags
from albert import model_directory

PICTURE = b"\x89PNG"


def read_labels(path):
    return [line.split("\t")[1] for line in path.read_text().splitlines()]


def test_model_directory_is_complete(
    inputs, trained, small_config, tokenizer_file, results_of, events
):
    out, printed, errors = trained
    assert set(os.listdir(out)) == {
        "README.md",
        "albert_config.json",
        "checksums.json",
        "confusion_matrix.png",
        "curves.png",
        "dev_predictions.tsv",
        "eval_results.json",
        "run.json",
        "spiece.json",
        "spiece.model",
        "task.json",
        "tensorboard",
        "test_predictions.tsv",
        "test_results.json",
        "training_data.json",
        *(
            f"model.ckpt-{step}.{suffix}"
            for step in ("2", "4", "best")
            for suffix in ("index", "data-00000-of-00001")
        ),
    }
    assert json.loads((out / "task.json").read_text()) == {
        "task_name": "tsv",
        "kind": "classification",
        "labels": ["blackmore", "ward"],
        "max_seq_length": 37,
        "classifier_dropout": 0.1,
        "text_pairs": False,
    }
    config = model_directory.read_config(out).to_dict()
    assert small_config.items() <= config.items()
    assert (out / "spiece.model").read_bytes() == tokenizer_file.read_bytes()
    for name in ("confusion_matrix.png", "curves.png"):
        assert (out / name).read_bytes().startswith(PICTURE)
    metrics = {"accuracy", "macro_f1"}
    of_labels = {
        f"{score}_{label}"
        for score in ("precision", "recall", "f1")
        for label in ("blackmore", "ward")
    }
    results = results_of(out)
    assert results.keys() == metrics | of_labels | {
        "loss",
        "checkpoint",
        "checkpoint_sha256",
        "albert_version",
        "data",
        "confusion",
        "baseline",
    }
    assert results["albert_version"] == albert.__version__
    (data,) = results["data"]
    (file,) = data["files"]
    content = (inputs / "sample" / "dev.tsv").read_bytes()
    assert file == {
        "path": str(inputs / "sample" / "dev.tsv"),
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    counts = np.array(results["confusion"]["counts"])
    assert counts.sum() == data["examples"]
    assert counts.trace() / counts.sum() == results["accuracy"]
    # What is right in the card has a test of its own.
    card = (out / "README.md").read_text()
    assert f"| accuracy | {results['accuracy']:.4g} |" in card
    labels = read_labels(inputs / "sample" / "train.tsv")
    for label in ("blackmore", "ward"):
        assert f"| {label} | {labels.count(label)} |" in card
    assert results["baseline"].keys() == metrics
    assert results["checkpoint"] == str(out / "model.ckpt-best")
    found = events(out / "tensorboard" / "eval")
    assert found == metrics | of_labels | {"loss"}
    (line,) = [x for x in printed.splitlines() if x.startswith("ward ")][:1]
    scores = [results[f"{name}_ward"] for name in ("precision", "recall", "f1")]
    assert line.split() == ["ward", *(f"{score:.4f}" for score in scores)]
    assert events(out / "tensorboard" / "train") == {
        "loss",
        "accuracy",
        "learning_rate",
        "gradient_norm",
        "sequences_per_second",
        "tokens_per_second",
    }
    written = ["eval_results.json", "confusion_matrix.png", "curves.png"]
    written += ["dev_predictions.tsv", "test_predictions.tsv"]
    written += ["test_results.json", "README.md"]
    for words in (
        "Training: 4 steps in",
        f"Evaluation of {out}/model.ckpt-best:",
        "constant answer",
        f"accuracy{results['accuracy']:30.4f}",
        f"Model: {out}",
        *(f"Written: {out / name}" for name in written),
    ):
        assert words in printed
    assert "Traceback" not in errors
    warned = [line for line in errors.splitlines() if "warning" in line]
    assert len(warned) == 3  # One for each file.
    for line in warned:
        assert line.endswith(
            "are cut: raise --max_seq_length if the model has more positions"
        )


def test_predictions_are_those_that_were_evaluated(inputs, trained, read):
    """Those of the test set too, which has labels."""
    out, printed, _ = trained
    assert f"Test of {out}/model.ckpt-best:" in printed
    names = {"dev": "eval_results.json", "test": "test_results.json"}
    for split in ("dev", "test"):
        header, *rows = [
            line.split("\t")
            for line in (out / f"{split}_predictions.tsv")
            .read_text()
            .splitlines()
        ]
        assert header == [
            "id",
            "text",
            "label",
            "prediction",
            "probability of blackmore",
            "probability of ward",
        ]
        given = (inputs / "sample" / f"{split}.tsv").read_text().splitlines()
        assert ["\t".join(row[1:3]) for row in rows] == given[1:]
        for row in rows:
            chances = [float(value) for value in row[4:]]
            assert abs(sum(chances) - 1) < 2e-4
            assert chances[row[3] == "ward"] >= 0.5
        results = read(out, names[split])
        right = np.mean([row[2] == row[3] for row in rows])
        assert results["accuracy"] == pytest.approx(right)
        assert results["checkpoint"] == str(out / "model.ckpt-best")
        (data,) = results["data"]
        assert data["path"] == f"{inputs}/sample"
        assert (data["split"], data["examples"]) == (split, len(rows))
        assert f"{results['loss']:.4f}" in printed
        if split == "dev":
            # Or the tests here would prove little.
            assert len({row[3] for row in rows}) == 2


def test_what_is_used_is_printed(trained):
    errors = trained[2]
    for words in (
        "train: 101 examples, longest ",
        "settings of tsv, ",
        "--dropout_prob=0.1 --classifier_dropout=0.1 --num_warmup_steps=0",
        "101 examples; 4 steps are 0.198 epochs",
        "global batch 5 = 1 replica(s) (CPU:0) x 1 accumulation step(s) x 5",
        "pretrained/model.ckpt-best; new: classifier/output_bias, "
        "classifier/output_weights; not used: cls/predictions/output_bias",
    ):
        assert words in errors
    assert "--learning_rate=" not in errors  # It was given.


def test_a_model_in_a_folder_below_is_another_one(tmp_path):
    older = tmp_path / "older"
    older.mkdir()
    (older / "model.ckpt-7.index").touch()
    (older / "task.json").write_text('{"task_name": "cola"}')
    flag_values = flags.FlagValues()
    classification_flags.define_flags(flag_values)
    flag_values(["run_classifier.py", "--do_train", "--task_name=mrpc"])
    directories = [str(tmp_path)]
    task, models, trained = classification_flags.find_task(
        flag_values, directories
    )
    assert (task.name, models, trained) == ("mrpc", directories, {})


def test_training_on_keeps_what_the_model_has(tmp_path):
    fv = flags.FlagValues()
    classification_flags.define_flags(fv)
    out = tmp_path / "out"
    given = ["--fresh_head", "--init_layers_from=mean", "--num_runs=3"]
    given += ["--init_checkpoint=pretrained", "--learning_rate=1e-05"]
    fv(["classify", f"--output_dir={out}", *given])
    told = classification_flags.describe_further_training(fv, f"{out}/run_2")
    for name in ("fresh_head", "init_layers_from", "num_runs", "pretrained"):
        assert name not in told
    assert f"--init_checkpoint={out}/run_2" in told
    assert "--learning_rate=1e-05" in told
