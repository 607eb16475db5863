# SPDX-License-Identifier: Apache-2.0
"""Items of files: JSON, JSON lines, tables."""

import pytest

from albert.errors import UserError
from albert.tasks.bad_rows import BadRows
from albert.tasks.multiple_choice.item_files import read_items


def read(folder, name, content, skip=False):
    path = folder / name
    path.write_bytes(
        content if isinstance(content, bytes) else content.encode()
    )
    bad_rows = BadRows(path, skip)
    items = read_items(str(path), bad_rows)
    return [(item.line, item.number, item.value) for item in items], bad_rows


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.json", "[1, 2]", [(1, 0, 1), (1, 1, 2)]),
        ("a.json", '\ufeff{"a": 1}', [(1, 0, {"a": 1})]),
        ("a.json", "1\n\n2\n", [(1, 0, 1), (3, 1, 2)]),
        ("a.txt", "\r\n[1]\r\n[2]\r\n", [(2, 0, [1]), (3, 1, [2])]),
        ("a.jsonl", "1\n2", [(1, 0, 1), (2, 1, 2)]),
        ("a.csv", 'a,b\n"x, ""y""",z\n', [(2, 0, {"a": 'x, "y"', "b": "z"})]),
        ("a.tsv", "a\tb\nx\ty\n", [(2, 0, {"a": "x", "b": "y"})]),
    ],
)
def test_items(tmp_path, name, content, expected):
    assert read(tmp_path, name, content)[0] == expected


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", "", "a.json:1: empty"),
        ("a.csv", "a,b\nx\n", "a.csv:2: 1 columns below a header of 2"),
        ("a.csv", "a,a\nx,y\n", "two columns are named 'a'"),
        ("a.csv", "a;b\nx;y\n", "separated by semicolons"),
        ("a.tsv", 'a\tb\n"x ""y"""\tz\n', "give --quoting=csv"),
    ],
)
def test_refused(tmp_path, name, content, message):
    with pytest.raises(UserError, match=message) as error:
        read(tmp_path, name, content)
    assert "\n" not in str(error.value)


def test_bad_lines_can_be_left_out(tmp_path):
    items, bad_rows = read(tmp_path, "a.jsonl", "1\n{\n3\n", skip=True)
    assert items == [(1, 0, 1), (3, 2, 3)]
    assert bad_rows.count == 1


def test_not_there(tmp_path):
    with pytest.raises(UserError, match="no.json: cannot be read"):
        read_items(str(tmp_path / "no.json"), BadRows("x"))
