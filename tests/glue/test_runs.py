# SPDX-License-Identifier: Apache-2.0
"""Whether a run has finished."""

import dataclasses
import json

import pytest

from albert.errors import UserError
from albert.glue.runs import Run


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
        arguments=("--a=b",),
        directory=str(tmp_path / "out"),
        files=(str(tmp_path / "train.tsv"),),
        results="results.json",
        start=str(tmp_path / "start"),
        purpose="training",
    )
    assert not run.is_finished()
    run.mark_finished()
    assert run.is_finished()
    return run


def test_another_run_in_its_place(run):
    assert not dataclasses.replace(run, arguments=("--a=c",)).is_finished()
    assert not dataclasses.replace(run, start=None).is_finished()
    assert not dataclasses.replace(run, files=()).is_finished()
    assert not dataclasses.replace(run, purpose="predictions").is_finished()


@pytest.mark.parametrize("name", ["train.tsv", "start/model.ckpt-best.index"])
def test_what_it_was_made_of_has_changed(tmp_path, run, name):
    (tmp_path / name).write_text("others")
    assert not run.is_finished()


def test_a_start_that_is_gone(tmp_path, run):
    (tmp_path / "start/model.ckpt-best.index").unlink()
    assert not run.is_finished()
    (tmp_path / "train.tsv").unlink()
    assert not run.is_finished()


def test_other_arguments(tmp_path, run):
    assert run.find_difference() is None
    other = dataclasses.replace(run, arguments=("--a=c", "--d"))
    assert other.find_difference() == "with --a=b and without --a=c --d"
    (tmp_path / "out/finished_training.json").unlink()
    assert run.find_difference() == "finished_training.json is not there"


def test_what_it_made_is_gone(tmp_path, run):
    (tmp_path / "out/results.json").unlink()
    assert not run.is_finished()


def test_what_it_left_is_damaged(tmp_path, run):
    path = tmp_path / "out/finished_training.json"
    path.write_text(json.dumps({"arguments": 5}))
    with pytest.raises(UserError, match="finished_training.json.*remove it"):
        run.is_finished()
