# SPDX-License-Identifier: Apache-2.0
"""Reads records once, and makes the report of them."""

import hashlib
import os

import numpy as np

from albert.errors import UserError
from albert.inspection.checks import FirstFaults
from albert.inspection.first_records import describe_damage
from albert.inspection.instance_text import InstanceTexts
from albert.inspection.opening import open_kind
from albert.inspection.reading import find_tokenizer
from albert.inspection.reading import read_file
from albert.inspection.report import build_report
from albert.inspection.statistics import RecordStatistics
from albert.progress import show_progress
from albert.records import framing
from albert.records.surface_features import ends_in_punctuation

# Of each file, to find out whether one is a copy of another.
_RECORDS_COMPARED = 4


def survey(
    files,
    vocabulary_file=None,
    *,
    num_examples=3,
    start=0,
    label=None,
    max_records=None,
):
    """Reads records and returns their ``Report``.

    Args:
      files: list of paths.
      vocabulary_file: str, or None for the one that the JSON names.
      num_examples, start: int, instances shown, and passed over before.
      label: str, what instances that are shown must have; None for any.
      max_records: int, records read, of each file as many; None for all.

    Raises:
      UserError: a file is damaged, has another size than its JSON says,
        holds something else or no record, or numbers that nothing can be
        counted of; no such label.
    """
    kind = open_kind(files)
    kind.records.check_sizes()
    tokenizer, note = find_tokenizer(kind, vocabulary_file)
    texts = InstanceTexts(kind, tokenizer)
    chooser = _Chooser(texts, num_examples, start, label, kind)
    tables = ()
    if tokenizer is not None and kind.objective in ("sop", "nsp"):
        tables = texts.word_start, ends_in_punctuation(tokenizer.pieces)
    statistics = RecordStatistics(*tables)
    shares = _shares(len(files), max_records)
    faults, copies = FirstFaults(), FirstFaults("files")
    first_records = {}
    counts = []
    is_sample = False
    with show_progress(
        "reading", _total(kind, max_records), "records"
    ) as advance:
        for file, most in zip(kind.records.files, shares, strict=True):
            counts.append(0)
            is_sample |= most == 0 and os.path.getsize(file) > 0
            for batch in _read(kind, file, most):
                if not counts[-1]:
                    _note_copy(file, batch, first_records, copies)
                counts[-1] += batch.num_read
                is_sample |= batch.is_cut
                _check(kind, file, batch, tokenizer, faults)
                instances = kind.instances(batch.columns)
                statistics.add(instances)
                chooser.look_at(instances, file, batch.numbers)
                advance(batch.num_read)
    if not statistics.sequences:
        raise UserError(
            f"{files[0]} holds no record: leave it out, or make the records "
            "again"
        )
    notes = [note] if note else []
    notes += faults.lines("--verify lists every fault")
    notes += copies.lines("leave copies out")
    return build_report(
        kind,
        counts,
        is_sample,
        statistics,
        texts,
        tokenizer,
        chooser.shown,
        notes + chooser.notes(),
    )


class _Chooser:
    """Keeps the instances that are to be shown."""

    def __init__(self, texts, num_examples, start, label, kind):
        self.shown = []
        self._texts = texts
        self._most = num_examples
        self._passed_over = start
        self._start = start
        self._label = label
        self._class = None if label is None else _find_label(label, kind, texts)

    def look_at(self, instances, file, numbers):
        """Shows what is wanted of the instances of a batch."""
        if len(self.shown) >= self._most:
            return
        fitting = np.arange(len(instances.labels))
        if self._class is not None:
            same = instances.labels == self._class
            fitting = np.flatnonzero(same.reshape(len(same), -1).any(axis=1))
        wanted = fitting[self._passed_over :]
        self._passed_over -= len(fitting) - len(wanted)
        for row in wanted[: self._most - len(self.shown)].tolist():
            self.shown.append(
                self._texts.show(
                    instances.example(row),
                    os.path.basename(file),
                    int(numbers[instances.records[row]]),
                )
            )

    def notes(self):
        """Says why nothing is shown."""
        if self.shown or not self._most:
            return []
        passed = self._start - self._passed_over
        what = f" with label {self._label}" if self._label else ""
        return [
            f"no instance is shown: {passed:,} were read{what}"
            + (f", and --start passes over {self._start:,}" * bool(self._start))
        ]


def _find_label(label, kind, texts):
    """Returns the label that a user means, as records have it."""
    if kind.label_type == "number":
        try:
            return np.float32(label)
        except ValueError:
            raise UserError(
                f"--label={label}: labels are numbers here: give one"
            ) from None
    known = range(len(kind.label_names) or kind.choices)
    for index in known:
        if label in (texts.class_name(index), texts.label_text(index)):
            return index
    if kind.objective and label == texts.ONE_SEGMENT:
        return -1  # Among pairs: with one segment each, it is their label.
    if label.isascii() and label.isdigit() and len(label) < 10:
        return int(label)
    names = ", ".join(map(texts.label_text, known))
    raise UserError(
        f"--label={label}: no label is called so: give one of {names}"
        if names and len(known) > 1
        else f"--label={label}: nothing says how labels are called: give a "
        "number"
    )


def _read(kind, file, most):
    try:
        yield from read_file(kind, file, most)
    except framing.FramingError as error:
        raise UserError(describe_damage(file, error)) from None


def _check(kind, file, batch, tokenizer, faults):
    """Refuses what cannot be counted, and notes other faults."""
    for number, text in batch.faults[:1]:
        raise UserError(
            f"{file}, record {number} (0-based): {text}: give records of one "
            "kind and length; they may be made again"
        )
    size = tokenizer and tokenizer.vocabulary_size
    for index, check in enumerate(kind.checks(batch.columns, size)):
        rows = np.flatnonzero(check.bad)
        if not len(rows):
            continue
        line = (
            f"{file}, record {batch.numbers[rows[0]]} (0-based): "
            f"{check.describe(rows[0])}"
        )
        if check.fatal:
            raise UserError(
                f"{line}: make the records again; --verify lists every fault"
            )
        faults.add(index, line, len(rows))


def _note_copy(file, batch, first_records, copies):
    """Notes files that begin with the same records."""
    digest = hashlib.sha256()
    for name, values in batch.columns.items():
        first = values[:_RECORDS_COMPARED].tolist()
        digest.update(f"{name}={first}".encode())
    other = first_records.setdefault(digest.digest(), file)
    if other != file:
        copies.add("", f"{file} begins with the same records as {other}")


def _shares(num_files, max_records):
    """Returns how many records of each file are read at most."""
    if max_records is None:
        return [None] * num_files
    return [
        max_records * (index + 1) // num_files
        - max_records * index // num_files
        for index in range(num_files)
    ]


def _total(kind, max_records):
    """Returns how many records will be read; None where none knows."""
    if kind.num_without:
        return max_records
    count = kind.records.count()
    return min(max_records or count, count)
