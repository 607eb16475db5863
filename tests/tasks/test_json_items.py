# SPDX-License-Identifier: Apache-2.0
"""Files of one JSON value, or of one a line."""

import gzip

import pytest

from albert.tasks.json_items import read_json


def read(folder, name, content):
    """Returns (items, whether they are lines, what is refused)."""
    path = folder / name
    if isinstance(content, str):
        content = content.encode()
    path.write_bytes(content)
    refused = []
    items, is_lines = read_json(
        path, lambda *fault: refused.append(fault), "get another"
    )
    found = [(item.line, item.number, item.value) for item in items]
    return found, is_lines, refused


@pytest.mark.parametrize(
    ("name", "content", "expected", "is_lines"),
    [
        ("a.json", "[1, 2]", [(1, 0, [1, 2])], False),
        ("a.json", '\ufeff{"a":\n 1}', [(1, 0, {"a": 1})], False),
        ("a.json", "1\n\n2\n", [(1, 0, 1), (3, 1, 2)], True),
        ("a.txt", "\r\n[1]\r\n[2]\r\n", [(2, 0, [1]), (3, 1, [2])], True),
        ("a.jsonl", "1\n", [(1, 0, 1)], False),
    ],
)
@pytest.mark.parametrize("pack", [str.encode, gzip.compress])
def test_values(tmp_path, name, content, expected, is_lines, pack):
    content = content.encode() if pack is gzip.compress else content
    found = read(tmp_path, name, pack(content))
    assert found == (expected, is_lines, [])


@pytest.mark.parametrize(
    ("name", "content", "line", "message"),
    [
        ("a.json", "", 1, "empty"),
        ("a.json", " \n", 1, "empty"),
        ("a.json", '{"a":\n x}', 2, "not valid JSON (Expecting value)"),
        ("a.json", '{"a": 1} {"a": 2}', 1, "not valid JSON (Extra data)"),
        ("a.json", '{"a": 1, "a": 2}', 1, 'the key "a" is there twice'),
        ("a.json", "[" * 100_000, 1, "brackets inside 100 brackets"),
        ("a.json", "9" * 5000, 1, "an integer of 5,000 digits"),
        ("a.json", b'"caf\xe9"', 1, "not UTF-8 (byte 0xe9)"),
        ("a.json", "[1]".encode("utf-16"), 1, "UTF-16, not UTF-8"),
        ("a.json", gzip.compress(b"[1]", mtime=0)[:-3], 1, "damaged gzip file"),
        ("a.json", b"\x1f\x8bno gzip", 1, "damaged gzip file"),
    ],
)
def test_refused(tmp_path, name, content, line, message):
    items, is_lines, refused = read(tmp_path, name, content)
    assert (items, is_lines) == ([], False)
    assert len(refused) == 1
    assert refused[0][0] == line and message in refused[0][1]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_lines_that_are_refused_count(tmp_path, name):
    items, is_lines, refused = read(tmp_path, name, "1\n\n{\n3\n")
    assert (items, is_lines) == ([(1, 0, 1), (4, 2, 3)], True)
    assert [fault[0] for fault in refused] == [3]
    # The first one too, by the name of the file.
    items, is_lines, refused = read(tmp_path, name, "{\n2\n")
    assert (items, is_lines) == ([(2, 1, 2)], True)
    assert [fault[0] for fault in refused] == [1]


@pytest.mark.parametrize(
    ("content", "command"),
    [
        (b'"caf\xe9"', "iconv -f CP1252 -t UTF-8 "),
        ("[1]".encode("utf-16"), "iconv -f UTF-16 -t UTF-8 "),
        (
            gzip.compress(b'"caf\xe9"', mtime=0),
            " | iconv -f CP1252 -t UTF-8 > ",
        ),
    ],
)
def test_command_that_converts(tmp_path, content, command):
    _, _, ((_, _, remedy),) = read(tmp_path, "a.json", content)
    assert command in remedy
