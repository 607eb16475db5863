# SPDX-License-Identifier: Apache-2.0
"""Sets of record files appear whole or not at all."""

import json
import os

import pytest

from albert.errors import UserError
from albert.records.metadata import SCHEMA_VERSION
from albert.records.metadata import find_metadata
from albert.records.metadata import read_metadata
from albert.records.writing import RecordSetWriter
from albert.records.writing import shard_names

METADATA = {"kind": "a_kind", "colour": "blue"}


def write_set(directory, name="train.tfrecord", shards=1, **options):
    path = ",".join(str(directory / n) for n in name.split(","))
    with RecordSetWriter(path, shards, **options) as writer:
        for shard in range(len(writer.files)):
            writer.write(shard, b"abc" * (shard + 1), shard + 1)
        return writer.files, writer.commit(METADATA)


def names_in(directory):
    return sorted(path.name for path in directory.iterdir())


def test_shards_and_json(tmp_path):
    files, jsons = write_set(tmp_path, shards=3)
    assert [os.path.basename(f) for f in files] == [
        "train-00000-of-00003.tfrecord",
        "train-00001-of-00003.tfrecord",
        "train-00002-of-00003.tfrecord",
    ]
    assert jsons == [str(tmp_path / "train.json")]
    value = json.loads((tmp_path / "train.json").read_text())
    assert value["colour"] == "blue"
    assert value["schema_version"] == SCHEMA_VERSION
    assert [entry["bytes"] for entry in value["files"]] == [3, 6, 9]
    assert [entry["records"] for entry in value["files"]] == [1, 2, 3]
    assert find_metadata(files) == [(jsons[0], value)] * 3
    assert len(names_in(tmp_path)) == 4


def test_files_in_two_directories_have_a_json_each(tmp_path):
    for name in ("left", "right"):
        (tmp_path / name).mkdir()
    files, jsons = write_set(tmp_path, "left/a.tfrecord.gz,right/b.tf_record")
    assert jsons == [
        str(tmp_path / "left" / "a.json"),
        str(tmp_path / "right" / "b.json"),
    ]
    for file, found in zip(files, find_metadata(files), strict=True):
        assert [e["name"] for e in found[1]["files"]] == [
            os.path.basename(file)
        ]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_nothing_is_left_of_an_interrupted_set(tmp_path, error):
    with (
        pytest.raises(error),
        RecordSetWriter(str(tmp_path / "a.tfrecord"), 3) as writer,
    ):
        writer.write(1, b"x", 1)
        assert len(names_in(tmp_path)) == 3
        assert all(name.startswith(".") for name in names_in(tmp_path))
        raise error
    assert names_in(tmp_path) == []


def test_existing_files_stay_without_overwrite(tmp_path):
    write_set(tmp_path)
    before = (tmp_path / "train.tfrecord").read_bytes()
    with pytest.raises(UserError, match="--overwrite"):
        write_set(tmp_path)
    # The JSON of the set alone is reason enough.
    with pytest.raises(UserError, match=r"train\.json exists"):
        write_set(tmp_path, shards=2)
    assert (tmp_path / "train.tfrecord").read_bytes() == before
    assert names_in(tmp_path) == ["train.json", "train.tfrecord"]


def test_overwritten_set_leaves_no_old_shards(tmp_path):
    (tmp_path / "train-notes.txt").write_text("mine")
    write_set(tmp_path, shards=3)
    write_set(tmp_path, shards=2, overwrite=True)
    assert names_in(tmp_path) == [
        "train-00000-of-00002.tfrecord",
        "train-00001-of-00002.tfrecord",
        "train-notes.txt",
        "train.json",
    ]


def test_failed_overwrite_leaves_the_old_set(tmp_path):
    write_set(tmp_path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with (
        pytest.raises(RuntimeError),
        RecordSetWriter(
            str(tmp_path / "train.tfrecord"), overwrite=True
        ) as writer,
    ):
        writer.write(0, b"new", 1)
        raise RuntimeError
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_json_of_somebody_else_is_never_overwritten(tmp_path):
    (tmp_path / "train.json").write_text('{"files": "mine"}')
    with pytest.raises(UserError, match="does not describe records"):
        write_set(tmp_path, overwrite=True)
    assert (tmp_path / "train.json").read_text() == '{"files": "mine"}'


def test_json_naming_files_elsewhere_is_refused(tmp_path):
    # Else --overwrite would remove them.
    path = tmp_path / "train.json"
    entry = {"name": "../x", "records": 1, "bytes": 1}
    value = {"kind": "a", "schema_version": 1, "files": [entry]}
    path.write_text(json.dumps(value))
    with pytest.raises(UserError, match=r"train.json: files\[0\].name: "):
        read_metadata(str(path))
    entry["name"] = "x"
    path.write_text(json.dumps(value))
    assert read_metadata(str(path)) == value


@pytest.mark.parametrize(
    "output, shards, message",
    [
        ("", 1, "--output_file"),
        ("a,./a", 1, "twice"),
        ("a,b", 2, "not both"),
        ("a", 0, "at least 1"),
        ("nowhere/a", 1, "mkdir -p"),
        ("folder", 1, "is a directory"),
        ("in.txt", 1, "both input and output"),
    ],
)
def test_impossible_outputs(tmp_path, monkeypatch, output, shards, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "in.txt").write_text("text")
    with pytest.raises(UserError, match=message):
        RecordSetWriter(output, shards, overwrite=True, inputs=["in.txt"])
    assert names_in(tmp_path) == ["folder", "in.txt"]


def test_shard_names_keep_the_suffix():
    assert shard_names("d.x/a.tfrecord.gz", 2)[1] == (
        "d.x/a-00001-of-00002.tfrecord.gz"
    )
    assert shard_names("d.x/a", 2)[0] == "d.x/a-00000-of-00002"
