# SPDX-License-Identifier: Apache-2.0
import json
import os

import numpy as np
import pytest
import tensorflow as tf

from albert.errors import UserError
from albert.training import curves
from albert.training.reporting import Reporter


def write_run(directory, losses):
    events = directory / "tensorboard"
    with Reporter(str(events), len(losses), 0, batch_size=3) as reporter:
        for step, loss in enumerate(losses, start=1):
            reporter.training(
                step,
                {
                    "masked_lm_loss": np.array([loss], np.float32),
                    "learning_rate": np.array([0.5], np.float32),
                    "tokens": np.array([7.0], np.float32),
                },
                seconds=2.0,
            )
        reporter.evaluation(2, {"masked_lm_accuracy": 0.25}, seconds=1.0)
    (directory / "eval_results.json").write_text(
        json.dumps({"baseline": {"masked_lm_loss": 5.0}})
    )


def test_scalars_are_read_back(tmp_path):
    write_run(tmp_path, [8.0, 6.5, 4.0])
    train = curves.read_scalars(str(tmp_path / "tensorboard" / "train"))
    assert train["masked_lm_loss"] == [(1, 8.0), (2, 6.5), (3, 4.0)]
    assert train["sequences_per_second"][0] == (1, 1.5)
    held_out = curves.read_scalars(str(tmp_path / "tensorboard" / "eval"))
    assert held_out == {"masked_lm_accuracy": [(2, 0.25)]}


def test_other_files_and_summaries_are_passed_over(tmp_path):
    write_run(tmp_path, [8.0])
    directory = tmp_path / "tensorboard" / "train"
    os.mkfifo(directory / "pipe")
    with tf.summary.create_file_writer(str(directory)).as_default():
        tf.summary.histogram("weights", np.arange(9.0), 1)
        tf.summary.text("flags", "--dtype", 1)
    assert curves.read_scalars(str(directory))["masked_lm_loss"] == [(1, 8.0)]


@pytest.mark.parametrize("kind", ["pipe", "pointer"])
def test_event_files_that_are_none(tmp_path, kind):
    write_run(tmp_path, [8.0])
    path = tmp_path / "tensorboard" / "train" / "events.out.tfevents.1"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(UserError, match=rf"tfevents\.1: .* {kind}"):
        curves.draw(str(tmp_path / "curves.png"), [str(tmp_path)])


def test_two_phases_are_drawn(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_run(tmp_path / name, [8.0, 6.5, 4.0])
    picture = tmp_path / "curves.png"
    curves.draw(str(picture), [str(tmp_path / n) for n in ("one", "two")])
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_directory_without_events_is_named(tmp_path):
    with pytest.raises(UserError, match="no TensorBoard events"):
        curves.draw(str(tmp_path / "curves.png"), [str(tmp_path)])
    assert not (tmp_path / "curves.png").exists()


def test_a_damaged_evaluation_is_named(tmp_path):
    write_run(tmp_path, [8.0, 6.5, 4.0])
    (tmp_path / "eval_results.json").write_text('{"baseline": {')
    with pytest.raises(UserError, match="eval_results.json: not valid JSON"):
        curves.draw(str(tmp_path / "curves.png"), [str(tmp_path)])
    assert not (tmp_path / "curves.png").exists()


@pytest.mark.parametrize("name", ["model", "curves", "curves.txt", ".png/"])
def test_a_name_that_is_no_picture(name):
    with pytest.raises(UserError, match=f"{name}: is no name of a picture"):
        curves.main(None, name, ["model"])
