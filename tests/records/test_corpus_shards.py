# SPDX-License-Identifier: Apache-2.0
"""How a corpus is divided among machines, and what is refused."""

import gzip
import io
import json
import os
import pathlib

import pytest

from albert.errors import UserError
from albert.records import corpus_shards
from albert.records import merged_shards
from albert.records import metadata


@pytest.fixture
def texts(tmp_path):
    """Files of 1000, 700, 400, 300, 5, 3 and 0 bytes."""
    files = []
    for name, size in zip(
        "dbaecgf", (1000, 700, 400, 300, 5, 3, 0), strict=True
    ):
        file = tmp_path / "text" / f"{name}.txt"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"x" * size)
        files.append(str(file))
    return sorted(files)


def divide(texts, number, output):
    sizes = corpus_shards.measure(texts)
    return corpus_shards.divide(texts, sizes, number, str(output))


@pytest.mark.parametrize(
    ("value", "parsed"),
    [
        ("3/64", (3, 64)),
        ("0/2", (0, 2)),
        (" 63/64 ", (63, 64)),
        ("all/7", ("all", 7)),
        ("merge/10000", ("merge", 10_000)),
    ],
)
def test_flag(value, parsed):
    assert corpus_shards.parse_shard_flag(value) == parsed


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("64/64", "numbered from 0 to 63"),
        ("1/1", "2 to 10,000"),
        ("0/0", "2 to 10,000"),
        ("0/10001", "2 to 10,000"),
        ("3", "is no shard"),
        ("-1/4", "is no shard"),
        ("1/4/4", "is no shard"),
        ("some/4", "is no shard"),
        ("٣/٤", "is no shard"),
    ],
)
def test_flag_that_is_no_shard(value, words):
    with pytest.raises(UserError, match=words):
        corpus_shards.parse_shard_flag(value)


def test_files_are_divided_by_size(texts, tmp_path):
    shards = divide(texts, 3, tmp_path / "t.tfrecord")
    names = [[os.path.basename(file) for file in s.inputs] for s in shards]
    # 1000; 700 and 5; 400 and 300, 3 and 0.
    assert names == [
        ["d.txt"],
        ["b.txt", "c.txt"],
        ["a.txt", "e.txt", "f.txt", "g.txt"],
    ]
    assert [os.path.basename(shard.output_file) for shard in shards] == [
        f"t-0000{index}-of-00003.tfrecord" for index in range(3)
    ]


def test_division_does_not_depend_on_the_folder(texts, tmp_path, monkeypatch):
    here = divide(texts, 3, "t.tfrecord")
    monkeypatch.chdir(tmp_path / "text")
    there = divide([os.path.basename(file) for file in texts], 3, "t.tfrecord")
    for one, other in zip(here, there, strict=True):
        assert [os.path.basename(file) for file in one.inputs] == other.inputs
        assert one.text == other.text


def test_division_does_not_depend_on_how_paths_are_spelled(
    tmp_path, monkeypatch
):
    for name in ("a.txt", "b.txt", "c.txt"):
        (tmp_path / name).write_text("x" * 100)
    monkeypatch.chdir(tmp_path)
    here = divide(["a.txt", "b.txt", "c.txt"], 2, "t.tfrecord")
    # As ``expand_files`` sorts them: "/" comes before letters.
    there = divide([f"{tmp_path}/c.txt", "a.txt", "b.txt"], 2, "t.tfrecord")
    for one, other in zip(here, there, strict=True):
        assert one.description() == other.description()
        assert list(map(os.path.abspath, one.inputs)) == list(
            map(os.path.abspath, other.inputs)
        )


def test_addresses_and_paths_are_divided_together():
    texts = ["gs://one/a/b.txt", "s3://two/a.txt", "/here/c.txt"]
    sizes = [3, 2, 1]

    def divided(texts, sizes):
        return corpus_shards.divide(
            texts, sizes, 2, "gs://b/t.tfrecord", lambda _: io.BytesIO(b"x")
        )

    shards = divided(texts, sizes)
    assert [shard.inputs for shard in shards] == [
        ["gs://one/a/b.txt"],
        ["/here/c.txt", "s3://two/a.txt"],
    ]
    assert shards == divided(texts[::-1], sizes[::-1])


