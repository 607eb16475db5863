# SPDX-License-Identifier: Apache-2.0
"""Whether a run of GLUE has finished, and how it fails."""

import dataclasses
import sys

import pytest

from albert.errors import UserError
from albert.glue.runs import Run
from albert.interchange import weight_paths
from albert.training import run_process


@pytest.fixture
def run(tmp_path):
    """A run that has finished."""
    for name in ("out", "start"):
        (tmp_path / name).mkdir()
    (tmp_path / "train.tsv").write_text("a")
    (tmp_path / "start/model.ckpt-best.index").write_text("weights")
    (tmp_path / "out/results.json").touch()
    run = Run(
        title="a run",
        arguments=("--a=b c",),
        directory=str(tmp_path / "out"),
        files=(str(tmp_path / "train.tsv"),),
        results=("results.json",),
        start=str(tmp_path / "start"),
        given=None,
        purpose="training",
    )
    assert not run.finished.is_there()
    run.finished.write()
    assert run.finished.is_there()
    return run


def test_another_run_in_its_place(run):
    for change in (
        {"arguments": ("--a=c",)},
        {"start": None},
        {"files": ()},
        {"purpose": "predictions"},
    ):
        assert not dataclasses.replace(run, **change).finished.is_there()


@pytest.mark.parametrize("name", ["train.tsv", "start/model.ckpt-best.index"])
def test_what_it_was_made_of_has_changed(tmp_path, run, name):
    (tmp_path / name).write_text("others")
    assert not run.finished.is_there()


@pytest.mark.parametrize("place", ["", "folder"])
def test_other_weights_are_given(tmp_path, run, place):
    folder = tmp_path / "given" / place
    folder.mkdir(parents=True)
    (folder / "a.data-00000-of-00001").write_text("some")
    given = str(tmp_path / "given")
    run = dataclasses.replace(run, start=None, given=given)
    run.finished.write()
    weight_paths.fingerprint.cache_clear()  # As in another process.
    assert run.finished.is_there()
    (folder / "a.data-00000-of-00001").write_text("others")
    weight_paths.fingerprint.cache_clear()
    assert not run.finished.is_there()


def test_all_results_count(tmp_path, run):
    run = dataclasses.replace(run, results=("eval.json", "results.json"))
    (tmp_path / "out/eval.json").write_text("0.5")
    run.finished.write()
    assert run.results_path.endswith("results.json")
    (tmp_path / "out/eval.json").unlink()
    assert not run.finished.is_there()


def test_a_start_that_is_gone(tmp_path, run):
    (tmp_path / "start/model.ckpt-best.index").unlink()
    assert not run.finished.is_there()
    (tmp_path / "train.tsv").unlink()
    assert not run.finished.is_there()


def test_the_command_that_people_read(run):
    assert run.command_line() == "albert classify '--a=b c'"


def test_a_run_is_made_and_remembered(tmp_path, run, monkeypatch):
    (tmp_path / "out/finished_training.json").unlink()
    statuses, commands = [2, 0], []

    def pretend(title, command):
        commands.append(command)
        return statuses.pop(0)

    monkeypatch.setattr(run_process, "run", pretend)
    with pytest.raises(UserError, match="a run: .*ended with status 2, for"):
        run.make()
    assert not run.finished.is_there()
    run.make()
    assert run.finished.is_there()
    assert commands[1] == (
        *(sys.executable, "-m", "albert", "classify", "--a=b c"),
    )


def test_weights_that_change_while_a_run_is_made(tmp_path, run, monkeypatch):
    path = tmp_path / "given.safetensors"
    path.write_text("some")

    def train_on(title, command):
        path.write_text("others")
        return 0

    monkeypatch.setattr(run_process, "run", train_on)
    run = dataclasses.replace(run, start=None, given=str(path))
    with pytest.raises(UserError, match="has changed while a run was made"):
        run.make()
    assert not run.finished.is_there()
