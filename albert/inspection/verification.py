# SPDX-License-Identifier: Apache-2.0
"""Verifies whole sets of records against their JSON."""

import os

import numpy as np

from albert.inspection.checks import FirstFaults
from albert.inspection.first_records import describe_damage
from albert.inspection.found_sets import REMEDY
from albert.inspection.found_sets import find_sets
from albert.inspection.opening import open_kind
from albert.inspection.reading import find_tokenizer
from albert.inspection.reading import read_file
from albert.progress import show_progress
from albert.records import framing


def verify(files, vocabulary_file=None):
    """Looks for every fault of the sets that files are of.

    Args:
      files: list of paths; of a set, one is enough.
      vocabulary_file: str or None, what made records without a JSON.

    Returns:
      (list of str, a line for each kind of fault in each file; list of str, a
      line about each set in which there is none).

    Raises:
      UserError: records are of no kind that is known.
    """
    sets, alone = find_sets(files)
    faults, summaries = [], []
    for each in sets:
        more, summary = _verify_set(each.name, each.entries, None)
        faults += each.faults + more
        summaries += [] if each.faults + more else [summary]
    if alone:
        more, summary = _verify_set(None, dict.fromkeys(alone), vocabulary_file)
        faults += more
        summaries += [] if more else [summary]
    return faults, summaries


def _verify_set(name, entries, vocabulary_file):
    """Returns (faults of the files that are there, line if there is none).

    Args:
      name: str, that of the set, or None without a JSON.
      entries: dict of the files' paths to (path of the JSON, what it says of
        them), or to None.
      vocabulary_file: as of ``verify``.
    """
    there, faults = [], []
    for file in filter(os.path.isfile, entries):
        if framing.begins_with_record(file):
            there.append(file)
        else:
            faults.append(
                f"{file}, record 0 (0-based): is no TFRecord file, or its "
                f"first bytes are damaged: copy the file again, or {REMEDY}"
            )
    if not there:
        return faults, ""
    kind = open_kind(there)
    size = _vocabulary_size(kind, vocabulary_file)
    total = name and sum(entry["records"] for _, entry in entries.values())
    count = 0
    with show_progress("verifying", total, "records") as advance:
        for file in there:
            number, found, is_whole = _verify_file(kind, file, size, advance)
            count += number
            if entries[file] and is_whole:
                faults += _compare(file, number, *entries[file])
            faults += found
    checked = ["checksums", *(["counts", "sizes"] if name else []), "fields"]
    checked += ["ids"] if size else []
    checked += kind.checked
    checked += ["labels"] if kind.labelled else []
    summary = (
        f"{name or there[0]}: {len(there):,} file{'s' * (len(there) > 1)}, "
        f"{count:,} {kind.name}: {', '.join(checked)} are right"
    )
    if not name:
        summary += "; no JSON beside them says how many there must be"
    if not size:
        summary += ", nor what ids are in the vocabulary"
    return faults, summary


def _vocabulary_size(kind, vocabulary_file):
    if kind.metadata:
        return kind.metadata["vocabulary"]["size"]
    tokenizer, _ = find_tokenizer(kind, vocabulary_file)
    return tokenizer and tokenizer.vocabulary_size


def _verify_file(kind, file, vocabulary_size, advance):
    """Returns (records that can be read, faults, whether these are all)."""
    faults = FirstFaults()
    damage = []
    count = 0
    try:
        for batch in read_file(kind, file):
            count += batch.num_read
            advance(batch.num_read)
            for number, text in batch.faults:
                faults.add("fields", _line(file, number, text))
            if not batch.columns:
                continue
            right = np.ones(len(batch.numbers), bool)
            for index, check in enumerate(
                kind.checks(batch.columns, vocabulary_size)
            ):
                # What is wrong at once says little of what follows from it.
                rows = np.flatnonzero(check.bad & right)
                for row in rows[:1]:
                    line = _line(file, batch.numbers[row], check.describe(row))
                    faults.add(index, line, len(rows))
                right &= ~check.bad
    except framing.FramingError as error:
        damage = [describe_damage(file, error)]
    return count, damage + faults.lines(REMEDY), not damage


def _line(file, number, text):
    return f"{file}, record {number} (0-based): {text}"


def _compare(file, count, path, entry):
    """Yields what is otherwise in a file than its JSON says."""
    if count != entry["records"]:
        yield (
            f"{file}, record {count} (0-based): the file ends here, {path} "
            f"says {entry['records']:,} records: copy it again, or {REMEDY}"
        )
    elif os.path.getsize(file) != entry["bytes"]:
        yield (
            f"{file}: has {os.path.getsize(file):,} bytes, {path} says "
            f"{entry['bytes']:,}: copy it again, or {REMEDY}"
        )
