# SPDX-License-Identifier: Apache-2.0
"""Reading of tables: texts and labels.

No quoting unless it is asked for: a quote is a character of the text, as in
GLUE and in the original's ``DataProcessor._read_tsv``.
"""

import dataclasses
import math

import numpy as np
from absl import logging

from albert.errors import UserError
from albert.file_fingerprints import describe_files
from albert.tasks import delimited_rows
from albert.tasks import header_lines
from albert.tasks import label_spelling
from albert.tasks import several_labels
from albert.tasks.bad_rows import BadRows
from albert.tasks.line_files import find_file
from albert.tasks.line_files import read_lines
from albert.tasks.line_files import shorten

# Models read float32.
_LARGEST_LABEL = float(np.finfo(np.float32).max)


@dataclasses.dataclass(frozen=True, eq=False)
class TextExamples:
    """Single texts or pairs, with ids and labels.

    Attributes:
      ids: list of N str, from the file or the number of the row in it, from
        0; rows that were left out are counted.
      texts: list of N str.
      texts_b: list of N str, or None for single texts.
      labels: list of N str; of several labels a text N tuples of str;
        float32 [N] of a regression; None where the file has none.
      bad_rows: int, rows that were left out.
      files: tuple of dict, of ``describe_files`` when they were read.
    """

    ids: list
    texts: list
    texts_b: list | None = None
    labels: list | np.ndarray | None = None
    bad_rows: int = 0
    files: tuple = ()

    def __len__(self):
        return len(self.texts)


@dataclasses.dataclass(frozen=True)
class _OfLabel:
    """What a column of 0 and 1 is, beside "text", "label" and so on."""

    label: str


def _is_of_label(key):
    return isinstance(key, _OfLabel)


