# SPDX-License-Identifier: Apache-2.0
"""The TFRecord container, and where it is damaged."""

import gzip
import struct

import numpy as np
import pytest
import tensorflow as tf

from albert.records import framing

PAYLOADS = [b"first", b"", b"the third one", b"x" * 300, b"last"]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        for payload in PAYLOADS:
            writer.write(payload)
    return path


def test_reads_what_tensorflow_writes(path):
    assert list(framing.iterate_records(path)) == PAYLOADS
    assert framing.count_records(path) == 5
    assert not framing.is_gzip(path)


def test_reads_gzip(tmp_path, path):
    zipped = tmp_path / "b.tfrecord"
    content = path.read_bytes()
    zipped.write_bytes(
        gzip.compress(content[:37]) + gzip.compress(content[37:])
    )
    assert framing.is_gzip(zipped)
    assert list(framing.iterate_records(zipped)) == PAYLOADS
    assert framing.count_records(zipped) == 5


def test_length_that_looks_like_gzip_is_not_taken_for_it(tmp_path):
    path = tmp_path / "a.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(b"x" * 0x88B1F)
    assert path.read_bytes()[:3] == b"\x1f\x8b\x08"
    assert not framing.is_gzip(path)
    assert framing.count_records(path) == 1


def test_masks_of_arrays_equal_masks_of_one():
    crcs = np.array([framing.google_crc32c.value(p) for p in PAYLOADS])
    assert framing.mask_crcs(crcs).tolist() == [
        framing.masked_crc(p) for p in PAYLOADS
    ]


def offset_of(record):
    return sum(len(p) + 16 for p in PAYLOADS[:record])


@pytest.mark.parametrize("record", range(5))
@pytest.mark.parametrize("place", ["length", "length crc", "data crc"])
def test_flipped_bit_is_located(path, record, place):
    content = bytearray(path.read_bytes())
    at = offset_of(record)
    at += {
        "length": 0,
        "length crc": 9,
        "data crc": 12 + len(PAYLOADS[record]),
    }[place]
    content[at] ^= 4
    path.write_bytes(content)
    with pytest.raises(framing.FramingError) as caught:
        list(framing.iterate_records(path))
    assert caught.value.record == record


@pytest.mark.parametrize("record", range(5))
@pytest.mark.parametrize("kept", [1, 11, 12, 15])
def test_truncation_is_located(path, record, kept):
    path.write_bytes(path.read_bytes()[: offset_of(record) + kept])
    for read in (
        lambda p: list(framing.iterate_records(p)),
        framing.count_records,
    ):
        with pytest.raises(framing.FramingError, match="truncated") as caught:
            read(path)
        assert caught.value.record == record


def test_truncated_gzip_is_located(tmp_path, path):
    zipped = tmp_path / "b.gz"
    zipped.write_bytes(gzip.compress(path.read_bytes())[:-9])
    with pytest.raises(framing.FramingError, match="gzip"):
        list(framing.iterate_records(zipped))


def test_other_files_fail_at_record_0(tmp_path):
    path = tmp_path / "text"
    path.write_text("This is a text and no TFRecord at all.")
    with pytest.raises(framing.FramingError) as caught:
        framing.count_records(path)
    assert caught.value.record == 0


def test_huge_length_is_not_read_into_memory(tmp_path):
    path = tmp_path / "a.tfrecord"
    length = struct.pack("<Q", 1 << 60)
    path.write_bytes(length + struct.pack("<I", framing.masked_crc(length)))
    with pytest.raises(framing.FramingError, match="length of"):
        list(framing.iterate_records(path))
