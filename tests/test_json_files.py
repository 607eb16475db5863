# SPDX-License-Identifier: Apache-2.0
"""JSON that comes from anywhere, and schemas of what it must hold."""

import json

import pytest

from albert import json_files
from albert.errors import UserError
from albert.json_files import Boolean
from albert.json_files import FileName
from albert.json_files import Integer
from albert.json_files import List
from albert.json_files import Nullable
from albert.json_files import Number
from albert.json_files import Object
from albert.json_files import Schema
from albert.json_files import Text

SCHEMA = Object(
    {
        "files": List(
            Object({"name": FileName(), "records": Integer(0)}, ("name",))
        ),
        "labels": Nullable(List(Text())),
        "kind": Text(("text", "tag")),
        "rate": Number(0.5, 2),
        "ready": Boolean(),
        "counts": Object(others=Integer(1, 5)),
        "strict": Object({"known": Schema()}, others=None),
    },
    required=("kind",),
)
GOOD = {
    "kind": "tag",
    "files": [{"name": "a.tfrecord", "records": 7}],
    "labels": None,
    "rate": 1,
    "ready": False,
    "counts": {"ä": 5},
    "strict": {},
    "unknown": {"what": [None]},
}


def refusal(path):
    with pytest.raises(UserError) as error:
        json_files.read_object(str(path), SCHEMA, "get it again")
    line = str(error.value)
    assert line.startswith(f"{path}: ") and line.endswith(": get it again")
    return line.removeprefix(f"{path}: ").removesuffix(": get it again")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_what_a_schema_says_is_read(tmp_path, encoding):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(GOOD, ensure_ascii=False), encoding)
    assert json_files.read_object(path, SCHEMA) == GOOD


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"kind": None}, "kind: expected one of text, tag, found null"),
        ({"kind": "zork"}, 'kind: expected one of text, tag, found "zork"'),
        ({"kind": ["tag"]}, "kind: expected one of text, tag, found a list"),
        ({"files": {}}, "files: expected a list, found an object"),
        ({"files": [5]}, "files[0]: expected an object, found 5"),
        ({"files": [{}]}, 'files[0]: there is no "name"'),
        (
            {"files": [*GOOD["files"], {"name": 5}]},
            "files[1].name: expected the name of a file, found 5",
        ),
        (
            {"files": [{"name": "../x"}]},
            'files[0].name: expected the name of a file, found "../x"',
        ),
        (
            {"files": [{"name": "a", "records": "many"}]},
            "files[0].records: expected an integer from 0 to "
            '9,223,372,036,854,775,807, found "many"',
        ),
        (
            {"files": [{"name": "a", "records": -(10**9)}]},
            "files[0].records: expected an integer from 0 to "
            "9,223,372,036,854,775,807, found -1000000000",
        ),
        ({"labels": 5}, "labels: expected a list or null, found 5"),
        ({"labels": ["a", 5]}, "labels[1]: expected a text, found 5"),
        ({"labels": ["\ud800"]}, r'labels[0]: expected a text, found "\ud800"'),
        ({"labels": ["\0"]}, r'labels[0]: expected a text, found "\u0000"'),
        ({"rate": True}, "rate: expected a number from 0.5 to 2, found true"),
        ({"rate": 10**99}, None),
        (
            {"rate": float("nan")},
            "rate: expected a number from 0.5 to 2, found NaN",
        ),
        ({"ready": 0}, "ready: expected true or false, found 0"),
        (
            {"counts": {"b": 6}},
            "counts.b: expected an integer from 1 to 5, found 6",
        ),
        ({"counts": {"b": 1.0}}, None),
        ({"counts": {"b": True}}, None),
        ({"strict": {"b": 1}}, 'strict: "b" is not one of known'),
    ],
)
def test_what_a_schema_does_not_say_is_refused(tmp_path, changes, line):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(GOOD | changes))
    found = refusal(path)
    if line is not None:
        assert found == line


def test_a_missing_key(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("{}")
    assert refusal(path) == 'there is no "kind"'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Expecting value"),
        (b"{", "Expecting property name"),
        (b"\0" * 100, "Expecting value"),
        (b'{"a": "\xff"}', "invalid start byte"),
        (b"[" * 100_000, "brackets inside 100 brackets"),
        (b'{"a":' * 100_000, "brackets inside 100 brackets"),
        (b"[" * 101 + b"]" * 101, "brackets inside 100 brackets"),
        (b'{"a": ' + b"9" * 5000 + b"}", "an integer of 5,000 digits"),
        (b'{"a": {"b": 1, "c": 2, "b": 1}}', 'the key "b" is there twice'),
    ],
)
def test_what_is_no_json_is_refused(tmp_path, content, reason):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    found = refusal(path)
    assert found.startswith("not valid JSON (") and reason in found
    with pytest.raises(ValueError, match="."):
        json_files.parse(content)


def test_what_is_odd_but_allowed():
    # transformers' 10^30, for "no limit"; a hundred brackets.
    huge = int(1e30)
    assert json_files.parse(f'{{"a": {huge}}}') == {"a": huge}
    json_files.parse("[" * 100 + "]" * 100)


def test_files_that_cannot_be_read(tmp_path, monkeypatch):
    assert "cannot be read (No such file" in refusal(tmp_path / "none")
    assert "cannot be read (is a directory" in refusal(tmp_path)
    monkeypatch.setattr(json_files, "_MAX_BYTES", 10)
    path = tmp_path / "a.json"
    path.write_text(" " * 11)
    assert "larger than" in refusal(path)


def test_what_is_found_is_shown_in_short(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(json.dumps({"kind": "a\n" * 1000}))
    line = refusal(path)
    assert len(line) < 100 and "\n" not in line
    path.write_text(json.dumps(GOOD | {"counts": {"k" * 1000: 0}}))
    assert len(refusal(path)) < 120
