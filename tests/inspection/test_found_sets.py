# SPDX-License-Identifier: Apache-2.0
"""Sets that were made in shards, whole and with something missing."""

import json

import pytest

from albert.errors import UserError
from albert.inspection import found_sets
from albert.inspection import verification


@pytest.fixture
def shards(pretraining_set):
    """Files of three shards, each with a JSON of its own, and the merged."""
    files = pretraining_set(num_files=3)
    merged = json.loads(files[0].with_name("train.json").read_text())
    for index, file in enumerate(files):
        value = merged | {
            "files": merged["files"][index : index + 1],
            "shard": {
                "index": index,
                "number": 3,
                "listing": "all files",
                "text": f"those of {index}",
            },
        }
        file.with_suffix(".json").write_text(json.dumps(value))
    return files


@pytest.fixture
def unmerged(shards):
    shards[0].with_name("train.json").unlink()
    return shards


def change_json(path, change):
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def verify(*files):
    return verification.verify([str(file) for file in files])


def test_all_shards_are_one_set(unmerged):
    for files in (unmerged, unmerged[1:2]):
        faults, (summary,) = verify(*files)
        assert not faults
        pattern = unmerged[0].with_name("train-*-of-00003.tfrecord")
        assert summary.startswith(f"{pattern}: 3 files, 7 pretraining records")
        assert "counts, sizes" in summary


def test_a_shard_that_is_missing(unmerged):
    unmerged[0].unlink()
    unmerged[2].with_suffix(".json").unlink()
    (fault,), summaries = verify(unmerged[1])
    assert not summaries
    assert "2 of 3 shards are missing, or have no JSON (0, 2)" in fault
    assert "--shard=0/3" in fault


def test_a_shard_under_the_name_of_another(unmerged):
    unmerged[2].write_bytes(unmerged[1].read_bytes())
    path = unmerged[2].with_suffix(".json")
    path.write_text(unmerged[1].with_suffix(".json").read_text())
    (fault,), _ = verify(unmerged[0])
    assert "1 of 3 shards are missing, or have no JSON (2)" in fault


def test_shards_are_read_with_what_is_said_of_each(unmerged):
    change_json(
        unmerged[1].with_suffix(".json"),
        lambda value: value["files"][0].update(records=9),
    )
    (fault,), _ = verify(unmerged[0])
    assert f"{unmerged[1]}, record 2 (0-based): the file ends here" in fault


@pytest.mark.parametrize(
    "change, what",
    [
        (lambda value: value["settings"].update(ngram=2), "ngram"),
        (
            lambda value: value["vocabulary"].update(fingerprint="f"),
            "the vocab",
        ),
        (lambda value: value.update(max_predictions_per_seq=7), "max_predic"),
        (lambda value: value["shard"].update(listing="others"), "the text"),
    ],
)
def test_shards_that_contradict_one_another(unmerged, change, what):
    second = unmerged[1].with_suffix(".json")
    change_json(second, change)
    (fault,), _ = verify(unmerged[0])
    first = unmerged[0].with_suffix(".json")
    assert fault.startswith(f"{second}: differs from {first} in {what}")


@pytest.mark.parametrize(
    "change, what",
    [
        (lambda value: value["settings"].update(ngram=2), "ngram"),
        (
            lambda value: value["vocabulary"].update(fingerprint="f"),
            "the vocab",
        ),
        (lambda value: value["files"][0].update(bytes=1), "files"),
        (lambda value: value["shard"].update(number=4), "the number of sha"),
    ],
)
def test_the_merged_json_and_that_of_a_shard(shards, change, what):
    assert not verify(shards[0])[0]
    second = shards[1].with_suffix(".json")
    change_json(second, change)
    (fault,), _ = verify(shards[0])
    merged = shards[0].with_name("train.json")
    assert fault.startswith(f"{second}: differs from {merged} in {what}")


def test_a_number_of_shards_that_no_name_has(unmerged):
    """It would be a list of as many names."""
    path = unmerged[0].with_suffix(".json")
    value = json.loads(path.read_text())
    value["shard"]["number"] = 10**9
    path.write_text(json.dumps(value))
    with pytest.raises(UserError, match=r"shard\.number: .* from 1 to 99,999"):
        found_sets.find_sets(list(map(str, unmerged)))
