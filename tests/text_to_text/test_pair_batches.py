# SPDX-License-Identifier: Apache-2.0
"""Batches of pairs, and where they continue."""

import numpy as np
import pytest

from albert.text_to_text.pair_batches import evaluation_batches
from albert.text_to_text.pair_batches import pair_dataset
from albert.text_to_text.pair_counts import PairCounts
from albert.text_to_text.pair_data import PairData
from albert.text_to_text.pair_features import EncodedPairs
from albert.text_to_text.pair_features import PairFeatures
from albert.text_to_text.token_batches import BatchLimits
from albert.text_to_text.token_batches import TokenBatches

PAIRS, CLS, SEP = 101, 2, 3


def make_features():
    generator = np.random.default_rng(0)

    def side(first):
        rows = [
            [*first, *generator.integers(5, 43, generator.integers(1, 17)), SEP]
            for _ in range(PAIRS)
        ]
        splits = np.cumsum([0, *map(len, rows)])
        return np.concatenate(rows).astype(np.int32), splits

    return PairFeatures(*side([CLS]), *side([]))


def make_data(lengths=(8, 16, 19)):
    limits = BatchLimits(
        most_tokens=300,
        most_rows=35,
        rows_multiple=5,
        source_lengths=lengths,
        target_lengths=lengths,
    )
    encoded = EncodedPairs(make_features(), PairCounts(pairs=PAIRS))
    return PairData("train", "a.en, a.de", encoded, limits)


def read(data, start_step=0, num_steps=41):
    batches = data.training_batches(
        35,
        seed=3,
        num_steps=num_steps,
        start_step=start_step,
        bucket_by_length=True,
    )
    return list(batches.as_numpy_iterator())


def test_rows():
    features = make_features()
    batches = TokenBatches.of([(np.array([4, 7], np.int32), 3, 18, 19)])
    (batch,) = pair_dataset(features, batches).as_numpy_iterator()
    for row, example in enumerate([4, 7, 4]):
        source, target = (
            ids[splits[example] : splits[example + 1]]
            for ids, splits in (
                (features.source_ids, features.source_splits),
                (features.target_ids, features.target_splits),
            )
        )

        def padded(values, length):
            return [*values, *[0] * (length - len(values))]

        expected = {
            "input_ids": padded(source, 18),
            "input_mask": padded([1] * len(source), 18),
            "target_input_ids": padded([CLS, *target[:-1]], 19),
            "target_ids": padded(target, 19),
            "target_weights": padded([1.0] * len(target), 19),
            "example_weights": float(row < 2),
            "example_index": example,
        }
        assert batch.keys() == expected.keys()
        for name, values in expected.items():
            assert np.array_equal(batch[name][row], values), name
    types = {name: values.dtype.name for name, values in batch.items()}
    assert types == {
        **dict.fromkeys(batch, "int32"),
        "target_weights": "float32",
        "example_weights": "float32",
    }


def test_training_continues_with_the_same_batches():
    data = make_data()
    whole, rest = read(data), read(data, start_step=17)
    assert (len(whole), len(rest)) == (41, 24)
    for a, b in zip(whole[17:], rest, strict=True):
        assert all(np.array_equal(a[name], b[name]) for name in a)
    # An epoch and part of another.
    counts = np.bincount(
        np.concatenate(
            [
                batch["example_index"][batch["example_weights"] > 0]
                for batch in whole
            ]
        )
    )
    assert counts.min() >= 1 and counts.max() > counts.min()


def test_shapes_are_static_where_there_is_one():
    data = make_data((19,))
    batches = data.training_batches(
        35, seed=3, num_steps=5, start_step=1, bucket_by_length=True
    )
    shapes = {
        name: spec.shape.as_list()
        for name, spec in batches.element_spec.items()
    }
    assert shapes["input_mask"] == shapes["target_ids"] == [5, 19]
    assert shapes["example_weights"] == [5]
    shapes = make_data().evaluation_batches(7).element_spec
    assert shapes["target_ids"].shape.as_list() == [None, None]


def test_evaluation_has_each_pair_once():
    data = make_data()
    plan = evaluation_batches(data.features, data.limits, 7)
    lengths = data.features.source_lengths + data.features.target_lengths
    real = plan.weights > 0
    assert sorted(plan.examples[real]) == list(range(PAIRS))
    assert (np.diff(lengths[plan.examples[real]]) <= 0).all()
    assert set(np.diff(plan.row_splits)) == {7}
    batches = list(data.evaluation_batches(7).as_numpy_iterator())
    assert sum(batch["example_weights"].sum() for batch in batches) == PAIRS


def test_other_data_have_another_fingerprint():
    one, other = make_data(), make_data()
    assert one.fingerprint == other.fingerprint
    other.features.target_ids[7] += 1
    del other.__dict__["fingerprint"]
    assert one.fingerprint != other.fingerprint
    assert one.settings["training_data"].startswith("101 pairs, checksum ")
    assert one.settings["train_batch_tokens"] == 300
    assert one.description["pairs"]["pairs"] == PAIRS


def test_refuses_other_rows_than_the_limits():
    with pytest.raises(ValueError, match="allow 35 rows"):
        make_data().training_batches(
            36, seed=3, num_steps=5, start_step=0, bucket_by_length=True
        )
