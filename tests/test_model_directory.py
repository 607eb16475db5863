# SPDX-License-Identifier: Apache-2.0
"""What a model directory holds, and whose it is."""

import errno
import json
import os
import pathlib

import pytest

import albert
from albert import model_directory
from albert import outputs
from albert import run_settings
from albert import workspaces
from albert.errors import UserError

MODEL = pathlib.Path(__file__).parent / "golden/tokenization/spm2000.model"
SETTINGS = {"train_batch_size": 7, "learning_rate": 0.003}


@pytest.fixture
def config():
    return albert.AlbertConfig.named("tiny", vocab_size=2000)


def start(directory, config, tokenizer=None, settings=SETTINGS):
    with run_settings.held(directory):
        run_settings.write(directory, config, tokenizer, settings)


def test_tokenizer_comes_back_with_its_settings(tmp_path, config):
    tokenizer = albert.Tokenizer(
        MODEL, lower_case=False, digit_comma="stripped", strip_accents=False
    )
    start(tmp_path / "a" / "b", config, tokenizer)
    settings = json.loads((tmp_path / "a" / "b" / "spiece.json").read_text())
    assert settings == {
        "lower_case": False,
        "digit_comma": "stripped",
        "strip_accents": False,
    }
    found = albert.Tokenizer(tmp_path / "a" / "b" / "spiece.model", **settings)
    assert found.fingerprint == tokenizer.fingerprint
    assert model_directory.read_config(tmp_path / "a" / "b") == config
    assert not list((tmp_path / "a" / "b").glob("*.tmp"))


@pytest.mark.parametrize(
    "name", ["albert_config.json", "spiece.model", "spiece.json"]
)
def test_a_file_that_has_changed_is_found(tmp_path, config, name):
    start(tmp_path, config, albert.Tokenizer(MODEL))
    path = tmp_path / name
    assert model_directory.find_change(str(path)) is None
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"l", b"m", 1))
    change = model_directory.find_change(str(path))
    assert change.startswith(f"{path} is another file than the one that ")
    assert f"{tmp_path / 'checksums.json'} names: restore it" in change
    path.unlink()
    assert f"{path} is missing" in model_directory.find_change(str(path))
    # Directories of before.
    (tmp_path / "checksums.json").unlink()
    assert model_directory.find_change(str(path)) is None


def test_a_configuration_that_has_changed_is_refused(tmp_path, config):
    start(tmp_path, config)
    path = tmp_path / model_directory.CONFIG_FILE
    path.write_text(path.read_text().replace("0.02", "0.03"))
    with pytest.raises(UserError, match=r"albert_config.*checksums\.json"):
        model_directory.read_config(tmp_path)


def test_no_model_directory(tmp_path):
    with pytest.raises(UserError, match="no such directory"):
        model_directory.read_config(tmp_path / "missing")
    with pytest.raises(UserError, match=model_directory.CONFIG_FILE):
        model_directory.read_config(tmp_path)


def test_places_that_cannot_be_written(tmp_path, monkeypatch):
    model_directory.check_writable(tmp_path / "a" / "b")
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "model"):
        with pytest.raises(UserError, match="file is not a directory"):
            model_directory.check_writable(path)
    # Permissions do not bind the superuser, who may run this test.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(UserError, match="cannot be written"):
        model_directory.check_writable(tmp_path / "a" / "b")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="^model: .* another --output_dir"):
        model_directory.check_writable("model")


def test_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    outputs.write_json(tmp_path / "a.json", 7)

    def fail(*paths):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(UserError, match="a.json.*No space left"):
        outputs.write_json(tmp_path / "a.json", 11)
    assert os.listdir(tmp_path) == ["a.json"]
    assert (tmp_path / "a.json").read_text() == "7\n"


def test_leftovers_of_a_killed_run_are_removed(tmp_path, config):
    for name in (
        ".run.json.albert-incomplete",
        ".model.ckpt-6.albert-incomplete",
    ):
        (tmp_path / name / "new").mkdir(parents=True)
        (tmp_path / name / "new" / "part").touch()
    kept = [
        ".letter.albert-incomplete",  # a file, and none of ours
        "model.ckpt-3.index",
        "notes.123.tmp",
        "notes.albert-incomplete",
    ]
    for name in kept:
        (tmp_path / name).touch()
    (tmp_path / "x.123.tmp").mkdir()
    start(tmp_path, config)
    assert sorted(os.listdir(tmp_path)) == sorted(
        [*kept, "x.123.tmp", "albert_config.json", "checksums.json", "run.json"]
    )


def test_what_is_being_written_in_the_directory_stays(tmp_path, config):
    with workspaces.workspace(tmp_path / "eval_results.json") as place:
        start(tmp_path, config)
        assert os.path.isdir(place.new)


@pytest.mark.parametrize("name", ["run.json", "eval_results.json"])
def test_directory_in_the_place_of_a_file(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(UserError, match=f"{name} is a directory"):
        model_directory.check_writable(tmp_path)


def test_task_of_a_directory(tmp_path):
    assert model_directory.read_task(tmp_path) == {}
    (tmp_path / "task.json").write_text('{"kind": "tagging"}')
    assert model_directory.read_task(tmp_path) == {"kind": "tagging"}
    (tmp_path / "task.json").write_text("[]")
    with pytest.raises(UserError, match=r"task\.json: expected an object"):
        model_directory.read_task(tmp_path)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("beam_size", 0, "an integer from 1 to 1,000"),
        ("length_penalty", -0.1, "a number from 0.0 to 10.0"),
        ("length_penalty", 11, "a number from 0.0 to 10.0"),
        ("label_smoothing", 1, "a number from 0.0 to 0.9"),
    ],
)
def test_settings_of_a_task_are_as_its_flags_allow(
    tmp_path, name, value, expected
):
    outputs.write_json(tmp_path / "task.json", {name: value})
    with pytest.raises(UserError, match=f"{name}: expected {expected}"):
        model_directory.read_task(tmp_path)


def test_labels_are_those_of_the_training(tmp_path):
    task = {"kind": "classification", "labels": ["a", "b"]}
    outputs.write_json(tmp_path / "task.json", task)
    assert model_directory.read_task(tmp_path) == task
    outputs.write_json(tmp_path / "run.json", {"labels": ["a", "b"]})
    assert model_directory.read_task(tmp_path) == task
    outputs.write_json(tmp_path / "run.json", {"labels": ["b", "a"]})
    with pytest.raises(UserError, match=r"labels a, b, but .* b, a \(run.json"):
        model_directory.read_task(tmp_path)
