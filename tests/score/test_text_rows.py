# SPDX-License-Identifier: Apache-2.0
"""Texts of files: lines, tables, JSON lines, and what is none."""

import gzip
import os
import re

import pytest

from albert.errors import UserError
from albert.score.text_rows import read_rows
from albert.tasks.bad_rows import BadRows


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "file"
        path.write_bytes(content)
        return str(path)

    return write


def test_lines_stay_in_their_places(write):
    path = write("One.\r\n\nÜber\u2028 two.\n".encode())
    assert list(read_rows(path)) == [
        (1, ("One.",)),
        (2, ("",)),
        (3, ("Über\u2028 two.",)),
    ]


def test_table(write):
    # Blank lines at the end are no rows.
    path = write(b"\nid\tbad\tgood\n7\tit bark\tit barks\n\r\n  \n")
    assert list(read_rows(path, ("good", "bad"), ("id", "other"))) == [
        (3, ("it barks", "it bark", "7", ""))
    ]


def test_names_that_nobody_asks_for_may_come_twice(write):
    path = write(b"x\tgood\tx\n1\t2\t3\n")
    assert list(read_rows(path, ("good",))) == [(2, ("2",))]


def test_json_lines_that_are_compressed(write):
    path = write(
        gzip.compress(
            b'{"good": "a", "bad": "b", "n": 3}\n\n{"bad": "c\\n",'
            b' "good": "d", "other": "e"}'
        )
    )
    assert list(read_rows(path, ("good", "bad"), ("other",))) == [
        (1, ("a", "b", "")),
        (3, ("d", "c\n", "e")),
    ]


@pytest.mark.parametrize(
    ("content", "columns", "words"),
    [
        (b"good\tworse\na\tb\n", ("good", "bad"), ":1: no column.*'bad'.*'wo"),
        (b"good\tbad\na\tb\tc\n", ("good",), ":2: 3 columns, and line 1 has 2"),
        (b"good\tbad\na\tb\n\na\tb\n", ("good",), ":3: 1 columns, and line"),
        (b"a\tgood\tgood\n1\t2\t3\n", ("good",), ":1: two columns.*'good'"),
        (b'{"good": "a"}\n{"bad": 1}', ("good",), ":2: no column.*'good'"),
        (b'{"good": 3}', ("good",), ":1: 'good' holds no text"),
        (b'{"good": "a"}\n["b"]', ("good",), ":2: no JSON object"),
        (b'{"good": "a"\n', ("good",), ":1: no JSON object"),
        (b'{"good": "a"}\n', (), r"JSON lines.*--text_field \(good\)"),
        (b"a\tb\n" * 3, (), "a table of 2 columns.* the name .*--text_field"),
        (b"a\xff\n", (), "UTF-8"),
        (b"PK\x03\x04", (), "archive"),
        (b"PK\x03\x04\xff", ("good",), "archive"),
        (b"PAR1\xff", (), "Parquet.* as JSON lines"),
        (b"PAR1\xff", ("good",), "Parquet.* as JSON lines"),
        (b'id\tgood\n1\ta\n2\t"a ""b"""\n', ("good",), ':3: .*""b""'),
        (b'id\tgood\n1\t"a"\n2\t"b, c"\n', ("good",), ":2: a field in quot"),
        (b'good\na\n"b\nc"\nd\n', ("good",), ":3: a field in quotes"),
        (b'good\n"b ""x""\n\nc"\nd\n', ("good",), ":2: a field in quotes"),
        (b"id,good\n1,a\n", ("good",), "there are commas: write .* tabs"),
        (b'[{"good": "a"}]\n', ("good",), "an object a line, with jq"),
    ],
)
def test_what_is_refused(write, content, columns, words):
    with pytest.raises(UserError, match=words):
        list(read_rows(write(content), columns))


def test_quotes_are_characters_of_texts(write):
    path = write(b'id\tgood\n"1"\t"A," he said.\n"2"\t"B."\n')
    assert list(read_rows(path, ("good",))) == [
        (2, ('"A," he said.',)),
        (3, ('"B."',)),
    ]


@pytest.mark.parametrize(
    "texts",
    [
        # Other quotes show that they are characters of the texts.
        ['"I went.', 'You left."', '"No," he said.'],
        ['He said "no".', '"I went.', 'You left."'],
        ['"I went.', 'You "left".', 'He came."'],
        ['"I went.', "You left."],
        ['"One."', "Two."],
    ],
)
def test_quotes_of_a_column_alone(write, texts):
    path = write("\n".join(["good", *texts]).encode())
    assert [row for _, (row,) in read_rows(path, ("good",))] == texts


@pytest.mark.parametrize(
    ("content", "columns", "words"),
    [
        (b'{"good": "a"}\n', (), "JSON lines"),
        (b"a\tb\n" * 3, (), "a table of 2 columns"),
        (b"PAR1", ("good",), "Parquet"),
    ],
)
def test_pipes_are_looked_into(content, columns, words):
    reading, writing = os.pipe()
    os.write(writing, content)
    os.close(writing)
    with pytest.raises(UserError, match=words):
        list(read_rows(f"/dev/fd/{reading}", columns))
    os.close(reading)


BAD_ROWS = {
    "no column or field 'b'": '{"a": "x"}',
    "'b' holds no text": '{"a": "x", "b": null}',
    "'a' holds no text": '{"a": ["x"], "b": "y"}',
    "'a' has half a surrogate": '{"a": "\\ud800", "b": "y"}',
    "no JSON object (": '{"a": "x", "b": "y"',
    "no JSON object;": '["x", "y"]',
    "1 columns, and line 1 has 2": "x",
    "3 columns, and line 1 has 2": "x\ty\tz",
}


@pytest.mark.parametrize("words", BAD_ROWS)
def test_bad_rows_are_refused_or_left_out(write, words):
    bad = BAD_ROWS[words]
    start = "a\tb\nx\ty" if bad[0] == "x" else '{"a": "x", "b": "y"}'
    path = write(f"{start}\n{bad}\n{start.splitlines()[-1]}\n".encode())
    bad_rows = BadRows(path, skip=True)
    found = list(read_rows(path, ("a", "b"), bad_rows=bad_rows))
    assert [row for _, row in found] == [("x", "y")] * 2
    assert bad_rows.count == 1
    place = re.escape(f":{start.count(chr(10)) + 2}: {words}")
    with pytest.raises(UserError, match=f"{place}.*--skip_bad_rows"):
        list(read_rows(path, ("a", "b"), bad_rows=BadRows(path)))
    with pytest.raises(UserError) as error:
        list(read_rows(path, ("a", "b")))
    assert "--skip_bad_rows" not in str(error.value)


def test_numbers_of_json_are_read_where_they_may_be(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"a": "x", "b": 4.5}\n{"a": "y", "b": 3}\n')
    found = [row for _, row in read_rows(str(path), ("a", "b"), numbers=("b",))]
    assert found == [("x", "4.5"), ("y", "3")]
    with pytest.raises(UserError, match="'b' holds no text"):
        list(read_rows(str(path), ("a", "b"), numbers=("a",)))
    path.write_text('{"a": "x", "b": true}\n')
    with pytest.raises(UserError, match="'b' holds no text"):
        list(read_rows(str(path), ("a", "b"), numbers=("b",)))
