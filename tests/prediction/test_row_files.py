# SPDX-License-Identifier: Apache-2.0
"""Rows of files: each form, one after another, with their lines."""

import bz2
import itertools
import json

import pytest

from albert.errors import UserError
from albert.prediction.row_files import FORMS
from albert.prediction.row_files import RowFile
from albert.prediction.row_files import find_form
from albert.tasks.bad_rows import BadRows


def read(path, form, skip=False, **settings):
    """Returns [(line, number, value)], and the bad rows."""
    bad_rows = BadRows(path, skip)
    file = RowFile(path=str(path), form=form, **settings)
    rows = list(file.read(bad_rows))
    return [(each.line, each.number, each.value) for each in rows], bad_rows


def make(tmp_path, content):
    path = tmp_path / "rows"
    path.write_bytes(content.encode())
    return path


TABLE = [
    (2, 0, {"text": "a 'b", "n": "1"}),
    (3, 1, {"text": "c", "n": ""}),
]


@pytest.mark.parametrize(
    ("form", "content", "settings"),
    [
        ("tsv", "text\tn\na 'b\t1\nc\t\n\n  \n", {}),
        ("tsv", "\ufefftext\tn\r\na 'b\t1\r\nc\t\r\n", {}),
        ("csv", 'text,n\n"a \'b",1\nc,\n', {}),
        ("tsv", "text;n\na 'b;1\nc;\n", {"delimiter": ";"}),
        ("csv", "text;n\na 'b;1\nc;\n", {"delimiter": ";", "quoting": "none"}),
    ],
)
def test_tables(tmp_path, form, content, settings):
    assert read(make(tmp_path, content), form, **settings)[0] == TABLE


def test_quoted_fields_may_hold_lines(tmp_path):
    rows, _ = read(make(tmp_path, 'text,n\n"a\n""b""",1\nc,2\n'), "csv")
    assert rows == [
        (2, 0, {"text": 'a\n"b"', "n": "1"}),
        (4, 1, {"text": "c", "n": "2"}),
    ]


def test_a_line_of_quotes_cannot_be_left_out(tmp_path):
    path = tmp_path / "rows"
    path.write_bytes(b"text\na\n\xff\n")
    with pytest.raises(UserError, match=":3: not UTF-8") as error:
        read(path, "csv", skip=True)
    assert "--skip_bad_rows" not in str(error.value)


def test_a_table_without_a_header(tmp_path):
    rows, _ = read(make(tmp_path, "a\tb\nc\td\n"), "tsv", header=False)
    assert rows == [
        (1, 0, {"1": "a", "2": "b"}),
        (2, 1, {"1": "c", "2": "d"}),
    ]


@pytest.mark.parametrize(
    "content", ["id\ttext\n7\tgood\n", "0\t1\n7\tgood\n8\tbad\n"]
)
def test_a_header_in_a_table_without_one(tmp_path, content):
    path = make(tmp_path, content)
    with pytest.raises(UserError, match=f"^{path}:1: looks like a header"):
        read(path, "tsv", header=False, text_column=1)
    # No such column: what reads the rows says it.
    assert read(path, "tsv", header=False, text_column=2)[0]


@pytest.mark.parametrize(
    ("form", "content", "texts"),
    [
        ("tsv", "text\na\n\nb\n\n \t\n\n", ["a", "", "b"]),
        ("csv", "text\na\nb\n\n\n", ["a", "b"]),
        ("csv", 'text\na\n""\n\n', ["a", ""]),
    ],
)
def test_blank_lines_of_one_column(tmp_path, form, content, texts):
    rows, bad_rows = read(make(tmp_path, content), form)
    assert [value["text"] for _, _, value in rows] == texts
    assert not bad_rows.count


def test_objects(tmp_path):
    path = make(tmp_path, '{"a": "b"}\n\n{"a": [1]}\n')
    assert read(path, "jsonl")[0] == [
        (1, 0, {"a": "b"}),
        (3, 1, {"a": [1]}),
    ]


def test_texts(tmp_path):
    rows, _ = read(make(tmp_path, "a\tb \r\n\nc"), "lines")
    assert rows == [
        (1, 0, {"text": "a\tb "}),
        (2, 1, {"text": ""}),
        (3, 2, {"text": "c"}),
    ]


def test_sentences(tmp_path):
    path = make(tmp_path, "New York\tO\nis\tO\n\n\nbig\tO\n")
    assert read(path, "conll")[0] == [
        (1, 0, {"words": ["New York", "is"]}),
        (5, 1, {"words": ["big"]}),
    ]


def test_sentences_with_counters_and_comments(tmp_path):
    text = "# id = 1\n1 It X\n2-3 isn't _\n2 is X\n3 n't X\n\n1 No X\n"
    rows, _ = read(make(tmp_path, text), "conll")
    assert [value["words"] for _, _, value in rows] == [
        ["It", "is", "n't"],
        ["No"],
    ]
    rows, _ = read(make(tmp_path, "a b\nc d\n"), "conll", text_column=1)
    assert rows == [(1, 0, {"words": ["b", "d"]})]


