# SPDX-License-Identifier: Apache-2.0
"""Sets of record files appear whole or not at all."""

import json
import os
import struct

import pytest

from albert.errors import UserError
from albert.records import framing
from albert.records.metadata import SCHEMA_VERSION
from albert.records.metadata import find_metadata
from albert.records.metadata import read_metadata
from albert.records.writing import RecordSetWriter
from albert.records.writing import shard_names

METADATA = {"kind": "a_kind", "colour": "blue"}
_LENGTH = struct.pack("<Q", 1)
RECORD = (
    _LENGTH
    + struct.pack("<I", framing.masked_crc(_LENGTH))
    + b"x"
    + struct.pack("<I", framing.masked_crc(b"x"))
)


def write_set(directory, name="train.tfrecord", shards=1, **options):
    path = ",".join(str(directory / n) for n in name.split(","))
    with RecordSetWriter(path, shards, **options) as writer:
        for shard in range(len(writer.files)):
            writer.write(shard, RECORD * (shard + 1), shard + 1)
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
    assert [entry["bytes"] for entry in value["files"]] == [17, 34, 51]
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
        assert names_in(tmp_path) == [".a.json.albert-incomplete"]
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


def test_overwritten_set_leaves_no_json_of_its_shards(tmp_path):
    """Shards of the work have one each, beside that of the whole set."""
    write_set(tmp_path, shards=2)
    whole = json.loads((tmp_path / "train.json").read_text())
    for shard, entry in enumerate(whole["files"]):
        (tmp_path / f"train-0000{shard}-of-00002.json").write_text(
            json.dumps(whole | {"files": [entry]})
        )
    write_set(tmp_path, overwrite=True)
    assert names_in(tmp_path) == ["train.json", "train.tfrecord"]


@pytest.mark.parametrize("merged", [False, True])
def test_set_of_the_same_names_as_shards_leaves_no_json_of_these(
    tmp_path, merged
):
    write_set(tmp_path, shards=2)
    whole = json.loads((tmp_path / "train.json").read_text())
    for shard, entry in enumerate(whole["files"]):
        (tmp_path / f"train-0000{shard}-of-00002.json").write_text(
            json.dumps(whole | {"files": [entry]})
        )
    if not merged:
        (tmp_path / "train.json").unlink()
    (tmp_path / "other.json").write_text(json.dumps(whole))
    files, jsons = write_set(tmp_path, shards=2, overwrite=True)
    assert names_in(tmp_path) == [
        "other.json",
        *map(os.path.basename, files),
        "train.json",
    ]


