# SPDX-License-Identifier: Apache-2.0
"""Records to pretrain on, and the recipe with small settings."""

import json
import pathlib

import pytest

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
