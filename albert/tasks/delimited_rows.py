# SPDX-License-Identifier: Apache-2.0
"""Rows of tables, and checks of how a table is quoted and separated."""

import collections
import csv
import itertools
from typing import NamedTuple

from albert.errors import UserError
from albert.tasks.line_files import shorten

# How a table of the user's own is quoted: "none", quotes are characters of
# the texts; "csv", as Python's csv and pandas write them.
QUOTINGS = ("none", "csv")

_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs"}
# Texts of any length: csv's own limit is 128 KiB.
_LONGEST_FIELD = 2**31 - 1
# Enough rows to see what separates their columns.
_LOOKED_AT = 20
# Rows that tell whether all fields of a column are in quotes.
_QUOTES_LOOKED_AT = 1000


class Row(NamedTuple):
    """One row of a table.

    Attributes:
      line: int, the line of the file that it begins on, from 1.
      number: int, counted from 0, the header not counted.
      fields: list of str.
    """

    line: int
    number: int
    fields: list


def split_rows(path, lines, delimiter, quoting, header):
    """Splits lines into rows.

    Args:
      path: str, for messages.
      lines: iterable of (int, str) as of ``read_lines``; None for a bad line.
      delimiter: str, one character.
      quoting: str of ``QUOTINGS``, or None as for "none".
      header: bool, whether the first line is one: its row has number -1.

    Yields:
      ``Row``, without bad lines, as soon as its lines are there.

    Raises:
      UserError: the quotes of "csv" do not close.
    """
    if quoting == "csv":
        split = _parse_csv(path, lines, delimiter)
    else:
        split = (
            (line, None if text is None else text.split(delimiter))
            for line, text in lines
        )
    for number, (line, fields) in enumerate(split, start=-int(header)):
        if fields is not None:
            yield Row(line, number, fields)


def find_width(path, rows, delimiter, quoting):
    """Finds how many columns the rows of a file without a header have.

    Args:
      path: str, for messages.
      rows: list of ``Row``.
      delimiter, quoting: as of ``split_rows``, for messages.

    Returns:
      int, the number of columns that most rows have.

    Raises:
      UserError: as many rows have another number.
    """
    counts = collections.Counter(
        len(row.fields) for row in rows if not is_blank(row)
    )
    widths = counts.most_common(2)
    if not widths:
        return 0
    if len(widths) == 2 and widths[0][1] == widths[1][1]:
        line = next(
            row.line for row in rows if len(row.fields) == max(widths)[0]
        )
        raise UserError(
            f"{path}:{line}: {max(widths)[0]} columns, and as many rows have "
            f"{min(widths)[0]}: {explain_width(delimiter, quoting)}"
        )
    return widths[0][0]


def explain_width(delimiter, quoting):
    """Returns the remedy for a row with too many or too few columns.

    Args:
      delimiter, quoting: as of ``split_rows``.
    """
    return (
        f"put {name_delimiter(delimiter)} between the columns and nowhere else"
        f"{' but in quotes' * (quoting == 'csv')}"
    )


def is_blank(row):
    """Tells whether a row holds nothing but spaces and delimiters."""
    return not "".join(row.fields).strip()


def check_unquoted(path, rows, width):
    """Refuses a table whose fields are quoted as pandas quotes them.

    A quote at the start of a text is no sign yet: prose is full of them.

    Args:
      path: str, for messages.
      rows: list of ``Row``.
      width: int, the columns that a row should have.

    Raises:
      UserError: a field with doubled quotes between quotes; an odd number of
        quotes in a row of another width, as a tab or a line end between
        quotes leaves it; or a column of which all fields are in quotes.
    """
    for row in rows:
        for field in row.fields:
            odd = len(row.fields) != width and field.count('"') % 2
            if odd or _has_doubled_quotes(field):
                _refuse_quoted(path, row.line, field)
    for column in range(width):
        fields = [
            row.fields[column] for row in rows if len(row.fields) > column
        ]
        if len(fields) > 1 and all(map(_is_in_quotes, fields)):
            _refuse_quoted(path, rows[0].line, fields[0])


