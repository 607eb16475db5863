# SPDX-License-Identifier: Apache-2.0
"""Pairs of texts, from two files or a table."""

import gzip
import re

import pytest

from albert.errors import UserError
from albert.text import text_files
from albert.text_to_text import parallel_text
from albert.text_to_text.parallel_text import PairTable
from albert.text_to_text.parallel_text import ParallelFiles


def write(path, content):
    path.write_bytes(content)
    return str(path)


def files(tmp_path, source, target):
    return ParallelFiles(
        write(tmp_path / "a.en", source), write(tmp_path / "a.de", target)
    )


def table(tmp_path, content, columns=("1", "2")):
    return PairTable(write(tmp_path / "a.tsv", content), *columns)


def test_files_line_by_line(tmp_path):
    # What Python takes for line ends too is inside the texts.
    source = "Ein\u2028s.\r\n\n drei\x0b \nfünf\xa0\x00fünf".encode()
    pairs = files(tmp_path, source, b"One.\n2\n\nfive\n")
    assert list(pairs.read_rows()) == [
        (1, "Ein\u2028s.", "One."),
        (2, "", "2"),
        (3, " drei\x0b ", ""),
        (4, "fünf\xa0fünf", "five"),
    ]


def test_files_of_other_kinds(tmp_path):
    source = gzip.compress("Grüße\n".encode("utf-16"))
    pairs = files(tmp_path, source, "\ufeffGreetings\n".encode())
    assert list(pairs.read_rows()) == [(1, "Grüße", "Greetings")]


def test_texts_to_translate_are_looked_into(tmp_path):
    path = write(tmp_path / "a.jsonl", b'{"text": "x"}\n')
    with pytest.raises(UserError, match=r"JSON lines, .* a text a line"):
        list(parallel_text.read_lines(path))


def test_lines_are_never_cut(tmp_path):
    long = "word " * 300_000
    pairs = files(tmp_path, f"{long}\nb\n".encode(), b"A\nB\n")
    assert list(pairs.read_rows()) == [(1, long, "A"), (2, "b", "B")]


@pytest.mark.parametrize(
    ("source", "target", "message"),
    [
        (b"a\nb\n", b"A\nB\nC\nD\n", "a.en has 2 lines, .*a.de 4: line N"),
        (b"a\nb\nc\n", b"A\n", "a.en has 3 lines, .*a.de 1: line N"),
        (b"a\n\xff\n", b"A\nB\n", "a.en: line 2 is not UTF-8"),
        (b"PK\x03\x04" + bytes(99), b"A\n", "a.en: a zip archive"),
        (b"a\n", b"A\tb\nC\td\nE\tf\n", "a.de: a table of 2 columns"),
        (b'{"a": "x"}\n', b"A\n", r"a.en: JSON lines.* jq -r .FIELD .* \(a\)"),
        (b'[{"a": "x"}]\n', b"A\n", "a.en: a JSON list.* jq -r"),
        (b'["x"]\n' * 3, b"A\n" * 3, "a.en: JSON lists.* jq -r"),
        (b"PAR1", b"A\n", "a.en: a Parquet file.* as JSON lines"),
    ],
)
def test_refused_files(tmp_path, source, target, message):
    with pytest.raises(UserError, match=message):
        list(files(tmp_path, source, target).read_rows())


def test_refuses_one_file_as_both(tmp_path):
    path = write(tmp_path / "a.en", b"a\n")
    (tmp_path / "link").symlink_to(path)
    with pytest.raises(UserError, match="is both source and target"):
        list(ParallelFiles(path, str(tmp_path / "link")).read_rows())


def test_tables(tmp_path):
    # Tatoeba's has no header, and newer ones have a third column.
    pairs = table(tmp_path, b'Hi.\tHallo!\tCC-BY\n\nGo "on".\t"Los!"\tx\n')
    rows = [(1, "Hi.", "Hallo!"), (2, "", ""), (3, 'Go "on".', '"Los!"')]
    assert list(pairs.read_rows()) == rows
    named = table(tmp_path, b"to\tno\tof\nA\t1\ta\n", ("of", "to"))
    assert list(named.read_rows()) == [(2, "a", "A")]


