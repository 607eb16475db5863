# SPDX-License-Identifier: Apache-2.0
"""Files of tasks, read as JSON: one value, or one a line; gzip too."""

import dataclasses
import gzip
import json
import zlib

from albert import json_files
from albert.inputs import read_file
from albert.tasks import line_files
from albert.text.encodings import find_utf16

_GZIP = b"\x1f\x8b"


@dataclasses.dataclass(frozen=True)
class Item:
    """A value of a file.

    Attributes:
      line: int, where it begins in the file, from 1; 1 for all items of a
        JSON list.
      number: int, which one it is, from 0; those that are refused count.
      value: JSON value, or dict of the columns of a row.
    """

    line: int
    number: int
    value: object


def read_json(path, refuse, remedy, *, allow_pipe=False):
    """Reads a file that holds one JSON value, or one a line.

    Args:
      path: str or ``os.PathLike``.
      refuse: function of (line, what, remedy) that raises, or takes note of a
        value that is left out.
      remedy: str, what to do about a file that is no JSON.
      allow_pipe: as of ``inputs.open_file``.

    Returns:
      (list of ``Item``, bool): whether the file holds one value a line. If
      not, the list has one item, or none if it was refused.

    Raises:
      UserError: the file cannot be read.
    """
    text = _read_text(path, refuse, allow_pipe)
    if text is None:
        return [], False
    if not text.strip():
        refuse(1, "empty", remedy)
        return [], False
    try:
        return [Item(1, 0, json_files.parse(text))], False
    except ValueError as error:
        if not _is_lines(path, error):
            refuse(getattr(error, "lineno", 1), _explain(error), remedy)
            return [], False
    return list(_parse_lines(text, refuse, remedy)), True


def _read_text(path, refuse, allow_pipe):
    """Returns the text of a file; None where it is refused."""
    content = read_file(path, allow_pipe=allow_pipe)
    is_gzip = content.startswith(_GZIP)
    try:
        if is_gzip:
            content = gzip.decompress(content)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        refuse(1, f"damaged gzip file ({error})", "get it again")
        return None
    encoding = find_utf16(content)
    what, origin = "UTF-16, not UTF-8", ""
    if encoding is None:
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            what = f"not UTF-8 (byte 0x{error.object[error.start]:02x})"
            encoding, origin = "CP1252", ", from Windows for Western Europe"
    command = line_files.conversion(
        f"iconv -f {encoding} -t UTF-8", str(path), is_gzip
    )
    refuse(1, what, f"convert the file{origin} with {command}")
    return None


def _is_lines(path, error):
    """Tells by the name, or by what ``parse`` says, that values are lines."""
    if str(path).removesuffix(".gz").endswith(".jsonl"):
        return True
    # A value of its own on the first line: the next begins behind it.
    return (
        isinstance(error, json.JSONDecodeError)
        and error.msg.startswith("Extra data")
        and error.lineno > 1
    )


def _parse_lines(text, refuse, remedy):
    lines = (
        (line, content)
        for line, content in enumerate(text.split("\n"), start=1)
        if content.strip()
    )
    for number, (line, content) in enumerate(lines):
        try:
            value = json_files.parse(content)
        except ValueError as error:
            refuse(line, _explain(error), remedy)
        else:
            yield Item(line, number, value)


def _explain(error):
    return f"not valid JSON ({getattr(error, 'msg', error)})"
