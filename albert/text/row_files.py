# SPDX-License-Identifier: Apache-2.0
"""Reads the texts of files of rows: JSON lines and Parquet."""

import json
import re

from albert import json_files
from albert.errors import UserError
from albert.inputs import open_file
from albert.text.text_files import read_whole_lines
from albert.text.text_files import warn_once

_PARQUET = b"PAR1"
# Longer ones are no documents: perhaps a list of all rows in one line.
_MAX_ROW_BYTES = 1 << 28
# Rows of Parquet in memory at once.
_BATCH_ROWS = 64
_MOST_FIELDS_SHOWN = 20
# A file in UTF-8 can hold none of the second, but JSON can write them.
_NO_CHARACTERS = re.compile("[\0\ud800-\udfff]")


def read_rows(path, text_field):
    """Yields the text of each row of a file.

    Args:
      path: str; JSON lines, also compressed or from a pipe, or Parquet.
      text_field: str, the field of an object, or the column, with the text.

    Yields:
      str. Rows whose text is null or blank are left out; NUL and halves of
      surrogate pairs are taken out of texts. A warning counts either.

    Raises:
      UserError: the file cannot be read, is neither of the two, is damaged,
        or lacks the field (saying which there are); or it is Parquet, and
        pyarrow is not installed.
    """
    rows = left_out = removed = 0
    for text in _read_fields(path, text_field):
        rows += 1
        text, count = _NO_CHARACTERS.subn("", text or "")
        removed += count
        if not text or text.isspace():
            left_out += 1
            continue
        yield text
    if left_out:
        warn_once(f"{path}: {left_out:,} of {rows:,} rows hold no text")
    if removed:
        warn_once(
            f"{path}: left out {removed:,} NUL characters and halves of "
            "surrogate pairs"
        )


def _read_fields(path, text_field):
    """Yields the field of each row: str or None."""
    with open_file(path, allow_pipe=True) as stream:
        # A pipe can be read once, so that it is not looked into.
        is_parquet = stream.seekable() and stream.read(4) == _PARQUET
    if is_parquet:
        return _read_parquet(path, text_field)
    return _read_json_lines(path, text_field)


def _read_json_lines(path, text_field):
    lines = read_whole_lines(
        path, _MAX_ROW_BYTES, "write an object a line, for each document one"
    )
    for number, line in lines:
        if not line or line.isspace():
            continue
        try:
            row = json_files.parse(line)
        except ValueError as error:
            raise _explain(path, number, line, error) from None
        if not isinstance(row, dict):
            raise _explain(path, number, line, "no object")
        if text_field not in row:
            raise _missing(f"{path}: line {number}", text_field, row)
        text = row[text_field]
        if not isinstance(text, str | None):
            raise UserError(
                f"{path}: line {number}: {_show(text_field)} holds "
                f"{_show(text)}, not a text: give another --text_field"
            )
        yield text


def _explain(path, number, line, error):
    """Returns a ``UserError`` about a line that is no object of JSON."""
    if line.startswith(_PARQUET):
        return UserError(
            f"{path}: Parquet cannot be read from a pipe, nor compressed as a "
            "whole: write it to a file"
        )
    if line.lstrip().startswith(b"["):
        return UserError(
            f"{path}: line {number}: a JSON list: write an object a line, with "
            "jq -c '.[]' for example"
        )
    if isinstance(error, UnicodeDecodeError):
        error = f"not UTF-8, byte 0x{error.object[error.start]:02x}"
    return UserError(
        f"{path}: line {number} is no JSON object "
        f"({getattr(error, 'msg', error)}): --text_field reads JSON lines, an "
        "object a line, and Parquet; leave it out for plain text"
    )


def _read_parquet(path, text_field):
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise UserError(
            f"{path}: a Parquet file, and the package for it is not "
            "installed: pip install pyarrow"
        ) from None
    with open_file(path) as stream:
        try:
            # Without these it holds columns of a row group as a whole.
            file = parquet.ParquetFile(
                stream, pre_buffer=False, buffer_size=1 << 20
            )
            _check_column(path, file.schema_arrow, text_field, pyarrow.types)
            batches = file.iter_batches(
                _BATCH_ROWS, columns=[text_field], use_threads=False
            )
            while batch := next(batches, None):
                yield from batch.column(0).to_pylist()
        except (pyarrow.ArrowException, OSError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise UserError(
                f"{path}: damaged Parquet file ({reason}): get it again, or "
                "make it again"
            ) from error


def _check_column(path, schema, text_field, types):
    if text_field not in schema.names:
        raise _missing(path, text_field, schema.names)
    places = schema.get_all_field_indices(text_field)
    if len(places) > 1:
        raise UserError(
            f"{path}: {len(places)} columns are called {_show(text_field)}: "
            "give them names of their own"
        )
    type_ = schema.field(places[0]).type
    kind = type_.value_type if types.is_dictionary(type_) else type_
    if str(kind) not in ("string", "large_string", "string_view"):
        raise UserError(
            f"{path}: {_show(text_field)} holds {type_}, not text: give "
            "another --text_field"
        )


def _missing(place, text_field, fields):
    shown = ", ".join([_show(field) for field in fields][:_MOST_FIELDS_SHOWN])
    there = "the row is empty"
    if shown:
        there = f"give one of those that are there as --text_field: {shown}"
    return UserError(f"{place}: no field {_show(text_field)}: {there}")


def _show(value):
    """Returns the beginning of a value for a message, in JSON."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:59]}…"
