# SPDX-License-Identifier: Apache-2.0
"""Finds what a user means by a path to weights, of any format.

A file of a checkpoint, of a directory or of the Hub's cache stands for all of
it. What lies there is the matter of each format, see ``checkpoint_paths``.

It is asked before TensorFlow is loaded, so this module imports nothing that
needs it.
"""

import functools
import os
import re

from albert import file_fingerprints
from albert.errors import UserError
from albert.inputs import check_file
from albert.inputs import list_directory
from albert.inputs import read_file
from albert.interchange import archives
from albert.interchange import hubs
from albert.model_names import read_model

# One of the files of a checkpoint, which is named by what they begin with.
_OF_CHECKPOINT = re.compile(r"(.+)\.(index|meta|data-\d{5}-of-\d{5})")
# Files that stand for their directory.
_OF_DIRECTORY = (
    ".json",
    ".safetensors",
    ".weights.h5",
    "pytorch_model.bin",
    "saved_model.pb",
)
_OF_KERAS = ".keras"
# TensorFlow keeps the name of the latest checkpoint in a file.
_STATE_FILE = "checkpoint"
_LATEST = re.compile(r'^model_checkpoint_path: "(.*)"', re.MULTILINE)
# In a model's folder in the cache of the Hub.
_SNAPSHOTS = "snapshots"
_HUB_FOLDERS = {"blobs", _SNAPSHOTS}
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)

_REMEDY = (
    "give a model directory, a checkpoint prefix, an archive "
    f"({', '.join(archives.SUFFIXES)}), or a directory of transformers or "
    "KerasHub"
)


def find_weights(path):
    """Returns the directory, archive or checkpoint prefix that is meant.

    Args:
      path: str or ``os.PathLike``: one of these; a file of a checkpoint or of
        a directory with weights; TensorFlow's file ``checkpoint``; a model's
        folder in the cache of the Hugging Face Hub; or a name on a hub.

    Returns:
      str; what lies there has not been looked at.

    Raises:
      UserError: nothing is there, a file that cannot be weights, or a name
        whose model cannot be had.
    """
    given = os.fspath(path)
    try:
        path = hubs.find(read_model(given))
    except ValueError as error:
        raise UserError(f"{given}: {error}") from None
    if os.path.isdir(path):
        if os.path.basename(os.path.normpath(path)) == _SNAPSHOTS:
            path = os.path.join(path, os.pardir)
        names = list_directory(path, _REMEDY)
        return _find_snapshot(path) if {*names} >= _HUB_FOLDERS else path
    of_checkpoint = _OF_CHECKPOINT.fullmatch(path)
    if of_checkpoint:
        path = of_checkpoint[1]
    if os.path.exists(f"{path}.index"):
        return path
    directory = os.path.dirname(path) or "."
    if path.endswith(_OF_DIRECTORY) and os.path.isdir(directory):
        return directory
    if not os.path.lexists(path):
        raise UserError(
            f"{given}: no such checkpoint (there is no {path}.index, and no "
            f"file or folder of the name){_hub_hint(path)}: {_REMEDY}"
        )
    check_file(path, _REMEDY)
    if path.endswith(archives.SUFFIXES):
        return path
    if os.path.basename(path) == _STATE_FILE:
        return _find_latest(path, directory)
    if path.endswith(_OF_KERAS):
        raise UserError(
            f"{given}: is a file of Keras, which has no tokenizer: in Python, "
            "keras.saving.load_model reads it after `import albert`"
        )
    raise UserError(
        f"{given}: is a file, and no checkpoint that is read here: {_REMEDY}; "
        "unpack an archive of another kind"
    )


@functools.lru_cache
def fingerprint(path):
    """Returns the SHA-256 of the files of weights: str, empty without any.

    What is given to many runs is read once.

    Args:
      path: as of ``find_weights``.
    """
    try:
        found = find_weights(path)
    except UserError:
        return ""  # They are gone, and whoever needs them says so.
    return file_fingerprints.fingerprint_weights(found) or ""


def check_unchanged(path, known):
    """Refuses weights that have changed since their fingerprint was taken.

    Args:
      path: as of ``fingerprint``.
      known: str, their fingerprint then.

    Raises:
      UserError: they are others now.
    """
    fingerprint.cache_clear()
    if fingerprint(path) != known:
        raise UserError(
            f"{path}: has changed while a run was made from it, so that runs "
            "would not start alike: wait until nothing writes there, or name "
            "one checkpoint of it (model.ckpt-STEP)"
        )


def _find_snapshot(path):
    """Returns the snapshot in a model's folder of the Hub's cache."""
    folder = os.path.join(path, _SNAPSHOTS)
    revisions = list_directory(folder, _REMEDY)
    reference = os.path.join(path, "refs", "main")
    if os.path.exists(reference):
        main = read_file(reference).decode("utf-8", "replace").strip()
        if main in revisions:
            return os.path.join(folder, main)
    if len(revisions) == 1:
        return os.path.join(folder, revisions[0])
    raise UserError(
        f"{path}: holds {len(revisions)} snapshots of a model: give the one "
        f"that is meant, {os.path.join(folder, '...')}"
    )


def _find_latest(path, directory):
    """Returns the checkpoint that TensorFlow's file names, in its directory."""
    found = _LATEST.search(read_file(path).decode("utf-8", "replace"))
    if not found:
        raise UserError(f"{path}: names no checkpoint: {_REMEDY}")
    # It may name the place where the directory was made.
    prefix = os.path.join(directory, os.path.basename(found[1]))
    if not os.path.exists(f"{prefix}.index"):
        raise UserError(
            f"{path}: names the checkpoint {found[1]}, which is not in its "
            f"directory (there is no {prefix}.index): get the files again"
        )
    return prefix


def _hub_hint(path):
    if not _HUB_NAME.fullmatch(path) or os.path.isdir(os.path.dirname(path)):
        return ""
    return f"; if it is a name of the Hugging Face Hub, write hf://{path}"