def test_json_of_a_shard_alone_is_not_replaced_without_overwrite(tmp_path):
    write_set(tmp_path, "train-00001-of-00002.tfrecord")
    (tmp_path / "train-00001-of-00002.tfrecord").unlink()
    with pytest.raises(UserError, match=r"00002\.json exists"):
        write_set(tmp_path, shards=2)
    assert names_in(tmp_path) == ["train-00001-of-00002.json"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_set_that_a_kill_left_between_two_names(tmp_path, overwrite):
    """What is told to be removed otherwise is a part of it."""
    files, (json_file,) = write_set(tmp_path, shards=2)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    place = tmp_path / ".train.json.albert-incomplete"
    (place / "ready").mkdir(parents=True)
    for file in files:
        os.rename(file, place / "ready" / os.path.basename(file))
    if overwrite:
        write_set(tmp_path, shards=2, overwrite=True)
    else:
        with pytest.raises(UserError, match="exists"):
            write_set(tmp_path, shards=2)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_json_without_content_is_replaced(tmp_path):
    """A power cut may leave one."""
    write_set(tmp_path)
    before = (tmp_path / "train.json").read_bytes()
    (tmp_path / "train.json").write_bytes(b"")
    with pytest.raises(UserError, match="exists"):
        write_set(tmp_path)
    write_set(tmp_path, overwrite=True)
    assert (tmp_path / "train.json").read_bytes() == before


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


@pytest.mark.parametrize("name", ["train.tfrecord", "train"])
def test_what_holds_no_records_is_never_overwritten(tmp_path, name):
    (tmp_path / name).write_text("a letter, not a record")
    with pytest.raises(UserError, match="holds no records"):
        write_set(tmp_path, name, overwrite=True)
    assert (tmp_path / name).read_text() == "a letter, not a record"


def test_file_in_the_json_that_holds_no_records_stays(tmp_path):
    write_set(tmp_path, shards=2)
    text = (tmp_path / "train.json").read_text()
    text = text.replace("train-00001-of-00002.tfrecord", "letter.txt")
    (tmp_path / "train.json").write_text(text)
    (tmp_path / "letter.txt").write_text("a letter, not a record")
    write_set(tmp_path, overwrite=True)
    assert (tmp_path / "letter.txt").read_text() == "a letter, not a record"


@pytest.mark.parametrize("overwrite", [False, True])
def test_two_writers_of_a_set_do_not_both_succeed(tmp_path, overwrite):
    options = {"overwrite": overwrite}
    path = str(tmp_path / "train.tfrecord")
    with (
        RecordSetWriter(path, **options) as first,
        pytest.raises(UserError, match="another process is writing"),
    ):
        first.write(0, RECORD, 1)
        write_set(tmp_path, shards=3, **options)
    assert names_in(tmp_path) == []


def test_set_that_appears_meanwhile_is_not_replaced(tmp_path):
    with (
        pytest.raises(UserError, match=r"train\.tfrecord exists"),
        RecordSetWriter(str(tmp_path / "train.tfrecord")) as writer,
    ):
        writer.write(0, RECORD, 1)
        (tmp_path / "train.tfrecord").write_text("another's")
        writer.commit(METADATA)
    assert names_in(tmp_path) == ["train.tfrecord"]
    assert (tmp_path / "train.tfrecord").read_text() == "another's"


def test_lists_that_share_a_file_do_not_both_succeed(tmp_path):
    # Their JSONs differ, so that neither waits for the other.
    both = f"{tmp_path}/a.tfrecord,{tmp_path}/b.tfrecord"
    with (
        pytest.raises(UserError, match=r"b\.tfrecord exists"),
        RecordSetWriter(both) as first,
        RecordSetWriter(f"{tmp_path}/b.tfrecord") as second,
    ):
        first.write(0, RECORD, 1)
        first.write(1, RECORD, 1)
        second.write(0, RECORD, 1)
        second.commit(METADATA)
        first.commit(METADATA)
    assert names_in(tmp_path) == ["b.json", "b.tfrecord"]


def test_full_disk_names_the_file_and_the_remedy(tmp_path, limit_file_size):
    with limit_file_size(1 << 16), pytest.raises(UserError) as caught:
        write_large_set(tmp_path)
    message = str(caught.value)
    assert f"{tmp_path}/new/train.json: cannot be written (" in message
    assert "ulimit -f" in message and "--output_file" in message
    assert names_in(tmp_path) == []


def write_large_set(directory):
    path = str(directory / "new" / "train.tfrecord")
    with RecordSetWriter(path) as writer:
        for _ in range(100):
            writer.write(0, RECORD * 1000, 1000)
        writer.commit(METADATA)


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
        ("in.txt/a", 1, "in.txt is not a directory"),
        ("gs://bucket/a", 1, "path of a file system"),
        ("a/", 1, "names no file"),
        ("in2.txt", 1, "both input and output"),
        ("x" * 240, 1, "240 bytes is too long"),
        ("loop", 1, "symbolic links"),
        ("folder", 1, "is a directory"),
        ("in.txt", 1, "both input and output"),
    ],
)
def test_impossible_outputs(tmp_path, monkeypatch, output, shards, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "in.txt").write_text("text")
    (tmp_path / "in2.txt").hardlink_to(tmp_path / "in.txt")
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(UserError, match=message):
        RecordSetWriter(output, shards, overwrite=True, inputs=["in.txt"])
    assert names_in(tmp_path) == ["folder", "in.txt", "in2.txt", "loop"]


def test_shard_names_keep_the_suffix():
    assert shard_names("d.x/a.tfrecord.gz", 2)[1] == (
        "d.x/a-00001-of-00002.tfrecord.gz"
    )
    assert shard_names("d.x/a", 2)[0] == "d.x/a-00000-of-00002"
