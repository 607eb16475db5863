# SPDX-License-Identifier: Apache-2.0
"""Serialises arrays as framed ``tf.train.Example`` records, many at once.

Examples of one schema differ only in the bytes of their numbers, so the wire
bytes of N records are one uint8 matrix, a row each, in which every varint has
room for its longest form, and a bool matrix of the bytes that are in use;
taking those gives the file. No protocol buffer object is made.

The wire format (protobuf "Encoding"; tensorflow/core/example/feature.proto):
an Example is field 1 → Features; Features is a map, entries of field 1 →
(field 1 → key, field 2 → Feature); a Feature is field 1 → BytesList, field 2 →
FloatList or field 3 → Int64List; a list is field 1 → packed values, or the
bytes of a value. Each of these is length delimited: tag byte, length as varint,
content.

Letters: N records, L values of a field.
"""

import dataclasses

import google_crc32c
import numpy as np

from albert.records import framing

_FIELD_1 = b"\x0a"
_FIELD_2 = b"\x12"
_LIST_TAGS = {"bytes": b"\x0a", "float32": b"\x12", "int64": b"\x1a"}


@dataclasses.dataclass(frozen=True)
class ByteStrings:
    """N byte strings, the values of a "bytes" field.

    Attributes:
      content: uint8 [N, width], a string at the start of each row.
      lengths: int64 [N], bytes of each string.
    """

    content: np.ndarray
    lengths: np.ndarray

    @classmethod
    def join(cls, strings):
        """Returns the strings of a list of bytes."""
        lengths = np.array(list(map(len, strings)), np.int64)
        width = int(lengths.max(initial=0))
        content = b"".join(string.ljust(width, b"\0") for string in strings)
        rows = np.frombuffer(content, np.uint8).reshape(len(strings), width)
        return cls(rows, lengths)

    @property
    def shape(self):
        """Shape of the field's values: (N, 1)."""
        return (len(self), 1)

    def __len__(self):
        return len(self.lengths)

    def __getitem__(self, order):
        """Returns the strings at the indices ``order``."""
        return ByteStrings(self.content[order], self.lengths[order])


def encode_records(columns, fields):
    """Serialises records and frames them as TFRecords.

    Args:
      columns: dict from field name to an array [N, L]: non-negative integers
        below 2**31 for "int64" fields. ``ByteStrings`` for "bytes" fields.
      fields: the ``albert.records.schema.Field``s of the records.

    Returns:
      (uint8 [bytes], int64 [N + 1]): the records one after the other, and
      where each begins and the last ends.

    Raises:
      ValueError: columns and fields do not match, or a value is negative.
    """
    if set(columns) != {field.name for field in fields}:
        raise ValueError(
            f"expected the fields {sorted(f.name for f in fields)}, "
            f"received {sorted(columns)}"
        )
    num_records = len(columns[fields[0].name])
    entries = _Rows(num_records)
    for field in fields:
        values = columns[field.name]
        if values.shape != (num_records, field.length):
            raise ValueError(
                f"field {field.name}: expected shape "
                f"({num_records}, {field.length}), received {values.shape}"
            )
        entries.append_rows(_map_entry(field, values))
    example = _Rows(num_records)
    example.append_message(_FIELD_1, entries)

    records = _Rows(num_records)
    records.append_bytes(b"\0" * framing.HEADER_BYTES)
    records.append_rows(example)
    records.append_bytes(b"\0" * framing.FOOTER_BYTES)
    flat = records.flatten()
    offsets = np.concatenate([[0], np.cumsum(records.sizes)])
    _fill_frames(flat, offsets)
    return flat, offsets


def _map_entry(field, values):
    """Returns the bytes of one feature and its key, as ``_Rows``."""
    packed = _Rows(len(values))
    if field.dtype == "bytes":
        packed.append_strings(values)
    elif field.dtype == "float32":
        little_endian = np.ascontiguousarray(values, "<f4")
        packed.append_matrix(little_endian.view(np.uint8))
    else:
        packed.append_varints(values)
    value_list = _Rows(len(values))
    value_list.append_message(_FIELD_1, packed)
    feature = _Rows(len(values))
    feature.append_message(_LIST_TAGS[field.dtype], value_list)
    key = field.name.encode()
    content = _Rows(len(values))
    content.append_bytes(_FIELD_1 + bytes([len(key)]) + key)
    content.append_message(_FIELD_2, feature)
    entry = _Rows(len(values))
    entry.append_message(_FIELD_1, content)
    return entry