def unquoted(path, rows, columns):
    """Yields rows whose quotes are characters of the texts.

    Args:
      path: str, for messages.
      rows: iterator of (int, list of str), the line and its fields.
      columns: list of int, those that hold texts.

    Yields:
      (int, list of str), all of them.

    Raises:
      UserError: as ``check_unquoted`` for these columns, of which the first
        thousand rows tell whether all fields are in quotes; or the only column
        has line ends between quotes.
    """
    head = list(itertools.islice(rows, _QUOTES_LOOKED_AT))
    for column in columns:
        texts = [fields[column] for _, fields in head if len(fields) > column]
        if len(texts) > 1 and all(map(_is_in_quotes, texts)):
            raise _in_quotes(path, head[0][0], texts[0])
    if all(len(fields) == 1 for _, fields in head):
        _refuse_line_ends(path, [(line, fields[0]) for line, fields in head])
    for line, fields in itertools.chain(head, rows):
        for column in columns:
            if len(fields) > column and _has_doubled_quotes(fields[column]):
                raise _in_quotes(path, line, fields[column])
        yield line, fields


def _refuse_line_ends(path, rows):
    """Refuses a column whose only quotes are those of fields over lines.

    Prose has others, such as those of '"No," he said.'

    Args:
      path: str, for messages.
      rows: list of (int, str), the line and its text.
    """
    start = None  # The line whose quote is open.
    found = None
    for line, text in rows:
        if start is None and '"' not in text:
            continue
        if start is None:
            if not text.startswith('"'):
                return
            start, opened, text = line, text, text[1:]
        others = text.replace('""', "")
        if others.count('"') > others.endswith('"'):
            return
        if others.endswith('"'):
            if start != line and found is None:
                found = start, opened
            start = None
    if found and start is None:
        raise _in_quotes(path, *found)


def _in_quotes(path, line, field):
    return UserError(
        f"{path}:{line}: a field in quotes ({shorten(field)}), as pandas and "
        "spreadsheets write it, and here quotes are characters of the text: "
        "write the table with quoting=csv.QUOTE_NONE and no tabs or line ends "
        "in the texts"
    )


def guess_delimiter(lines):
    """Returns what separates the columns of a file without tabs, or None.

    Args:
      lines: list of (int, str) of ``read_lines``.
    """
    seen = [line for _, line in lines[:_LOOKED_AT] if line and line.strip()]
    if not seen or any("\t" in line for line in seen):
        return None
    found = [mark for mark in ",;" if all(mark in line for line in seen)]
    # Of a header such as "text;label" the one that it holds; texts may hold
    # both.
    return max(found, key=seen[0].count, default=None)


def check_delimiter(path, lines, delimiter):
    """Refuses a file whose columns are separated by another character.

    Args:
      path: str, for messages.
      lines: list of (int, str) of ``read_lines``.
      delimiter: str, what should separate them.

    Raises:
      UserError: naming the delimiter that was found.
    """
    found = guess_delimiter(lines)
    if found and found != delimiter:
        raise UserError(
            f"{path}: the columns are separated by {name_delimiter(found)}, "
            f"not by {name_delimiter(delimiter)}: give --delimiter='{found}'"
        )


def name_delimiter(delimiter):
    """Returns a delimiter in words: "commas"."""
    return _NAMES.get(delimiter, f"{delimiter!r}")


def _parse_csv(path, lines, delimiter):
    limit = csv.field_size_limit(_LONGEST_FIELD)
    reader = csv.reader(
        (f"{text}\n" for _, text in lines), delimiter=delimiter, strict=True
    )
    line = 1
    try:
        for fields in reader:
            yield line, fields
            line = reader.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"{path}:{line}: not a row of --quoting=csv ({error}): close the "
            "quotes, or give --quoting=none if quotes are characters of the "
            "texts"
        ) from error
    finally:
        csv.field_size_limit(limit)


def _is_in_quotes(field):
    return len(field) > 1 and field[0] == field[-1] == '"'


def _has_doubled_quotes(field):
    if not _is_in_quotes(field):
        return False
    inner = field[1:-1]
    return '""' in inner and '"' not in inner.replace('""', "")


def _refuse_quoted(path, line, field):
    raise UserError(
        f"{path}:{line}: a field in quotes ({shorten(field)}), as pandas "
        "writes it: give --quoting=csv, or write the table with "
        "quoting=csv.QUOTE_NONE and no tabs or line ends in the texts; "
        "--quoting=none if the quotes are characters of the texts"
    )
