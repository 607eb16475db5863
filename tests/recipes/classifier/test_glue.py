# SPDX-License-Identifier: Apache-2.0
"""Tasks of GLUE, in the files as they are published."""

import numpy as np
import pytest

from albert import model_directory
from albert.interchange import tensor_bundle


@pytest.mark.usefixtures("steps_without_gradients")
def test_pairs_of_glue_with_the_settings_of_the_task(
    inputs, glue, tmp_path, run, rows_of, results_of
):
    out = tmp_path / "model"
    code, _, errors = run(
        out,
        "--task_name=RTE",
        f"--data_dir={glue}",
        f"--init_checkpoint={inputs}/pretrained",
        "--do_train",
        "--do_eval",
        "--do_predict",
        "--num_train_steps=4",
    )
    assert code == 0, errors
    line = next(x for x in errors.splitlines() if x.startswith("settings"))
    for words in (
        "settings of rte, ",
        "--max_seq_length=53",  # As many positions as there are.
        "--dropout_prob=0.1",
        "--classifier_dropout=0.1",
        "--learning_rate=0.0001",
        "--train_batch_size=32",
        "--num_warmup_steps=1",  # 200 of 800
        "--save_checkpoints_steps=1",
    ):
        assert words in line
    assert "--num_train_steps" not in line  # It was given.
    config = model_directory.read_config(out)
    assert config.attention_probs_dropout_prob == 0.1
    assert tensor_bundle.steps(out) == [1, 2, 3, 4]
    header, *rows = rows_of(out / "RTE.tsv")
    assert header == ["index", "prediction"]
    assert [row[0] for row in rows] == [str(n + 100) for n in range(13)]
    assert {row[1] for row in rows} <= {"entailment", "not_entailment"}
    header, *readable = rows_of(out / "test_predictions.tsv")
    assert header[:4] == ["id", "text", "text_b", "prediction"]
    assert [row[3] for row in readable] == [row[1] for row in rows]
    baseline = results_of(out)["baseline"]
    assert baseline.keys() == {"accuracy", "macro_f1"}
    assert baseline["accuracy"] == 9 / 17


@pytest.fixture(scope="module")
def mnli(inputs, glue, tmp_path_factory, train_task, without_gradients):
    out = tmp_path_factory.mktemp("mnli") / "model"
    with without_gradients():
        return out, *train_task(inputs, out, "mnli", glue, "--do_predict")


@pytest.mark.slow
def test_two_dev_sets(mnli, results_of, rows_of, events):
    out, printed, errors = mnli
    results = results_of(out)
    names = {
        f"{name}{split}"
        for name in ("accuracy", "macro_f1")
        for split in ("", "_mismatched")
    }
    of_labels = {
        f"{score}_{label}{split}"
        for score in ("precision", "recall", "f1")
        for label in ("contradiction", "entailment", "neutral")
        for split in ("", "_mismatched")
    }
    assert results.keys() == names | of_labels | {
        "loss",
        "loss_mismatched",
        "checkpoint",
        "checkpoint_sha256",
        "albert_version",
        "data",
        "confusion",
        "baseline",
    }
    assert results["baseline"].keys() == names
    assert results["baseline"]["accuracy"] == 6 / 17
    assert results["baseline"]["accuracy_mismatched"] == 7 / 19
    for split, name in (("", "matched"), ("_mismatched", "mismatched")):
        rows = rows_of(out / f"dev_{name}_predictions.tsv")[1:]
        right = np.mean([row[3] == row[4] for row in rows])
        assert results[f"accuracy{split}"] == pytest.approx(right)
    assert events(out / "tensorboard" / "eval") == names | of_labels | {
        "loss",
        "loss_mismatched",
    }
    assert len(rows_of(out / "MNLI-m.tsv")) == 1 + 11
    assert len(rows_of(out / "MNLI-mm.tsv")) == 1 + 7
    assert "accuracy_mismatched" in printed


def test_diagnostics_with_the_model_of_mnli(
    mnli, glue, tmp_path, run, results_of, rows_of
):
    out = tmp_path / "ax"
    code, _, errors = run(
        out,
        "--task_name=ax",
        f"--data_dir={glue}",
        f"--init_checkpoint={mnli[0]}",
        "--do_eval",
    )
    assert code == 0, errors
    assert {"matthews", "accuracy"} <= results_of(out).keys()
    rows = rows_of(out / "dev_predictions.tsv")
    assert len(rows) == 1 + 23
    assert rows[0][-3:] == [
        f"probability of {label}"
        for label in ("contradiction", "entailment", "neutral")
    ]


def test_regression_of_glue(
    inputs, glue, tmp_path, train_task, results_of, rows_of
):
    out = tmp_path / "model"
    train_task(inputs, out, "sts-b", glue, "--do_predict")
    results = results_of(out)
    assert {"pearson", "spearman", "glue_score"} <= results.keys()
    rows = rows_of(out / "dev_predictions.tsv")[1:]
    gold, predicted = (
        [float(row[column]) for row in rows] for column in (3, 4)
    )
    # Numbers of one digit before the point, in float32: 10 * 2**-24.
    loss = np.mean(np.subtract(gold, predicted) ** 2)
    assert results["loss"] == pytest.approx(loss, abs=1e-5)
    pearson = np.corrcoef(gold, predicted)[0, 1]
    assert results["pearson"] == pytest.approx(pearson, abs=1e-5)
    submitted = rows_of(out / "STS-B.tsv")[1:]
    assert all(0 <= float(value) <= 5 for _, value in submitted)
    assert not (out / "confusion_matrix.png").exists()
