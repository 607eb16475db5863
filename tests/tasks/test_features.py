# SPDX-License-Identifier: Apache-2.0
"""Ragged examples: shapes, selection, padding."""

import dataclasses

import numpy as np
import pytest

from albert.tasks.features import PER_TOKEN_PADDING
from albert.tasks.features import Features

SEQUENCES = [[2, 11, 3], [2, 3], [2, 5, 6, 3, 7, 3], [2, 8, 9, 3, 3]]
STARTS = [3, 2, 4, 4]


def make(choices=1, tagged=True):
    number = len(SEQUENCES) // choices
    return Features.from_sequences(
        SEQUENCES,
        STARTS,
        choices=choices,
        per_example={
            "start_positions": np.arange(number, dtype=np.int32) + 7,
            "weights": np.arange(number, dtype=np.float32) / 2,
        },
        per_token={
            "p_mask": [[i % 2 for i, _ in enumerate(s)] for s in SEQUENCES],
            "label_ids": [[-i for i, _ in enumerate(s)] for s in SEQUENCES],
        }
        if tagged
        else {},
    )


def test_from_sequences():
    features = make()
    assert features.num_examples == 4
    assert features.lengths().tolist() == [3, 2, 6, 5]
    assert features.max_length() == 6
    assert features.input_ids.dtype == np.int32
    assert features.input_ids.tolist() == sum(SEQUENCES, [])
    assert features.row_splits.tolist() == [0, 3, 5, 11, 16]
    assert features.per_token["label_ids"].tolist() == (
        [0, -1, -2, 0, -1, 0, -1, -2, -3, -4, -5, 0, -1, -2, -3, -4]
    )
    alone = Features.from_sequences([[2, 3], np.array([2, 4, 3])])
    assert alone.segment_starts.tolist() == [2, 3]
    assert Features.from_sequences([]).max_length() == 0


def test_choices():
    features = make(choices=2)
    assert features.num_examples == 2
    assert features.example_lengths().tolist() == [3, 6]


def test_choices_that_an_example_lacks():
    features = Features.from_sequences(
        [[2, 5, 3], [2, 3], [], [2, 7, 3], [2, 8, 9, 3], [2, 3]], choices=3
    )
    assert features.example_lengths().tolist() == [3, 4]
    padded = features.padded(5)
    assert padded["input_mask"].sum(axis=2).tolist() == [[3, 2, 0], [3, 4, 2]]
    assert not padded["input_ids"][0, 2].any()
    turned = features.select([1, 0])
    assert turned.lengths().tolist() == [3, 4, 2, 3, 2, 0]
    assert turned.input_ids.tolist()[-5:] == [2, 5, 3, 2, 3]
    for sequences in ([[], [2]], [[2], [], [3], [2]]):
        with pytest.raises(ValueError, match="at least one token"):
            Features.from_sequences(sequences, choices=len(sequences))


def test_padded():
    padded = make().padded(7)
    assert padded["input_ids"].tolist() == [
        s + [0] * (7 - len(s)) for s in SEQUENCES
    ]
    assert padded["input_mask"].tolist() == [
        [1] * len(s) + [0] * (7 - len(s)) for s in SEQUENCES
    ]
    assert padded["segment_ids"].tolist() == [
        [0] * 7,
        [0] * 7,
        [0, 0, 0, 0, 1, 1, 0],
        [0, 0, 0, 0, 1, 0, 0],
    ]
    assert padded["p_mask"][1].tolist() == [0, 1, 1, 1, 1, 1, 1]
    assert padded["label_ids"][1].tolist() == [0, -1, -1, -1, -1, -1, -1]
    assert PER_TOKEN_PADDING["p_mask"] == 1
    assert padded["start_positions"].tolist() == [7, 8, 9, 10]
    assert make(choices=2).padded(7)["input_ids"].shape == (2, 2, 7)
    with pytest.raises(ValueError, match="6 tokens"):
        make().padded(5)


@pytest.mark.parametrize("choices", [1, 2])
@pytest.mark.parametrize("examples", [[1, 0, 1], [], slice(1, None)])
def test_select(choices, examples):
    features = make(choices)
    whole = features.padded(6)
    part = features.select(examples)
    for name, values in part.padded(6).items():
        assert values.dtype == whole[name].dtype
        np.testing.assert_array_equal(values, whole[name][examples])


def test_concatenate():
    features = make(2)
    joined = Features.concatenate(
        [features.select([1]), features.select([]), features.select([0, 1])]
    )
    expected = features.select([1, 0, 1])
    for name, values in joined.padded(6).items():
        np.testing.assert_array_equal(values, expected.padded(6)[name])
    with pytest.raises(ValueError, match="differ"):
        Features.concatenate([make(2), make(1)])
    with pytest.raises(ValueError, match="differ"):
        Features.concatenate([make(), make(tagged=False)])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"input_ids": np.zeros(16, np.int64)}, "input_ids"),
        ({"input_ids": np.zeros(17, np.int32)}, "input_ids"),
        ({"input_ids": [2] * 16}, "input_ids"),
        ({"row_splits": np.zeros(0, np.int64)}, "empty"),
        (
            {
                "row_splits": np.array([0, 3, 3, 11, 16]),
                "segment_starts": np.array([3, 0, 4, 4], np.int32),
            },
            "at least one token",
        ),
        ({"row_splits": np.array([1, 3, 5, 11, 16])}, "increase"),
        ({"row_splits": np.array([0, 5, 3, 11, 16])}, "increase"),
        ({"segment_starts": np.array([4, 2, 4, 4], np.int32)}, "segment"),
        ({"segment_starts": np.array([-1, 2, 4, 4], np.int32)}, "segment"),
        ({"segment_starts": np.array([2, 4, 4], np.int32)}, "segment"),
        ({"choices": 3}, "3 choices"),
        ({"choices": 0}, "0 choices"),
        ({"choices": 2}, "start_positions"),
        ({"per_example": {"label_ids": np.zeros(4)}}, "float32"),
        ({"per_example": {"x": np.zeros((4, 1, 1), np.int32)}}, "x has"),
        (
            {"per_example": {"label_ids": np.zeros(4, np.int32)}},
            "per example and per token",
        ),
        ({"per_token": {"p_mask": np.zeros(4, np.int32)}}, "p_mask"),
        ({"per_token": {"unknown": np.zeros(16, np.int32)}}, "padding"),
    ],
)
def test_refuses(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(make(), **changes)


def test_refuses_labels_of_another_length():
    with pytest.raises(ValueError, match="p_mask"):
        Features.from_sequences([[2, 3]], per_token={"p_mask": [[0]]})
