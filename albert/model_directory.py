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
import fcntl
import json
import os
import re

from albert import json_files
from albert.config import AlbertConfig
from albert.errors import UserError
from albert.heads import HEADS
from albert.json_files import Boolean
from albert.json_files import Integer
from albert.json_files import List
from albert.json_files import Nullable
from albert.json_files import Number
from albert.json_files import Object
from albert.json_files import Text

CONFIG_FILE = "albert_config.json"
TOKENIZER_FILE = "spiece.model"
TOKENIZER_SETTINGS_FILE = "spiece.json"
TASK_FILE = "task.json"
RUN_FILE = "run.json"
EVALUATION_FILE = "eval_results.json"

# What of these files is read again. task.json may be that of another version,
# with settings that this one does not have.
_LENGTH = Integer(1, 1 << 20)
TASK_SCHEMA = Object(
    {
        "task_name": Nullable(Text()),
        "kind": Text(
            tuple(
                dict.fromkeys(
                    row.task_kind for row in HEADS.values() if row.task_kind
                )
            )
        ),
        "labels": Nullable(List(Text())),
        "max_seq_length": _LENGTH,
        "max_qa_length": _LENGTH,
        "head": Nullable(Text()),
        "version_2_with_negative": Boolean(),
        "doc_stride": _LENGTH,
        "max_query_length": _LENGTH,
        "max_answer_length": _LENGTH,
        "start_n_top": _LENGTH,
        "end_n_top": _LENGTH,
        "n_best_size": _LENGTH,
        "language": Text(),
    }
)
_RUN_SCHEMA = Object(
    {
        "task_name": Nullable(Text()),
        "seed": Integer(),
        "input_file": Nullable(Text()),
        "records": Integer(0),
        "max_seq_length": _LENGTH,
        "train_batch_size": Integer(1),
        "num_train_steps": Integer(0),
        "num_warmup_steps": Integer(0),
        "optimizer": Text(),
        "learning_rate": Number(),
        "dtype": Text(),
        "init_checkpoint": Nullable(Text()),
    }
)
_METRICS = Object(others=Number())
_EVALUATION_SCHEMA = Object(
    {
        "checkpoint": Text(),
        "baseline": _METRICS,
        "runs": List(_METRICS),
    },
)
_REMEDY = "restore it, or use another directory"

# The digits are a process id; checkpoints have more suffixes after them.
_TEMPORARY = re.compile(r"\.\d+\.tmp(\.|$)")


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
    return _read_if_there(directory, TASK_FILE, TASK_SCHEMA)


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


def read_run(directory):
    """Returns the settings that a model was trained with: dict.

    It is empty where they are not known.

    Raises:
      UserError: the file is damaged.
    """
    return _read_if_there(directory, RUN_FILE, _RUN_SCHEMA)


def read_evaluation(directory):
    """Returns what ``write_evaluation`` wrote: dict, empty without a file.

    Raises:
      UserError: the file is damaged.
    """
    return _read_if_there(directory, EVALUATION_FILE, _EVALUATION_SCHEMA)


def read_metric(directory, name):
    """Returns a number of the last evaluation, None where there is none.

    Raises:
      UserError: the file is damaged.
    """
    results = read_evaluation(directory)
    if name not in results:
        return None
    path = os.path.join(directory, EVALUATION_FILE)
    json_files.check(results[name], Number(), path, _REMEDY, name)
    return results[name]


def check_writable(directory):
    """Refuses a place where a model directory cannot be written.

    Raises:
      UserError: a file is there or on the way, or permissions forbid it.
    """
    if "://" in str(directory):
        raise UserError(
            f"--output_dir {directory}: give a path of a file system; "
            "gcsfuse and its like mount a bucket as one"
        )
    existing = os.path.abspath(directory)
    while not os.path.lexists(existing):
        existing = os.path.dirname(existing)
    if not os.path.isdir(existing):
        raise UserError(
            f"--output_dir {directory}: {existing} is not a directory: choose "
            "another --output_dir"
        )
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(
            f"--output_dir {directory}: {existing} cannot be written: choose "
            "another --output_dir or change its permissions"
        )


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


def _read_if_there(directory, name, schema=json_files.ANY_OBJECT):
    path = os.path.join(directory, name)
    # A link to what is gone is there, too: it must not pass for no file.
    if not os.path.lexists(path):
        return {}
    return json_files.read_object(path, schema, _REMEDY)


@contextlib.contextmanager
def held(directory):
    """Holds a directory for this process to train in: a context manager.

    Args:
      directory: created where it does not exist, and then removed again if
        nothing has been written.

    Raises:
      UserError: another process is training in the directory.
    """
    is_new = not os.path.isdir(directory)
    os.makedirs(directory, exist_ok=True)
    # The lock is on the directory itself and ends with the process.
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        _lock(descriptor, directory)
        _remove_leftovers(directory)
        yield
    finally:
        if is_new:
            with contextlib.suppress(OSError):
                os.rmdir(directory)
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
    write_json(os.path.join(directory, RUN_FILE), settings)
    write_description(directory, config, tokenizer)
    if task is not None:
        write_json(os.path.join(directory, TASK_FILE), task)


def _lock(descriptor, directory):
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UserError(
            f"{directory}: another process is training there: wait for it or "
            "use another --output_dir"
        ) from None


def _remove_leftovers(directory):
    """Removes the temporary files of runs that were killed."""
    for name in os.listdir(directory):
        if _TEMPORARY.search(name):
            os.remove(os.path.join(directory, name))


def write_evaluation(directory, weights, metrics, baseline):
    """Writes the last evaluation, and the baseline of its metrics.

    Args:
      directory: created where it does not exist.
      weights: str, the checkpoint that was evaluated.
      metrics: dict of float.
      baseline: dict of float, what is reached without a model, of which the
        same metrics are written.
    """
    os.makedirs(directory, exist_ok=True)
    write_json(
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
    os.makedirs(directory, exist_ok=True)
    write_json(
        os.path.join(directory, EVALUATION_FILE),
        {
            **medians,
            "baseline": baseline,
            "runs": [
                {"seed": seed + index, **metrics}
                for index, metrics in enumerate(results)
            ],
        },
    )


def write_json(path, value):
    """Writes a value as JSON, atomically."""
    write_file(path, (json.dumps(value, indent=2) + "\n").encode())


def write_file(path, content):
    """Writes bytes to a temporary file and renames it into place.

    Raises:
      UserError: it cannot be written; nothing is left behind.
    """
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.remove(temporary)
        raise UserError(
            f"{path}: cannot be written ({error.strerror}): make room there "
            "or choose another --output_dir"
        ) from error
