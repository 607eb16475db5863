# SPDX-License-Identifier: Apache-2.0
"""Models that were fine-tuned before: which are used, and which is best."""

import json

import pytest

from albert import model_directory
from albert.errors import UserError
from albert.tasks import trained_model


def write(directory, name, content):
    directory.mkdir(exist_ok=True)
    (directory / name).write_text(json.dumps(content))


@pytest.fixture
def place(tmp_path):
    """A model directory of a task that was trained from another."""
    directory = tmp_path / "model"
    write(directory, model_directory.CONFIG_FILE, {})
    write(directory, model_directory.TASK_FILE, {})
    start = str(tmp_path / "pretrained")
    write(directory, model_directory.RUN_FILE, {"init_checkpoint": start})
    return directory


class TestPlace:
    def test_a_model(self, place):
        trained_model.check_place(str(place), is_several=False)
        with pytest.raises(UserError, match="model holds a model, whose"):
            trained_model.check_place(str(place), is_several=True)

    def test_runs(self, tmp_path):
        for name in ("seed", "fold"):
            content = {"data": [], "runs": [{name: 1, "accuracy": 0.5}]}
            write(tmp_path, model_directory.EVALUATION_FILE, content)
            trained_model.check_place(str(tmp_path), is_several=True)
            with pytest.raises(UserError, match="several runs: give the --num"):
                trained_model.check_place(str(tmp_path), is_several=False)

    def test_results_alone(self, tmp_path):
        content = {"data": [], "accuracy": 0.5}
        write(tmp_path, model_directory.EVALUATION_FILE, content)
        trained_model.check_place(str(tmp_path), is_several=False)
        trained_model.check_place(str(tmp_path / "none"), is_several=False)


class TestFind:
    def test_what_made_it_may_be_named(self, place, tmp_path, monkeypatch):
        assert trained_model.find(str(place), None) == str(place)
        for same in (place, tmp_path / "pretrained"):
            assert trained_model.find(str(place), str(same)) == str(place)
        monkeypatch.chdir(tmp_path)
        assert trained_model.find(str(place), "pretrained/") == str(place)

    def test_other_weights_are_not_ignored(self, place, tmp_path):
        for other in (tmp_path / "other", place / "model.ckpt-2"):
            with pytest.raises(UserError, match="and not --init_checkpoint="):
                trained_model.find(str(place), str(other))
