# SPDX-License-Identifier: Apache-2.0
"""Results of folds are joined in the order of the input."""

import json
import pathlib

import numpy as np
import pytest

from albert import model_directory
from albert.errors import UserError
from albert.run_list_flags import PlannedRun
from albert.tasks.tsv_files import TextExamples
from albert.training import cross_validation

ASSIGNED = np.array([1, 0, 0, 1, 0])
METRICS = [{"accuracy": 0.5, "loss": 2.0}, {"accuracy": 0.8, "extra": 1.0}]


@pytest.fixture
def runs(tmp_path):
    found = []
    for fold in (1, 2):
        folder = tmp_path / f"fold_{fold}"
        folder.mkdir()
        found.append(PlannedRun({"fold": str(fold)}, str(folder), []))
    return found


def write_folds(runs, ending, *contents):
    for number, (run, content) in enumerate(
        zip(runs, contents, strict=True), 1
    ):
        name = f"dev_fold_{number}_predictions{ending}"
        pathlib.Path(run.directory, name).write_text(content)


def test_rows_come_in_the_order_of_the_input(runs):
    write_folds(
        runs, ".tsv", "id\tx\nb\t1\nc\t\u2028\ne\t3\n", "id\tx\na\t4\nd\t5\n"
    )
    name, content = cross_validation.join_predictions(runs, ASSIGNED)
    assert name == "out_of_fold_predictions.tsv"
    assert content.decode() == ("id\tx\na\t4\nb\t1\nc\t\u2028\nd\t5\ne\t3\n")


def test_sentences_come_in_the_order_of_the_input(runs):
    write_folds(
        runs, ".txt", "b\tO\n\nc\tO\nc\tB-x\n\ne\tO\n\n", "a\tO\n\nd\tO\n\n"
    )
    name, content = cross_validation.join_predictions(runs, ASSIGNED)
    assert name == "out_of_fold_predictions.txt"
    assert content.decode() == (
        "a\tO\n\nb\tO\n\nc\tO\nc\tB-x\n\nd\tO\n\ne\tO\n\n"
    )


def test_other_predictions_are_refused(runs):
    with pytest.raises(UserError, match="fold_1: there are no predictions"):
        cross_validation.join_predictions(runs, ASSIGNED)
    write_folds(runs, ".tsv", "id\nb\nc\ne\n", "id\na\n")
    with pytest.raises(UserError, match="1 predictions for 2 examples"):
        cross_validation.join_predictions(runs, ASSIGNED)
    write_folds(runs, ".tsv", "id\nb\nc\ne\n", "number\na\nd\n")
    with pytest.raises(UserError, match="its columns are not those"):
        cross_validation.join_predictions(runs, ASSIGNED)


def test_mean_and_deviation_of_the_sample():
    means, deviations = cross_validation.summarize(METRICS)
    assert means == {"accuracy": 0.65}
    assert abs(deviations["accuracy"] - 0.3 / 2**0.5) < 1e-12


def test_results_without_a_metric_are_refused():
    with pytest.raises(UserError, match="no metric that all folds have"):
        cross_validation.summarize([{"accuracy": 0.5}, {}])
    with pytest.raises(UserError, match="no metric that all folds have"):
        cross_validation.summarize([{}, {"accuracy": 0.5}])


def test_what_is_written_can_be_read(runs, tmp_path, caplog):
    examples = TextExamples(
        ids=list("01234"), texts=list("abcde"), labels=list("xyxyx")
    )
    paths = cross_validation.write(
        "data", str(tmp_path), examples, runs, METRICS, ("p.tsv", b"id\n")
    )
    assert sorted(paths) == [
        str(tmp_path / name)
        for name in ("eval_results.json", "fold_results.tsv", "p.tsv")
    ]
    assert "extra is left out of the mean: fold 1 has none" in caplog.text
    assert "accuracy is left out" not in caplog.text
    results = model_directory.read_evaluation(tmp_path)
    assert results["accuracy"] == 0.65
    assert results["data"][0]["examples"] == 5
    assert results["runs"][1] == {"fold": 2, **METRICS[1]}
    assert json.dumps(results["standard_deviation"]).startswith('{"accuracy"')
    table = (tmp_path / "fold_results.tsv").read_text().splitlines()
    assert table[:2] == ["fold\taccuracy", "1\t0.5"]
    assert table[3] == "mean\t0.65"
    text = cross_validation.describe(runs, METRICS)
    assert text.splitlines() == [
        "metric    fold 1  fold 2    mean      sd",
        "accuracy  0.5000  0.8000  0.6500  0.2121",
    ]
