# SPDX-License-Identifier: Apache-2.0
"""Runs of a sweep are compared by their medians over seeds."""

import json

import pytest

from albert.errors import UserError
from albert.run_list_flags import PlannedRun
from albert.training import sweeps

DATA = [{"split": "dev", "path": "d", "examples": 7, "checksum": "12ab34cd5"}]


def make_runs(*settings):
    return [
        PlannedRun(dict(each), "/".join(["out", *each.values()]), [])
        for each in settings
    ]


def make_rates():
    """Two rates with three seeds: the lucky one is not the better one."""
    values = {("1e-05", "1"): 0.9, ("1e-05", "2"): 0.3, ("1e-05", "3"): 0.4}
    values |= {("3e-05", "1"): 0.6, ("3e-05", "2"): 0.7, ("3e-05", "3"): 0.5}
    runs = make_runs(
        *({"learning_rate": rate, "seed": seed} for rate, seed in values)
    )
    return runs, [{"accuracy": v, "loss": 1 - v} for v in values.values()]


def test_the_median_over_seeds_decides():
    comparison = sweeps.compare(*make_rates(), "accuracy")
    assert comparison["best"] == {
        "flags": {"learning_rate": "3e-05"},
        "runs": 3,
        "median": 0.6,
        "lowest": 0.5,
        "highest": 0.7,
        "best_run": "out/3e-05/2",
    }
    assert [each["median"] for each in comparison["settings"]] == [0.6, 0.4]
    text = sweeps.describe(comparison)
    assert text.splitlines()[:3] == [
        "learning_rate  seeds  median accuracy  lowest  highest",
        "3e-05              3           0.6000  0.5000   0.7000",
        "1e-05              3           0.4000  0.3000   0.9000",
    ]
    assert "Best: --learning_rate=3e-05 (accuracy 0.6000), chosen on" in text
    assert text.endswith("Its best run: out/3e-05/2")


def test_without_seeds_each_run_stands_alone():
    runs = make_runs({"optimizer": "adamw"}, {"optimizer": "lamb"})
    metrics = [{"accuracy": 0.5}, {"accuracy": 0.5}]
    comparison = sweeps.compare(runs, metrics, "accuracy")
    assert sweeps.describe(comparison).splitlines()[:2] == [
        "optimizer  accuracy",
        "adamw        0.5000",
    ]
    # Of equal ones the first.
    assert comparison["best"]["best_run"] == "out/adamw"


def test_seeds_alone_are_no_choice():
    runs = make_runs({"seed": "1"}, {"seed": "2"})
    metrics = [{"accuracy": 0.5}, {"accuracy": 0.6}]
    text = sweeps.describe(sweeps.compare(runs, metrics, "accuracy"))
    assert "Best: " not in text
    assert text.endswith("Its best run: out/2")


def test_a_run_without_the_metric_is_refused():
    runs = make_runs({"seed": "1"}, {"seed": "2"})
    metrics = [{"accuracy": 0.5, "loss": 1.0}, {"f1": 0.5, "loss": 1.0}]
    with pytest.raises(
        UserError, match="out/1: its results have no f1: .*"
    ) as e:
        sweeps.compare(runs, metrics, "f1")
    assert str(e.value).endswith("a --best_metric that all runs have: loss")


def test_files_hold_all_runs(tmp_path):
    runs, metrics = make_rates()
    comparison = sweeps.compare(runs, metrics, "accuracy")
    paths = sweeps.write(str(tmp_path), DATA, runs, metrics, comparison, [])
    assert paths == [
        str(tmp_path / name)
        for name in ("sweep_results.tsv", "sweep_results.json")
    ]
    table = (tmp_path / "sweep_results.tsv").read_text().splitlines()
    assert len(table) == 7
    assert table[:2] == [
        "learning_rate\tseed\taccuracy\tloss",
        f"1e-05\t1\t0.9\t{1 - 0.9}",
    ]
    content = json.loads((tmp_path / "sweep_results.json").read_text())
    assert content["best"] == comparison["best"]
    assert content["failed"] == []
    assert content["runs"][5]["flags"] == {
        "learning_rate": "3e-05",
        "seed": "3",
    }
    assert content["runs"][5]["accuracy"] == 0.5


def test_the_smallest_loss_is_the_best():
    comparison = sweeps.compare(*make_rates(), "loss")
    assert comparison["best"]["flags"] == {"learning_rate": "3e-05"}
    assert comparison["best"]["best_run"] == "out/3e-05/2"
    assert comparison["best"]["median"] == pytest.approx(0.4)


def test_results_of_another_sweep_are_kept(tmp_path, caplog):
    runs, metrics = make_rates()

    def write(first, end):
        made, of_made = runs[first:end], metrics[first:end]
        comparison = sweeps.compare(made, of_made, "accuracy")
        failed = runs[end:]
        sweeps.write(str(tmp_path), DATA, made, of_made, comparison, failed)

    write(0, 6)
    write(0, 6)
    assert not (tmp_path / "earlier_results").exists()
    before = (tmp_path / "sweep_results.tsv").read_bytes()
    # The last two fail this time.
    write(0, 4)
    content = json.loads((tmp_path / "sweep_results.json").read_text())
    assert [each["flags"] for each in content["failed"]] == [
        {"learning_rate": "3e-05", "seed": seed} for seed in ("2", "3")
    ]
    kept = tmp_path / "earlier_results" / "dev-7-12ab34cd"
    assert (kept / "sweep_results.tsv").read_bytes() == before
    earlier = json.loads((kept / "sweep_results.json").read_text())
    assert len(earlier["runs"]) == 6
    assert "sweep_results.json was of another evaluation" in caplog.text