class _Rows:
    """N byte strings that grow together.

    Attributes:
      blocks: list of pairs (uint8 [N, width], bool [N, width] or None): the
        bytes, and those in use; None stands for all of them.
      sizes: int64 [N], bytes in use of each row.
    """

    def __init__(self, num_rows):
        self.blocks = []
        self.sizes = np.zeros(num_rows, np.int64)

    def append_bytes(self, content):
        """Appends the same bytes to every row."""
        row = np.frombuffer(content, np.uint8)
        self.append_matrix(
            np.broadcast_to(row, (len(self.sizes), len(content)))
        )

    def append_matrix(self, matrix):
        """Appends uint8 [N, width]."""
        self.blocks.append((matrix, None))
        self.sizes += matrix.shape[1]

    def append_strings(self, strings):
        """Appends a string of ``ByteStrings`` to each row."""
        position = np.arange(strings.content.shape[1])
        used = position < strings.lengths[:, None]
        self.blocks.append((strings.content, used))
        self.sizes += strings.lengths

    def append_rows(self, rows):
        self.blocks.extend(rows.blocks)
        self.sizes += rows.sizes

    def append_message(self, tag, rows):
        """Appends ``rows`` with a tag and their lengths before them."""
        self.append_bytes(tag)
        self.append_varints(rows.sizes[:, None])
        self.append_rows(rows)

    def append_varints(self, values):
        """Appends each row of non-negative integers [N, L] as varints."""
        largest = int(values.max(initial=0))
        if int(values.min(initial=0)) < 0 or largest >= 2**31:
            raise ValueError("values must be at least 0 and below 2**31")
        if largest < 0x80:
            self.append_matrix(values.astype(np.uint8))
            return
        width = -(-largest.bit_length() // 7)
        values = values.astype(np.uint32)
        matrix = np.empty((*values.shape, width), np.uint8)
        used = np.empty(matrix.shape, bool)
        for place in range(width):
            digits = values >> np.uint32(7 * place)
            used[..., place] = (digits > 0) if place else True
            # The high bit says that another byte follows.
            matrix[..., place] = (digits & 0x7F) | ((digits > 0x7F) << 7)
        matrix = matrix.reshape(len(values), -1)
        used = used.reshape(matrix.shape)
        self.blocks.append((matrix, used))
        self.sizes += np.count_nonzero(used, axis=1)

    def flatten(self):
        """Returns the rows one after the other: uint8 [bytes]."""
        matrix = np.concatenate([block for block, _ in self.blocks], axis=1)
        used = np.ones(matrix.shape, bool)
        column = 0
        for block, mask in self.blocks:
            if mask is not None:
                used[:, column : column + block.shape[1]] = mask
            column += block.shape[1]
        return matrix[used]


def _fill_frames(flat, offsets):
    """Writes lengths and checksums into the room left for them."""
    begins = offsets[:-1]
    lengths = np.diff(offsets) - framing.HEADER_BYTES - framing.FOOTER_BYTES
    length_bytes = lengths.astype("<u8")[:, None].view(np.uint8)
    # Few lengths differ, so their checksums are few.
    distinct, which = np.unique(lengths, return_inverse=True)
    length_crcs = np.array(
        [framing.masked_crc(int(n).to_bytes(8, "little")) for n in distinct],
        np.uint32,
    )[which]
    content = memoryview(flat)
    payload_begins = begins + framing.HEADER_BYTES
    payload_crcs = framing.mask_crcs(
        [
            google_crc32c.value(bytes(content[begin:end]))
            for begin, end in zip(
                payload_begins.tolist(),
                (payload_begins + lengths).tolist(),
                strict=True,
            )
        ]
    )
    header = np.concatenate([length_bytes, _bytes_of(length_crcs)], axis=1)
    flat[begins[:, None] + np.arange(framing.HEADER_BYTES)] = header
    footer = (payload_begins + lengths)[:, None]
    flat[footer + np.arange(framing.FOOTER_BYTES)] = _bytes_of(payload_crcs)


def _bytes_of(crcs):
    """Returns the little-endian bytes of uint32 [N]: uint8 [N, 4]."""
    return crcs.astype("<u4")[:, None].view(np.uint8)
