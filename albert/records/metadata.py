# SPDX-License-Identifier: Apache-2.0
"""Finds and reads the JSON file beside a set of record files.

It says what the records are (kind, lengths, vocabulary, settings), how many
records and bytes each file has, and what was measured when they were made.
Records of the original have none; everything that reads records works
without it and only knows less.
"""

import json
import os

from albert.errors import UserError
from albert.text.documents import expand_files

SCHEMA_VERSION = 1
_ENTRY_KEYS = {"name", "records", "bytes"}


def metadata_path(first_output):
    """Returns the path of a set's JSON, from its first (unsharded) output."""
    return without_record_suffix(first_output) + ".json"


def without_record_suffix(path):
    """Returns the path without ``.tfrecord``, ``.tfrecord.gz`` and the like."""
    for suffix in (".gz", ".tfrecord", ".tf_record", ".tfrecords"):
        path = path.removesuffix(suffix)
    return path


def is_metadata(value):
    """Returns whether a parsed JSON describes a set of record files."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("kind"), str)
        and isinstance(value.get("files"), list)
        and all(
            isinstance(entry, dict)
            and entry.keys() >= _ENTRY_KEYS
            # A path would let a JSON name files of other directories.
            and entry["name"] == os.path.basename(entry["name"])
            for entry in value["files"]
        )
    )


def read_metadata(path):
    """Reads a JSON; returns None where it does not describe records."""
    try:
        with open(path, encoding="utf-8") as stream:
            value = json.load(stream)
    except (OSError, UnicodeDecodeError, json.JSONDecodeError):
        return None
    return value if is_metadata(value) else None


def find_metadata(files):
    """Finds the JSON beside each record file.

    Args:
      files: paths of record files.

    Returns:
      list, one entry for each file: the pair (path of the JSON, its parsed
      value), or None where no JSON of the file's directory lists the file.
    """
    directories = {os.path.dirname(file) for file in files}
    found = {}
    for directory in directories:
        for name in sorted(os.listdir(directory or ".")):
            if not name.endswith(".json"):
                continue
            path = os.path.join(directory, name)
            value = read_metadata(path)
            if value is None:
                continue
            for entry in value["files"]:
                found[os.path.join(directory, entry["name"])] = (path, value)
    return [found.get(file) for file in files]


def read_labels(patterns):
    """Reads the labels from the JSON beside records for training.

    Args:
      patterns: str, comma-separated paths or globs.

    Raises:
      UserError: there is no such file.
    """
    for found in find_metadata(expand_files(patterns)):
        if found and "labels" in found[1]:
            return found[1]["labels"]
    raise UserError(
        f"--train_file {patterns}: no JSON beside it says what its labels "
        "are: give them with --labels, in their order"
    )
