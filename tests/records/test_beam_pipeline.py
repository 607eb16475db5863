# SPDX-License-Identifier: Apache-2.0
"""What Beam's file systems are asked for, with a stand-in for them."""

import contextlib
import dataclasses
import gzip
import io
import os
import types

import pytest

from albert.errors import UserError
from albert.records import beam_files
from albert.records import beam_pipeline
from albert.records import corpus_shards
from albert.records import framing


class Files:
    """A stand-in for Beam's file systems: dict from address to bytes."""

    def __init__(self, there):
        self.there = there

    def exists(self, path):
        return path in self.there or os.path.exists(path)

    def delete(self, paths):
        for path in paths:
            del self.there[path]

    def match(self, patterns):
        return [
            types.SimpleNamespace(
                metadata_list=[
                    types.SimpleNamespace(path=path, size_in_bytes=len(content))
                    for path, content in self.there.items()
                    if path.startswith(pattern.rstrip("*"))
                ]
            )
            for pattern in patterns
        ]


@pytest.fixture
def files(monkeypatch):
    found = Files({"gs://b/t.json": b"{}", "gs://b/u.json": b"[]"})

    def open_bytes(path):
        if path in found.there:
            return io.BytesIO(found.there[path])
        return open(path, "rb")

    for name, value in (
        ("file_systems", lambda: found),
        ("explained", contextlib.nullcontext),
        ("open_bytes", open_bytes),
    ):
        monkeypatch.setattr(beam_files, name, value)
    return found


@pytest.mark.parametrize("name", ["t.json", "none.json"])
def test_mirrored_json(files, name):
    with beam_pipeline._mirrored_file(f"gs://b/{name}") as here:
        assert os.path.basename(here) == name
        assert os.path.exists(here) == (name == "t.json")
    assert list(files.there) == ["gs://b/t.json", "gs://b/u.json"]


def test_file_that_another_worker_removes(files, monkeypatch):
    beam_files.remove("gs://b/t.json")
    assert list(files.there) == ["gs://b/u.json"]
    beam_files.remove("gs://b/t.json")

    def delete(paths):
        files.there.clear()
        raise OSError

    monkeypatch.setattr(files, "delete", delete)
    beam_files.remove("gs://b/u.json")


@pytest.fixture
def texts(tmp_path, monkeypatch):
    """Files of text in the current folder, some of them hidden or deeper."""
    monkeypatch.chdir(tmp_path)
    for name in ("a.txt", "g/a.txt", "g/.hidden.txt", "g/deep/b.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x" * len(name))


@pytest.mark.usefixtures("files", "texts")
@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["g/**/*.txt"], ["g/a.txt", "g/deep/b.txt"]),
        (["g/*.txt"], ["g/a.txt"]),
        (["g/a.txt", "./g/a.txt"], ["g/a.txt"]),
    ],
)
def test_paths_are_those_that_they_are_without_beam(names, expected):
    assert beam_pipeline._list_inputs(names) == (
        expected,
        list(map(len, expected)),
    )


@pytest.mark.usefixtures("files", "texts")
@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["g"], "g: is a directory"),
        (["gs://b/*", "no/*.txt"], "no such file"),
        (["a.txt", "gs://b/v*"], r"gs://b/v\*: no such file"),
    ],
)
def test_names_of_no_text(names, words):
    with pytest.raises(UserError, match=words):
        beam_pipeline._list_inputs(names)


@pytest.mark.usefixtures("texts")
def test_addresses_and_paths(files):
    files.there["gs://b/blank.gz"] = gzip.compress(b"")
    files.there["gs://b/large.txt"] = b" " * 5000
    assert beam_pipeline._list_inputs(["gs://b/*", "a.txt"]) == (
        [
            "a.txt",
            "gs://b/t.json",
            "gs://b/u.json",
            "gs://b/blank.gz",
            "gs://b/large.txt",
        ],
        [5, 2, 2, 0, 5000],
    )


@pytest.mark.parametrize("place", ["gs://b/", ""])
def test_what_a_kill_has_left_is_replaced(files, tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    name = f"{place}t-00000-of-00002.tfrecord"
    shard = corpus_shards.Shard(0, 2, [], name, "", "", ())
    here = {0: dataclasses.replace(shard, output_file="mirrored.tfrecord")}
    length = (1).to_bytes(8, "little")
    record = length + framing.masked_crc(length).to_bytes(4, "little")

    def refuse(content, overwrite):
        if place:
            files.there[name] = content
        else:
            (tmp_path / name).write_bytes(content)
        beam_pipeline._refuse_others([shard], here, overwrite)

    # The JSON comes after the records.
    refuse(record, True)
    with pytest.raises(UserError, match="not a whole one.*give --overwrite"):
        refuse(record, False)
    with pytest.raises(UserError, match="holds no records, so --overwrite"):
        refuse(b"The diary of a user.", True)


def test_shards_in_the_current_folder_are_no_mirror(tmp_path, monkeypatch):
    """Messages would give them other names."""
    monkeypatch.chdir(tmp_path)
    shard = corpus_shards.Shard(0, 2, [], "t.tfrecord", "", "", ())
    with beam_pipeline._mirrored([shard]) as mirror:
        assert mirror == [(shard, shard)]
