# SPDX-License-Identifier: Apache-2.0
"""Reads and writes model directories, which hold all that commands need.

albert_config.json   the configuration
spiece.model         the SentencePiece model
spiece.json          its settings: lower_case, digit_comma
task.json            what the model was fine-tuned for: task, labels, …
run.json             the settings that a restart must repeat
eval_results.json    the last evaluation
model.ckpt-best.*    the best weights by evaluation (if there was one)
model.ckpt-STEP.*    training checkpoints
"""

import contextlib
import json
import os

from albert import outputs
from albert import workspaces
from albert.config import AlbertConfig
from albert.errors import UserError

CONFIG_FILE = "albert_config.json"
TOKENIZER_FILE = "spiece.model"
TOKENIZER_SETTINGS_FILE = "spiece.json"
TASK_FILE = "task.json"
RUN_FILE = "run.json"
EVALUATION_FILE = "eval_results.json"

_FILES = (
    CONFIG_FILE,
    TOKENIZER_FILE,
    TOKENIZER_SETTINGS_FILE,
    TASK_FILE,
    RUN_FILE,
    EVALUATION_FILE,
)

# What messages tell to choose another of.
_FLAG = "--output_dir"


def read_config(directory):
    """Returns the ``AlbertConfig`` of a model directory."""
    if not os.path.isdir(directory):
        raise UserError(
            f"{directory}: no such directory: give a model directory, the "
            "--output_dir of a training run"
        )
    return AlbertConfig.from_json(os.path.join(directory, CONFIG_FILE))


def read_task(directory):
    """Returns what a model was fine-tuned for: dict, empty without a file.

    Raises:
      UserError: the file is damaged.
    """
    return _read_if_there(directory, TASK_FILE)


def write_description(directory, config, tokenizer):
    """Writes configuration and tokenizer, each file atomically.

    Args:
      directory: created where it does not exist.
      config: ``AlbertConfig``.
      tokenizer: ``Tokenizer``, or None where it is not known.
    """
    outputs.make_directory(directory)
    config.to_json(os.path.join(directory, CONFIG_FILE))
    if tokenizer is None:
        return
    outputs.write_file(
        os.path.join(directory, TOKENIZER_FILE), tokenizer.model_proto
    )
    settings = {
        "lower_case": tokenizer.lower_case,
        "digit_comma": tokenizer.digit_comma,
    }
    outputs.write_json(
        os.path.join(directory, TOKENIZER_SETTINGS_FILE), settings
    )


def read_run(directory):
    """Returns the settings that a model was trained with: dict.

    It is empty where they are not known.

    Raises:
      UserError: the file is damaged.
    """
    return _read_if_there(directory, RUN_FILE)


def read_evaluation(directory):
    """Returns what ``write_evaluation`` wrote: dict, empty without a file.

    Raises:
      UserError: the file is damaged.
    """
    return _read_if_there(directory, EVALUATION_FILE)


def check_writable(directory):
    """Refuses a place where a model directory cannot be written.

    Raises:
      UserError: see ``outputs.check_directory``; or a directory has the name
        of one of its files.
    """
    outputs.check_directory(directory, _FLAG)
    for name in _FILES:
        path = os.path.join(directory, name)
        if os.path.lexists(path):
            outputs.check_file(path, _FLAG)


def check_run(directory, config, settings):
    """Refuses a directory that holds another run.

    Args:
      directory: str, need not exist.
      config: ``AlbertConfig`` of this run.
      settings: dict of this run's settings.

    Raises:
      UserError: naming what differs.
    """
    there = read_run(directory)
    if not there and os.path.exists(os.path.join(directory, CONFIG_FILE)):
        raise UserError(
            f"{directory} holds a model that was not trained there (it has "
            f"no {RUN_FILE}): use another --output_dir; --init_checkpoint "
            "starts from that model"
        )
    if os.path.exists(os.path.join(directory, CONFIG_FILE)):
        there |= read_config(directory).to_dict()
    here = {**config.to_dict(), **settings}
    if there:
        # A run without a task is one of pretraining.
        there.setdefault("task_name", None)
        here.setdefault("task_name", None)
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


def _read_if_there(directory, name):
    path = os.path.join(directory, name)
    return _read_json_object(path) if os.path.exists(path) else {}


def _read_json_object(path):
    try:
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
    except ValueError as error:
        raise UserError(
            f"{path}: not valid JSON ({error}): restore it, or use another "
            "directory"
        ) from None
    if not isinstance(value, dict):
        raise UserError(
            f"{path}: not a JSON object: restore it, or use another directory"
        )
    return value


@contextlib.contextmanager
def held(directory):
    """Holds a directory for this process to train in: a context manager.

    Args:
      directory: created where it does not exist, and then removed again if
        nothing has been written.

    Raises:
      UserError: another process is training in the directory, or it cannot be
        written.
    """
    inside = os.path.join(directory, RUN_FILE)
    with (
        outputs.made_directories([inside], _FLAG),
        outputs.explained(directory, _FLAG),
    ):
        # The lock is on the directory itself and ends with the process.
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            if not workspaces.try_lock(descriptor):
                raise UserError(
                    f"{directory}: another process is training there: wait "
                    f"for it or use another {_FLAG}"
                )
            workspaces.remove_leftovers(directory)
            yield
        finally:
            os.close(descriptor)


def write_run(directory, config, tokenizer, settings, task=None):
    """Describes the run of a directory that is ``held``.

    Args:
      directory: str.
      config: ``AlbertConfig``.
      tokenizer: ``Tokenizer``, or None where it is not known.
      settings: dict, what ``check_run`` compares.
      task: dict, what ``read_task`` will return; None for pretraining.
    """
    # First, because a configuration without it is another's model.
    outputs.write_json(os.path.join(directory, RUN_FILE), settings, _FLAG)
    write_description(directory, config, tokenizer)
    if task is not None:
        outputs.write_json(os.path.join(directory, TASK_FILE), task, _FLAG)


def write_evaluation(directory, weights, metrics, baseline):
    """Writes the last evaluation, and the baseline of its metrics.

    Args:
      directory: created where it does not exist.
      weights: str, the checkpoint that was evaluated.
      metrics: dict of float.
      baseline: dict of float, what is reached without a model, of which the
        same metrics are written.
    """
    outputs.make_directory(directory, _FLAG)
    outputs.write_json(
        os.path.join(directory, EVALUATION_FILE),
        {
            "checkpoint": weights,
            **metrics,
            "baseline": {
                name: value
                for name, value in baseline.items()
                if name in metrics
            },
        },
        _FLAG,
    )


def write_runs(directory, seed, results, medians, baseline):
    """Writes the evaluations of several runs and their medians.

    Args:
      directory: created where it does not exist.
      seed: int, that of the first run; each has the next one.
      results: list of dict of float, for each run.
      medians: dict of float.
      baseline: dict of float.
    """
    outputs.make_directory(directory, _FLAG)
    outputs.write_json(
        os.path.join(directory, EVALUATION_FILE),
        {
            **medians,
            "baseline": baseline,
            "runs": [
                {"seed": seed + index, **metrics}
                for index, metrics in enumerate(results)
            ],
        },
        _FLAG,
    )
