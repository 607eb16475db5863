# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/text/row_files.py; Parquet's are in tests/extras."""

import gzip
import json
import logging
import sys

import pytest

from albert.errors import UserError
from albert.text import documents
from albert.text import row_files
from albert.text import text_files
from albert.text.documents import read_documents
from albert.text.row_files import read_rows

TEXTS = ["It rained.\n\nIt stopped.", "日本の家。", "Fluß \ud83d\ude00"]


def lines(texts, **more):
    rows = [{"id": n, "text": text, **more} for n, text in enumerate(texts)]
    return "\n".join(map(json.dumps, rows)).encode()


def write(path, content):
    path.write_bytes(content)
    return str(path)


def read(path, text_field="text"):
    return list(read_rows(path, text_field))


@pytest.mark.parametrize("block", [16, 1 << 20])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda content: content,
        lambda content: b"\xef\xbb\xbf\r\n" + content + b"\r\n\n",
        gzip.compress,
        lambda content: content.decode().encode("utf-16"),
    ],
)
def test_texts(tmp_path, monkeypatch, block, wrap):
    monkeypatch.setattr(text_files, "_BLOCK_BYTES", block)
    path = write(tmp_path / "a.txt", wrap(lines(TEXTS[:2], url="a")))
    assert read(path) == TEXTS[:2]
    assert read(path, "url") == ["a", "a"]


def test_pipe(pipe_of):
    assert read(pipe_of(lines(TEXTS[:2]))) == TEXTS[:2]


def test_what_is_left_out_is_counted(tmp_path, caplog):
    texts = ["One.\0\0", None, "", " \n", "Two\ud800."]
    path = write(tmp_path / "a.jsonl", lines(texts))
    with caplog.at_level(logging.WARNING, logger="absl"):
        assert read(path) == ["One.", "Two."]
        read(path)
    assert caplog.messages == [
        f"{path}: 3 of 5 rows hold no text",
        f"{path}: left out 3 NUL characters and halves of surrogate pairs",
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            b'{"id": 1, "body": "a"}',
            r'1: no field "text": give .*: "id", "body"$',
        ),
        (b'{"text": "a"}\n\n{}', 'line 3: no field "text": the row is empty'),
        (b'{"text": {"en": "a"}}', r'line 1: "text" holds .*not a text: give'),
        (b'{"text": "a"}\n{"text": "b', r"line 2 is no JSON object \(Unterm"),
        (b"It rained.\n", "line 1 is no JSON object .*leave it out for plain"),
        (b'"It rained."\n', "line 1 is no JSON object"),
        (b'[{"text": "a"}]', r"line 1: a JSON list: .*jq -c '\.\[\]'"),
        (b'[\n{"text": "a"},\n', "line 1: a JSON list"),
        (b'{"text": "caf\xe9"}', r"line 1 .*\(not UTF-8, byte 0xe9\)"),
        (b'{"text": "a", "text": "b"}', 'line 1 .*"text" is there twice'),
        (
            gzip.compress(b"PAR1\x15\x04", mtime=0),
            "Parquet cannot be read from a pipe",
        ),
        (b"", "no text found"),
        (b'{"text": ""}', "no text found"),
    ],
)
def test_bad_rows(tmp_path, content, words):
    path = write(tmp_path / "a.txt", content)
    with pytest.raises(UserError, match=rf"a\.txt: .*{words}") as error:
        list(read_documents([path], text_field="text"))
    assert "\n" not in str(error.value)


def test_fields_of_a_table_with_many(tmp_path):
    row = {f"column{number}" + "x" * 99: "" for number in range(200)}
    path = write(tmp_path / "a", json.dumps(row).encode())
    with pytest.raises(UserError) as error:
        read(path, "y" * 10_000)
    assert len(str(error.value)) < 2000


def test_a_list_of_all_rows_in_a_line(tmp_path, monkeypatch):
    monkeypatch.setattr(row_files, "_MAX_ROW_BYTES", 1 << 20)
    path = write(
        tmp_path / "a", b'{"text": ""}\n[' + b'{"text": "a"},' * 300_000
    )
    with pytest.raises(UserError, match="a: line 2 has more than 1 MB"):
        read(path)


def test_package_that_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    path = write(tmp_path / "a.txt", b"PAR1\x15\x04\x15\x00PAR1")
    with pytest.raises(UserError, match=r"a\.txt: .*pip install pyarrow"):
        read(path)


class TestDocuments:
    """A row is a document, whatever is in it."""

    def test_lines(self, tmp_path):
        texts = ["One.\nTwo.\n\nThree.\n", "\n\nFour.", "Five."]
        path = write(tmp_path / "a", lines(texts))
        for splitting in ("auto", "lines", "prose"):
            assert list(
                read_documents([path], splitting, text_field="text")
            ) == [
                ["One.", "Two.", "Three."],
                ["Four."],
                ["Five."],
            ]

    def test_prose(self, tmp_path):
        chapter = "It rained all day. Nobody came. " * 90
        text = f"CHAPTER I\n\n{chapter}\n\n\n\nCHAPTER II\n\n{chapter}"
        path = write(tmp_path / "a", lines([text, "It stopped. He left."]))
        first, second = read_documents([path], text_field="text")
        assert len(first) == 2 + 2 * 180
        assert second == ["It stopped.", "He left."]

    def test_long_row_is_cut(self, tmp_path, monkeypatch):
        monkeypatch.setattr(documents, "MAX_LINES_DOCUMENT_CHARACTERS", 9)
        monkeypatch.setattr(documents, "MAX_PROSE_DOCUMENT_CHARACTERS", 9)
        path = write(tmp_path / "a", lines(["12345\n67890\nabc", "d"]))
        assert list(read_documents([path], "lines", text_field="text")) == [
            ["12345", "67890"],
            ["abc"],
            ["d"],
        ]