def test_text_that_changes_meanwhile_is_refused(texts, tmp_path):
    shard = divide(texts, 2, "t.tfrecord")[1]
    corpus_shards.refuse_changed_text(shard, shard.inputs)
    file = pathlib.Path(shard.inputs[0])
    before = file.read_bytes()
    for after in (before + b"x", before[:-1], before[:-1] + b"y"):
        file.write_bytes(after)
        with pytest.raises(UserError, match=f"{file} has changed while"):
            corpus_shards.refuse_changed_text(shard, shard.inputs)
    file.unlink()
    with pytest.raises(UserError, match=f"{file}: cannot be read"):
        corpus_shards.refuse_changed_text(shard, shard.inputs)


def test_share_of_unknown_pieces_is_not_compared():
    """Older JSON have it, and no record depends on it."""
    found = {"reading": {"max_unknown_share": 0.5, "text_field": None}}
    assert not corpus_shards.find_difference(
        found, {"reading": {"text_field": None}}
    )
    assert corpus_shards.find_difference(found, {"reading": {"text_field": 1}})


def test_names_that_look_like_those_of_shards(texts, tmp_path):
    shards = divide(texts, 3, tmp_path / "t-00000-of-00003.tfrecord")
    (tmp_path / "t-00000-of-00003-00001-of-00004.tfrecord").touch()
    with pytest.raises(UserError, match="00001-of-00004.*another number"):
        divide(texts, 3, tmp_path / "t-00000-of-00003.tfrecord")
    # Of shards, what another is called.
    names = [shard.output_file for shard in shards]
    assert [
        metadata.name_of_shard(names[0], f"{index:05d}") for index in range(3)
    ] == names


def test_shard_made_otherwise_is_refused_with_what_makes_it_again(
    texts, tmp_path
):
    shards = divide(texts, 2, tmp_path / "t.tfrecord")
    write_set(tmp_path / "t-00001-of-00002.json", "t-00001-of-00002.tfrecord")
    for description, words in (
        ({"dupe_factor": 2}, "dupe_factor None, not 2"),
        ({}, "is missing or not as long"),
    ):
        with pytest.raises(UserError, match=words) as caught:
            corpus_shards.read_shards(
                shards[1:], lambda _, what=description: what
            )
        assert "again with --overwrite and --shard=1/2" in str(caught.value)


def test_another_size_is_another_text(texts, tmp_path):
    before = divide(texts, 2, "t.tfrecord")
    with open(texts[0], "ab") as stream:
        stream.write(b"x")
    after = divide(texts, 2, "t.tfrecord")
    assert before[1].text != after[1].text


def test_shard_is_not_made_of_blank_files_alone(texts, tmp_path):
    blank = tmp_path / "text" / "blank.gz"
    blank.write_bytes(gzip.compress(b"\n \n", mtime=0))
    (tmp_path / "text" / "spaces.txt").write_text(" \n" * 90)
    texts += [str(blank), str(tmp_path / "text" / "spaces.txt")]
    assert corpus_shards.measure(texts)[-2:] == [0, 0]
    with pytest.raises(UserError, match="7 shards need as many files.*are 6"):
        divide(texts, 7, "t.tfrecord")
    shards = divide(texts, 6, "t.tfrecord")
    (shard,) = [each for each in shards if str(blank) in each.inputs]
    assert any(os.path.getsize(file) in (3, 5) for file in shard.inputs)
    corpus_shards.refuse_changed_text(shard, shard.inputs)
    blank.write_bytes(gzip.compress(b"Text."))
    with pytest.raises(UserError, match=r"blank\.gz has changed"):
        corpus_shards.refuse_changed_text(shard, shard.inputs)


def test_more_shards_than_files(texts):
    with pytest.raises(UserError, match="8 shards need as many files.*are 6"):
        divide(texts, 8, "t.tfrecord")


