# SPDX-License-Identifier: Apache-2.0
"""Reads the texts to score: lines of text, columns of tables, JSON lines."""

import functools
import itertools

from albert import json_files
from albert.errors import UserError
from albert.tasks import delimited_rows
from albert.tasks.bad_rows import BadRows
from albert.text import foreign_files
from albert.text import text_files
from albert.text.encodings import has_half_pair

# No sentence is so long.
_MOST_LINE_BYTES = 1 << 24
_refuse_other_than_lines = functools.partial(
    foreign_files.refuse_foreign_file,
    text_field_of=(foreign_files.JSON, foreign_files.TABLE),
)


def read_rows(path, columns=(), optional=(), numbers=(), bad_rows=None):
    """Yields the rows of a file, with the texts of some columns.

    Args:
      path: str; may be compressed, or a pipe. Where columns are named, a file
        whose first line begins with "{" holds JSON lines, with the fields of
        these names; any other is a table with tabs between its columns and
        their names in its first line.
      columns: tuple of str; none: each line is a text.
      optional: tuple of str, further columns, "" where they lack or are null.
      numbers: tuple of str, columns whose fields in JSON may be numbers.
      bad_rows: ``BadRows``, for rows of a table or of JSON that cannot be
        read; None: the first one raises.

    Yields:
      (int, tuple of str): the line, from 1, and its texts.

    Raises:
      UserError: the file cannot be read, holds something else, lacks a
        column, or is a table whose fields are in quotes, as pandas writes it.
    """
    lines = _read_lines(
        path,
        foreign_files.refuse_document if columns else _refuse_other_than_lines,
    )
    if not columns:
        for number, line in lines:
            yield number, (line,)
        return
    first = next(((n, line) for n, line in lines if line.strip()), None)
    if first is None:
        return
    read = _read_json if first[1].lstrip().startswith("{") else _read_table
    rows = itertools.chain([first], lines)
    if bad_rows is None:
        bad_rows = BadRows(path, offers_skip=False)
    yield from read(path, rows, columns, optional, numbers, bad_rows)


def _read_lines(path, refuse):
    nuls = 0
    for number, line in text_files.read_whole_lines(
        path, _MOST_LINE_BYTES, "put one text on a line", refuse
    ):
        nuls += line.count(b"\0")
        text = text_files.decode_lines(line, path, number)
        yield number, text.removesuffix("\r").replace("\0", "")
    text_files.warn_of_nuls(path, nuls)


def _read_json(path, lines, columns, optional, numbers, bad_rows):
    for number, line in lines:
        if not line.strip():
            continue
        try:
            row = json_files.parse(line.encode())
        except ValueError as error:
            bad_rows.add(
                number,
                f"no JSON object ({getattr(error, 'msg', error)})",
                "write an object a line",
            )
            continue
        fault = _find_fault(row, columns, optional, numbers)
        if fault:
            bad_rows.add(number, *fault)
            continue
        values = [row[name] for name in columns]
        found = map(row.get, optional)
        values += ["" if each is None else each for each in found]
        yield (
            number,
            tuple(
                value if isinstance(value, str) else repr(value)
                for value in values
            ),
        )


def _find_fault(row, columns, optional, numbers):
    """Returns (what, remedy) where a JSON value is no row, else None."""
    if not isinstance(row, dict):
        return "no JSON object", "write an object a line"
    for name in columns:
        if name not in row:
            return _missing(name, row)
    for name in (*columns, *optional):
        value = row.get(name, "")
        if value is None and name in optional:
            continue
        if name in numbers and type(value) in (int, float):
            continue
        if not isinstance(value, str):
            return f"{name!r} holds no text", "name a field of texts"
        if has_half_pair(value):
            return f"{name!r} has half a surrogate pair in it", "correct it"
    return None


def _read_table(path, lines, columns, optional, numbers, bad_rows):
    top, line = next(lines)
    header = [name.strip() for name in line.split("\t")]
    for name in columns:
        if name not in header:
            what, remedy = _missing(name, header)
            remedy = _find_other_form(top, line) or remedy
            raise UserError(f"{path}:{top}: {what}: {remedy}")
    for name in (*columns, *optional):
        if header.count(name) > 1:
            raise UserError(
                f"{path}:{top}: two columns are named {name!r}: rename one"
            )
    places = [header.index(name) for name in columns]
    places += [
        header.index(name) if name in header else None for name in optional
    ]
    rows = (
        (number, line.split("\t"))
        for number, line in _without_last_blanks(lines)
    )
    texts = places[: len(columns)]
    for number, fields in delimited_rows.unquoted(path, rows, texts):
        if len(fields) != len(header):
            bad_rows.add(
                number,
                f"{len(fields)} columns, and line {top} has {len(header)}",
                "put tabs between the columns, and none inside a text",
            )
            continue
        yield (
            number,
            tuple("" if each is None else fields[each] for each in places),
        )


def _find_other_form(number, line):
    """Returns the remedy for a file that is no table with tabs, or None."""
    if line.lstrip().startswith("["):
        return "write an object a line, with jq -c '.[]' for example"
    found = delimited_rows.guess_delimiter([(number, line)])
    if found:
        return (
            f"there are {delimited_rows.name_delimiter(found)}: write the "
            "table with tabs between its columns"
        )
    return None


def _without_last_blanks(lines):
    """Yields lines but for blank ones at the end, which are no rows."""
    blank = []
    for number, line in lines:
        if not line.strip(" "):
            blank.append((number, line))
            continue
        yield from blank
        blank.clear()
        yield number, line


def _missing(name, there):
    """Returns (what, remedy) of a column that is not there."""
    names = ", ".join(map(repr, itertools.islice(there, 20)))
    return (
        f"no column or field {name!r} ({names or 'none'})",
        "name one that is there",
    )
