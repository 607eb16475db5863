# SPDX-License-Identifier: Apache-2.0
"""A model directory: all that a later command needs, in one place.

albert_config.json   the configuration
spiece.model         the SentencePiece model
spiece.json          its settings: lower_case, digit_comma
run.json             the settings that a restart must repeat
eval_results.json    the last evaluation
model.ckpt-best.*    the best weights by evaluation (if there was one)
model.ckpt-STEP.*    training checkpoints
"""

import json
import os

from albert.config import AlbertConfig
from albert.errors import UserError
from albert.text.tokenizer import Tokenizer

CONFIG_FILE = "albert_config.json"
TOKENIZER_FILE = "spiece.model"
TOKENIZER_SETTINGS_FILE = "spiece.json"
RUN_FILE = "run.json"
EVALUATION_FILE = "eval_results.json"


def read_config(directory):
    """Returns the ``AlbertConfig`` of a model directory."""
    if not os.path.isdir(directory):
        raise UserError(
            f"{directory}: no such directory: give a model directory, the "
            "--output_dir of a training run"
        )
    return AlbertConfig.from_json(os.path.join(directory, CONFIG_FILE))


def read_tokenizer(directory):
    """Returns the ``Tokenizer`` of a model directory, settings included."""
    path = os.path.join(directory, TOKENIZER_SETTINGS_FILE)
    try:
        with open(path, encoding="utf-8") as file:
            settings = json.load(file)
        return Tokenizer(os.path.join(directory, TOKENIZER_FILE), **settings)
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror}): this directory has "
            "no tokenizer; train with --spm_model_file"
        ) from None
    except (ValueError, TypeError) as error:
        raise UserError(f"{path}: not tokenizer settings: {error}") from None


def write_description(directory, config, tokenizer):
    """Writes configuration and tokenizer, each file atomically.

    Args:
      directory: created where it does not exist.
      config: ``AlbertConfig``.
      tokenizer: ``Tokenizer``, or None where it is not known.
    """
    os.makedirs(directory, exist_ok=True)
    config.to_json(os.path.join(directory, CONFIG_FILE))
    if tokenizer is None:
        return
    write_file(os.path.join(directory, TOKENIZER_FILE), tokenizer.model_proto)
    settings = {
        "lower_case": tokenizer.lower_case,
        "digit_comma": tokenizer.digit_comma,
    }
    write_json(os.path.join(directory, TOKENIZER_SETTINGS_FILE), settings)


def check_run(directory, config, settings):
    """Refuses a directory that holds another run.

    Args:
      directory: str, need not exist.
      config: ``AlbertConfig`` of this run.
      settings: dict of this run's settings.

    Raises:
      UserError: naming what differs.
    """
    if not os.path.exists(os.path.join(directory, CONFIG_FILE)):
        return
    there = read_config(directory).to_dict()
    path = os.path.join(directory, RUN_FILE)
    if os.path.exists(path):
        with open(path, encoding="utf-8") as file:
            there |= json.load(file)
    here = {**config.to_dict(), **settings}
    differences = [
        f"{name} {there[name]!r} there, {here[name]!r} here"
        for name in here
        if name in there and there[name] != here[name]
    ]
    if differences:
        raise UserError(
            f"{directory} holds another run: {'; '.join(differences)}. Use "
            "another --output_dir, or the same settings to continue it"
        )


def write_run(directory, settings):
    """Writes the settings that ``check_run`` compares."""
    write_json(os.path.join(directory, RUN_FILE), settings)


def write_evaluation(directory, metrics, baseline):
    """Writes the last evaluation and what word frequencies alone reach."""
    write_json(
        os.path.join(directory, EVALUATION_FILE),
        {
            **metrics,
            "word_frequency_loss": baseline.loss,
            "word_frequency_accuracy": baseline.accuracy,
        },
    )


def write_json(path, value):
    """Writes a value as JSON, atomically."""
    write_file(path, (json.dumps(value, indent=2) + "\n").encode())


def write_file(path, content):
    """Writes bytes to a temporary file and renames it into place."""
    temporary = f"{path}.{os.getpid()}.tmp"
    with open(temporary, "wb") as file:
        file.write(content)
    os.replace(temporary, path)
