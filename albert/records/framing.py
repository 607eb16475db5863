# SPDX-License-Identifier: Apache-2.0
"""Reads TFRecord files, and computes the checksums in them.

Each record is ``uint64 length | uint32 masked crc of length | payload |
uint32 masked crc of payload``, little-endian; the checksum is CRC-32C with
TensorFlow's mask (tensorflow/core/lib/io/record_writer.h). A compressed file
is a gzip stream of the same bytes. No TensorFlow is needed here, so that the
processes that write records start at once.
"""

import contextlib
import gzip
import os
import struct
import zlib

import google_crc32c
import numpy as np

from albert.inputs import open_file

HEADER_BYTES = 12
FOOTER_BYTES = 4
_GZIP_MAGIC = b"\x1f\x8b"
_MASK_DELTA = 0xA282EAD8
_LONGEST_PAYLOAD = 1 << 31  # the most that a protocol buffer may have


class FramingError(Exception):
    """Error at the first record of a TFRecord file that cannot be read.

    Attributes:
      record: 0-based index of that record.
      reason: what is wrong with it.
    """

    def __init__(self, record, reason):
        super().__init__(f"record {record}: {reason}")
        self.record = record
        self.reason = reason


def masked_crc(data):
    """Returns TensorFlow's masked CRC-32C of a bytes object."""
    crc = google_crc32c.value(data)
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF


def mask_crcs(crcs):
    """Applies TensorFlow's mask to CRC-32C values: uint32 [N]."""
    crcs = np.asarray(crcs, np.uint32)
    rotated = (crcs >> np.uint32(15)) | (crcs << np.uint32(17))
    return rotated + np.uint32(_MASK_DELTA)


def is_gzip(path):
    """Returns whether a file is gzip-compressed, whatever its name says.

    The first two bytes of a plain TFRecord may look like gzip's mark (they
    are part of a length), but then the checksum of the length is right.

    Raises:
      UserError: the file cannot be read.
    """
    with open_file(path) as stream:
        head = stream.read(HEADER_BYTES)
    if head[:2] != _GZIP_MAGIC:
        return False
    if len(head) < HEADER_BYTES:
        return True
    return struct.unpack("<I", head[8:])[0] != masked_crc(head[:8])


def begins_with_record(path):
    """Returns whether a file is a TFRecord file, by its start; or empty.

    Raises:
      UserError: the file cannot be read.
    """
    try:
        with _open(path) as stream:
            header = _read(stream, HEADER_BYTES, 0)
        if header:
            _payload_length(header, 0)
    except FramingError:
        return False
    return True


def iterate_records(path, check_payload=True):
    """Yields the payload of each record of a file.

    Args:
      path: a TFRecord file, plain or gzip.
      check_payload: whether the checksum of each payload is verified (that
        of the length always is).

    Raises:
      FramingError: at the first record that is truncated or corrupt.
      UserError: the file cannot be read.
    """
    index = 0
    with _open(path) as stream:
        while True:
            header = _read(stream, HEADER_BYTES, index)
            if not header:
                return
            length = _payload_length(header, index)
            body = _read(stream, length + FOOTER_BYTES, index)
            if len(body) < length + FOOTER_BYTES:
                raise FramingError(
                    index,
                    f"truncated: {len(body)} of {length + FOOTER_BYTES} bytes",
                )
            payload = body[:length]
            if check_payload:
                expected = struct.unpack("<I", body[length:])[0]
                if masked_crc(payload) != expected:
                    raise FramingError(index, "corrupt: checksum of the data")
            yield payload
            index += 1


def count_records(path):
    """Counts the records of a file, from the headers alone.

    Raises:
      FramingError: at the first header that is truncated or corrupt, or at a
        last record that ends after the file.
      UserError: the file cannot be read.
    """
    if is_gzip(path):
        return sum(1 for _ in iterate_records(path, check_payload=False))
    size = os.path.getsize(path)
    count = 0
    offset = 0
    with open_file(path) as stream:
        while offset < size:
            stream.seek(offset)
            length = _payload_length(stream.read(HEADER_BYTES), count)
            offset += HEADER_BYTES + length + FOOTER_BYTES
            if offset > size:
                raise FramingError(
                    count, f"truncated: {offset - size} bytes are missing"
                )
            count += 1
    return count


@contextlib.contextmanager
def _open(path):
    """Opens a file of records, unpacked: a context manager."""
    with contextlib.ExitStack() as stack:
        compressed = is_gzip(path)
        stream = stack.enter_context(open_file(path))
        if compressed:
            stream = stack.enter_context(gzip.GzipFile(fileobj=stream))
        yield stream


def _read(stream, size, index):
    try:
        return stream.read(size)
    except EOFError:
        raise FramingError(index, "truncated gzip stream") from None
    except (zlib.error, gzip.BadGzipFile) as error:
        raise FramingError(index, f"corrupt gzip stream: {error}") from None


def _payload_length(header, index):
    if len(header) < HEADER_BYTES:
        raise FramingError(
            index, f"truncated: {len(header)} of {HEADER_BYTES} header bytes"
        )
    length, crc = struct.unpack("<QI", header)
    if masked_crc(header[:8]) != crc:
        raise FramingError(index, "corrupt: checksum of the length")
    if length > _LONGEST_PAYLOAD:
        raise FramingError(index, f"corrupt: a length of {length} bytes")
    return length
