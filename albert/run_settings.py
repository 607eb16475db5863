# SPDX-License-Identifier: Apache-2.0
"""Holds a model directory for a run, and compares the run with the one there.

A run that is continued must have the settings that it was begun with, which
run.json keeps.
"""

import contextlib
import dataclasses
import os

from absl import logging

from albert import model_directory
from albert import outputs
from albert import workspaces
from albert.errors import UserError
from albert.text.masking import ORIGINAL_REPLACEMENT

# What is true of runs that do not say it, begun before there was the setting.
# A run without a task is one of pretraining.
_UNSAID = {
    "task_name": None,
    "embedding_learning_rate_scale": 1.0,
    "attention_head_l2": 0.0,
    "attention_l2": 0.0,
    "init_layers_from": None,
    "num_layers_schedule": None,
    "learning_rate_decay": "polynomial",
    "end_learning_rate_share": 0.0,
    "decay_after_warmup": False,
    "train_minutes": None,
    "warmup_proportion": None,
    "max_seq_length_schedule": None,
    "train_batch_size_schedule": None,
    "class_weights": None,
    "focal_gamma": 0.0,
    "best_metric": None,
    "fresh_head": False,
    "freeze": None,
    "weight_average_decay": None,
    "masked_lm_prob_schedule": None,
    "mask_replacement": ORIGINAL_REPLACEMENT,
    "initialization": None,
}

# The setting that tells the weights that a run has started from.
WEIGHTS_SHA256 = "init_checkpoint_sha256"

# What a run that continues may change: defaults of later predictions.
_NOT_COMPARED = ("beam_size", "length_penalty")

# In the directory, while a process trains there.
_LOCK_FILE = ".training.lock"

# What messages tell to choose another of.
_FLAG = "--output_dir"


def check(directory, config, settings, remedy="", is_foreign=False):
    """Refuses a directory that holds another run.

    Args:
      directory: str, need not exist.
      config: ``AlbertConfig`` of this run.
      settings: dict of this run's settings.
      remedy: str, what else to do where the settings differ and the
        configuration does not; it follows the end of a sentence.
      is_foreign: bool, whether weights of another format lie there.

    Raises:
      UserError: naming what differs.
    """
    there = model_directory.read_run(directory)
    has_model = os.path.exists(
        os.path.join(directory, model_directory.CONFIG_FILE)
    )
    if (has_model or is_foreign) and not there:
        raise UserError(
            f"{directory} holds a model that was not trained there (it has "
            f"no {model_directory.RUN_FILE}): use another --output_dir; "
            "--init_checkpoint starts from that model"
        )
    if has_model:
        there |= dataclasses.asdict(model_directory.read_config(directory))
    here = {**dataclasses.asdict(config), **settings}
    if there:
        there = {**_UNSAID, **there}
        here = {**_UNSAID, **here}
    differences = _list_differences(
        there,
        {name: here[name] for name in here if name not in _NOT_COMPARED},
    )
    if differences:
        if there.get(WEIGHTS_SHA256) not in (None, here.get(WEIGHTS_SHA256)):
            remedy = (
                "--init_checkpoint holds other weights than when this run was "
                "begun: put the earlier ones back, or, to go on from what is "
                f"trained here, take {WEIGHTS_SHA256} out of its "
                f"{model_directory.RUN_FILE}"
            )
        fields = dataclasses.asdict(config)
        is_same_model = all(
            there.get(name, value) == value for name, value in fields.items()
        )
        raise UserError(
            f"{directory} holds another run: {'; '.join(differences)}. Use "
            "another --output_dir, or the same settings to continue it"
            f"{f'. {remedy}' if remedy and is_same_model else ''}"
        )


def _list_differences(there, here):
    """Returns, in words, the values of these names that differ: list of str.

    Of dicts in them, such as what was counted of the data, only what differs.
    """
    differences = []
    for name in filter(there.__contains__, here):
        old, new = there[name], here[name]
        if (
            isinstance(old, dict)
            and isinstance(new, dict)
            and old.keys() == new.keys()
        ):
            inner = _list_differences(old, new)
            differences += [f"{name}: {each}" for each in inner]
        elif old != new:
            differences.append(f"{name} {old!r} there, {new!r} here")
    return differences


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
    inside = os.path.join(directory, model_directory.RUN_FILE)
    with (
        outputs.made_directories([inside], _FLAG),
        outputs.explained(directory, _FLAG),
    ):
        # Of a file, so that it holds between machines. It ends with the
        # process.
        lock = os.path.join(directory, _LOCK_FILE)
        descriptor, is_locked = workspaces.open_locked(lock)
        try:
            if is_locked is False:
                raise UserError(
                    f"{directory}: another process is training there: wait "
                    f"for it or use another {_FLAG}"
                )
            if is_locked is None:
                logging.warning(
                    "%s: this file system has no locks: nothing would keep "
                    "another process from training there too",
                    directory,
                )
            workspaces.remove_leftovers(directory)
            try:
                yield
            finally:
                with contextlib.suppress(OSError):
                    os.remove(lock)
        finally:
            os.close(descriptor)


def write(directory, config, tokenizer, settings, task=None):
    """Describes the run of a directory that is ``held``.

    Args:
      directory: str.
      config: ``AlbertConfig``.
      tokenizer: ``Tokenizer``, or None where it is not known.
      settings: dict, what ``check`` compares.
      task: dict, what ``model_directory.read_task`` will return; None for
        pretraining.
    """
    # First, because a configuration without it is another's model.
    outputs.write_json(
        os.path.join(directory, model_directory.RUN_FILE), settings, _FLAG
    )
    model_directory.write_description(directory, config, tokenizer)
    if task is not None:
        before = model_directory.read_task(directory)
        if "thresholds" in before and {**before, "thresholds": None} == {
            **task,
            "thresholds": None,
        }:
            # Those of the last evaluation, until the next one.
            task = before
        outputs.write_json(
            os.path.join(directory, model_directory.TASK_FILE), task, _FLAG
        )
