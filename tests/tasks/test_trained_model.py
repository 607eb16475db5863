# SPDX-License-Identifier: Apache-2.0
"""Models that were fine-tuned before: which are used, and which is best."""

import json
import pathlib

import pytest

from albert import model_directory
from albert.errors import UserError
from albert.file_fingerprints import fingerprint_weights
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


class TestBest:
    @pytest.fixture
    def runs(self, tmp_path):
        paths = []
        for number, accuracy in enumerate((0.5, 0.75, 0.25)):
            run = tmp_path / f"run_{number + 1}"
            run.mkdir()
            (run / "model.ckpt-best.index").write_text(str(number))
            content = {
                # Directories may be moved.
                "checkpoint": f"old/run_{number + 1}/model.ckpt-best",
                "checkpoint_sha256": fingerprint_weights(
                    str(run / "model.ckpt-best")
                ),
                "data": [
                    {
                        "split": "dev",
                        "path": f"a{number}",
                        "examples": 3,
                        "checksum": "12ab34cd",
                    }
                ],
                "accuracy": accuracy,
            }
            write(run, model_directory.EVALUATION_FILE, content)
            paths.append(str(run))
        return paths

    def change(self, path, **changes):
        path = pathlib.Path(path) / model_directory.EVALUATION_FILE
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    def test_largest_or_smallest(self, runs, caplog):
        assert trained_model.find_best(runs, "accuracy") == 1
        assert trained_model.find_best(runs, "accuracy", smallest=True) == 2
        assert not caplog.text
        assert trained_model.find_best(runs, "f1") == 0
        assert "run_1: there is no f1 of its evaluation" in caplog.text

    def test_of_other_weights(self, runs, tmp_path):
        (tmp_path / "run_3/model.ckpt-best.index").write_text("others")
        with pytest.raises(UserError, match="run_3: its eval_results.json is"):
            trained_model.find_best(runs, "accuracy")
        assert trained_model.find_best(runs[2:], "accuracy") == 0
        # Of a version that did not say it.
        path = tmp_path / "run_3" / model_directory.EVALUATION_FILE
        content = json.loads(path.read_text())
        del content["checkpoint_sha256"]
        path.write_text(json.dumps(content))
        assert trained_model.find_best(runs, "accuracy") == 1

    def test_on_other_data(self, runs):
        other = {"split": "dev", "path": "", "examples": 3, "checksum": "x"}
        self.change(runs[1], data=[other])
        with pytest.raises(UserError, match=r"run_2 was evaluated on other"):
            trained_model.find_best(runs, "accuracy")


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
