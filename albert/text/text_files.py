# SPDX-License-Identifier: Apache-2.0
"""Reads the lines of text files of any size, block by block."""

import functools

from absl import logging

from albert.errors import UserError
from albert.text import compression
from albert.text.encodings import read_utf8
from albert.text.foreign_files import refuse_foreign_file

MAX_LINE_CHARACTERS = 1 << 16

_BLOCK_BYTES = 1 << 20
# Characters that no text holds on purpose.
_CONTROL_CHARACTERS = bytes([*range(9), *range(14, 27), *range(28, 32), 127])
# A text has some where a program has gone wrong; what has more is no text.
_LARGEST_CONTROL_SHARE, _FEWEST_CONTROLS = 0.1, 16


def read_line_blocks(path):
    """Yields the lines of a file, about a mebibyte of them at a time.

    Lines end at "\\n" and nowhere else: form feeds, U+0085 and U+2028 occur
    inside sentences. The "\\r" of "\\r\\n" is left, as space at the end of its
    line; where a file begins with a mebibyte that has "\\r" alone, as of an old
    Macintosh, lines end there. NUL is left out, and a warning says how many
    there were.

    Args:
      path: str; it may be compressed (``compression.read_chunks``), and UTF-16
        or UTF-32 with a byte-order mark.

    Yields:
      list of str, none longer than MAX_LINE_CHARACTERS: a longer line is cut
      at a space, or anywhere if it has none, and counts as several.

    Raises:
      UserError: the file cannot be read, is not UTF-8 (naming the line), holds
        something else than plain text, or is damaged.
    """
    line_number = 1
    nuls = controls = size = 0
    for data in _read_blocks(path):
        size += len(data)
        controls += len(data) - len(data.translate(None, _CONTROL_CHARACTERS))
        if controls > max(_LARGEST_CONTROL_SHARE * size, _FEWEST_CONTROLS):
            raise _no_text(data, path, line_number, f"{controls:,} in {size:,}")
        if b"\0" in data:
            nuls += data.count(b"\0")
            data = data.replace(b"\0", b"")
        text = decode_lines(data, path, line_number)
        line_number += data.count(b"\n")
        lines = split_lines(text)
        del text  # While the lines are used.
        yield lines
    warn_of_nuls(path, nuls)


def read_chunks(path):
    """Yields the content of a text file in UTF-8, about a mebibyte at a time.

    Args:
      path: as of ``read_line_blocks``.

    Yields:
      bytes without a byte-order mark, UTF-8 where the file was, with "\\n" at
      the end of its lines.

    Raises:
      UserError: the file cannot be read, or is damaged.
    """
    ends_with_return = None
    for chunk in read_utf8(compression.read_chunks(path, _BLOCK_BYTES), path):
        if ends_with_return is None:
            ends_with_return = b"\r" in chunk and b"\n" not in chunk
        yield chunk.replace(b"\r", b"\n") if ends_with_return else chunk


def read_whole_lines(path, most_bytes, remedy, refuse=None):
    """Yields the lines of a file, none of them cut.

    Args:
      path: as of ``read_line_blocks``.
      most_bytes: int, which no line may exceed by a mebibyte.
      remedy: str, what to do about one that does.
      refuse: function of the path and the first bytes, of a pipe too, that
        raises ``UserError`` if they are none of such a file.

    Yields:
      (int, bytes): number from 1, and the line in UTF-8 without its "\\n".

    Raises:
      UserError: the file cannot be read, is damaged or refused, or a line is
        too long.
    """
    number = 1
    carry, size = [], 0
    for chunk in read_chunks(path):
        if refuse:
            refuse(path, chunk)
            refuse = None
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            if carry:
                line = b"".join([*carry, line])
                carry, size = [], 0
            yield number, line
            number += 1
        carry.append(rest)
        size += len(rest)
        if size > most_bytes:
            raise UserError(
                f"{path}: line {number} has more than {most_bytes >> 20} MB: "
                f"{remedy}"
            )
    if size:
        yield number, b"".join(carry)


def split_lines(text):
    """Returns the lines of a text, those that are too long in parts.

    Args:
      text: str.

    Returns:
      list of str, none longer than MAX_LINE_CHARACTERS.
    """
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    if max(map(len, lines), default=0) > MAX_LINE_CHARACTERS:
        lines = [part for line in lines for part in _cut_line(line)]
    return lines


def decode_lines(data, path, line_number):
    """Returns the text of bytes that begin in a line of a file.

    Args:
      data: bytes.
      path: str, the file.
      line_number: int, the line, from 1.

    Raises:
      UserError: they are not UTF-8.
    """
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line_number += data.count(b"\n", 0, error.start)
        raise UserError(
            f"{path}: line {line_number} is not UTF-8 (byte "
            f"0x{data[error.start]:02x}); convert the file, for example with "
            "iconv -f CP1252 -t UTF-8 if it is from Windows for Western Europe"
        ) from error


def warn_of_nuls(path, count):
    """Warns of the NUL characters that were left out of a file, if any."""
    if count:
        warn_once(f"{path}: left out {count:,} NUL characters")


@functools.cache
def warn_once(message):
    """Warns once, because some programs read a file twice.

    Args:
      message: str.
    """
    logging.warning(message)


def _read_blocks(path):
    """Yields the content of a plain text in blocks that end with a line."""
    carry = b""
    is_first = True
    for chunk in read_chunks(path):
        if is_first:
            refuse_foreign_file(path, chunk)
            is_first = False
        data = carry + chunk
        end = data.rfind(b"\n") + 1
        if not end:
            if len(data) < _BLOCK_BYTES:
                carry = data
                continue
            end = _cut_inside_line(data)
        # No longer than it takes: these are a mebibyte each.
        data, carry, chunk = data[:end], data[end:], None
        yield data
    yield carry


def _no_text(data, path, line_number, share):
    """Returns the ``UserError`` of a file full of control characters."""
    first = next(
        index for index, byte in enumerate(data) if byte in _CONTROL_CHARACTERS
    )
    line_number += data.count(b"\n", 0, first)
    return UserError(
        f"{path}: holds NUL or other control characters from line "
        f"{line_number} on, {share} bytes, as no text in UTF-8 does: name "
        "files that hold text, or convert it, with iconv -f UTF-16LE -t UTF-8 "
        "for example"
    )


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
