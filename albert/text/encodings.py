# SPDX-License-Identifier: Apache-2.0
"""Encodings of text files: finds UTF-16 and UTF-32, and turns them to UTF-8."""

import codecs
import itertools

from albert.errors import UserError

# UTF-32's mark begins like UTF-16's.
_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


def find_utf16(content):
    """Finds out whether bytes are UTF-16, and in which order.

    Args:
      content: bytes, the start of a file or all of it.

    Returns:
      str, the name that iconv has for it; None where they are not.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "UTF-16"
    # Without a mark: every other byte of ASCII in UTF-16 is NUL.
    start = content[:100]
    for first, name in ((1, "UTF-16LE"), (0, "UTF-16BE")):
        if start.strip(b"\0")[1:] and not any(start[first::2]):
            return name
    return None


def has_half_pair(text):
    """Tells whether half a surrogate pair is in a str, which UTF-8 lacks."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def read_utf8(chunks, path):
    """Yields the text of a file in UTF-8, without a byte-order mark.

    Args:
      chunks: iterator of bytes; the first tells the encoding.
      path: str, the file, for messages.

    Yields:
      bytes. Those of a file without a mark are passed on as they are, whether
      they are UTF-8 or not.

    Raises:
      UserError: it is UTF-16 without a byte-order mark, or UTF-16 or UTF-32
        and damaged.
    """
    start = next(chunks, b"")
    chunks = itertools.chain([start.removeprefix(codecs.BOM_UTF8)], chunks)
    encoding = next(
        (name for mark, name in _MARKS if start.startswith(mark)), None
    )
    if encoding:
        yield from _convert(chunks, path, encoding)
        return
    encoding = find_utf16(start)
    if encoding:
        raise UserError(
            f"{path}: {encoding} without a byte-order mark: convert it to "
            f"UTF-8, with iconv -f {encoding} -t UTF-8"
        )
    del start  # A mebibyte, for as long as the file is read.
    yield from chunks


def _convert(chunks, path, encoding):
    """Yields chunks of UTF-16 or UTF-32 as UTF-8."""
    decoder = codecs.getincrementaldecoder(encoding)()
    position = 0
    for chunk in itertools.chain(chunks, [b""]):
        try:
            yield decoder.decode(chunk, final=not chunk).encode()
        except UnicodeDecodeError as error:
            raise UserError(
                f"{path}: {encoding}, and damaged near byte "
                f"{position + error.start:,} ({error.reason}): get it again, "
                "or convert it to UTF-8"
            ) from error
        position += len(chunk)
