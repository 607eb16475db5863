# SPDX-License-Identifier: Apache-2.0
"""Tab-separated files → texts and labels.

No quoting: a quote is a character of the text, as in GLUE and in the
original's ``DataProcessor._read_tsv``.
"""

import collections
import dataclasses
import math

import numpy as np

from albert.errors import UserError
from albert.tasks.bad_rows import BadRows
from albert.tasks.line_files import find_file
from albert.tasks.line_files import read_lines
from albert.tasks.line_files import shorten

# A column with more different labels than this, most of them seen once, is
# rather a number or another text.
_MOST_RARE_LABELS = 50

_COLUMN_FLAGS = (
    "; --text_column and --label_column say which they are, by numbers where "
    "there is no such line"
)


@dataclasses.dataclass(frozen=True, eq=False)
class TextExamples:
    """Single texts or pairs, and what is known about them.

    Attributes:
      ids: list of N str, from the file or the number of the row from 0.
      texts: list of N str.
      texts_b: list of N str, or None for single texts.
      labels: list of N str; float32 [N] of a regression; None where the file
        has none.
      bad_rows: int, rows that were left out.
    """

    ids: list
    texts: list
    texts_b: list | None = None
    labels: list | np.ndarray | None = None
    bad_rows: int = 0

    def __len__(self):
        return len(self.texts)


@dataclasses.dataclass(frozen=True)
class TsvFile:
    """Where a task's rows are, and what their columns mean.

    A column is its name in the header (str) or its number from 0 (int). A
    name is looked up in the first line, which is then no row.

    Attributes:
      name: str, the file's name.
      text: column of the text, or of the first of a pair.
      text_b: column of the second text, or None.
      label: column of the label, or None where there are no labels.
      id: column of the id that GLUE's server wants, or None.
      header: the first line is a header; needed for columns by name.
      label_may_lack: take rows without a label where there is no such
        column, instead of refusing the file.
      exact_columns: a row with more columns than the header is bad: a tab
        in a text would move the label.
      skip_short_rows: leave out rows that are too short without a word, as
        the original does for QQP, whose files have some.
    """

    name: str
    text: str | int
    text_b: str | int | None = None
    label: str | int | None = None
    id: str | int | None = None
    header: bool = True
    label_may_lack: bool = False
    exact_columns: bool = False
    skip_short_rows: bool = False

    def read(self, task, data_dir, split, skip_bad_rows=False):
        """Reads the file.

        Args:
          task: ``Task``; where its labels are None, any label is taken.
          data_dir: str, see ``find_file``.
          split: str, for messages.
          skip_bad_rows: leave bad rows out instead of raising.

        Returns:
          ``TextExamples``.

        Raises:
          UserError: no file, no rows, a header that does not fit, a bad row.
        """
        path = find_file(
            data_dir,
            task.folder,
            (self.name,),
            f"{split} data of {task.name}",
        )
        bad_rows = BadRows(path, skip_bad_rows)
        lines = read_lines(path, bad_rows)
        columns, width = self._find_columns(path, lines, task, split)
        if self.header:
            lines = lines[1:]
        rows = self._rows(lines, columns, width, bad_rows)
        examples = _examples(rows, columns, task, self.header, bad_rows)
        bad_rows.report(len(examples))
        if not len(examples):
            raise UserError(
                f"{path}: no rows{' below the header' * self.header}: put the "
                f"{split} data of {task.name} there"
            )
        return examples

    def _find_columns(self, path, lines, task, split):
        """Returns dict from what a column is to its number, and the width."""
        wanted = {
            name: column
            for name in ("text", "text_b", "label", "id")
            if (column := getattr(self, name)) is not None
        }
        first = (lines[0][1] or "").split("\t")
        if self.label_may_lack and "label" in wanted:
            label = wanted["label"]
            by_number = isinstance(label, int)
            if label >= len(first) if by_number else label not in first:
                del wanted["label"]
        by_name = [c for c in wanted.values() if isinstance(c, str)]
        missing = [column for column in by_name if column not in first]
        if missing:
            raise UserError(
                f"{path}:1: no column {', '.join(map(repr, missing))} in the "
                f"header ({shorten(', '.join(first))}): the {split} data of "
                f"{task.name} begins with a line that names the columns, "
                "separated by tabs" + _COLUMN_FLAGS * (task.name == "tsv")
            )
        double = [name for name in by_name if first.count(name) > 1]
        if double:
            raise UserError(
                f"{path}:1: two columns are named {double[0]!r}: rename one"
            )
        columns = {
            name: first.index(column) if isinstance(column, str) else column
            for name, column in wanted.items()
        }
        return columns, len(first) if self.header else None

    def _rows(self, lines, columns, width, bad_rows):
        """Returns a list of (line number, fields) of the rows that fit."""
        needed = max(columns.values()) + 1
        rows = []
        for number, line in lines:
            if line is None:
                continue
            fields = line.split("\t")
            if len(fields) < needed:
                if self.skip_short_rows:
                    continue
                if not line.strip():
                    bad_rows.add(number, "a blank line", "remove it")
                else:
                    bad_rows.add(
                        number,
                        f"{len(fields)} columns, and column {needed} is needed",
                        "put tabs between the columns",
                    )
            elif self.exact_columns and width and len(fields) > width:
                bad_rows.add(
                    number,
                    f"{len(fields)} columns below a header of {width}",
                    "take the tabs out of the texts",
                )
            else:
                rows.append((number, fields))
        return rows


