# SPDX-License-Identifier: Apache-2.0
"""Files that are written bit by bit: whole or not at all."""

import os

import pytest

from albert.errors import UserError
from albert.streamed_outputs import check_output
from albert.streamed_outputs import open_output


def write(path, *, overwrite=False, error=None):
    with open_output(path, "--output_file", overwrite) as stream:
        stream.write("some ")
        # Nothing is there before the end.
        assert path is None or not os.path.exists(path) or overwrite
        if error:
            raise error
        stream.write("words\n")


def test_a_file_in_a_new_directory(tmp_path):
    path = tmp_path / "new" / "a.txt"
    write(str(path))
    assert path.read_text() == "some words\n"
    assert os.listdir(path.parent) == ["a.txt"]


def test_nothing_is_left_of_a_failure(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with pytest.raises(ValueError, match="mine"):
        write(str(path), error=ValueError("mine"))
    assert not os.listdir(tmp_path)


def test_what_is_there_stays_unless_it_may_be_replaced(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with (
        pytest.raises(UserError, match="--output_file"),
        open_output(str(path), "--output_file") as stream,
    ):
        stream.write("new")
    assert path.read_text() == "old"
    write(str(path), overwrite=True)
    assert path.read_text() == "some words\n"


def test_standard_output(capsys):
    write(None)
    assert capsys.readouterr().out == "some words\n"


def test_the_model_of_a_prefix_is_not_replaced(tmp_path):
    config = tmp_path / "albert_config.json"
    config.write_text("old")
    prefix = str(tmp_path / "model.ckpt-3")
    with pytest.raises(UserError, match="both input and output"):
        check_output(str(config), "--output_file", True, prefix)
    check_output(str(tmp_path / "new"), "--output_file", True, prefix)


def test_what_is_read_is_not_replaced(tmp_path):
    (tmp_path / "model").mkdir()
    weights = tmp_path / "model" / "weights"
    weights.write_text("old")
    model = str(tmp_path / "model")
    for overwrite in (False, True):
        with pytest.raises(UserError, match="--output_file"):
            check_output(str(weights), "--output_file", overwrite, model)
    with pytest.raises(UserError, match="give --overwrite"):
        check_output(str(weights), "--output_file", False)
    check_output(str(weights), "--output_file", True)
    check_output(str(tmp_path / "new"), "--output_file", False, model)
