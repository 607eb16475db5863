# SPDX-License-Identifier: Apache-2.0
"""Runs of a list are made once, each by its own process."""

import json
import sys

import pytest

from albert import outputs
from albert.errors import UserError
from albert.evaluation_results import describe_data
from albert.file_fingerprints import describe_files
from albert.interchange import weight_paths
from albert.run_list_flags import PlannedRun
from albert.tasks import interface
from albert.tasks import selection
from albert.tasks.tsv_files import TextExamples
from albert.training import run_lists
from albert.training import run_process
from albert.training.model_card import record_training_data

FILES = [{"path": "a", "bytes": 3, "sha256": "12ab"}]


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


class Processes:
    """Stands for processes: writes results, and remembers the runs.

    Attributes:
      statuses: list of int, those of the next runs; then of 0.
      seeds: list of int, of the runs.
      files: list of dict, what the runs have read.
    """

    def __init__(self, files):
        self.files = files
        self.statuses = []
        self.seeds = []

    def __call__(self, title, command):
        python, program, seed, place = command
        assert (python, program) == (sys.executable, "recipe.py")
        self.seeds.append(int(seed.removeprefix("--seed=")))
        folder = place.removeprefix("--output_dir=")
        status = self.statuses.pop(0) if self.statuses else 0
        if status == 0:
            outputs.make_directory(folder)
            read = describe_data("dev", "x", 1, "12ab34cd", self.files)
            outputs.write_json(
                f"{folder}/eval_results.json",
                {
                    "accuracy": self.seeds[-1] / 10,
                    "checkpoint": "c",
                    "data": [read],
                },
            )
            record_training_data(folder, read)
            outputs.write_file(
                f"{folder}/dev_fold_1_predictions.tsv", b"id\n1\n"
            )
        return status


@pytest.fixture
def carry_out(monkeypatch):
    """Function of runs, data, and statuses: what failed, and seeds made."""

    def carry_out(
        runs, data="data", statuses=(), start=None, files=(), models=()
    ):
        processes = Processes(files)
        processes.statuses = [*statuses]
        monkeypatch.setattr(run_process, "run", processes)
        failed = run_lists.carry_out(
            runs,
            "recipe.py",
            data,
            [start] * len(runs),
            [models] * len(runs),
            FILES,
        )
        return failed, processes.seeds

    return carry_out


def test_what_is_finished_is_not_made_again(runs, carry_out):
    failed, seeds = carry_out(runs, statuses=[0, 2, 0])
    assert (failed, seeds) == ([runs[1]], [1, 2, 3])
    assert run_lists.read_metrics(runs[2]) == {"accuracy": 0.3}
    line = run_lists.explain_failures(failed, runs)
    assert line.startswith("1 of 3 runs failed: seed=2: ")
    assert carry_out(runs) == ([], [2])
    # Of other data, or with other flags, they are made again.
    assert carry_out(runs, "others") == ([], [1, 2, 3])
    runs[1].arguments[0] = "--seed=7"
    assert carry_out(runs, "others") == ([], [7])


def test_other_weights_are_given(runs, tmp_path, carry_out):
    path = tmp_path / "model.safetensors"
    for content in ("some", "others"):
        path.write_text(content)
        weight_paths.fingerprint.cache_clear()  # As in another process.
        for made in ([1, 2, 3], []):
            assert carry_out(runs, start=str(path)) == ([], made)


def test_weights_that_change_while_a_run_is_made(
    runs, tmp_path, carry_out, monkeypatch
):
    path = tmp_path / "model.safetensors"
    path.write_text("some")
    read = run_lists._check_files

    def train_on(run, files):
        read(run, files)
        path.write_text("others")

    monkeypatch.setattr(run_lists, "_check_files", train_on)
    with pytest.raises(UserError, match="has changed while a run was made"):
        carry_out(runs, start=str(path))
    assert not (tmp_path / "seed=1/finished.json").exists()


def test_another_configuration_of_the_same_name(runs, tmp_path, carry_out):
    path = tmp_path / "config.json"
    for content in ("some", "others"):
        path.write_text(content)
        for made in ([1, 2, 3], []):
            assert carry_out(runs, models=[str(path)]) == ([], made)


def test_data_that_change_while_runs_are_made(runs, tmp_path, carry_out):
    assert carry_out(runs[:1], files=FILES) == ([], [1])
    others = [FILES[0] | {"sha256": "34cd"}]
    with pytest.raises(UserError, match="seed=2: a was another file there"):
        carry_out(runs, files=others)
    assert not (tmp_path / "seed=2/finished.json").exists()
    assert not (tmp_path / "seed=3").exists()
    (tmp_path / "dev.tsv").write_text("text\tlabel\na\tx\nb\ty\n")
    (tmp_path / "a.tfrecord").write_text("abc")
    (tmp_path / "a.tfrecord.json").write_text("{}")
    task = selection.get_task("tsv")
    texts = {"dev": interface.load(task, str(tmp_path), "dev")}
    found = run_lists.list_files(texts, [str(tmp_path / "a.*")])
    assert found == describe_files(
        [tmp_path / "dev.tsv", tmp_path / "a.tfrecord"]
    )


@pytest.mark.parametrize(
    "name", ["eval_results.json", "dev_fold_1_predictions.tsv"]
)
def test_results_that_changed_are_made_again(runs, tmp_path, carry_out, name):
    carry_out(runs)
    # As by an evaluation of the same directory on other data.
    (tmp_path / "seed=2" / name).write_text('{"accuracy": 0.9}\n')
    assert carry_out(runs) == ([], [2])
    assert run_lists.read_metrics(runs[1]) == {"accuracy": 0.2}
    assert carry_out(runs) == ([], [])


def test_missing_results_are_refused(runs):
    with pytest.raises(UserError, match=r"seed=1: there is no eval_results"):
        run_lists.read_metrics(runs[0])


def test_damage_is_refused_before_the_first_run(runs, tmp_path, carry_out):
    run_lists.check(runs)
    carry_out(runs[2:])
    path = tmp_path / "seed=3" / "finished.json"
    assert json.loads(path.read_text())["made_of"] == {"data": "data"}
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
