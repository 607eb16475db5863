# SPDX-License-Identifier: Apache-2.0
"""Reads several labels a row, from one cell or from a column for each label."""

import collections

from absl import logging

from albert.errors import UserError
from albert.tasks import label_spelling
from albert.tasks.line_files import shorten

# How tables spell whether a row has a label; pandas writes the longer ones.
_SPELLINGS = {
    **dict.fromkeys(("1", "1.0", "true"), True),
    **dict.fromkeys(("0", "0.0", "false"), False),
}
# What separators are proposed, where the given one does not occur.
_SEPARATORS = (",", ";", "|", "/", " ")


def split(cell, separator):
    """Returns the labels in a cell, each once: tuple of str."""
    parts = (part.strip() for part in cell.split(separator))
    return tuple(dict.fromkeys(part for part in parts if part))


def read_cells(rows, column, task, bad_rows, training):
    """Reads the labels of rows, whose cells hold all labels of a text.

    Args:
      rows: list of ``Row``.
      column: int, that of the cells.
      task: ``Task``; where its labels are None, any label is taken.
      bad_rows: ``BadRows``.
      training: bool, whether a separator that does not occur is refused.

    Returns:
      (rows, labels): the good rows, and a tuple of str for each.

    Raises:
      UserError: the separator does not occur, a label is unknown, or labels
        look the same.
    """
    path = bad_rows.path
    cells = [row.fields[column] for row in rows]
    if training:
        _check_separator(path, cells, task.label_separator)
    found = [split(cell, task.label_separator) for cell in cells]
    if task.labels is None:
        label_spelling.check_found(
            path, [each for one in found for each in one]
        )
    uneven = sum(
        len(labels) < cell.count(task.label_separator) + 1
        for cell, labels in zip(cells, found, strict=True)
        if labels
    )
    if uneven:
        logging.warning(
            "%s: %d cells name a label twice or have nothing before or behind "
            "a %r: each label is taken once",
            path,
            uneven,
            task.label_separator,
        )
    kept, labels = [], []
    for row, names in zip(rows, found, strict=True):
        unknown = [each for each in names if each not in (task.labels or names)]
        if unknown:
            bad_rows.add(
                row.line,
                *label_spelling.explain_unknown(unknown[0], task.labels),
            )
        else:
            kept.append(row)
            labels.append(names)
    _report(path, task, labels, training)
    return kept, labels


def read_columns(rows, columns, task, bad_rows, training):
    """Reads the labels of rows that have a column of 0 and 1 for each label.

    Args:
      rows: list of ``Row``.
      columns: dict from label to the number of its column.
      task, bad_rows, training: as of ``read_cells``.

    Returns:
      (rows, labels), as of ``read_cells``.

    Raises:
      UserError: a cell holds something else.
    """
    kept, labels = [], []
    for row in rows:
        has, bad = [], None
        for label, column in columns.items():
            cell = row.fields[column].strip()
            value = _SPELLINGS.get(cell.casefold())
            if value is None:
                bad = bad or (label, cell)
            elif value:
                has.append(label)
        if bad:
            bad_rows.add(
                row.line,
                f"column {bad[0]!r} is {shorten(bad[1])!r}, not 0 or 1",
                "correct it",
            )
        else:
            kept.append(row)
            labels.append(tuple(has))
    _report(bad_rows.path, task, labels, training)
    return kept, labels


def _check_separator(path, cells, separator):
    """Refuses cells of which none holds more than one label."""
    if any(separator in cell.strip() for cell in cells):
        return
    counts = {
        other: sum(other in cell.strip() for cell in cells)
        for other in _SEPARATORS
    }
    likely = max(counts, key=counts.get)
    remedy = "leave out --multi_label"
    if counts[likely]:
        remedy = (
            f"give --label_separator={likely!r}, which {counts[likely]} cells "
            "have, or leave out --multi_label"
        )
    raise UserError(
        f"{path}: no cell of labels has the separator {separator!r}, so no "
        f"text has two labels: {remedy}"
    )


def _report(path, task, labels, training):
    """Logs how many labels rows have, and warns of labels without a row."""
    counts = collections.Counter(each for names in labels for each in names)
    sizes = collections.Counter(map(len, labels))
    logging.info(
        "%s: %d labels in %d rows; %d rows have none, %d one, %d more",
        path,
        counts.total(),
        len(labels),
        sizes[0],
        sizes[1],
        len(labels) - sizes[0] - sizes[1],
    )
    never = [each for each in task.labels or () if not counts[each]]
    always = [each for each in counts if counts[each] == len(labels)]
    if labels and never:
        logging.warning(
            "%s: no row has %d of the labels (%s): %s",
            path,
            len(never),
            shorten(", ".join(never)),
            "it is learnt that no text has them"
            if training
            else "they are left out of average precision, and 0 in macro F1",
        )
    if training and always:
        logging.warning(
            "%s: every row has %d of the labels (%s): nothing tells when a "
            "text has not",
            path,
            len(always),
            shorten(", ".join(always)),
        )