def _examples(rows, columns, task, header, bad_rows):
    """Makes examples of the rows whose labels can be used."""
    labels = None
    if "label" in columns:
        column = columns["label"]
        # Labels are taken as they are: lower case is for texts only.
        labels = [fields[column].strip() for _, fields in rows]
        read = _READERS.get(task.label_type, _check_labels)
        rows, labels = read(rows, labels, task, header, bad_rows)
    texts, texts_b, ids = (
        [fields[columns[name]] for _, fields in rows]
        if name in columns
        else None
        for name in ("text", "text_b", "id")
    )
    return TextExamples(
        ids=ids or [str(number) for number in range(len(rows))],
        texts=texts,
        texts_b=texts_b,
        labels=labels,
        bad_rows=bad_rows.count,
    )


def _read_numbers(rows, labels, task, header, bad_rows):
    kept, numbers = [], []
    for row, label in zip(rows, labels, strict=True):
        try:
            number = float(label)
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            kept.append(row)
            numbers.append(number)
        else:
            bad_rows.add(
                row[0],
                f"label {shorten(label)!r} is not a number",
                _header_remedy(row[0], header)
                or f"{task.name} needs a number in each row",
            )
    return kept, np.array(numbers, np.float32)


def _check_labels(rows, labels, task, header, bad_rows):
    if task.labels is None:
        _check_found_labels(rows, labels, header, bad_rows)
    known = None if task.labels is None else frozenset(task.labels)
    kept, kept_labels = [], []
    for row, label in zip(rows, labels, strict=True):
        if known is None and label or known is not None and label in known:
            kept.append(row)
            kept_labels.append(label)
        elif not label:
            bad_rows.add(row[0], "no label", "add it")
        else:
            bad_rows.add(
                row[0],
                f"label {shorten(label)!r} is not one of "
                f"{shorten(', '.join(task.labels))}",
                _header_remedy(row[0], header) or "correct it",
            )
    return kept, kept_labels


def _check_found_labels(rows, labels, header, bad_rows):
    """Refuses labels that are found in the data and cannot be meant."""
    counts = collections.Counter(labels)
    if len(counts) > _MOST_RARE_LABELS and 2 * len(counts) > len(labels):
        raise UserError(
            f"{bad_rows.path}: {len(counts)} different labels in "
            f"{len(labels)} rows: choose another label column, or a "
            "regression if they are numbers"
        )
    if not header and rows and rows[0][0] == 1:
        once = [label for label, count in counts.items() if count == 1]
        if once == labels[:1] and len(counts) > 1:
            raise UserError(
                f"{bad_rows.path}:1: looks like a header (label "
                f"{shorten(labels[0])!r} occurs nowhere else): name the "
                "columns instead of numbering them, or remove the line"
            )


# What is done with the labels of a column, where they are not classes.
_READERS = {"number": _read_numbers}


def _header_remedy(line, header):
    if line == 1 and not header:
        return "remove the line if it is a header: this file has none"
    return None
