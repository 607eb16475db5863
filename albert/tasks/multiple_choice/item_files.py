# SPDX-License-Identifier: Apache-2.0
"""Reads the items of a file: JSON, one JSON value a line, or a table."""

from albert.errors import UserError
from albert.tasks import delimited_rows
from albert.tasks import json_items
from albert.tasks import line_files
from albert.tasks.bad_rows import BadRows
from albert.tasks.json_items import Item

_TABLES = {".csv": (",", "csv"), ".tsv": ("\t", None)}


def is_table(path):
    """Tells by the ending of its name whether a file is a table."""
    return str(path).endswith(tuple(_TABLES))


def read_items(path, bad_rows, delimiter=None, quoting=None):
    """Reads the items of a file.

    Args:
      path: str; tables end in .csv or .tsv, others are JSON.
      bad_rows: ``BadRows``, for lines that cannot be read.
      delimiter: str, the character between the columns of a table; None: as
        the ending says.
      quoting: str of ``delimited_rows.QUOTINGS``; None: that of CSV, none in
        TSV.

    Returns:
      list of ``json_items.Item``.

    Raises:
      UserError: the file cannot be read, or is a table of another form.
    """
    if is_table(path):
        return _read_table(path, bad_rows, delimiter, quoting)
    items, is_lines = json_items.read_json(
        path,
        lambda line, what, remedy: bad_rows.add(line, what, remedy, path),
        "restore the file",
    )
    if is_lines or not items or not isinstance(items[0].value, list):
        return items
    return [Item(1, number, each) for number, each in enumerate(items[0].value)]


def _read_table(path, bad_rows, delimiter, quoting):
    suffix = next(each for each in _TABLES if str(path).endswith(each))
    usual_delimiter, usual_quoting = _TABLES[suffix]
    delimiter = delimiter or usual_delimiter
    quoting = quoting or usual_quoting
    # A line that is left out could hold the quote that ends a text.
    of_lines = (
        BadRows(path, offers_skip=False) if quoting == "csv" else bad_rows
    )
    lines = line_files.read_lines(path, of_lines)
    header, *rows = [
        *delimited_rows.split_rows(path, lines, delimiter, quoting, header=True)
    ] or [None]
    if header is None or header.number >= 0:
        raise UserError(
            f"{path}:1: not a header: begin the file with a line that names "
            "the columns"
        )
    names = header.fields
    width = len(names)
    if width == 1:
        delimited_rows.check_delimiter(path, lines, delimiter)
    if quoting is None:
        delimited_rows.check_unquoted(path, [header, *rows], width)
    double = [name for name in names if name and names.count(name) > 1]
    if double:
        raise UserError(
            f"{path}:1: two columns are named {double[0]!r}: rename one"
        )
    items = []
    for row in rows:
        size = len(row.fields)
        if size == width:
            value = dict(zip(names, row.fields, strict=True))
            items.append(Item(row.line, row.number, value))
        elif delimited_rows.is_blank(row):
            bad_rows.add(row.line, "a blank line", "remove it", path)
        else:
            bad_rows.add(
                row.line,
                f"{size} columns below a header of {width}",
                delimited_rows.explain_width(delimiter, quoting),
                path,
            )
    return items
