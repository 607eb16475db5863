# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/text/compression.py; zstandard's are in tests/optional."""

import bz2
import gzip
import lzma
import random
import sys
import zlib

import pytest

from albert.errors import UserError
from albert.text import compression
from albert.text.compression import is_compressed
from albert.text.compression import read_chunks

COMPRESSORS = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}
CONTENT = random.Random(3).randbytes(200_003)
# How a frame of zstandard begins.
ZSTANDARD = bytes.fromhex("28b52ffd2400010000")


def write(path, content):
    path.write_bytes(content)
    return str(path)


def read(path, chunk_bytes=1 << 16):
    return b"".join(read_chunks(path, chunk_bytes))


@pytest.mark.parametrize("name", COMPRESSORS)
class TestCompressed:
    def test_content_tells_it(self, tmp_path, name):
        path = write(tmp_path / "a.txt", COMPRESSORS[name](CONTENT))
        assert read(path) == CONTENT
        assert is_compressed(path)

    def test_chunks_are_as_long_as_asked(self, tmp_path, name):
        path = write(tmp_path / "a", COMPRESSORS[name](CONTENT))
        *chunks, last = read_chunks(path, 5003)
        assert all(len(chunk) >= 5003 for chunk in chunks)
        assert b"".join([*chunks, last]) == CONTENT

    def test_several_follow_each_other(self, tmp_path, name):
        compress = COMPRESSORS[name]
        parts = compress(b"one ") + compress(b"") + compress(CONTENT)
        for padding in (512, 200_000):
            path = write(tmp_path / "a", parts + bytes(padding))
            assert read(path) == b"one " + CONTENT

    @pytest.mark.parametrize("kept", [20, -1, -20])
    def test_cut_off(self, tmp_path, name, kept):
        content = COMPRESSORS[name](CONTENT)[:kept]
        path = write(tmp_path / "cut", content)
        with pytest.raises(UserError, match=f"cut: damaged {name} file") as e:
            read(path)
        assert "\n" not in str(e.value)

    def test_changed(self, tmp_path, name):
        content = bytearray(COMPRESSORS[name](CONTENT))
        content[len(content) // 2] ^= 0xFF
        path = write(tmp_path / "bad", content)
        with pytest.raises(UserError, match=f"bad: damaged {name} file"):
            read(path)

    def test_something_else_behind(self, tmp_path, name):
        path = write(tmp_path / "a", COMPRESSORS[name](CONTENT) + b"junk")
        with pytest.raises(UserError, match=f"a: damaged {name} file"):
            read(path)


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 4999, 20_003])
@pytest.mark.parametrize("chunk_bytes", [1, 7, 5000])
def test_plain(tmp_path, size, chunk_bytes):
    path = write(tmp_path / "a.gz", CONTENT[:size])
    chunks = list(read_chunks(path, chunk_bytes))
    assert b"".join(chunks) == CONTENT[:size]
    assert all(len(chunk) == chunk_bytes for chunk in chunks[:-1])
    assert not is_compressed(path)


def test_words_that_begin_like_a_compressed_file(tmp_path):
    content = b"BZh91 is the number of the flight to the coast."
    assert read(write(tmp_path / "a", content)) == content


def test_pipe(pipe_of):
    path = pipe_of(bz2.compress(CONTENT))
    assert not is_compressed(path)
    assert read(path) == CONTENT


def test_memory_of_a_long_run(tmp_path, monkeypatch):
    # 64 KiB of these become 64 MB at once.
    monkeypatch.setattr(compression, "_COMPRESSED_BYTES", 1 << 10)
    path = write(tmp_path / "a", zlib.compress(bytes(1 << 24), wbits=31))
    assert max(map(len, read_chunks(path, 1 << 16))) < 1 << 21


@pytest.mark.parametrize("start", [b"", bytes.fromhex("502a4d1804000000") * 2])
def test_package_that_is_missing(tmp_path, monkeypatch, start):
    monkeypatch.setitem(sys.modules, "zstandard", None)
    path = write(tmp_path / "a.txt", start + ZSTANDARD)
    assert is_compressed(path)
    with pytest.raises(
        UserError, match=r"a\.txt: .*zstandard.*pip install zstandard.*zstd -d"
    ):
        read(path)
