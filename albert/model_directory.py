# SPDX-License-Identifier: Apache-2.0
"""Reads and writes model directories, which hold all that commands need.

albert_config.json   the configuration
spiece.model         the SentencePiece model
spiece.json          its settings: lower_case, digit_comma, strip_accents
vocab.txt            or instead of these two a WordPiece vocabulary
wordpiece.json       its settings: lower_case, strip_accents
checksums.json       SHA-256 of these files, as they were written
task.json            what the model was fine-tuned for: task, labels, …
run.json             the settings that a restart must repeat
training_data.json   what a model of a task was trained on
eval_results.json    the last evaluation, and what it was measured on
README.md            what the files here say of a model of a task, for people
model.ckpt-best.*    the best weights by evaluation (if there was one)
model.ckpt-STEP.*    training checkpoints
"""

import glob
import hashlib
import os

from albert import inputs
from albert import json_files
from albert import outputs
from albert import results_schema
from albert.config import AlbertConfig
from albert.errors import UserError
from albert.file_fingerprints import fingerprint_weights
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
WORDPIECE_FILE = "vocab.txt"
WORDPIECE_SETTINGS_FILE = "wordpiece.json"
# By the kind of the tokenizer: its vocabulary and its settings.
TOKENIZER_FILES = {
    "sentencepiece": (TOKENIZER_FILE, TOKENIZER_SETTINGS_FILE),
    "wordpiece": (WORDPIECE_FILE, WORDPIECE_SETTINGS_FILE),
}
CHECKSUMS_FILE = "checksums.json"
TASK_FILE = "task.json"
RUN_FILE = "run.json"
TRAINING_DATA_FILE = "training_data.json"
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
        "thresholds": List(Number(0.0, 1.0)),
        "tune_thresholds": Boolean(),
        "label_separator": Text(),
        "max_seq_length": _LENGTH,
        "max_qa_length": _LENGTH,
        "text_pairs": Boolean(),
        "head": Nullable(Text()),
        "version_2_with_negative": Boolean(),
        "doc_stride": _LENGTH,
        "max_query_length": _LENGTH,
        "max_answer_length": _LENGTH,
        "start_n_top": _LENGTH,
        "end_n_top": _LENGTH,
        "n_best_size": _LENGTH,
        "language": Text(),
        "num_decoder_layers": _LENGTH,
        "decoder_sharing": Text(("all", "none")),
        "max_target_length": _LENGTH,
        "beam_size": Integer(1, 1000),
        "length_penalty": Number(0.0, 10.0),
        "label_smoothing": Number(0.0, 0.9),
        "class_weights": List(Number(0.0)),
        "focal_gamma": Number(0.0, 10.0),
        "best_metric": Text(),
    }
)
_RUN_SCHEMA = Object(
    {
        "task_name": Nullable(Text()),
        "labels": Nullable(List(Text())),
        "seed": Integer(),
        "input_file": Nullable(Text()),
        "records": Integer(0),
        "max_seq_length": _LENGTH,
        "train_batch_size": Integer(1),
        "num_train_steps": Nullable(Integer(0)),
        "num_warmup_steps": Nullable(Integer(0)),
        "train_minutes": Nullable(Number(0.0)),
        "warmup_proportion": Nullable(Number(0.0, 1.0)),
        "num_layers_schedule": Nullable(Text()),
        "max_seq_length_schedule": Nullable(Text()),
        "train_batch_size_schedule": Nullable(Text()),
        "optimizer": Text(),
        "learning_rate": Number(),
        "dtype": Text(),
        "init_checkpoint": Nullable(Text()),
    }
)
_CHECKSUMS_SCHEMA = Object(others=Text())
_REMEDY = "restore it, or use another directory"

