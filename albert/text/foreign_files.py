# SPDX-License-Identifier: Apache-2.0
"""Refuses files that hold something else than plain text, by what it is."""

import collections
import re

from albert import json_files
from albert.errors import UserError

_UNPACK = "unpack it, and give the texts in it"
_EXTRACT = "extract its text into a file, and give that"
# What some commands read with --text_field, see ``refuse_foreign_file``.
JSON, PARQUET, TABLE = "json", "parquet", "table"

# How a file begins, what it is, and what to do about it.
_KINDS = (
    (rb"PK\x03\x04", "a zip archive or an office document", _UNPACK),
    (
        rb"7z\xbc\xaf\x27\x1c|Rar!\x1a\x07|\x04\x22\x4d\x18",
        "an archive of 7-Zip, RAR or LZ4",
        _UNPACK,
    ),
    (rb".{257}ustar(\0|  \0)", "a tar archive", _UNPACK),
    (
        rb"\x1f\x8b|BZh[1-9]1AY|\xfd7zXZ\0|\x28\xb5\x2f\xfd",
        "compressed twice",
        _UNPACK,
    ),
    (rb"%PDF-", "a PDF", _EXTRACT),
    (rb"\x89PNG|\xff\xd8\xff|GIF8[79]a", "a picture", _EXTRACT),
    (rb"SQLite format 3\0", "a database", _EXTRACT),
    (
        rb"\{\\rtf|\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
        "a document of an office program",
        _EXTRACT,
    ),
    (
        rb"(?i:\s*(?:<\?xml[^>]*>\s*|<!--.*?-->\s*)*<(!doctype html|html)\b)",
        "a web page",
        _EXTRACT,
    ),
    (
        rb"WEBVTT\b|\s*\d+\r?\n\d\d:\d\d:\d\d[,.]\d{3} --> ",
        "subtitles",
        _EXTRACT,
    ),
    (rb"WARC/[01]\.\d\s", "an archive of web pages", _EXTRACT),
    (
        rb"\s*<mediawiki\b",
        "a dump of a wiki",
        "extract its text, with WikiExtractor for example",
    ),
)
_ARROW, _PARQUET = b"ARROW1\0\0", b"PAR1"
_XML = re.compile(rb"\s*<\?xml\b")
_JSON_STRINGS = re.compile(rb'\s*\[\s*"(?:[^"\\\n]|\\.)*"\s*,')
_JSON = re.compile(rb'\s*(?P<list>\[\s*)?\{\s*"[^"\n]*"\s*:')
# A table is told by so many lines, all with as many tabs.
_FEWEST_ROWS, _MOST_ROWS = 3, 1000
# Of its lines; the others are comments, or damaged.
_LEAST_TABLE_SHARE = 0.9
# Lists of JSON are told by so many lines.
_FEWEST_LISTS = 3


def refuse_foreign_file(path, start, text_field_of=(JSON, PARQUET)):
    """Refuses a file that is no plain text.

    Args:
      path: str, for the message.
      start: bytes, how the file begins: some kilobytes, or all of it.
      text_field_of: tuple of ``JSON``, ``PARQUET`` and ``TABLE``, of which the
        command reads a column, if --text_field names it: then that is advised.

    Raises:
      UserError: it is an archive, a document, JSON, Parquet or a table.
    """
    refuse_document(path, start, PARQUET in text_field_of)
    by_field = JSON in text_field_of
    found = _JSON.match(start)
    if not found:
        _refuse_json_lists(path, start, by_field)
    if found and found["list"] or _JSON_STRINGS.match(start):
        raise UserError(
            f"{path}: a JSON list, not plain text: write "
            + (
                "an object a line, with jq -c '.[]' for example, and give "
                "--text_field"
                if by_field
                else "a text a line, with jq -r '.[].text' for example"
            )
        )
    if found:
        fields = _list_fields(start)
        raise UserError(
            f"{path}: JSON lines, not plain text: "
            + (
                f"give the field that holds the text as --text_field{fields}"
                if by_field
                else "write a text a line, with jq -r .FIELD for example"
                f"{fields}"
            )
        )
    _refuse_table(path, start, TABLE in text_field_of)


def refuse_document(path, start, reads_parquet=False):
    """Refuses a file that holds neither text nor a table of text.

    Args:
      path: str, for the message.
      start: bytes, how the file begins: some kilobytes, or all of it.
      reads_parquet: bool, whether --text_field may name a column of Parquet.

    Raises:
      UserError: it is an archive, a document or Parquet.
    """
    for pattern, what, remedy in _KINDS:
        if re.match(pattern, start, re.DOTALL):
            raise UserError(f"{path}: {what}, not plain text: {remedy}")
    if _XML.match(start):
        raise UserError(f"{path}: XML, not plain text: {_EXTRACT}")
    if start.startswith((_ARROW, _PARQUET)):
        is_arrow = start.startswith(_ARROW)
        remedy = "give the column that holds the text as --text_field"
        if not reads_parquet:
            remedy = (
                "write its rows as JSON lines, with DataFrame.to_json(FILE, "
                "orient='records', lines=True) of pandas for example"
            )
        elif is_arrow:
            remedy = f"write it as Parquet, and {remedy}"
        raise UserError(
            f"{path}: {'an Arrow' if is_arrow else 'a Parquet'} file, not "
            f"plain text: {remedy}"
        )


def _refuse_json_lists(path, start, by_field):
    lines = [line for line in start.split(b"\n", 100)[:-1] if line.strip()]
    if len(lines) >= _FEWEST_LISTS and all(map(_is_json_list, lines)):
        raise UserError(
            f"{path}: JSON lists, not plain text: write "
            + (
                "an object a line, with jq -c '{text: .[0]}' for example, and "
                "give --text_field"
                if by_field
                else "a text a line, with jq -r '.[0]' for example"
            )
        )


def _is_json_list(line):
    try:
        return line.lstrip().startswith(b"[") and bool(json_files.parse(line))
    except ValueError:
        return False


def _list_fields(start):
    """Returns the fields of the first object of JSON lines, for a message."""
    try:
        value = json_files.parse(start.lstrip().partition(b"\n")[0])
    except ValueError:
        return ""
    fields = [field for field, each in value.items() if isinstance(each, str)]
    return f" ({', '.join(fields)})" if fields else ""


def _refuse_table(path, start, by_field):
    lines = start.split(b"\n", _MOST_ROWS)
    # The last is the rest, or may be half a line.
    rows = [
        line.rstrip(b"\r").split(b"\t") for line in lines[:-1] if line.strip()
    ]
    if len(rows) < _FEWEST_ROWS:
        return
    widths = collections.Counter(map(len, rows))
    ((width, count),) = widths.most_common(1)
    if width == 1 or count < _LEAST_TABLE_SHARE * len(rows):
        return
    rows = [row for row in rows if len(row) == width]
    if sum(not row[0].strip() for row in rows) > len(rows) / 2:
        return  # Paragraphs that begin with a tab.
    sizes = [sum(map(len, column)) for column in zip(*rows, strict=True)]
    text = sizes.index(max(sizes)) + 1
    raise UserError(
        f"{path}: a table of {len(sizes)} columns, separated by tabs, not "
        "plain text: "
        + (
            "give the name of the column of the text as --text_field"
            if by_field
            else f"take out the text, with cut -f{text} for example"
        )
        + " (or, if the tabs belong to the text, replace them by spaces)"
    )
