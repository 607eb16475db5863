# SPDX-License-Identifier: Apache-2.0
"""Reads the texts to score: lines of text, columns of tables, JSON lines."""

import itertools
import os

from albert import json_files
from albert.errors import UserError
from albert.text import text_files
from albert.text.foreign_files import refuse_foreign_file

# No sentence is so long.
_MOST_LINE_BYTES = 1 << 24


def read_rows(path, columns=(), optional=(), numbers=()):
    """Yields the rows of a file, with the texts of some columns.

    Args:
      path: str; may be compressed, or a pipe. Where columns are named, a file
        whose first line begins with "{" holds JSON lines, with the fields of
        these names; any other is a table with tabs between its columns and
        their names in its first line.
      columns: tuple of str; none: each line is a text.
      optional: tuple of str, further columns, "" where they lack.
      numbers: tuple of str, columns whose fields in JSON may be numbers.

    Yields:
      (int, tuple of str): the line, from 1, and its texts.

    Raises:
      UserError: the file cannot be read, holds something else, or lacks a
        column.
    """
    lines = _read_lines(path)
    if not columns:
        # A pipe can be read once, so that it is not looked into.
        if os.path.isfile(path):
            refuse_foreign_file(path, next(text_files.read_chunks(path), b""))
        for number, line in lines:
            yield number, (line,)
        return
    first = next(((n, line) for n, line in lines if line.strip()), None)
    if first is None:
        return
    read = _read_json if first[1].lstrip().startswith("{") else _read_table
    rows = itertools.chain([first], lines)
    yield from read(path, rows, columns, optional, numbers)


def _read_lines(path):
    nuls = 0
    for number, line in text_files.read_whole_lines(
        path, _MOST_LINE_BYTES, "put one text on a line"
    ):
        nuls += line.count(b"\0")
        text = text_files.decode_lines(line, path, number)
        yield number, text.removesuffix("\r").replace("\0", "")
    text_files.warn_of_nuls(path, nuls)


def _read_json(path, lines, columns, optional, numbers):
    for number, line in lines:
        if not line.strip():
            continue
        try:
            row = json_files.parse(line.encode())
        except ValueError as error:
            raise UserError(
                f"{path}:{number}: no JSON object "
                f"({getattr(error, 'msg', error)}): write an object a line"
            ) from None
        if not isinstance(row, dict):
            raise UserError(
                f"{path}:{number}: no JSON object: write an object a line"
            )
        for name in columns:
            if name not in row:
                raise _missing(f"{path}:{number}", name, row)
        texts = [row[name] for name in columns]
        texts += [row.get(name, "") for name in optional]
        texts = [
            repr(value)
            if name in numbers and type(value) in (int, float)
            else value
            for name, value in zip((*columns, *optional), texts, strict=True)
        ]
        for name, text in zip((*columns, *optional), texts, strict=True):
            if not isinstance(text, str):
                raise UserError(
                    f"{path}:{number}: {name!r} holds no text: name a field "
                    "of texts"
                )
        yield number, tuple(texts)


def _read_table(path, lines, columns, optional, numbers):
    top, line = next(lines)
    header = [name.strip() for name in line.split("\t")]
    for name in columns:
        if name not in header:
            raise _missing(f"{path}:{top}", name, header)
    places = [header.index(name) for name in columns]
    places += [
        header.index(name) if name in header else None for name in optional
    ]
    for number, line in lines:
        fields = line.split("\t")
        if len(fields) != len(header):
            raise UserError(
                f"{path}:{number}: {len(fields)} columns, and line {top} has "
                f"{len(header)}: put tabs between the columns, and none "
                "inside a text"
            )
        yield (
            number,
            tuple("" if each is None else fields[each] for each in places),
        )


def _missing(place, name, there):
    names = ", ".join(map(repr, itertools.islice(there, 20)))
    return UserError(
        f"{place}: no column or field {name!r} ({names or 'none'}): name one "
        "that is there"
    )