def test_pipe_has_no_size(texts, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UserError, match="is not a file on a disk"):
        divide([*texts, str(pipe)], 2, "t.tfrecord")


def test_one_name_of_outputs(texts):
    with pytest.raises(UserError, match="needs one --output_file"):
        divide(texts, 2, "a.tfrecord,b.tfrecord")


def test_another_number_of_shards_is_refused(texts, tmp_path):
    (tmp_path / "t-00001-of-00004.tfrecord").touch()
    (tmp_path / "other-00001-of-00005.tfrecord").touch()
    (tmp_path / "t-00001-of-00003.tfrecord").touch()
    assert len(divide(texts, 4, tmp_path / "other2.tfrecord")) == 4
    with pytest.raises(UserError, match="t-00001-of-0000[34].*another number"):
        divide(texts, 5, tmp_path / "t.tfrecord")


def write_set(path, *names, **settings):
    """Writes the JSON of a set of records of these names."""
    value = {
        "kind": "pretraining",
        "schema_version": 5,
        "files": [{"name": name, "records": 1, "bytes": 9} for name in names],
        **settings,
    }
    path.write_text(json.dumps(value))


@pytest.mark.parametrize("overwrite", [False, True])
def test_json_of_files_that_are_no_shards_is_kept(texts, tmp_path, overwrite):
    path = tmp_path / "t.json"
    write_set(path, "t.tfrecord")
    before = path.read_bytes()
    shards = divide(texts, 2, tmp_path / "t.tfrecord")
    words = r"t\.json describes t\.tfrecord"
    with pytest.raises(UserError, match=words):
        merged_shards.check_merged(str(path), shards, {}, overwrite)
    of_shards = [
        {"files": [{"name": os.path.basename(shard.output_file)}]}
        for shard in shards
    ]
    with pytest.raises(UserError, match=words):
        merged_shards.write_merged(
            str(path), {"kind": "pretraining"}, of_shards, overwrite
        )
    assert path.read_bytes() == before


@pytest.mark.parametrize("overwrite", [False, True])
def test_json_of_no_records_is_kept(texts, tmp_path, overwrite):
    path = tmp_path / "t.json"
    path.write_text('{"anything": 1}')
    shards = divide(texts, 2, tmp_path / "t.tfrecord")
    with pytest.raises(UserError, match="is of no records"):
        merged_shards.check_merged(str(path), shards, {}, overwrite)
    of_shards = [{"files": [{"name": "t-00000-of-00002.tfrecord"}]}]
    with pytest.raises(UserError, match="is of no records"):
        merged_shards.write_merged(
            str(path), {"kind": "pretraining"}, of_shards, overwrite
        )
    assert path.read_text() == '{"anything": 1}'


def test_json_that_another_machine_removes_meanwhile(
    texts, tmp_path, monkeypatch
):
    path = tmp_path / "t.json"
    shards = divide(texts, 2, tmp_path / "t.tfrecord")
    path.write_text("{}")

    def remove_and_read(name):
        os.remove(name)
        return metadata.read_metadata(name)

    monkeypatch.setattr(merged_shards, "read_metadata", remove_and_read)
    merged_shards.check_merged(str(path), shards, {}, True)


def test_json_of_the_same_shards_of_other_settings(texts, tmp_path):
    path = tmp_path / "t.json"
    shards = divide(texts, 2, tmp_path / "t.tfrecord")
    names = [os.path.basename(shard.output_file) for shard in shards]
    write_set(path, *names, dupe_factor=2)
    merged_shards.check_merged(str(path), shards, {"dupe_factor": 2}, False)
    with pytest.raises(UserError, match="dupe_factor 2, not 3"):
        merged_shards.check_merged(str(path), shards, {"dupe_factor": 3}, False)
    assert path.exists()
    # It goes when a shard has been made, and not when none can be.
    merged_shards.check_merged(str(path), shards, {"dupe_factor": 3}, True)
    assert path.exists()
    merged_shards.remove_merged(str(path))
    assert not path.exists()
    merged_shards.remove_merged(str(path))
