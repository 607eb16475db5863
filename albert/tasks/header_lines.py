# SPDX-License-Identifier: Apache-2.0
"""Headers of tables: those that lack a column, and those that should not be."""

import collections

from absl import logging

from albert.errors import UserError
from albert.tasks import label_spelling
from albert.tasks import several_labels
from albert.tasks.line_files import shorten

# What a header holds above labels, and above texts.
_LABEL_NAMES = {
    *("label", "labels", "class", "category", "target", "tag", "y"),
    *("score", "rating", "sentiment", "gold_label", "is_duplicate"),
}
_TEXT_NAMES = {
    *("text", "texts", "sentence", "sentence1", "question", "question1"),
    *("review", "content", "tweet", "comment", "title", "premise"),
}


def explain_missing(task, split, missing, header):
    """Returns the remedy for a header that lacks columns.

    Args:
      task: ``Task``.
      split: str.
      missing: list of str, the names that are not in the header.
      header: list of str, the fields of the first line.
    """
    columns = "a line that names the columns, separated by tabs"
    flags = "--text_column and --label_column"
    if task.name != "tsv":
        return f"the {split} data of {task.name} begins with {columns}"
    if all(column.isdecimal() for column in missing):
        return (
            "columns are numbered from 1: with a 0 among them they are taken "
            "for names"
        )
    if task.files[split].label_columns:
        flags = "--text_column and --label_columns"
    near = [
        found
        for column in missing
        if (found := label_spelling.find_near(column, header)) is not None
    ]
    if near:
        return (
            f"{', '.join(map(repr, near))} is there: correct the header, or "
            f"give {flags} as the names are there"
        )
    return (
        f"the {split} data of {task.name} begins with {columns}; "
        f"{flags} say which they are, by numbers where there is no such line"
    )


def lacks_labels(path, columns, header, width):
    """Tells whether a file has none of the columns of labels, and warns of it.

    Args:
      path: str, for the message.
      columns: collection of str, names, or int, numbers from 0.
      header: list of str, the fields of the first line.
      width: int, the columns of the file.

    Returns:
      bool; False too where a column of another spelling is there, which is
      then refused as a name that is missing.
    """
    for column in columns:
        if isinstance(column, int):
            if column < width:
                return False
        elif column in header or label_spelling.find_near(column, header):
            return False
    if columns:
        names = (
            repr(column) if isinstance(column, str) else str(column + 1)
            for column in columns
        )
        logging.warning(
            "%s: no column %s among %d (the first line: %s): read without "
            "labels",
            path,
            shorten(", ".join(names)),
            width,
            shorten(", ".join(header)),
        )
    return bool(columns)


def check_absent(path, rows, columns, task):
    """Refuses a first row that is a header, in a file that has none.

    Args:
      path: str, for messages.
      rows: list of ``Row``.
      columns: dict from "text" and, where there is one, "label" to the
        number of the column.
      task: ``Task``; a label that it knows is that of a row. What is no
        number is found out elsewhere. None without labels.

    Raises:
      UserError: the first row looks like a header.
    """
    if not rows or rows[0].number or len(rows) == 1:
        return
    first = rows[0].fields
    sign, remedy = None, ""
    is_text_name = first[columns["text"]].strip().casefold() in _TEXT_NAMES
    if first == [str(number) for number in range(len(first))]:
        sign = "its fields count the columns"
    elif "label" not in columns:
        if is_text_name:
            sign = f"the text is {first[columns['text']]!r}"
    elif _is_known(task, first[columns["label"]].strip()):
        return
    elif task.label_type != "number":
        cells = [row.fields[columns["label"]].strip() for row in rows]
        labels = [_split(task, cell) for cell in cells]
        counts = collections.Counter(each for names in labels for each in names)
        once = {label for label, count in counts.items() if count == 1}
        likely = (
            once == set(labels[0])
            or is_text_name
            or cells[0].casefold() in _LABEL_NAMES
        )
        is_alone = once.issuperset(labels[0])
        if is_alone and likely and len(counts) > 1:
            sign = f"label {shorten(cells[0])!r} occurs nowhere else"
            remedy = ", or give --labels if it is a row"
    if sign:
        raise UserError(
            f"{path}:{rows[0].line}: looks like a header ({sign}): remove the "
            "line if it is a header, or name the columns instead of "
            f"numbering them{remedy}"
        )


def _is_known(task, cell):
    """Whether a cell holds a label of the task, or several of them."""
    return set(_split(task, cell)) <= set(task.labels or ())


def _split(task, cell):
    """Returns the labels that a cell holds: tuple of str."""
    if task.label_type == "classes":
        return several_labels.split(cell, task.label_separator)
    return (cell,)
