# SPDX-License-Identifier: Apache-2.0
"""Runs of a list are made once, each by its own process."""

import json
import signal
import sys

import pytest

from albert import model_directory
from albert.errors import StopRequested
from albert.errors import UserError
from albert.run_list_flags import PlannedRun
from albert.tasks.tsv_files import TextExamples
from albert.training import run_lists


@pytest.fixture
def runs(tmp_path):
    return [
        PlannedRun(
            settings={"seed": str(seed)},
            directory=str(tmp_path / f"seed={seed}"),
            arguments=[
                f"--seed={seed}",
                f"--output_dir={tmp_path}/seed={seed}",
            ],
        )
        for seed in (1, 2, 3)
    ]


class Commands:
    """What stands for processes: writes results, and remembers commands."""

    def __init__(self, *statuses):
        self.statuses = list(statuses)
        self.seeds = []

    def __call__(self, command):
        python, program, seed, place = command
        assert (python, program) == (sys.executable, "recipe.py")
        self.seeds.append(int(seed.removeprefix("--seed=")))
        status = self.statuses.pop(0) if self.statuses else 0
        if status == 0:
            folder = place.removeprefix("--output_dir=")
            model_directory.outputs.make_directory(folder)
            model_directory.outputs.write_json(
                f"{folder}/eval_results.json",
                {"accuracy": self.seeds[-1] / 10, "checkpoint": "c"},
            )
            model_directory.outputs.write_file(
                f"{folder}/dev_fold_1_predictions.tsv", b"id\n1\n"
            )
        return None if status is None else status


def test_what_is_finished_is_not_made_again(runs):
    commands = Commands(0, 2, 0)
    failed = run_lists.carry_out(runs, "recipe.py", "data", commands)
    assert failed == [runs[1]]
    assert commands.seeds == [1, 2, 3]
    assert run_lists.read_metrics(runs[2]) == {"accuracy": 0.3}
    line = run_lists.explain_failures(failed, runs)
    assert line.startswith("1 of 3 runs failed: seed=2: ")
    commands = Commands()
    assert not run_lists.carry_out(runs, "recipe.py", "data", commands)
    assert commands.seeds == [2]
    # Of other data, or with other flags, they are made again.
    commands = Commands()
    run_lists.carry_out(runs, "recipe.py", "others", commands)
    assert commands.seeds == [1, 2, 3]
    commands = Commands()
    runs[1].arguments[0] = "--seed=7"
    run_lists.carry_out(runs, "recipe.py", "others", commands)
    assert commands.seeds == [7]


@pytest.mark.parametrize(
    "name", ["eval_results.json", "dev_fold_1_predictions.tsv"]
)
@pytest.mark.parametrize("content", [None, '{"accuracy": 0.9}\n'])
def test_results_that_changed_are_made_again(
    runs, tmp_path, caplog, name, content
):
    run_lists.carry_out(runs, "recipe.py", "data", Commands())
    path = tmp_path / "seed=2" / name
    # As by an evaluation of the same directory on other data.
    path.write_text(content) if content else path.unlink()
    commands = Commands()
    assert not run_lists.carry_out(runs, "recipe.py", "data", commands)
    assert commands.seeds == [2]
    assert f"seed=2: {name}: no longer what the run has writ" in caplog.text
    assert run_lists.read_metrics(runs[1]) == {"accuracy": 0.2}
    commands = Commands()
    run_lists.carry_out(runs, "recipe.py", "data", commands)
    assert commands.seeds == []


def test_files_of_others_beside_the_results_do_not_count(runs, tmp_path):
    run_lists.carry_out(runs, "recipe.py", "data", Commands())
    (tmp_path / "seed=1" / "test_predictions.tsv").write_text("id\n")
    commands = Commands()
    run_lists.carry_out(runs, "recipe.py", "data", commands)
    assert commands.seeds == []


def test_a_run_that_was_finished_without_its_sums_is_made_again(runs, tmp_path):
    run_lists.carry_out(runs, "recipe.py", "data", Commands())
    path = tmp_path / "seed=3" / "finished.json"
    content = json.loads(path.read_text())
    del content["results"]
    path.write_text(json.dumps(content))
    commands = Commands()
    run_lists.carry_out(runs, "recipe.py", "data", commands)
    assert commands.seeds == [3]


def test_missing_results_are_refused(runs):
    with pytest.raises(UserError, match=r"seed=1: there is no eval_results"):
        run_lists.read_metrics(runs[0])


def test_a_run_that_left_no_results_was_stopped(runs):
    run_lists.carry_out(runs[:1], "recipe.py", "data", Commands())
    commands = Commands(None)
    # Its old results do not count.
    with pytest.raises(StopRequested, match="seed=1: asked to stop"):
        run_lists.carry_out(runs, "recipe.py", "others", commands)
    commands = Commands(130)
    with pytest.raises(KeyboardInterrupt):
        run_lists.carry_out(runs, "recipe.py", "others", commands)
    assert commands.seeds == [1]


def test_sigterm_is_passed_on():
    program = (
        "import os, signal, sys; "
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); "
        "os.kill(os.getppid(), signal.SIGTERM); signal.pause()"
    )
    with pytest.raises(StopRequested, match="the same command continues"):
        run_lists._start([sys.executable, "-c", program])
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert run_lists._start([sys.executable, "-c", "raise SystemExit(3)"]) == 3


def test_damage_is_refused_before_the_first_run(runs, tmp_path):
    run_lists.check(runs)
    run_lists.carry_out(runs[2:], "recipe.py", "data", Commands())
    path = tmp_path / "seed=3" / "finished.json"
    assert json.loads(path.read_text())["data"] == "data"
    path.write_text("{}")
    with pytest.raises(UserError, match=r"seed=3/finished\.json"):
        run_lists.check(runs)


def test_data_are_told_apart(tmp_path):
    texts = {"train": TextExamples(ids=["0"], texts=["a"], labels=["x"])}
    other = {"train": TextExamples(ids=["0"], texts=["a"], labels=["y"])}
    path = tmp_path / "a.tfrecord"
    path.write_bytes(b"abc")
    found = [
        run_lists.identify_data(texts, []),
        run_lists.identify_data(other, []),
        run_lists.identify_data(texts, [str(path)]),
    ]
    assert len(set(found)) == 3
    assert found[0] == run_lists.identify_data(texts, [])


def test_tables_are_aligned():
    rows = [["name", "accuracy"], ["a", 0.25], ["longer", 0.75]]
    assert run_lists.format_table(rows).splitlines() == [
        "name    accuracy",
        "a         0.2500",
        "longer    0.7500",
    ]
    assert run_lists.table_bytes(rows) == (
        b"name\taccuracy\na\t0.25\nlonger\t0.75\n"
    )
