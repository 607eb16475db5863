# SPDX-License-Identifier: Apache-2.0
"""Finds and reads the JSON file beside a set of record files.

It says what the records are (kind, lengths, vocabulary, settings), how many
records and bytes each file has, and what was measured when they were made.
Records of the original have none; everything that reads records works
without it and only knows less.
"""

import os
import re

from albert import json_files
from albert.errors import UserError
from albert.file_patterns import expand_files
from albert.json_files import Boolean
from albert.json_files import FileName
from albert.json_files import Integer
from albert.json_files import List
from albert.json_files import Nullable
from albert.json_files import Number
from albert.json_files import Object
from albert.json_files import Text
from albert.records import framing
from albert.records.unmasked_pairs import MASKING_TIMES
from albert.text.masking import MASK_REPLACEMENTS

SCHEMA_VERSION = 1

_COUNT = Integer(0)
_ENTRY = {"name": FileName(), "records": _COUNT, "bytes": _COUNT}
# TensorFlow ends the process where a feature is said to have 2^60 values.
_LENGTH = Integer(1, 1 << 20)
_SIGNS = ("kind", "schema_version", "files")
# Of both kinds; their readers say what each of them must have besides.
_SCHEMA = Object(
    {
        "kind": Text(),
        # FileName: a path would let a JSON name files of other directories.
        "files": List(Object(_ENTRY, required=tuple(_ENTRY))),
        "task": Text(),
        "task_kind": Text(),
        "labels": List(Text()),
        "labeled": Boolean(),
        "choices": _LENGTH,
        "max_seq_length": _LENGTH,
        "max_predictions_per_seq": Integer(0, _LENGTH.high),
        "vocabulary": Object(
            {
                "size": Integer(1),
                "fingerprint": Text(),
                "model_file": Nullable(Text()),
            },
            required=("size", "fingerprint"),
        ),
        "settings": Object(
            {
                "objective": Text(("sop", "nsp", "none")),
                "do_lower_case": Boolean(),
                "strip_accents": Boolean(),
                "dupe_factor": Integer(1),
                "masked_lm_prob": Number(),
                "single_sentence_share": Number(),
                "ngram": Integer(1, 1 << 16),
                "favor_shorter_ngram": Boolean(),
                "do_whole_word_mask": Boolean(),
                # Not where it is the original's.
                "mask_replacement": Text(tuple(MASK_REPLACEMENTS)),
            }
        ),
        # Of records that are masked while training.
        "masking": Text(MASKING_TIMES),
        "pieces": Object(
            {
                "pad_id": _COUNT,
                "cls_id": _COUNT,
                "sep_id": _COUNT,
                "mask_id": _COUNT,
                "replacement_ids": Text(),
            }
        ),
        "examples_sha256": Text(),
        "corpus": Object(others=Number()),
        "shard": Object(
            {
                "index": _COUNT,
                # Names have five digits for it.
                "number": Integer(1, 99_999),
                "listing": Text(),
                "text": Text(),
            },
            required=("index", "number", "listing", "text"),
        ),
        "counts": Object(
            {
                "corpus": Object(others=_COUNT),
                "statistics": Object(),
            },
            required=("corpus", "statistics"),
        ),
        "left_out": Object(others=Object(others=Number())),
    },
    required=_SIGNS,
)
_REMEDY = "restore it, or make the records again"
_SHARD = re.compile(r"-\d{5,}-of-(\d{5,})$", re.ASCII)


def metadata_path(first_output):
    """Returns the path of a set's JSON, from its first (unsharded) output."""
    return without_record_suffix(first_output) + ".json"


def without_record_suffix(path):
    """Returns the path without ``.tfrecord``, ``.tfrecord.gz`` and the like."""
    for suffix in (".gz", ".tfrecord", ".tf_record", ".tfrecords"):
        path = path.removesuffix(suffix)
    return path


def read_metadata(path):
    """Reads the JSON of a set of records; None where it describes none.

    Raises:
      UserError: it describes records, and is damaged.
    """
    try:
        value = json_files.read_object(path, remedy=_REMEDY)
    except UserError:
        return None
    # One of these keys alone may be anybody's.
    if sum(key in value for key in _SIGNS) < 2:
        return None
    json_files.check(value, _SCHEMA, path, _REMEDY)
    return value


def find_metadata(files):
    """Finds the JSON beside each record file.

    Args:
      files: paths of record files.

    Returns:
      list, one entry for each file: the pair (path of the JSON, its parsed
      value), or None where no JSON of the file's directory lists the file.

    Raises:
      UserError: a JSON is damaged that describes records, or that has the
        name of such a one.
    """
    directories = {os.path.dirname(file) for file in files}
    # Of a set, and of a shard that has one of its own.
    expected = {metadata_path_of_set(file) for file in files}
    expected |= {metadata_path(file) for file in files}
    found = {}
    for directory in directories:
        for name in sorted(os.listdir(directory or ".")):
            if not name.endswith(".json"):
                continue
            path = os.path.join(directory, name)
            value = read_metadata(path)
            if value is None and path in expected:
                # Else records of ours would pass for the original's, of which
                # less is checked. What can be read is somebody else's.
                json_files.read_object(path, remedy=_REMEDY)
            for entry in value["files"] if value else ():
                found[os.path.join(directory, entry["name"])] = (path, value)
    return [found.get(file) for file in files]


def find_set_files(path):
    """Returns the files beside a JSON that are called as those of its set.

    Args:
      path: str, the JSON.
    """
    folder = os.path.dirname(path)
    files = (os.path.join(folder, name) for name in os.listdir(folder or "."))
    return sorted(
        file
        for file in files
        if metadata_path_of_set(file) == path
        and os.path.isfile(file)
        # A text may be called so, such as train.gz.
        and framing.begins_with_record(file)
    )


def metadata_path_of_set(file):
    """Returns the path of the JSON of the set that a file is called as."""
    return _SHARD.sub("", without_record_suffix(file)) + ".json"


def name_of_shard(file, index):
    """Returns what another file of a set is called.

    Args:
      file: str, one of its files, such as train-00003-of-00008.tfrecord; the
        name of a set of one file is returned as it is.
      index: str, such as "00000", or "*" for a pattern of all.
    """
    stem = without_record_suffix(file)
    other = _SHARD.sub(rf"-{index}-of-\1", stem)
    return other + file.removeprefix(stem)


def read_labels(patterns):
    """Reads the labels from the JSON beside records for training.

    Args:
      patterns: str, comma-separated paths or globs.

    Raises:
      UserError: there is no such file.
    """
    for found in find_metadata(expand_files(patterns)):
        if found and len(found[1].get("labels", ())) > 1:
            return found[1]["labels"]
    raise UserError(
        f"--train_file {patterns}: no JSON beside it says what its labels "
        "are: give them with --labels, in their order"
    )
