# SPDX-License-Identifier: Apache-2.0
"""Runs that go on in the directory of a run."""

import numpy as np
import pytest

from albert.interchange import tensor_bundle
from albert.training.checkpoints import TrainingCheckpoints


def test_same_command_again_changes_nothing(
    config, trained, contents, succeed, training
):
    out = trained["1.1"][0]
    before = contents(out)
    printed, errors = succeed(
        *training("1.1", config, out, "--nopad_to_max_length")
    )
    assert "continuing at step 5 of 5" in errors
    assert "all 5 steps were made before" in printed
    after = contents(out)
    new = after.keys() - before.keys()
    assert all("events" in name for name in new)
    pictures = before.pop("curves.png"), after.pop("curves.png")
    assert all(pictures)
    assert before.items() <= after.items()


@pytest.mark.slow
def test_interrupted_run_ends_as_if_it_had_not_been(
    config, tmp_path, monkeypatch, run, training, succeed, read
):
    # With dropout in encoder and head, whose state must go on too.
    version = "2.0"
    dropout = "--dropout_prob=0.2", "--num_train_steps=4"
    save = TrainingCheckpoints.save

    def save_and_stop(self, *arguments):
        save(self, *arguments)
        raise KeyboardInterrupt

    stopped, whole = tmp_path / "stopped", tmp_path / "whole"
    with monkeypatch.context() as patch:
        patch.setattr(TrainingCheckpoints, "save", save_and_stop)
        code, _, errors = run(*training(version, config, stopped, *dropout))
        assert code == 130, errors
    assert tensor_bundle.steps(stopped) == [2]
    _, errors = succeed(*training(version, config, stopped, *dropout))
    assert "continuing at step 2 of 4" in errors
    succeed(*training(version, config, whole, *dropout))
    for name in ("model.ckpt-4", "model.ckpt-best"):
        one, two = (
            tensor_bundle.read(stopped / name),
            tensor_bundle.read(whole / name),
        )
        assert one.keys() == two.keys()
        for variable in one:
            np.testing.assert_array_equal(
                one[variable], two[variable], variable
            )
    for name in ("predictions.json", "nbest_predictions.json"):
        assert read(stopped, name) == read(whole, name)