_FILES = (
    CONFIG_FILE,
    *(file for files in TOKENIZER_FILES.values() for file in files),
    CHECKSUMS_FILE,
    TASK_FILE,
    RUN_FILE,
    TRAINING_DATA_FILE,
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
    path = os.path.join(directory, CONFIG_FILE)
    check_unchanged(path)
    return AlbertConfig.from_json(path)


def read_task(directory):
    """Returns what a model was fine-tuned for: dict, empty without a file.

    Raises:
      UserError: the file is damaged, or its labels are others than those of
        the training.
    """
    task = _read_if_there(directory, TASK_FILE, TASK_SCHEMA)
    trained = read_run(directory).get("labels")
    if task.get("labels") and trained and task["labels"] != trained:
        raise UserError(
            f"{os.path.join(directory, TASK_FILE)} has the labels "
            f"{', '.join(task['labels'])}, but the model was trained with "
            f"{', '.join(trained)} ({RUN_FILE}): restore the file"
        )
    return task


def write_description(directory, config, tokenizer, settings=None):
    """Writes configuration and tokenizer, each file atomically.

    Their checksums stand beside them: a damaged vocabulary often loads, and
    gives other ids.

    Args:
      directory: created where it does not exist.
      config: ``AlbertConfig``.
      tokenizer: ``Tokenizer``, or None where it is not known.
      settings: dict, what the file of the configuration holds where that is
        not ``config.to_dict()``.
    """
    outputs.make_directory(directory)
    files = {CONFIG_FILE: outputs.json_bytes(settings or config.to_dict())}
    if tokenizer is not None:
        vocabulary_file, settings_file = TOKENIZER_FILES[tokenizer.kind]
        files[vocabulary_file] = tokenizer.content
        files[settings_file] = outputs.json_bytes(tokenizer.settings)
    for name, content in files.items():
        outputs.write_file(os.path.join(directory, name), content)
    outputs.write_json(
        os.path.join(directory, CHECKSUMS_FILE),
        {
            name: hashlib.sha256(content).hexdigest()
            for name, content in files.items()
        },
    )


def find_change(path):
    """Finds out whether a file is still as ``write_description`` wrote it.

    Args:
      path: str, the file. Directories that others wrote have no checksums.

    Returns:
      str, a line on what is wrong with it, or None.

    Raises:
      UserError: the file of the checksums is damaged.
    """
    directory, name = os.path.split(path)
    expected = _read_if_there(directory, CHECKSUMS_FILE, _CHECKSUMS_SCHEMA).get(
        name
    )
    if expected is None:
        return None
    found = None
    if os.path.exists(path):
        content = inputs.read_file(path, _REMEDY)
        found = hashlib.sha256(content).hexdigest()
    if found == expected:
        return None
    return (
        f"{path} {'is another file than' if found else 'is missing; it is'} "
        f"the one that {os.path.join(directory, CHECKSUMS_FILE)} names: "
        "restore it, or remove the file of checksums if that is meant"
    )


def check_unchanged(path):
    """Refuses a file that ``find_change`` finds changed.

    Raises:
      UserError: naming the file and that of the checksums.
    """
    change = find_change(path)
    if change:
        raise UserError(change)


def is_of_run(directory):
    """Tells whether a model was trained in a directory, or begun."""
    return os.path.exists(os.path.join(directory, RUN_FILE))


def read_run(directory):
    """Returns the settings that a model was trained with: dict.

    It is empty where they are not known.

    Raises:
      UserError: the file is damaged.
    """
    return _read_if_there(directory, RUN_FILE, _RUN_SCHEMA)


def read_evaluation(directory, name=EVALUATION_FILE):
    """Returns what ``evaluation_results`` wrote: dict, empty without a file.

    Args:
      directory: str, a model directory.
      name: str, the file.

    Raises:
      UserError: the file is damaged.
    """
    return _read_if_there(directory, name, results_schema.EVALUATION)


def holds_measured(directory, results):
    """Tells whether the weights that were measured lie in a directory.

    Args:
      directory: str, a model directory.
      results: dict, of ``read_evaluation``; where they do not say of which
        content they are, as those of earlier versions, it is true.
    """
    expected = results.get("checkpoint_sha256")
    if expected is None:
        return True
    # The directory may have been moved.
    name = os.path.basename(results.get("checkpoint", ""))
    return fingerprint_weights(os.path.join(directory, name)) == expected


def read_training_data(directory):
    """Returns what a model was trained on: dict, empty without the file.

    Args:
      directory: str, a model directory.

    Raises:
      UserError: the file is damaged.
    """
    return _read_if_there(
        directory, TRAINING_DATA_FILE, results_schema.TRAINING_DATA
    )


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
      UserError: see ``outputs.check_directory``; or a directory has the name
        of one of its files.
    """
    outputs.check_directory(directory, _FLAG)
    for name in _FILES:
        path = os.path.join(directory, name)
        if os.path.lexists(path):
            outputs.check_file(path, _FLAG)


def find_files(directory):
    """Returns the paths of a model's files, there or not, and checkpoints."""
    place = os.path.join(glob.escape(directory), "model.ckpt-*")
    return [os.path.join(directory, name) for name in _FILES] + glob.glob(place)


def _read_if_there(directory, name, schema=json_files.ANY_OBJECT):
    path = os.path.join(directory, name)
    # A link to what is gone is there, too: it must not pass for no file.
    if not os.path.lexists(path):
        return {}
    return json_files.read_object(path, schema, _REMEDY)
