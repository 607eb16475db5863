# SPDX-License-Identifier: Apache-2.0
"""Reads the items of a file: JSON, one JSON value a line, or a table."""

import dataclasses
import json

from albert import inputs
from albert import json_files
from albert.errors import UserError
from albert.tasks import delimited_rows
from albert.tasks import line_files
from albert.tasks.bad_rows import BadRows

_TABLES = {".csv": (",", "csv"), ".tsv": ("\t", None)}
_JSON_REMEDY = "restore the file"


@dataclasses.dataclass(frozen=True)
class Item:
    """An article, a dialogue or a row of a file.

    Attributes:
      line: int, where it begins in the file, from 1; 1 for all items of a
        JSON list.
      number: int, which one it is, from 0.
      value: JSON value, or dict of the columns of a row.
    """

    line: int
    number: int
    value: object


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
      list of ``Item``.

    Raises:
      UserError: the file cannot be read, or is a table of another form.
    """
    if is_table(path):
        return _read_table(path, bad_rows, delimiter, quoting)
    text = _read_text(path, bad_rows)
    return [] if text is None else _parse(text, path, bad_rows)


def _read_text(path, bad_rows):
    """Returns the text of a JSON file; None where it is bad."""
    content = inputs.read_file(path)
    encoding = line_files.find_utf16(content)
    what, origin = "UTF-16, not UTF-8", ""
    if encoding is None:
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            what = f"not UTF-8 (byte 0x{error.object[error.start]:02x})"
            encoding, origin = "CP1252", ", from Windows for Western Europe"
    command = line_files.conversion(f"iconv -f {encoding} -t UTF-8", str(path))
    bad_rows.add(1, what, f"convert the file{origin} with {command}", path)
    return None


def _parse(text, path, bad_rows):
    """Returns the items of a JSON value, or of one value a line."""
    try:
        value = json_files.parse(text)
    except ValueError as error:
        # A value of its own on the first line: the next begins behind it.
        is_lines = str(path).endswith(".jsonl") or (
            isinstance(error, json.JSONDecodeError)
            and error.msg.startswith("Extra data")
            and error.lineno > 1
        )
        if is_lines:
            return _parse_lines(text, path, bad_rows)
        what = "empty" if not text.strip() else _explain(error)
        bad_rows.add(getattr(error, "lineno", 1), what, _JSON_REMEDY, path)
        return []
    values = value if isinstance(value, list) else [value]
    return [Item(1, number, value) for number, value in enumerate(values)]


def _parse_lines(text, path, bad_rows):
    items = []
    lines = [
        (line, content)
        for line, content in enumerate(text.split("\n"), start=1)
        if content.strip()
    ]
    for number, (line, content) in enumerate(lines):
        try:
            items.append(Item(line, number, json_files.parse(content)))
        except ValueError as error:
            bad_rows.add(line, _explain(error), _JSON_REMEDY, path)
    return items


def _explain(error):
    reason = getattr(error, "msg", None) or str(error).split(";")[0]
    return f"not JSON ({reason})"


def _read_table(path, bad_rows, delimiter, quoting):
    suffix = next(each for each in _TABLES if str(path).endswith(each))
    usual_delimiter, usual_quoting = _TABLES[suffix]
    delimiter = delimiter or usual_delimiter
    quoting = quoting or usual_quoting
    # A line that is left out could hold the quote that ends a text.
    of_lines = BadRows(path) if quoting == "csv" else bad_rows
    lines = line_files.read_lines(path, of_lines)
    header, *rows = delimited_rows.split_rows(
        path, lines, delimiter, quoting, header=True
    ) or [None]
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
