# SPDX-License-Identifier: Apache-2.0
"""Texts that are compressed with zstandard (run by `make test-extras`)."""

import random

import pytest
import zstandard

from albert.errors import UserError
from albert.text.compression import is_compressed
from albert.text.compression import read_chunks
from albert.text.documents import read_documents

CONTENT = random.Random(3).randbytes(200_003)


def compress(content, **settings):
    return zstandard.ZstdCompressor(**settings).compress(content)


def write(path, content):
    path.write_bytes(content)
    return str(path)


def read(path):
    return b"".join(read_chunks(path, 5003))


def test_content_tells_it(tmp_path):
    path = write(tmp_path / "a.txt", compress(b"One.\nTwo.\n\nThree.\n"))
    assert is_compressed(path)
    assert list(read_documents([path])) == [["One.", "Two."], ["Three."]]


def test_pipe(pipe_of):
    assert read(pipe_of(compress(CONTENT))) == CONTENT


def test_frames_follow_each_other(tmp_path):
    skipped = bytes.fromhex("502a4d1804000000") + b"junk"
    parts = skipped + compress(b"one ") + compress(b"") + compress(CONTENT)
    assert read(write(tmp_path / "a", parts)) == b"one " + CONTENT


def test_large_window(tmp_path):
    # What `zstd --long=28` writes; without its size in the header.
    parameters = zstandard.ZstdCompressionParameters(window_log=28)
    compressor = zstandard.ZstdCompressor(compression_params=parameters)
    stream = compressor.compressobj()
    parts = stream.compress(CONTENT) + stream.flush()
    assert read(write(tmp_path / "a", parts)) == CONTENT


@pytest.mark.parametrize("kept", [6, 20, -1, -20])
def test_cut_off(tmp_path, kept):
    path = write(tmp_path / "cut", compress(CONTENT)[:kept])
    with pytest.raises(UserError, match="cut: damaged zstandard file") as error:
        read(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("place", [5, -2])
def test_changed(tmp_path, place):
    content = bytearray(compress(CONTENT, write_checksum=True))
    content[place] ^= 0xFF
    path = write(tmp_path / "bad", content)
    with pytest.raises(UserError, match="bad: damaged zstandard file"):
        read(path)
