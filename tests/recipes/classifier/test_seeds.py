# SPDX-License-Identifier: Apache-2.0
"""Several runs of one command, each with a seed of its own."""

import os
import pathlib
import shutil

import numpy as np
import pytest


@pytest.fixture(scope="module")
def runs(inputs, tmp_path_factory, train):
    out = tmp_path_factory.mktemp("runs") / "model"
    return out, *train(
        inputs, out, "--do_eval", "--do_predict", "--num_runs=3", "--seed=5"
    )


@pytest.mark.slow
def test_medians_of_runs(runs, results_of):
    out, printed, _ = runs
    assert set(os.listdir(out)) == {
        "run_1",
        "run_2",
        "run_3",
        "eval_results.json",
        "confusion_matrix.png",
        "dev_predictions.tsv",
        "test_predictions.tsv",
        "test_results.json",
    }
    results = results_of(out)
    each = [results_of(out / f"run_{number}") for number in (1, 2, 3)]
    assert [run.pop("seed") for run in results["runs"]] == [5, 6, 7]
    for name in ("loss", "accuracy", "macro_f1"):
        values = [one[name] for one in each]
        assert [one[name] for one in results["runs"]] == values
        assert results[name] == np.median(values)
        assert f"{np.median(values):.4f}" in printed
    assert results["baseline"] == each[0]["baseline"]
    assert len({one["loss"] for one in each}) == 3
    best = np.argmax([one["accuracy"] for one in each]) + 1
    assert best > 1  # Or it would prove less.
    assert f"Model: {out}/run_{best}" in printed
    assert "accuracy of 3 runs: " in printed
    assert "---- run 3 of 3" in runs[2]
    rows = (out / "dev_predictions.tsv").read_text().splitlines()[1:]
    rows = [row.split("\t") for row in rows]
    right = np.mean([row[2] == row[3] for row in rows])
    assert right == pytest.approx(each[best - 1]["accuracy"])


@pytest.mark.slow
def test_runs_again(inputs, runs, tmp_path, evaluate, results_of, run):
    """Evaluated alone; predicted alone; not without --num_runs."""
    out = pathlib.Path(shutil.copytree(runs[0], tmp_path / "model"))
    evaluate(inputs, out, "--num_runs=3")  # Whatever the seed is now.
    found, expected = results_of(out), results_of(runs[0])
    assert found == expected
    (out / "test_predictions.tsv").unlink()
    arguments = ["--task_name=tsv", f"--data_dir={inputs}/sample"]
    code, _, errors = run(out, *arguments, "--do_predict")
    assert code == 2
    assert "holds several runs: give the --num_runs" in errors
    # Alone, the best run is known from its evaluation.
    code, _, errors = run(out, *arguments, "--do_predict", "--num_runs=3")
    assert code == 0, errors
    expected = (runs[0] / "test_predictions.tsv").read_bytes()
    assert (out / "test_predictions.tsv").read_bytes() == expected
