# SPDX-License-Identifier: Apache-2.0
"""Several labels a text: training, thresholds, predictions, records."""

import json

import pytest

FLAGS = ("--multi_label", "--label_separator=;")


@pytest.fixture(scope="module")
def tables(tmp_path_factory, sentences, write_rows):
    folder = tmp_path_factory.mktemp("several")
    cells = ["sea", "", "war;sea", "art", "war", "sea;art;war"]
    for split, size in (("train", 23), ("dev", 13), ("test", 7)):
        write_rows(
            folder / f"{split}.tsv",
            ["text", "label"],
            *([sentences[n], cells[n % len(cells)]] for n in range(size)),
        )
    return folder


def test_thresholds_stay_with_the_model(
    inputs, tables, tmp_path, train_task, run, results_of, rows_of
):
    out = tmp_path / "model"
    printed, _ = train_task(
        inputs, out, "tsv", tables, *FLAGS, "--tune_thresholds", "--do_predict"
    )
    assert "With thresholds tuned on this very dev set" in printed
    results = results_of(out)
    names = {"micro_f1", "macro_f1", "average_precision", "subset_accuracy"}
    assert names <= results["baseline"].keys() <= results.keys()
    tuned = [results[f"threshold_{label}"] for label in ("art", "sea", "war")]
    assert json.loads((out / "task.json").read_text())["thresholds"] == tuned
    header, *rows = rows_of(out / "dev_predictions.tsv")
    assert header[2:4] == ["label", "prediction"]
    assert [row[2] for row in rows[:3]] == ["sea", "", "war;sea"]
    for row in rows:
        above = [float(p) >= t for p, t in zip(row[4:], tuned, strict=True)]
        # The table has the digits of a float32.
        names = zip(("art", "sea", "war"), above, strict=True)
        assert row[3] == ";".join(name for name, is_there in names if is_there)
    tested = json.loads((out / "test_results.json").read_text())
    assert [tested[f"threshold_{n}"] for n in ("art", "sea", "war")] == tuned
    # Without the flag, the model's own are taken.
    flags = ["--task_name=tsv", f"--data_dir={tables}", "--do_eval"]
    code, _, errors = run(out, *flags, *FLAGS)
    assert code == 0, errors
    assert results_of(out) == results
    code, _, errors = run(out, *flags)
    assert code == 2
    assert (
        "a model of a multi_label, not of a classification: give --multi"
        in (errors)
    )
    # The best checkpoint was chosen with thresholds: not with others now.
    code, _, errors = run(
        out,
        *flags,
        *FLAGS,
        f"--init_checkpoint={inputs}/pretrained",
        "--do_train",
        "--train_batch_size=5",
        "--num_train_steps=2",
        "--max_seq_length=47",
    )
    assert code == 2
    assert "tune_thresholds True there, False here" in errors


def test_a_repeated_training_evaluates_with_them(
    inputs, tables, tmp_path, train_task, results_of
):
    out = tmp_path / "model"
    train_task(inputs, out, "tsv", tables, *FLAGS)
    assert "threshold_art" not in results_of(out)
    # As an evaluation with --tune_thresholds leaves them.
    description = json.loads((out / "task.json").read_text())
    description["thresholds"] = [0.25, 0.5, 0.75]
    (out / "task.json").write_text(json.dumps(description))
    train_task(inputs, out, "tsv", tables, *FLAGS)
    assert json.loads((out / "task.json").read_text()) == description
    assert results_of(out)["threshold_art"] == 0.25


@pytest.mark.slow
def test_records_are_as_good_as_texts(
    inputs, tables, tmp_path, train_task, run, make_records, results_of
):
    out = tmp_path / "model"
    train_task(inputs, out, "tsv", tables, *FLAGS, "--max_seq_length=37")
    from_texts = results_of(out)
    make_records(tmp_path / "records", "tsv", tables, *FLAGS)
    code, _, errors = run(
        out,
        "--task_name=tsv",
        *FLAGS,
        "--do_eval",
        f"--eval_file={tmp_path}/records/tsv_dev.tfrecord",
    )
    assert code == 0, errors
    from_records = results_of(out)
    for name in ("loss", "micro_f1", "average_precision", "subset_accuracy"):
        assert from_records[name] == pytest.approx(from_texts[name], abs=1e-6)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--tune_thresholds"], "--tune_thresholds is for --multi_label"),
        (["--tune_thresholds", *FLAGS], "dev set: give --do_eval"),
        (["--multi_label"], "has the separator ','"),
        (["--label_separator=;"], "give --multi_label"),
        ([*FLAGS, "--labels=sea,war"], "train.tsv:5: label 'art' is not one"),
    ],
)
def test_bad_input(inputs, tables, tmp_path, run, flags, message):
    code, _, errors = run(
        tmp_path / "model",
        "--task_name=tsv",
        f"--data_dir={tables}",
        f"--init_checkpoint={inputs}/pretrained",
        "--do_train",
        *flags,
    )
    assert code == 2
    assert message in errors
    assert not (tmp_path / "model").exists()
