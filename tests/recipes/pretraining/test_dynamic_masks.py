# SPDX-License-Identifier: Apache-2.0
"""Runs on records that are masked while training."""

import shutil
import signal

import pytest

# Kills its own process after so many steps, in the middle of a training.
KILLED = """
import os, runpy, signal, sys
from albert.training.loop import TrainingLoop

left, train = int(sys.argv[1]), TrainingLoop.train

def train_and_die(loop, iterator, steps, *more):
    global left
    history = train(loop, iterator, steps, *more)
    left -= steps
    if left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return history

TrainingLoop.train = train_and_die
sys.argv[:2] = ["run_pretraining.py"]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="session")
def unmasked_inputs(inputs, tokenizer_file, call_recipe, tmp_path_factory):
    """As ``inputs``, but the records of train and eval have no masks."""
    folder = tmp_path_factory.mktemp("unmasked_inputs")
    for name, more in (("train", ["--num_shards=2"]), ("eval", [])):
        call_recipe(
            "data/create_pretraining_data.py",
            "--masking=dynamic",
            f"--input_file={inputs / name}.txt",
            f"--output_file={folder / name}.tfrecord",
            f"--spm_model_file={tokenizer_file}",
            "--max_seq_length=32",
            "--max_predictions_per_seq=5",
            "--num_workers=1",
            *more,
        )
    shutil.copy(inputs / "config.json", folder)
    return folder


@pytest.fixture(scope="session")
def trained_unmasked(unmasked_inputs, run, tmp_path_factory):
    """A model directory after three steps; not to be changed."""
    out = tmp_path_factory.mktemp("trained_unmasked") / "model"
    code, printed, errors = run(unmasked_inputs, out)
    assert code == 0, errors
    return out, printed, errors


@pytest.mark.slow
def test_evaluation_alone_is_that_of_training(
    unmasked_inputs, trained_unmasked, tmp_path, run, read, results_of
):
    settings = read(trained_unmasked[0], "run.json")
    assert settings["masked_lm_prob"] == 0.15
    assert settings["max_predictions_per_seq"] == 5
    assert "predicting by word frequency" in trained_unmasked[2]
    code, _, errors = run(
        unmasked_inputs,
        tmp_path / "alone",
        "--nodo_train",
        f"--init_checkpoint={trained_unmasked[0]}/model.ckpt-3",
    )
    assert code == 0, errors
    there, here = map(results_of, (trained_unmasked[0], tmp_path / "alone"))
    # Alone, the evaluation records are all that frequencies can come from.
    for results in (there, here):
        results.pop("baseline")
    # The masks that it is evaluated on never change.
    assert there == here


@pytest.mark.slow
def test_another_share_of_masks_is_another_run(
    unmasked_inputs, trained_unmasked, contents, run
):
    before = contents(trained_unmasked[0])
    code, _, errors = run(
        unmasked_inputs, trained_unmasked[0], "--masked_lm_prob=0.3"
    )
    assert code == 2
    assert "masked_lm_prob 0.15 there, 0.3 here" in errors.splitlines()[-1]
    assert contents(trained_unmasked[0]) == before


def test_a_schedule_that_slots_do_not_suffice_for(
    unmasked_inputs, tmp_path, run
):
    out = tmp_path / "model"
    code, _, errors = run(
        unmasked_inputs,
        out,
        "--masked_lm_prob_schedule=0.3:0.5,0.15",
        "--max_predictions_per_seq=9",
    )
    assert code == 2
    last = errors.splitlines()[-1]
    assert "are 10, more than --max_predictions_per_seq=9" in last
    assert "or give 10" in last
    assert not out.exists()


@pytest.mark.slow
def test_buckets_are_a_setting_of_the_run(
    unmasked_inputs, tmp_path, contents, run, read
):
    out = tmp_path / "model"
    code, _, errors = run(unmasked_inputs, out, "--bucket_by_length")
    assert code == 0, errors
    assert read(out, "run.json")["bucket_by_length"] is True
    before = contents(out)
    code, _, errors = run(unmasked_inputs, out)
    assert code == 2
    assert "bucket_by_length True there, False here" in errors.splitlines()[-1]
    assert contents(out) == before


@pytest.mark.slow
def test_a_schedule_of_masks_is_a_setting_of_the_run(
    inputs, unmasked_inputs, tmp_path, contents, run, read
):
    """Of records with slots for less, as those have that it evaluates."""
    out = tmp_path / "model"
    masks = (
        "--masked_lm_prob_schedule=0.3:0.5,0.15",
        f"--eval_input_file={inputs}/eval.tfrecord",
        "--mask_replacement=mask",
        "--max_seq_length_schedule=16:0.34,32",
        "--train_batch_size_schedule=2:0.34,6",
    )
    code, _, errors = run(unmasked_inputs, out, *masks)
    assert code == 0, errors
    assert "2 sequences to step 1, 6 sequences to step 3" in errors
    assert (
        "masked_lm_prob: 0.3 of the tokens to step 2, "
        "0.15 of the tokens to step 3"
    ) in errors
    settings = read(out, "run.json")
    assert settings["masked_lm_prob_schedule"] == "0.3:0.5,0.15"
    assert settings["mask_replacement"] == "mask"
    assert settings["max_predictions_per_seq"] == 5
    assert 6.0 < read(out, "eval_results.json")["masked_lm_loss"] < 9.0
    before = contents(out)
    for left, words in (
        (masks[1:], "masked_lm_prob_schedule '0.3:0.5,0.15' there, None here"),
        (
            [*masks[:2], *masks[3:]],
            "mask_replacement 'mask' there, '80-10-10' here",
        ),
        (masks[:-1], "train_batch_size_schedule '2:0.34,6' there, None here"),
    ):
        code, _, errors = run(unmasked_inputs, out, *left)
        assert code == 2
        assert words in errors.splitlines()[-1]
    assert contents(out) == before


def test_records_of_both_kinds_are_refused(
    inputs, unmasked_inputs, tmp_path, run
):
    out = tmp_path / "model"
    code, _, errors = run(
        unmasked_inputs,
        out,
        f"--input_file={unmasked_inputs}/train-*,{inputs}/train-*",
    )
    assert code == 2
    last = errors.splitlines()[-1]
    assert "of 4 record files, 2 hold unmasked segment pairs" in last
    assert not out.exists()


def test_masked_records_keep_their_masks(inputs, tmp_path, run):
    out = tmp_path / "model"
    code, _, errors = run(inputs, out, "--masked_lm_prob=0.3")
    assert code == 2
    assert "--masked_lm_prob=0.3 changes nothing" in errors.splitlines()[-1]
    assert not out.exists()


@pytest.mark.slow
def test_killed_run_ends_as_if_it_had_not_been(
    unmasked_inputs, tmp_path, arguments_of, run_process, assert_same_tensors
):
    """It is killed at a step, whatever the machine's speed.

    Each run is in a process of its own, as --deterministic is for a whole
    process. Without it the order of sums is not fixed: of many such runs, one
    differed by rounding. Runs on records with masks are killed in
    tests/distribution/test_interruptions.py.
    """
    arguments = [
        "--deterministic",
        "--num_train_steps=150",
        "--save_checkpoints_steps=50",
        "--steps_per_loop=7",
        "--keep_checkpoint_max=1",
        "--max_eval_steps=1",
    ]
    out, whole = tmp_path / "killed", tmp_path / "whole"
    flags = arguments_of(unmasked_inputs, out, *arguments)
    killed = run_process("-c", KILLED, "60", *flags[1:])
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    again = run_process(*flags)
    assert again.returncode == 0, again.stderr
    assert "continuing at step 50 of 150" in again.stderr
    alone = run_process(*arguments_of(unmasked_inputs, whole, *arguments))
    assert alone.returncode == 0, alone.stderr
    for name in ("model.ckpt-150", "model.ckpt-best"):
        assert_same_tensors(whole / name, out / name)
