# SPDX-License-Identifier: Apache-2.0
"""Decompresses files while they are read, recognised by their content."""

import bz2
import lzma
import os
import re
import zlib

from albert.errors import UserError
from albert.inputs import open_file

# Of the longest pattern below.
_START_BYTES = 16
# A chunk of repeated bytes becomes a thousand times as long, or more.
_COMPRESSED_BYTES = 1 << 16


def _make_zstandard(path):
    try:
        import zstandard
    except ImportError:
        raise UserError(
            f"{path}: compressed with zstandard, and the package for it is "
            "not installed: pip install zstandard, or decompress the file "
            "with zstd -d"
        ) from None
    # --long=31, as some large corpora have it; 128 MB at most without.
    return zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj()


# Name, how a file begins, and what makes a decompressor.
_FORMATS = (
    (
        "gzip",
        re.compile(rb"\x1f\x8b\x08"),
        lambda _: zlib.decompressobj(wbits=16 + zlib.MAX_WBITS),
    ),
    (
        "bzip2",
        re.compile(rb"BZh[1-9](1AY&SY|\x17rE8P\x90)"),
        lambda _: bz2.BZ2Decompressor(),
    ),
    ("xz", re.compile(rb"\xfd7zXZ\0"), lambda _: lzma.LZMADecompressor()),
    (
        "zstandard",
        # The second is a frame to skip, with which some programs begin.
        re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", re.DOTALL),
        _make_zstandard,
    ),
)


def is_compressed(path):
    """Returns whether a file is compressed; a pipe is left unread.

    Raises:
      UserError: it cannot be read.
    """
    if not os.path.isfile(path):
        return False
    with open_file(path) as stream:
        start = stream.read(_START_BYTES)
    return any(is_it.match(start) for _, is_it, _ in _FORMATS)


def read_chunks(path, chunk_bytes):
    """Yields the bytes of a file, decompressed where it is compressed.

    Args:
      path: str; gzip, bzip2, xz and zstandard are recognised by how the file
        begins, whatever its name is; several of them may follow each other.
      chunk_bytes: int, length of the chunks. The last may be shorter, and
        those of a compressed file longer.

    Raises:
      UserError: the file cannot be read, is damaged, or is compressed with
        zstandard and that package is not installed.
    """
    with open_file(path, allow_pipe=True) as stream:
        start = stream.read(_START_BYTES)
        for name, is_it, make in _FORMATS:
            if is_it.match(start):
                yield from _decompress(stream, start, chunk_bytes, name, make)
                return
        rest = start
        while rest := rest + stream.read(max(chunk_bytes - len(rest), 0)):
            yield rest[:chunk_bytes]
            rest = rest[chunk_bytes:]


def _decompress(stream, start, chunk_bytes, name, make):
    """Yields the content of a compressed stream in chunks."""
    gathered, size = [], 0
    for part in _run(stream, start, name, make):
        gathered.append(part)
        size += len(part)
        if size >= chunk_bytes:
            yield b"".join(gathered)
            gathered, size = [], 0
    if gathered:
        yield b"".join(gathered)


def _run(stream, chunk, name, make):
    """Yields what a stream holds; one compressed part may follow another."""
    path = stream.raw.name
    decompressor = None
    while chunk:
        decompressor = decompressor or make(path)
        try:
            part = decompressor.decompress(chunk)
        except MemoryError:
            raise
        except Exception as error:  # Each library has one of its own.
            raise _damage(path, name, error) from error
        yield part
        chunk = b""
        if decompressor.eof:
            chunk = decompressor.unused_data
            decompressor = None
            # Zeros fill the last block of a tape or a disk.
            while not (chunk := chunk.lstrip(b"\0")):
                chunk = stream.read(_COMPRESSED_BYTES)
                if not chunk:
                    break
        chunk = chunk or stream.read(_COMPRESSED_BYTES)
    if decompressor:
        raise _damage(path, name, "it ends too early")


def _damage(path, name, error):
    return UserError(
        f"{path}: damaged {name} file ({error}): get it again, or make it again"
    )