@dataclasses.dataclass(frozen=True)
class TsvFile:
    """The name, the columns and the form of a table.

    A column is its name in the header (str) or its number from 0 (int). A
    name is looked up in the first line, which is then no row.

    Attributes:
      name: str, the file's name.
      text: column of the text, or of the first of a pair.
      text_b: column of the second text, or None.
      label: column of the label, or of all labels of a text; None where
        there is none.
      label_columns: tuple of str, columns of 0 and 1, each for the label of
        its name, instead of ``label``.
      id: column of the id: the one that GLUE's server wants, or the user's.
      header: the first line is a header; needed for columns by name.
      label_may_lack: take rows without labels where there is no such column,
        or where it holds placeholders, instead of refusing the file.
      left_out_label: str, a label whose rows the benchmark leaves out.
      own: the table is the user's own: rows have as many columns as the
        header or, without one, as most rows; a header that should not be
        there and fields in quotes are refused.
      delimiter: str, the character between columns.
      quoting: str of ``delimited_rows.QUOTINGS``; None for no quoting, and a
        table of the user's own that looks quoted is refused.
      skip_short_rows: leave out rows that are too short, as the original does
        for QQP, whose files have some.
    """

    name: str
    text: str | int
    text_b: str | int | None = None
    label: str | int | None = None
    label_columns: tuple = ()
    id: str | int | None = None
    header: bool = True
    label_may_lack: bool = False
    left_out_label: str | None = None
    own: bool = False
    delimiter: str = "\t"
    quoting: str | None = None
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
          UserError: no file, no rows, a header that does not fit, a bad row,
            a table that is not separated or quoted as it should be.
        """
        path = find_file(
            data_dir,
            task.folder,
            self._names(),
            f"{split} data of {task.name}",
        )
        bad_rows = BadRows(path, skip_bad_rows)
        # A line that is left out could hold the quote that ends a text.
        of_lines = (
            BadRows(path, offers_skip=False)
            if self.quoting == "csv"
            else bad_rows
        )
        lines = read_lines(path, of_lines)
        rows = list(
            delimited_rows.split_rows(
                path, lines, self.delimiter, self.quoting, self.header
            )
        )
        if not rows:
            raise self._no_rows(path, task, split)
        width = len(rows[0].fields)
        if self.own and not self.header:
            width = delimited_rows.find_width(
                path, rows, self.delimiter, self.quoting
            )
        columns = self._find_columns(path, rows, width, lines, task, split)
        rows = rows[self.header :]
        if self.skip_short_rows:
            rows = _skip_short_rows(path, rows, max(columns.values()) + 1)
        rows = self._usable_rows(rows, columns, width, bad_rows)
        if self.own and not self.header:
            header_lines.check_absent(path, rows, columns, task)
        if self.label_may_lack:
            _drop_placeholders(path, rows, columns, task)
        if self.left_out_label is not None:
            rows = self._leave_out(path, rows, columns)
        examples = _examples(
            rows, columns, task, self.header, bad_rows, split == "train"
        )
        bad_rows.report(len(examples))
        if not len(examples):
            raise self._no_rows(path, task, split)
        return examples

    def _names(self):
        """Returns the names that the file may have."""
        if self.delimiter == "\t":
            return (self.name,)
        return (self.name, self.name.removesuffix(".tsv") + ".csv")

    def _no_rows(self, path, task, split):
        return UserError(
            f"{path}: no rows{' below the header' * self.header}: put the "
            f"{split} data of {task.name} there"
        )

    def _find_columns(self, path, rows, width, lines, task, split):
        """Returns dict from what a column is to its number."""
        wanted = {
            name: column
            for name in ("text", "text_b", "label", "id")
            if (column := getattr(self, name)) is not None
        } | {_OfLabel(name): name for name in self.label_columns}
        header = rows[0].fields
        labels = {
            key: column
            for key, column in wanted.items()
            if key == "label" or _is_of_label(key)
        }
        if self.label_may_lack and header_lines.lacks_labels(
            path, labels.values(), header, width
        ):
            wanted = {k: v for k, v in wanted.items() if k not in labels}
        by_name = [c for c in wanted.values() if isinstance(c, str)]
        missing = [column for column in by_name if column not in header]
        by_number = [c for c in wanted.values() if isinstance(c, int)]
        too_narrow = self.own and max(by_number, default=-1) >= width
        if self.own:
            if missing or too_narrow:
                delimited_rows.check_delimiter(path, lines, self.delimiter)
            if self.quoting is None:
                delimited_rows.check_unquoted(path, rows, width)
        if missing:
            remedy = header_lines.explain_missing(task, split, missing, header)
            raise UserError(
                f"{path}:{rows[0].line}: no column "
                f"{', '.join(map(repr, missing))} in the header "
                f"({shorten(', '.join(header))}): {remedy}"
            )
        double = [name for name in by_name if header.count(name) > 1]
        if double:
            raise UserError(
                f"{path}:1: two columns are named {double[0]!r}: rename one"
            )
        columns = {
            name: header.index(column) if isinstance(column, str) else column
            for name, column in wanted.items()
        }
        if columns["text"] == columns.get("text_b"):
            raise UserError(
                f"{path}: column {columns['text'] + 1} is given as both texts "
                "of a pair: correct --text_column or --text_b_column"
            )
        if columns.get("label", -1) in (columns["text"], columns.get("text_b")):
            raise UserError(
                f"{path}: column {columns['label'] + 1} is given as text and "
                "as label: correct --text_column, --text_b_column or "
                "--label_column"
            )
        return columns

    def _usable_rows(self, rows, columns, width, bad_rows):
        """Returns the rows that have the columns."""
        needed = max(columns.values()) + 1
        usable = []
        for row in rows:
            size = len(row.fields)
            if size < needed and delimited_rows.is_blank(row):
                bad_rows.add(row.line, "a blank line", "remove it")
            elif size < needed:
                bad_rows.add(
                    row.line,
                    f"{size} columns, and column {needed} is needed",
                    "put "
                    f"{delimited_rows.name_delimiter(self.delimiter)} between "
                    "the columns",
                )
            elif self.own and size != width:
                other = "below a header of"
                if not self.header:
                    other = "where most rows have"
                bad_rows.add(
                    row.line,
                    f"{size} columns {other} {width}",
                    delimited_rows.explain_width(self.delimiter, self.quoting),
                )
            else:
                usable.append(row)
        return usable

    def _leave_out(self, path, rows, columns):
        """Leaves out the rows that the benchmark does not count."""
        column = columns["label"]
        kept = [
            row
            for row in rows
            if row.fields[column].strip() != self.left_out_label
        ]
        if len(kept) < len(rows):
            logging.info(
                "%s: %d rows with the label %r left out, as the benchmark "
                "does; %d are kept",
                path,
                len(rows) - len(kept),
                self.left_out_label,
                len(kept),
            )
        return kept


def _skip_short_rows(path, rows, needed):
    """Returns the rows that have the needed number of columns."""
    kept = [row for row in rows if len(row.fields) >= needed]
    if len(kept) < len(rows):
        logging.info(
            "%s: %d rows that are too short left out, as the original does; "
            "%d are kept",
            path,
            len(rows) - len(kept),
            len(kept),
        )
    return kept


def _drop_placeholders(path, rows, columns, task):
    """Takes rows as unlabelled where labels are placeholders."""
    keys = [key for key in columns if key == "label" or _is_of_label(key)]
    placeholders = label_spelling.PLACEHOLDERS - frozenset(task.labels or ())
    labels = [row.fields[columns[key]].strip() for row in rows for key in keys]
    found = sum(label in placeholders for label in labels)
    # -1 is a number like others and "" no label, unless it is all there is.
    is_answer = task.label_type in ("number", "classes")
    if not found or is_answer and found < len(labels):
        return
    for key in keys:
        del columns[key]
    logging.warning(
        "%s: %d of %d labels are placeholders (%s): read without labels",
        path,
        found,
        len(labels),
        ", ".join(map(repr, sorted(placeholders.intersection(labels)))),
    )


def _examples(rows, columns, task, header, bad_rows, training):
    """Makes examples of the rows whose labels can be used."""
    labels = None
    of_labels = {
        key.label: column
        for key, column in columns.items()
        if _is_of_label(key)
    }
    if of_labels:
        rows, labels = several_labels.read_columns(
            rows, of_labels, task, bad_rows, training
        )
    elif "label" in columns and task.label_type == "classes":
        rows, labels = several_labels.read_cells(
            rows, columns["label"], task, bad_rows, training
        )
    elif "label" in columns:
        column = columns["label"]
        # Labels are taken as they are: lower case is for texts only.
        labels = [row.fields[column].strip() for row in rows]
        read = _READERS.get(task.label_type, _check_labels)
        rows, labels = read(rows, labels, task, header, bad_rows)
    texts, texts_b, ids = (
        [row.fields[columns[name]] for row in rows] if name in columns else None
        for name in ("text", "text_b", "id")
    )
    return TextExamples(
        ids=ids or [str(row.number) for row in rows],
        texts=texts,
        texts_b=texts_b,
        labels=labels,
        bad_rows=bad_rows.count,
        files=tuple(describe_files([bad_rows.path])),
    )


def _read_numbers(rows, labels, task, header, bad_rows):
    kept, numbers = [], []
    for row, label in zip(rows, labels, strict=True):
        number = _number(label)
        if abs(number) <= _LARGEST_LABEL:
            kept.append(row)
            numbers.append(number)
            continue
        what = "is not a number"
        remedy = f"{task.name} needs a number in each row"
        if math.isfinite(number):
            what = "is too large for a number of 32 bits"
            remedy = "divide the labels of all files by one number"
        elif math.isfinite(_number(label.replace(",", "."))):
            remedy = "write it with a decimal point"
        bad_rows.add(
            row.line,
            f"label {shorten(label)!r} {what}",
            _header_remedy(row, header) or remedy,
        )
    return kept, np.array(numbers, np.float32)


def _number(text):
    try:
        return float(text)
    except ValueError:
        return math.nan


def _check_labels(rows, labels, task, header, bad_rows):
    if task.labels is None:
        label_spelling.check_found(bad_rows.path, labels)
    known = None if task.labels is None else frozenset(task.labels)
    kept, kept_labels = [], []
    for row, label in zip(rows, labels, strict=True):
        if known is None and label or known is not None and label in known:
            kept.append(row)
            kept_labels.append(label)
        elif not label:
            bad_rows.add(row.line, "no label", "add it")
        else:
            what, remedy = label_spelling.explain_unknown(label, task.labels)
            bad_rows.add(row.line, what, _header_remedy(row, header) or remedy)
    return kept, kept_labels


# What is done with the labels of a column, where they are not classes.
_READERS = {"number": _read_numbers}


def _header_remedy(row, header):
    if row.line == 1 and not header:
        return "remove the line if it is a header: this file has none"
    return None
