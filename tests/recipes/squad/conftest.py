# SPDX-License-Identifier: Apache-2.0
"""Questions to train on, and the recipe with small settings."""

import json
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[3]


@pytest.fixture(params=["1.1", "2.0"])
def version(request):
    """Each version of SQuAD."""
    return request.param


@pytest.fixture(scope="session")
def files():
    """Version to (file to train on, file to predict)."""
    sample = ROOT / "data" / "sample" / "squad"
    golden = ROOT / "tests" / "golden" / "squad"
    return {
        "1.1": (sample / "train.json", sample / "dev.json"),
        "2.0": (golden / "train-v2.0.json", golden / "dev-v2.0.json"),
    }


@pytest.fixture(scope="session")
def run(run_command):
    """Function that runs the recipe: (exit status, stdout, stderr)."""
    return lambda *arguments: run_command("run_squad.py", *arguments)


@pytest.fixture(scope="session")
def succeed(run):
    """Function that runs the recipe to its end: (stdout, stderr)."""

    def run_to_the_end(*arguments):
        code, printed, errors = run(*arguments)
        assert code == 0, errors
        return printed, errors

    return run_to_the_end


@pytest.fixture(scope="session")
def training(files, tokenizer_file):
    """Arguments that train on a version's files and evaluate on the way."""

    def arguments(version, config, out, *more):
        train, dev = files[version]
        return [
            f"--albert_config_file={config}",
            f"--spm_model_file={tokenizer_file}",
            f"--train_file={train}",
            f"--predict_file={dev}",
            f"--output_dir={out}",
            "--max_seq_length=96",
            "--doc_stride=40",
            "--train_batch_size=6",
            "--num_train_steps=5",
            "--save_checkpoints_steps=2",
            # One shape to trace.
            "--pad_to_max_length",
            "--do_train",
            "--do_eval",
            *more,
        ]

    return arguments


@pytest.fixture(scope="session")
def config(small_config, tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "config.json"
    path.write_text(json.dumps(small_config))
    return path


@pytest.fixture(scope="session")
def trained(config, files, training, succeed, tmp_path_factory):
    """Version to (model directory, what was printed and logged), made once.

    Each with the head of its version; not to be changed.
    """
    made = {}
    for version in files:
        out = tmp_path_factory.mktemp("trained") / version
        arguments = training(version, config, out, "--nopad_to_max_length")
        made[version] = (out, *succeed(*arguments))
    return made
