# SPDX-License-Identifier: Apache-2.0
"""Tests of text_files.py, encodings.py and foreign_files.py in albert/text."""

import codecs
import gzip
import io
import json
import logging
import random
import tarfile
import zipfile

import pytest

from albert.errors import UserError
from albert.text import text_files
from albert.text.encodings import find_utf16
from albert.text.row_files import read_rows
from albert.text.text_files import read_line_blocks

TEXT = "Das Haus am Fluß.\r\n\n日本の家は高い。\n😀 It rained.\n"


def write(path, content):
    if isinstance(content, str):
        content = content.encode()
    path.write_bytes(content)
    return str(path)


def read(path):
    return [line for block in read_line_blocks(str(path)) for line in block]


class TestEncodings:
    @pytest.mark.parametrize("block", [29, 1 << 20])
    @pytest.mark.parametrize(
        ("mark", "encoding"),
        [
            (codecs.BOM_UTF8, "utf-8"),
            (codecs.BOM_UTF16_LE, "utf-16-le"),
            (codecs.BOM_UTF16_BE, "utf-16-be"),
            (codecs.BOM_UTF32_LE, "utf-32-le"),
            (codecs.BOM_UTF32_BE, "utf-32-be"),
        ],
    )
    def test_byte_order_mark(
        self, tmp_path, monkeypatch, mark, encoding, block
    ):
        monkeypatch.setattr(text_files, "_BLOCK_BYTES", block)
        path = write(tmp_path / "a.txt", mark + TEXT.encode(encoding))
        assert read(path) == TEXT.split("\n")[:-1]

    @pytest.mark.parametrize("name", ["UTF-16LE", "UTF-16BE"])
    def test_no_byte_order_mark(self, tmp_path, name):
        content = ("The house.\n" * 20).encode(name)
        assert find_utf16(content) == name
        path = write(tmp_path / "a.txt", content)
        with pytest.raises(
            UserError, match=rf"a\.txt: {name} without .*iconv -f {name}"
        ):
            read(path)

    @pytest.mark.parametrize(
        "content", ["a".encode("utf-16") + b"a", b"\xff\xfe\x00\xdca\x00"]
    )
    def test_damaged_utf16(self, tmp_path, content):
        path = write(tmp_path / "a.txt", content)
        with pytest.raises(UserError, match=r"a\.txt: UTF-16, and damaged nea"):
            read(path)

    def test_half_of_it_is_not_utf8(self, tmp_path):
        """Two files that somebody put into one."""
        half = "Fluß\n" * 300_000
        path = write(tmp_path / "a", half.encode() + half.encode("cp1252"))
        with pytest.raises(
            UserError, match=r"a: line 300001 is not UTF-8 .*iconv -f CP1252"
        ):
            read(path)


class TestNul:
    def test_some_are_left_out_and_counted(self, tmp_path, caplog):
        path = write(
            tmp_path / "a.txt",
            "The\0 house stood by the river\n" * 18 + "rain " * 300,
        )
        with caplog.at_level(logging.WARNING, logger="absl"):
            lines = [read(path), read(path)][1]
        assert lines[:18] == ["The house stood by the river"] * 18
        assert len(lines) == 19
        assert caplog.messages == [f"{path}: left out 18 NUL characters"]

    def test_a_file_that_is_full_of_them(self, tmp_path):
        path = write(tmp_path / "a.bin", b"One\nTwo\n" + bytes(17))
        with pytest.raises(UserError, match=r"a\.bin: holds NUL.* from line 3"):
            read(path)

    def test_one_at_the_end(self, tmp_path):
        lines = ["It rained."] * 99
        text = "\n".join([*lines, "\0" * 20])
        assert read(write(tmp_path / "a", text)) == lines

    @pytest.mark.parametrize("text", ["Дом у реки", "بيت على النهر"])
    @pytest.mark.parametrize("encoding", ["utf-16-be", "utf-16-le"])
    def test_utf_16_without_its_mark(self, tmp_path, text, encoding):
        path = write(tmp_path / "a", (f"{text}\n" * 20).encode(encoding))
        with pytest.raises(UserError, match="a: holds .*control.*iconv|UTF-8"):
            read(path)


class TestCarriageReturns:
    def test_of_an_old_macintosh(self, tmp_path):
        path = write(tmp_path / "a", "It rained.\r\rIt stopped.\r" * 99)
        assert read(path) == ["It rained.", "", "It stopped."] * 99
        assert list(read_rows(write(tmp_path / "b", '{"t": "a"}\r' * 9), "t"))

    def test_inside_of_lines(self, tmp_path):
        path = write(tmp_path / "a", "It\rrained.\r\nIt stopped.")
        assert read(path) == ["It\rrained.\r", "It stopped."]


