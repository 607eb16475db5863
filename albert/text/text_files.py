# SPDX-License-Identifier: Apache-2.0
"""Reads the lines of text files of any size, block by block."""

import itertools

from albert.errors import UserError
from albert.text import compression

MAX_LINE_CHARACTERS = 1 << 16

_BLOCK_BYTES = 1 << 20


def read_line_blocks(path):
    """Yields the lines of a file, about a mebibyte of them at a time.

    Lines end at "\\n" and nowhere else: form feeds, U+0085 and U+2028 occur
    inside sentences. A byte-order mark at the beginning is removed; the "\\r"
    of "\\r\\n" is left, as space at the end of its line.

    Args:
      path: str; it may be compressed (``compression.read_chunks``).

    Yields:
      list of str, none longer than MAX_LINE_CHARACTERS: a longer line is cut
      at a space, or anywhere if it has none, and counts as several.

    Raises:
      UserError: the file cannot be read, is not UTF-8 (naming the line) or
        is damaged.
    """
    line_number = 1
    carry = b""
    at_start = True
    chunks = compression.read_chunks(path, _BLOCK_BYTES)
    for chunk in itertools.chain(chunks, [b""]):
        data = carry + chunk
        end = data.rfind(b"\n") + 1
        if not end and chunk:
            if len(data) < _BLOCK_BYTES:
                carry = data
                continue
            end = _cut_inside_line(data)
        if not chunk:
            end = len(data)
        data, carry = data[:end], data[end:]
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError as error:
            line_number += data.count(b"\n", 0, error.start)
            raise UserError(
                f"{path}: line {line_number} is not UTF-8 (byte "
                f"0x{data[error.start]:02x}); convert the file, for example "
                "with iconv -t UTF-8"
            ) from error
        line_number += data.count(b"\n")
        if at_start:
            text = text.removeprefix("\ufeff")
            at_start = False
        lines = text.split("\n")
        if not lines[-1]:
            lines.pop()
        if max(map(len, lines), default=0) > MAX_LINE_CHARACTERS:
            lines = [part for line in lines for part in _cut_line(line)]
        yield lines


def _cut_inside_line(data):
    """Returns where to cut bytes that are part of one long line."""
    end = data.rfind(b" ") + 1
    if end:
        return end
    end = len(data) - 1
    while end > 1 and data[end] & 0xC0 == 0x80:  # inside a UTF-8 sequence
        end -= 1
    return end


def _cut_line(line):
    """Cuts a line into parts of at most MAX_LINE_CHARACTERS, at spaces."""
    start = 0
    while len(line) - start > MAX_LINE_CHARACTERS:
        end = line.rfind(" ", start + 1, start + MAX_LINE_CHARACTERS)
        if end < 0:
            end = start + MAX_LINE_CHARACTERS
        yield line[start:end]
        start = end
    yield line[start:]
