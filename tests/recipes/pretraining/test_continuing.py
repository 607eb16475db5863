# SPDX-License-Identifier: Apache-2.0
"""Runs that go on, or are refused, in the directory of a run."""

import json
import shutil

import pytest

from albert import model_directory
from albert import run_settings


def test_same_command_again_changes_nothing(
    inputs, trained, tmp_path, contents, run
):
    out = tmp_path / "model"
    shutil.copytree(trained[0], out)
    before = contents(out)
    code, printed, errors = run(inputs, out, "--num_train_steps=5")
    assert code == 0
    assert "continuing at step 5 of 5" in errors
    assert "all 5 steps were made before" in printed
    after = contents(out)
    written = before.pop("eval_results.json"), after.pop("eval_results.json")
    one, two = map(json.loads, written)
    assert one.pop("checkpoint") != two.pop("checkpoint")  # another folder
    assert one == two
    assert before.items() <= after.items()
    assert all("events" in name for name in after.keys() - before.keys())


@pytest.mark.parametrize(
    "changes, words",
    [
        (["--train_batch_size=4"], ["train_batch_size 6 there, 4 here"]),
        (["--num_train_steps=3"], ["num_train_steps 5 there, 3 here"]),
        (["--learning_rate=1e-3"], ["learning_rate 0.00", "0.001 here"]),
        (["--albert_config_file={i}/wide.json"], ["hidden_size 22", "26"]),
    ],
)
def test_directory_of_another_run(
    inputs, trained, changes, words, contents, run
):
    before = contents(trained[0])
    changes = [change.format(i=inputs) for change in changes]
    code, _, errors = run(inputs, trained[0], "--num_train_steps=5", *changes)
    assert code == 2
    last = errors.splitlines()[-1]
    assert "holds another run" in last
    assert "--output_dir" in last
    for word in words:
        assert word in last
    assert contents(trained[0]) == before


def test_directory_in_use(inputs, trained, tmp_path, contents, run):
    config = model_directory.read_config(trained[0])
    out = tmp_path / "model"
    settings = json.loads((trained[0] / "run.json").read_text())
    with run_settings.held(out):
        run_settings.write(out, config, None, settings)
        before = contents(out)
        code, _, errors = run(inputs, out, "--num_train_steps=5")
        assert code == 2
        assert "another process is training there" in errors.splitlines()[-1]
        assert contents(out) == before


@pytest.mark.usefixtures("steps_without_gradients")
def test_records_made_again_are_another_run(inputs, tmp_path, run):
    """The same path and count, but other records."""
    again = tmp_path / "inputs"
    shutil.copytree(inputs, again)
    out = tmp_path / "model"
    code, _, errors = run(again, out, "--num_train_steps=2")
    assert code == 0, errors
    path = again / "train.json"
    metadata = json.loads(path.read_text())
    metadata["settings"]["masked_lm_prob"] = 0.05
    path.write_text(json.dumps(metadata))
    code, _, errors = run(again, out, "--num_train_steps=2")
    assert code == 2
    assert "records_fingerprint" in errors


@pytest.mark.slow
@pytest.mark.usefixtures("steps_without_gradients")
def test_a_new_evaluation_forgets_the_old_best(inputs, tmp_path, run):
    out = tmp_path / "model"
    more = ["--num_train_steps=4", "--save_checkpoints_steps=2"]
    code, _, errors = run(inputs, out, *more)
    assert code == 0, errors
    for name in ("model.ckpt-4.index", "eval_results.json"):
        (out / name).unlink()
    code, _, errors = run(inputs, out, *more, "--max_eval_steps=1")
    assert code == 0, errors
    assert "the evaluation has changed" in errors