BAD = [
    ("tsv", "text\tn\na\n", 2, "1 columns below a header of 2"),
    ("tsv", "text\tn\na\tb\n\nc\td\n", 3, "a blank line"),
    ("csv", "text\na\n\nc\n", 3, "a blank line"),
    ("jsonl", '{"a": 1}\n{"a"\n', 2, "not valid JSON"),
    ("jsonl", '{"a": 1}\n"a"\n', 2, "no JSON object"),
    ("jsonl", '{"a": 1, "a": 2}\n', 1, "not valid JSON"),
    ("lines", "a\n\0\n", 2, "NUL"),
    ("conll", "a b\n\nc d\n", 1, "no word in column 3"),
]


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("It O\nNew York B-LOC\nis O\n\nbig O\n", 2, "3 columns.* have 2"),
        ("It\tO\nis\n\nbig\tO\n", 2, "1 columns.* have 2"),
        ("It\nNew York\n\nbig\n", 2, "2 columns.* have 1; put one word"),
        ("It O\na b O\nc d O\nis O\n\nbig O\n", 2, "3 columns.* have 2"),
        ("It O\nis\0 O\na b O\n\nbig O\n", 2, "NUL"),
    ],
)
def test_a_line_of_another_width_is_no_word(tmp_path, content, line, words):
    path = make(tmp_path, content)
    with pytest.raises(UserError, match=f"{path}:{line}: .*{words}"):
        read(path, "conll")
    rows, bad_rows = read(path, "conll", skip=True)
    assert [value for _, _, value in rows] == [{"words": ["big"]}]
    assert bad_rows.count == 1


@pytest.mark.parametrize(
    ("form", "content", "words"),
    [
        ("lines", '{"text": "a"}\n', "JSON lines.*; --input_format names"),
        ("lines", "a\tb\n" * 3, "a table of 2 columns.*; --input_format names"),
        ("jsonl", "PAR1", "a Parquet file"),
        ("tsv", "PK\x03\x04", "a zip archive"),
    ],
)
def test_files_of_another_form(tmp_path, form, content, words):
    with pytest.raises(UserError, match=words):
        read(make(tmp_path, content), form)


def test_columns_are_those_of_the_first_lines(tmp_path, monkeypatch):
    """What comes late says nothing about what is a counter or a header."""
    monkeypatch.setattr("albert.prediction.row_files._LINES_TOGETHER", 1)
    text = "# a = b\n\nIt O\nis O\n\n1 O\n2 O\n\nword tag\n\n"
    text += "# O\nNo O\n\n8 O\n9 B X\n"
    rows, bad_rows = read(make(tmp_path, text), "conll", skip=True)
    assert [value["words"] for _, _, value in rows] == [
        ["It", "is"],
        ["1", "2"],
        ["word"],
        ["#", "No"],
    ]
    assert bad_rows.count == 1


@pytest.mark.parametrize(("form", "content", "line", "words"), BAD)
def test_bad_rows(tmp_path, form, content, line, words):
    path = make(tmp_path, content)
    settings = {"text_column": 2} if form == "conll" else {}
    with pytest.raises(UserError, match=f"{path}:{line}: .*{words}"):
        read(path, form, **settings)
    _, bad_rows = read(path, form, skip=True, **settings)
    assert bad_rows.count >= 1


REFUSED = [
    ("text\ttext\na\tb\n", "two columns"),
    ("text,n\na,b\nc,d\n", "commas"),
    ('text\tn\n"a ""b"""\tc\n', "quotes"),
]


@pytest.mark.parametrize(("content", "words"), REFUSED)
def test_tables_of_another_form(tmp_path, content, words):
    with pytest.raises(UserError, match=words):
        read(make(tmp_path, content), "tsv", skip=True)


@pytest.mark.parametrize("form", FORMS)
def test_rows_come_before_the_end_is_read(tmp_path, form, monkeypatch):
    """An endless file is no trouble."""
    lines = {
        "tsv": (b"text", b"a"),
        "csv": (b"text", b"a"),
        "jsonl": (b'{"a": 1}', b'{"a": 1}'),
        "lines": (b"a", b"a"),
        "conll": (b"a O", b""),
    }[form]
    endless = enumerate(
        itertools.chain(lines, itertools.cycle(lines[::-1])), start=1
    )
    monkeypatch.setattr(
        "albert.prediction.row_files.read_whole_lines", lambda *_: endless
    )
    rows = RowFile(path="endless", form=form).read(BadRows("endless"))
    assert len(list(itertools.islice(rows, 5000))) == 5000


def test_compressed(tmp_path):
    path = tmp_path / "rows.jsonl.bz2"
    path.write_bytes(bz2.compress(json.dumps({"a": 1}).encode()))
    assert find_form(str(path)) == "jsonl"
    assert read(path, "jsonl")[0] == [(1, 0, {"a": 1})]


def test_forms_by_name():
    names = ("a.tsv", "a.csv.gz", "a.ndjson", "b.txt", "a.conllu", "tsv", "-")
    assert list(map(find_form, names)) == [
        *("tsv", "csv", "jsonl", "lines", "conll", None, None),
    ]
