# SPDX-License-Identifier: Apache-2.0
"""Fingerprints of files: one, many, weights."""

import hashlib

import pytest

from albert import file_fingerprints
from albert.errors import UserError


def test_each_of_a_few_files(tmp_path):
    (tmp_path / "a").write_bytes(b"one")
    (tmp_path / "b").write_bytes(b"twoo")
    paths = [str(tmp_path / name) for name in ("b", "missing", "a")]
    assert file_fingerprints.describe_files(paths) == [
        {
            "path": paths[0],
            "bytes": 4,
            "sha256": hashlib.sha256(b"twoo").hexdigest(),
        },
        {
            "path": paths[2],
            "bytes": 3,
            "sha256": hashlib.sha256(b"one").hexdigest(),
        },
    ]


def describe_many(folder, contents):
    folder.mkdir()
    for number, content in enumerate(contents):
        (folder / str(number)).write_text(content)
    paths = [folder / str(number) for number in range(len(contents))]
    return file_fingerprints.describe_files(paths)


def test_many_files_together(tmp_path):
    texts = [f"text {number}" for number in range(11)]
    (one,) = describe_many(tmp_path / "one", texts)
    (same,) = describe_many(tmp_path / "same", texts)
    (other,) = describe_many(tmp_path / "other", texts[::-1])
    assert one["files"] == 11
    assert one["bytes"] == sum(map(len, texts))
    assert one["path"] == str(tmp_path / "one")
    assert one["sha256"] == same["sha256"] != other["sha256"]


def test_absolute_and_relative_paths_together(tmp_path, monkeypatch):
    (whole,) = describe_many(tmp_path / "one", ["text"] * 9)
    monkeypatch.chdir(tmp_path)
    paths = [f"one/{number}" for number in range(4)]
    paths += [str(tmp_path / "one" / str(number)) for number in range(4, 9)]
    assert file_fingerprints.describe_files(paths) == [whole]


def test_weights_in_any_form(tmp_path):
    find = file_fingerprints.fingerprint_weights
    (tmp_path / "m.index").write_bytes(b"data")
    (tmp_path / "m.data-0").write_bytes(b"index")
    (tmp_path / "m.txt").write_bytes(b"other")
    # In the order of their names.
    assert find(str(tmp_path / "m")) == hashlib.sha256(b"indexdata").hexdigest()
    assert (
        find(str(tmp_path / "m.index")) == hashlib.sha256(b"data").hexdigest()
    )
    # Not what else lies there, as results do.
    assert find(str(tmp_path)) == hashlib.sha256(b"indexdata").hexdigest()
    assert find(str(tmp_path / "missing")) is None


def test_unreadable_file(tmp_path):
    with pytest.raises(UserError, match="missing"):
        file_fingerprints.fingerprint([str(tmp_path / "missing")])
