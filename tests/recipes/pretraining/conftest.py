# SPDX-License-Identifier: Apache-2.0
"""Records to pretrain on, and the recipe with small settings."""

import json
import pathlib
import signal

import pytest

# Kills its own process after so many steps, in the middle of a training.
KILLED = """
import os, runpy, signal, sys
from albert.training.loop import TrainingLoop

left, train = int(sys.argv[1]), TrainingLoop.train

def train_and_die(loop, iterator, steps):
    global left
    history = train(loop, iterator, steps)
    left -= steps
    if left <= 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return history

TrainingLoop.train = train_and_die
sys.argv[:2] = ["run_pretraining.py"]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
GOLDEN = pathlib.Path(__file__).parents[2] / "golden"


@pytest.fixture(scope="session")
def small_config(small_config):
    # A step depends on the state of dropout's generators too.
    return small_config | {"hidden_dropout_prob": 0.1}


@pytest.fixture(scope="session")
def original_records():
    return GOLDEN / "pretraining_data" / "examples_first_67.tfrecord"


@pytest.fixture(scope="session")
def inputs(
    small_config,
    tokenizer_file,
    other_tokenizer_file,
    call_recipe,
    tmp_path_factory,
):
    """A directory with train, eval, none, nsp and other records, configs."""

    def make_records(output, text, *arguments):
        call_recipe(
            "data/create_pretraining_data.py",
            f"--input_file={text}",
            f"--output_file={output}",
            f"--spm_model_file={tokenizer_file}",
            "--max_seq_length=32",
            "--max_predictions_per_seq=5",
            "--dupe_factor=1",
            "--num_workers=1",
            *arguments,
        )

    folder = tmp_path_factory.mktemp("inputs")
    lines = (GOLDEN / "pretraining_data" / "input.txt").read_text().split("\n")
    (folder / "train.txt").write_text("\n".join(lines[:600]))
    (folder / "eval.txt").write_text("\n".join(lines[600:700]))
    train = folder / "train.txt"
    make_records(folder / "train.tfrecord", train, "--num_shards=2")
    make_records(folder / "eval.tfrecord", folder / "eval.txt")
    for objective in ("none", "nsp"):
        make_records(
            folder / f"{objective}.tfrecord", train, f"--objective={objective}"
        )
    make_records(
        folder / "other.tfrecord",
        train,
        f"--spm_model_file={other_tokenizer_file}",
    )
    for name, changes in {
        "config": {},
        "typo": {"hidden_sizes": 22},
        "heads": {"num_attention_heads": 5},
        "vocabulary": {"vocab_size": 1999},
        "short": {"max_position_embeddings": 31},
        "wide": {"hidden_size": 26},
        "relative": {"position_embedding": "relative_bias"},
    }.items():
        (folder / f"{name}.json").write_text(json.dumps(small_config | changes))
    return folder


@pytest.fixture(scope="session")
def trained(inputs, run, tmp_path_factory):
    """A model directory after five steps; not to be changed."""
    out = tmp_path_factory.mktemp("trained") / "model"
    code, printed, errors = run(inputs, out, "--num_train_steps=5")
    assert code == 0, errors
    return out, printed, errors


@pytest.fixture(scope="session")
def arguments_of():
    """Function of inputs, a model directory and more flags to a command."""

    def arguments(inputs, out, *more):
        return [
            "run_pretraining.py",
            f"--input_file={inputs}/train-*.tfrecord",
            f"--eval_input_file={inputs}/eval.tfrecord",
            f"--albert_config_file={inputs}/config.json",
            f"--output_dir={out}",
            "--train_batch_size=6",
            "--eval_batch_size=7",
            "--max_eval_steps=3",
            "--num_train_steps=3",
            "--save_checkpoints_steps=2",
            *more,
        ]

    return arguments


@pytest.fixture(scope="session")
def run(arguments_of, run_command):
    """Function that runs that command: (exit status, stdout, stderr)."""
    return lambda inputs, out, *more: run_command(
        *arguments_of(inputs, out, *more)
    )


@pytest.fixture(scope="session")
def assert_killed_run_ends_as_whole(
    arguments_of, run_process, assert_same_tensors
):
    """Function of inputs and a folder: a killed run ends as one that was not.

    It is killed at a step, whatever the machine's speed. Each run is in a
    process of its own, as --deterministic is for a whole process. Without it
    the order of sums is not fixed: of many such runs, one differed by rounding.
    """

    def check(inputs, folder):
        arguments = [
            "--deterministic",
            "--num_train_steps=150",
            "--save_checkpoints_steps=50",
            "--steps_per_loop=7",
            "--keep_checkpoint_max=1",
            "--max_eval_steps=1",
        ]
        out, whole = folder / "killed", folder / "whole"
        flags = arguments_of(inputs, out, *arguments)
        killed = run_process("-c", KILLED, "60", *flags[1:])
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        again = run_process(*flags)
        assert again.returncode == 0, again.stderr
        assert "continuing at step 50 of 150" in again.stderr
        alone = run_process(*arguments_of(inputs, whole, *arguments))
        assert alone.returncode == 0, alone.stderr
        for name in ("model.ckpt-150", "model.ckpt-best"):
            assert_same_tensors(whole / name, out / name)

    return check
