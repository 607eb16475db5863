# SPDX-License-Identifier: Apache-2.0
"""A pretraining that was killed or stopped ends as if it had not been."""

import glob
import os
import random
import re
import signal
import time

import numpy as np
import pytest

from albert.interchange import tensor_bundle

KILLS = 12
# Of these, kills while TensorFlow starts, and kills aimed at a write.
AT_START, IN_WRITE = 2, 6


def assert_same_results(one, other):
    """Everything that is left behind, but for times, is the same."""
    assert set(os.listdir(one)) == set(os.listdir(other))
    for name in os.listdir(one):
        prefix = name.removesuffix(".index")
        if prefix == name:
            continue
        a, b = (
            tensor_bundle.read(one / prefix),
            tensor_bundle.read(other / prefix),
        )
        assert a.keys() == b.keys()
        for tensor in a:
            assert np.array_equal(a[tensor], b[tensor]), (prefix, tensor)
    a, b = (
        (folder / "eval_results.json").read_text().replace(str(folder), "")
        for folder in (one, other)
    )
    assert a == b


def temporary_files(folder):
    """Names of what is being written, or was when its process was killed."""
    # Not Path.glob, which raises when a folder goes while it is being listed.
    return glob.glob(".*.albert-incomplete/new/*", root_dir=folder)


def last_step(folder):
    """Step of the last checkpoint, or 0."""
    return max(tensor_bundle.steps(folder), default=0)


@pytest.mark.slow
def test_kills_at_any_moment(inputs, pretraining, launcher, tmp_path):
    flags = [
        "--num_train_steps=400",
        "--save_checkpoints_steps=10",
        "--steps_per_loop=3",
        "--keep_checkpoint_max=2",
    ]
    whole = tmp_path / "whole"
    start = time.monotonic()
    process = launcher.start(*pretraining(whole, *flags))
    process.until(lambda: last_step(whole))
    seconds_to_start = time.monotonic() - start
    process.succeed()

    out = tmp_path / "killed"
    out.mkdir()
    draw = random.Random(17)
    moments = ["start"] * AT_START + ["write"] * IN_WRITE
    moments += ["step"] * (KILLS - len(moments))
    draw.shuffle(moments)
    within_write = best_lost = 0
    for moment in moments:
        before = last_step(out)
        process = launcher.start(*pretraining(out, *flags))
        if moment == "start":
            time.sleep(draw.uniform(0.0, seconds_to_start))
        else:
            milestone = before + 10 * draw.randint(1, 2)
            process.until(lambda m=milestone: last_step(out) >= m)
            if moment == "step":
                time.sleep(draw.uniform(0.0, 0.2))
            else:
                # Busy, because a write takes milliseconds.
                while not temporary_files(out):
                    assert process.process.poll() is None, process.output
        process.process.kill()
        assert process.wait() == -signal.SIGKILL
        within_write += bool(temporary_files(out))
        best_lost += not (out / "model.ckpt-best.index").exists()
        if before:
            assert f"continuing at step {before} of 400" in process.output or (
                moment == "start"
            )
        assert before <= last_step(out) < 400
    steps_left = 400 - last_step(out)
    output = launcher.start(*pretraining(out, *flags)).succeed()
    assert f"continuing at step {400 - steps_left} of 400" in output
    assert_same_results(whole, out)
    assert within_write >= 2
    print(
        f"{KILLS} kills, {within_write} within a write, {best_lost} with no "
        f"best on disk; {steps_left} steps made after the last; "
        f"{time.monotonic() - start:.0f} s"
    )


@pytest.mark.slow
def test_sigterm_while_training(inputs, pretraining, launcher, tmp_path):
    flags = [
        "--num_train_steps=400",
        "--save_checkpoints_steps=200",
        "--steps_per_loop=7",
    ]
    whole, out = tmp_path / "whole", tmp_path / "stopped"
    uninterrupted = launcher.start(*pretraining(whole, *flags))
    process = launcher.start(*pretraining(out, *flags))
    process.until_printed("step 7 of 400: ")
    stop(process)
    found = re.search(r"\(SIGTERM\): saved at step (\d+)", process.output)
    step = int(found[1])
    # At the very step: neither at the end of a loop nor at a milestone.
    assert 7 < step < 400 and step == last_step(out)
    again = launcher.start(*pretraining(out, *flags))
    assert f"continuing at step {step} of 400" in again.succeed()
    uninterrupted.succeed()
    for folder in (whole, out):
        # Of what was saved at the stop nothing else is to be found.
        tensor_bundle.remove(tensor_bundle.step_prefix(folder, step))
    assert_same_results(whole, out)


@pytest.mark.slow
def test_sigterm_while_evaluating(inputs, pretraining, launcher, tmp_path):
    flags = [
        "--num_train_steps=10",
        "--save_checkpoints_steps=5",
        "--steps_per_loop=5",
        "--eval_batch_size=1",
        "--max_eval_steps=100000",
        f"--eval_input_file={','.join([f'{inputs}/long.tfrecord'])}",
    ]
    records = (inputs / "eval.tfrecord").read_bytes()
    (inputs / "long.tfrecord").write_bytes(records * 200)
    whole, out = tmp_path / "whole", tmp_path / "stopped"
    uninterrupted = launcher.start(*pretraining(whole, *flags))
    process = launcher.start(*pretraining(out, *flags))
    process.until_printed("step 5 of 10: ")
    time.sleep(1.0)  # the evaluation compiles
    stop(process)
    assert "evaluation at step 5" not in process.output
    assert "(SIGTERM): saved at step 5;" in process.output
    saved = tensor_bundle.read(tensor_bundle.step_prefix(out, 5))
    assert not saved["training_state/evaluated"]
    again = launcher.start(*pretraining(out, *flags)).succeed()
    assert again.index("evaluation at step 5") < again.index("step 10 of 10")
    uninterrupted.succeed()
    assert_same_results(whole, out)


def stop(process):
    """Sends SIGTERM, and waits for exit status 143."""
    process.process.terminate()
    process.succeed(status=143)
