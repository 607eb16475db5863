# SPDX-License-Identifier: Apache-2.0
"""The JSON beside records, and the names of the files of a set."""

import gzip
import json

import pytest

from albert.errors import UserError
from albert.records import metadata
from albert.records.writing import RecordSetWriter


@pytest.mark.parametrize(
    ("file", "index", "expected"),
    [
        ("a/t-00000-of-00003.tfrecord.gz", "00002", "a/t-00002-of-00003"),
        ("t-00000-of-00003", "*", "t-*-of-00003"),
        # Twice: the first is of the name that the user gave.
        ("t-00001-of-00003-00001-of-00003", "*", "t-00001-of-00003-*-of-00003"),
        ("t.tfrecord", "00001", "t"),
    ],
)
def test_name_of_shard(file, index, expected):
    suffix = file.removeprefix(metadata.without_record_suffix(file))
    assert metadata.name_of_shard(file, index) == expected + suffix


def write_shard(folder):
    """Writes a shard, which has a JSON of its own, without the others."""
    path = str(folder / "t-00001-of-00003.tfrecord")
    with RecordSetWriter(path) as writer:
        (json_file,) = writer.commit({"kind": "pretraining"})
    return path, json_file


def test_damaged_json_of_a_shard_is_refused(tmp_path):
    file, json_file = write_shard(tmp_path)
    assert metadata.find_metadata([file])[0][0] == json_file
    with open(json_file, "r+b") as stream:
        stream.truncate(20)
    with pytest.raises(UserError, match=r"t-00001-of-00003\.json: "):
        metadata.find_metadata([file])


def test_files_of_a_set_hold_records(tmp_path):
    """What else has such a name is no file of it."""
    file, _ = write_shard(tmp_path)
    (tmp_path / "t.gz").write_bytes(gzip.compress(b"A text of the user."))
    (tmp_path / "t").write_text("Another text of the user.")
    path = tmp_path / "t.json"
    path.write_text(json.dumps({}))
    assert metadata.find_set_files(str(path)) == [file]