class TestLongLines:
    def test_parts_are_what_was_there(self, tmp_path):
        generator = random.Random(11)
        words = ("wort", "ß", "日本", "x" * 70_000)
        line = " ".join(generator.choices(words, k=200))
        path = write(tmp_path / "a.txt", f"first\n{line}\nlast")
        first, *parts, last = read(path)
        assert (first, last) == ("first", "last")
        assert "".join(parts) == line
        limit = text_files.MAX_LINE_CHARACTERS
        assert max(map(len, parts)) == limit
        # Where there is a space it is at the start of a part.
        assert sum(not part.startswith(" ") for part in parts) <= 1 + sum(
            len(part) == limit or set(part) == {"x"} for part in parts
        )


def compress(content):
    """Compresses bytes without the time: names of tests hold the result."""
    return gzip.compress(content, mtime=0)


def archive(module):
    stream = io.BytesIO()
    if module is zipfile:
        with zipfile.ZipFile(stream, "w") as file:
            file.writestr(zipfile.ZipInfo("a.txt"), "The house.")
        return stream.getvalue()
    with tarfile.open(fileobj=stream, mode="w") as file:
        file.addfile(tarfile.TarInfo("a.txt"))
    return compress(stream.getvalue())


ROWS = [{"id": number, "text": "It rained.", "url": "a"} for number in range(9)]


class TestForeignFiles:
    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (archive(zipfile), "zip archive .*unpack"),
            (archive(tarfile), "tar archive.*unpack"),
            (b"%PDF-1.7\n%\xe2\xe3\n", "PDF.*extract"),
            (b"{\\rtf1\\ansi The house.}", "office program.*extract"),
            ("\n<!doctype html>\n<html>", "web page"),
            (
                '<?xml version="1.0"?>\n<!-- a\nb --> <!DOCTYPE html>',
                "web page",
            ),
            ('<?xml version="1.0"?>\n<book>', "XML.*extract"),
            (b"WARC/1.0\r\nWARC-Type: conversion\r\n", "archive of web pages"),
            (b"WEBVTT\n\n00:01.000 --> 00:04.000\nHe went.\n", "subtitles"),
            (b"1\r\n00:00:01,000 --> 00:00:04,000\r\nHe went.", "subtitles"),
            ('["It \\"rained\\".\\n", "It stopped."]', "JSON list, "),
            ('[\n  "It rained.",\n  "It stopped."\n]', "JSON list, "),
            ('<mediawiki xmlns="x">\n', "WikiExtractor"),
            (b"PAR1\x15\x04", "Parquet file.*--text_field"),
            (b"ARROW1\0\0\xff", "Arrow file.*Parquet"),
            (
                "\n".join(map(json.dumps, ROWS)),
                r"JSON lines.*--text_field \(text, url\)",
            ),
            ('{"text": "It rai', "JSON lines.*--text_field$"),
            (json.dumps(ROWS), r"JSON list.*jq -c '\.\[\]'"),
            (json.dumps(ROWS, indent=2), "JSON list"),
            ("7\ta\tIt rained.\n\n" * 3, r"3 columns.*tabs.*cut -f3 .*spaces"),
            ("# of 2020\n" + "It rained.\t\n" * 9, "2 columns.*cut -f1 "),
            ("It rained.\t1\n" * 9 + "It stopped.\n", "2 columns.*cut -f1 "),
            ('["It rained.", 1]\n' * 3, r"JSON lists.*jq -c .*--text_field"),
            (b"\x89PNG\r\n\x1a\n\0", "a picture.*extract"),
            (compress(compress(b"a")), "compressed twice.*unpack"),
        ],
    )
    def test_what_it_is_and_what_to_do(self, tmp_path, content, words):
        path = write(tmp_path / "a.txt", content)
        with pytest.raises(UserError, match=rf"a\.txt: .*{words}") as error:
            read(path)
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize(
        "content",
        [
            "\tIt rained.\n\tIt stopped.\n" * 9,
            "\tIt rained.\n\tIt stopped.\nAt\tlast.\n" * 9,
            "It\trained.\nIt stopped.\n" * 9,
            "One\ttab\nand the end",
            '{"Yes," she said: "go."}\n',
            "[She laughs.] {He too.}\n",
            "[1] It rained.\n" * 3,
            "[2]\n" * 2 + "It rained.\n",
            ("[" * 50_000 + "\n") * 3,
            '<doc id="1" url="a" title="b">\nb\n\nIt rained.\n</doc>\n',
            "BZh91\n",
            "PK\n",
            "x" * 256 + "Mustard\n",
        ],
    )
    def test_plain_text(self, tmp_path, content):
        path = write(tmp_path / "a.txt", content)
        assert read(path) == content.removesuffix("\n").split("\n")
