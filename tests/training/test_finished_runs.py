# SPDX-License-Identifier: Apache-2.0
"""What a run leaves when it has finished, and when that no longer holds."""

import dataclasses
import json

import pytest

from albert.errors import UserError
from albert.training.finished_runs import FinishedRun


@pytest.fixture
def finished(tmp_path):
    """What a run left that has finished."""
    (tmp_path / "results.json").write_text("0.5")
    finished = FinishedRun(
        directory=str(tmp_path),
        name="finished.json",
        arguments=("--a=b",),
        made_of={"data": "x"},
        results=("results.json", "*_predictions.*"),
    )
    assert not finished.is_there()
    assert finished.find_difference() == "finished.json is not there"
    finished.write()
    assert finished.is_there()
    return finished


def test_another_run_in_its_place(finished):
    for change in (
        {"arguments": ("--a=c",)},
        {"made_of": {"data": "y"}},
        {"made_of": {}},
        {"name": "other.json"},
    ):
        assert not dataclasses.replace(finished, **change).is_there()


def test_other_arguments(finished):
    assert finished.find_difference() is None
    other = dataclasses.replace(finished, arguments=("--a=c", "--d"))
    assert other.find_difference() == "with --a=b and without --a=c --d"


@pytest.mark.parametrize("content", [None, "0.75"])
def test_results_that_changed(finished, tmp_path, caplog, content):
    path = tmp_path / "results.json"
    path.write_text(content) if content else path.unlink()
    assert not finished.is_there()
    assert "results.json: no longer what the run has written" in caplog.text


def test_other_files_beside_the_results_do_not_count(finished, tmp_path):
    (tmp_path / "test_predictions.tsv").write_text("id\n")
    assert finished.is_there()


def test_a_run_without_results_has_not_finished(finished, tmp_path):
    (tmp_path / "results.json").unlink()
    finished.write()
    assert not finished.is_there()


@pytest.mark.parametrize("content", ["{}", '{"arguments": 5}', "["])
def test_damage_is_refused(finished, tmp_path, content):
    finished.check()
    (tmp_path / "finished.json").write_text(content)
    for use in (finished.check, finished.is_there, finished.find_difference):
        with pytest.raises(UserError, match=r"finished\.json.*remove it"):
            use()


def test_what_it_wrote_can_be_read(finished, tmp_path):
    content = json.loads((tmp_path / "finished.json").read_text())
    assert content["arguments"] == ["--a=b"]
    assert content["made_of"] == {"data": "x"}
    assert set(content["results"]) == {"results.json"}