def test_blank_rows_are_rows(tmp_path):
    many = table(tmp_path, b"\n" * 30 + b"a\tA\n")
    assert list(many.read_rows())[-1] == (31, "a", "A")
    pairs = table(tmp_path, b"\n\nto\tof\n\t\t\t\nA\ta\n \n", ("of", "to"))
    assert list(pairs.read_rows()) == [
        *((1, "", ""), (2, "", ""), (4, "", ""), (5, "a", "A"), (6, "", ""))
    ]


def test_short_words_are_no_header(tmp_path):
    for row in ("Go.\tVa !", "Hi\tHej", "Run\tLauf", "no\tno", "en\tin"):
        pairs = table(tmp_path, f"{row}\n".encode())
        assert list(pairs.read_rows()) == [(1, *row.split("\t"))]


def test_nul_is_counted(tmp_path, monkeypatch):
    warnings = []
    monkeypatch.setattr(text_files, "warn_once", warnings.append)
    path = write(tmp_path / "a", b"a\0b\n\0\0\n")
    assert list(parallel_text.read_lines(path)) == ["ab", ""]
    assert warnings == [f"{path}: left out 3 NUL characters"]


@pytest.mark.parametrize(
    ("content", "columns", "message"),
    [
        (b"a\n", "12", "a.tsv:1: 1 columns, and 2 are needed"),
        (b"a\tb\nc\n", "12", "a.tsv:2: 1 columns, and line 1 has 2"),
        (b"a\tb\nc\td\te\n", "12", "a.tsv:2: 3 columns, and line 1 has 2"),
        (b"of\tto\nc\td\te\n", ("of", "to"), "a.tsv:2: 3 columns"),
        (b"en\tde\na\tb\n", "12", "a.tsv:1: looks like a header .*'en', 'de'"),
        (b"\nENG\tDeu\na\tb\n", "12", "a.tsv:2: looks like a header"),
        (b"en-GB\tzh_Hans\na\tb\n", "12", "a.tsv:1: looks like a header"),
        (b"English\tGerman\na\tb\n", "12", "a.tsv:1: looks like a header"),
        (b"1\tSource text\tb\n", "23", "a.tsv:1: looks like a header"),
        (b"a;b\nc;d\n", "12", "a.tsv: no tabs, but semicolons"),
        (b"source\ttarget\na\tb\n", "12", "a.tsv:1: looks like a header"),
        (b"en\tde\na\tb\n", ("en", "fr"), r"no column 'fr' .*\(en, de\)"),
        (b'a\t"b ""c"""\n', "12", 'a.tsv:1: a field in quotes .*""c""'),
        (b'"a"\tb\n"c, d"\tb\n', "12", "a.tsv:1: a field in quotes"),
        (b"a\tb\n", "22", "are both 2"),
        (b"a\tb\n", "01", "no column '0'"),
    ],
)
def test_refused_tables(tmp_path, content, columns, message):
    with pytest.raises(UserError, match=message):
        list(table(tmp_path, content, columns).read_rows())


def test_refuses_no_text(tmp_path):
    with pytest.raises(UserError, match="a.tsv: holds no text"):
        list(parallel_text.read_blocks(table(tmp_path, b"")))


def test_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(parallel_text, "_BLOCK_PAIRS", 3)
    lines = b"".join(b"%d\t%d\n" % (i, -i) for i in range(7))
    blocks = list(parallel_text.read_blocks(table(tmp_path, lines)))
    assert [len(block) for block in blocks] == [3, 3, 1]
    assert [row for block in blocks for row in block] == [
        (i + 1, str(i), str(-i)) for i in range(7)
    ]


def test_messages_name_files_and_columns(tmp_path):
    pairs = table(tmp_path, b"", ("en", "de"))
    assert re.fullmatch(r".*a.tsv \(column de\)", pairs.names[1])
