# SPDX-License-Identifier: Apache-2.0
"""Reads files of records of any kind, a batch at a time."""

import dataclasses
import itertools
import os

import numpy as np

from albert.errors import UserError
from albert.file_patterns import expand_files
from albert.inspection.parsing import parse
from albert.records import framing
from albert.records.metadata import find_metadata
from albert.text.tokenizers import load_tokenizer

# 4 MB of 512 pieces.
RECORDS_AT_ONCE = 1024


@dataclasses.dataclass(frozen=True)
class Batch:
    """Records of a file that follow one another.

    Attributes:
      numbers: int64 [R], their indices in the file, of those that are right.
      columns: dict of arrays [R, length] by field.
      num_read: int, records that were read, with those that are not right.
      faults: list of (index in the file, what is wrong).
      is_cut: bool, whether more records follow that are not read.
    """

    numbers: np.ndarray
    columns: dict
    num_read: int
    faults: list
    is_cut: bool = False


def find_files(patterns):
    """Returns the record files that arguments name: list of str.

    Args:
      patterns: list of paths and globs; JSON files among them are left out.

    Raises:
      UserError: there are none.
    """
    if not patterns:
        raise UserError("no file is given: name files of records; see --help")
    found = expand_files(patterns)
    files = [file for file in found if not file.endswith(".json")]
    if not files:
        raise UserError(
            f"{found[0]} describes records and holds none: give the files "
            "that it lists"
        )
    return files


def list_read(files, vocabulary_file):
    """Returns the files that are read to look at records: list of str.

    Args:
      files: list of paths of records.
      vocabulary_file: str, or None for the one that the JSON names.
    """
    read = [*files, *filter(None, [vocabulary_file])]
    for path, value in filter(None, find_metadata(files)):
        named = value.get("vocabulary", {}).get("model_file")
        read.append(path)
        if named:
            read.append(os.path.join(os.path.dirname(path), named))
    return read


def read_file(kind, file, most=None):
    """Yields the ``Batch`` es of a file.

    Args:
      kind: as ``opening.open_kind`` returns it.
      file: str.
      most: int, records read at most; None for all.

    Raises:
      FramingError: at the first damaged record, after all before it.
      UserError: the file cannot be read.
    """
    whole = framing.iterate_records(file)
    payloads = itertools.islice(whole, most)
    first = 0
    damage = None
    while not damage:
        part = []
        try:
            for payload in itertools.islice(payloads, RECORDS_AT_ONCE):
                part.append(payload)
        except framing.FramingError as error:
            damage = error
        if not part:
            break
        columns, right, describe = parse(kind, part)
        yield Batch(
            first + np.flatnonzero(right),
            columns,
            len(part),
            [(first + i, describe(i)) for i in np.flatnonzero(~right)],
            first + len(part) == most and _has_more(whole),
        )
        first += len(part)
    if damage:
        raise damage


def _has_more(payloads):
    try:
        return next(payloads, None) is not None
    except framing.FramingError:
        return True


def find_tokenizer(kind, vocabulary_file):
    """Loads the tokenizer that made records.

    Args:
      kind: as ``opening.open_kind`` returns it.
      vocabulary_file: str, or None for the one that the JSON names.

    Returns:
      (tokenizer, None), or (None, why there is none).

    Raises:
      UserError: the file is no vocabulary, or not that of the records.
    """
    metadata = kind.metadata
    file = vocabulary_file or kind.records.tokenizer_file()
    if file is None:
        why = (
            "the vocabulary that their JSON names is not there"
            if metadata
            else "no JSON beside them names their vocabulary"
        )
        return None, (
            f"{why}: pieces are shown as ids; give it with --spm_model_file or "
            "--vocab_file"
        )
    tokenizer = load_tokenizer(
        file,
        lower_case=kind.settings.get("do_lower_case", True),
        strip_accents=kind.settings.get("strip_accents", True),
    )
    if metadata and (
        tokenizer.fingerprint != metadata["vocabulary"]["fingerprint"]
    ):
        what = f"{file} is not the vocabulary that made {kind.records.files[0]}"
        if vocabulary_file:
            raise UserError(f"{what}: give the one that did, or none")
        return None, (
            f"{what}, though their JSON names it: pieces are shown as ids; "
            "restore it, or make the records again"
        )
    return tokenizer, None
