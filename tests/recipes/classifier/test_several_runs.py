# SPDX-License-Identifier: Apache-2.0
"""Commands that make several runs, each by a process of its own."""

import csv
import json

import pytest


def read_table(path):
    with path.open(newline="") as stream:
        return list(csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.mark.slow
def test_folds_are_joined_and_made_once(inputs, tmp_path, run, training_flags):
    out = tmp_path / "folds"
    given = [*training_flags(inputs), "--do_eval", "--num_folds=2"]
    code, printed, errors = run(out, *given)
    assert code == 0, errors
    first, *rows = read_table(out / "out_of_fold_predictions.tsv")
    whole = read_table(inputs / "sample" / "train.tsv")[1:]
    assert [row[first.index("id")] for row in rows] == [
        str(number) for number in range(len(whole))
    ]
    results = json.loads((out / "eval_results.json").read_text())
    folds = [
        json.loads((out / f"fold_{n}" / "eval_results.json").read_text())
        for n in (1, 2)
    ]
    assert sum(fold["data"][0]["examples"] for fold in folds) == len(whole)
    mean = sum(fold["accuracy"] for fold in folds) / 2
    assert abs(results["accuracy"] - mean) < 1e-12
    right = sum(
        row[first.index("label")] == row[first.index("prediction")]
        for row in rows
    )
    counted = sum(
        fold["accuracy"] * fold["data"][0]["examples"] for fold in folds
    )
    assert abs(right - counted) < 1e-6
    # The last weights are measured: none were chosen on the fold.
    assert not list(out.glob("fold_*/model.ckpt-best*"))
    code, again, errors = run(out, *given)
    assert code == 0, errors
    assert errors.count("finished before") == 2
    assert again == printed
    # Results that are not those of the run are made again, the model is not.
    (out / "fold_2" / "eval_results.json").write_text('{"accuracy": 1.0}')
    (out / "fold_2" / "dev_fold_2_predictions.tsv").unlink()
    before = (out / "fold_2" / "model.ckpt-4.index").stat().st_mtime_ns
    code, again, errors = run(out, *given)
    assert code == 0, errors
    assert errors.count("finished before") == 1
    assert again == printed
    assert (out / "fold_2" / "model.ckpt-4.index").stat().st_mtime_ns == before


@pytest.mark.slow
def test_a_run_that_fails_leaves_the_others(
    inputs, tmp_path, run, training_flags
):
    out = tmp_path / "sweep"
    given = [
        flag
        for flag in training_flags(inputs)
        if not flag.startswith("--max_seq_length")
    ]
    # The model has 53 positions.
    code, printed, errors = run(
        out, *given, "--do_eval", "--sweep=max_seq_length=59,37"
    )
    assert code == 2
    assert "error: 1 of 2 runs failed: max_seq_length=59: see" in errors
    results = json.loads((out / "sweep_results.json").read_text())
    assert results["metric"] == "accuracy"
    assert [each["flags"] for each in results["runs"]] == [
        {"max_seq_length": "37"}
    ]
    assert printed.endswith(f"Its best run: {out}/max_seq_length=37\n")
    assert [each["flags"] for each in results["failed"]] == [
        {"max_seq_length": "59"}
    ]
    assert not (out / "max_seq_length=59").exists()
