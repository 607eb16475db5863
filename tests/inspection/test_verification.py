# SPDX-License-Identifier: Apache-2.0
"""`--verify`: right sets, and a line for every fault."""

import json
import pathlib
import random
import re

import numpy as np
import pytest

from albert.inspection import verification

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
ORIGINAL = GOLDEN / "pretraining_data" / "examples_first_67.tfrecord"


def faults_of(*files):
    faults, summaries = verification.verify([str(file) for file in files])
    assert bool(faults) != bool(summaries)
    return faults


def test_a_right_set_is_one_line(pretraining_set, run):
    files = pretraining_set(num_files=3)
    # Of a set, one file is enough.
    code, printed, errors = run("--verify", files[1])
    assert code == 0, errors
    (line,) = printed.splitlines()
    assert line.startswith(f"{files[0].parent}/train.json: 3 files, 7 pre")
    assert "checksums, counts, sizes, fields, ids, positions, weights" in line


def test_several_sets(pretraining_set, finetuning_set, run):
    files = pretraining_set()
    files += finetuning_set(
        "classification", [0, 1, 1], name="pets", labels=["cat", "dog"]
    )
    files.append(ORIGINAL)
    code, printed, errors = run("--verify", *files)
    assert code == 0, errors
    second, first, third = printed.splitlines()
    assert "7 pretraining records" in first
    assert "3 fine-tuning records of pets" in second
    assert "67 pretraining records" in third
    assert "no JSON" in third and "vocabulary" in third


def test_a_fault_is_status_2(pretraining_set, run):
    files = pretraining_set(num_files=3)
    files[2].unlink()
    files[0].with_name("train-00004-of-00007.tfrecord").write_bytes(b"")
    code, printed, errors = run("--verify", files[0])
    assert code == 2
    missing, additional = printed.splitlines()
    assert missing.startswith(f"{files[2]}: is not there")
    assert "train-00004-of-00007.tfrecord: is called as" in additional
    assert errors.splitlines()[-1].startswith("error: 2 faults found")
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    "field, row, place, value, words",
    [
        ("input_ids", 4, 2, 2000, "the id 2000 in 'input_ids'"),
        ("masked_lm_ids", 4, 0, 31999, "the id 31999 in 'masked_lm_ids'"),
        ("masked_lm_positions", 3, 1, 23, "the position 23"),
        ("masked_lm_positions", 6, 1, 19, "names padding"),
        ("masked_lm_positions", 2, 1, 1, "names a position twice"),
        ("masked_lm_weights", 2, 0, 0.5, "0.5 in 'masked_lm_weights'"),
        ("input_mask", 1, 3, 0, "'input_mask' is no run"),
        ("input_mask", 1, 3, 2, "'input_mask' is no run"),
        ("segment_ids", 1, 3, 2, "2 in 'segment_ids'"),
        ("token_boundary", 1, 3, 7, "7 in 'token_boundary'"),
        ("next_sentence_labels", 5, 0, 2, "2 in 'next_sentence_labels'"),
    ],
)
def test_each_value_is_checked(
    pretraining_set, field, row, place, value, words
):
    def change(columns):
        columns[field] = columns[field].astype(type(value))
        columns[field][row, place] = value

    (file,) = pretraining_set(change)
    (fault,) = faults_of(file)
    assert fault.startswith(f"{file}, record {row} (0-based): ")
    assert words in fault
    assert fault.endswith("make the records again")


@pytest.mark.parametrize(
    "head, values, field, value, words",
    [
        ("classification", [0, 1, 0], "label_ids", 2, "none of the 2 classes"),
        ("classification", [0, 1, 0], "is_real_example", 5, "5 in 'is_real"),
        ("regression", [0.5, 1, 2], "label_ids", np.nan, "nan is no number"),
        ("classification", [0, 1, 0], "input_ids", 2000, "the id 2000"),
    ],
)
def test_each_value_of_a_task_is_checked(
    finetuning_set, head, values, field, value, words
):
    def change(columns):
        columns[field][1, 0] = value

    labels = [] if head == "regression" else ["cat", "dog"]
    (file,) = finetuning_set(head, values, change=change, labels=labels)
    (fault,) = faults_of(file)
    assert fault.startswith(f"{file}, record 1 (0-based): ")
    assert words in fault


def test_records_with_the_same_fault_are_counted(pretraining_set):
    def change(columns):
        columns["segment_ids"][2:5, 0] = 3

    (file,) = pretraining_set(change)
    (fault,) = faults_of(file)
    assert "record 2 (0-based): 3 in 'segment_ids'" in fault
    assert "(and 2 more records)" in fault


def test_counts_and_sizes_are_compared(pretraining_set):
    first, second = pretraining_set(num_files=2)
    path = first.with_name("train.json")
    value = json.loads(path.read_text())
    value["files"][0]["records"] = 5
    value["files"][1]["bytes"] += 3
    path.write_text(json.dumps(value))
    count, size = faults_of(second)
    assert re.search(r"record 3 \(0-based\): the file ends here.* 5 rec", count)
    assert re.search(r"bytes, .*train.json says", size)
    assert str(first) in count and str(second) in size


def test_lengths_of_fields_are_compared_with_the_json(pretraining_set):
    (file,) = pretraining_set()
    path = file.with_suffix(".json")
    value = json.loads(path.read_text())
    value["max_predictions_per_seq"] = 7
    path.write_text(json.dumps(value))
    (fault,) = faults_of(file)
    assert "'masked_lm_positions' has 5 values, not 7 (and 6 more" in fault


def test_every_damaged_byte_is_found(pretraining_set):
    """Whatever byte is another one: TFRecord's checksums tell."""
    first, second = pretraining_set(num_files=2)
    content = second.read_bytes()
    generator = random.Random(5)
    places = [0, 8, 12, len(content) - 1]
    places += generator.sample(range(len(content)), 12)
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 1 << generator.randrange(8)
        second.write_bytes(damaged)
        (fault,) = faults_of(first)
        assert fault.startswith(f"{second}, record ")
    for size in (1, 11, 400, len(content) - 1):
        second.write_bytes(content[:size])
        (fault,) = faults_of(first)
        assert fault.startswith(f"{second}, record ")
    second.write_bytes(content)
    assert faults_of(first) == []
