# SPDX-License-Identifier: Apache-2.0
"""Pretraining records as a run takes them."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from albert.errors import UserError
from albert.training.pretraining_data import PretrainingData
from albert.training.pretraining_data import PretrainingEvaluation

# Of the original: 67 records, without a JSON.
RECORDS = (
    pathlib.Path(__file__).parents[1]
    / "golden"
    / "pretraining_data"
    / "examples_first_67.tfrecord"
)


class Loop:
    """Counts the records that it is to evaluate on."""

    def distribute(self, dataset):
        return dataset

    def evaluate(self, batches, num_layers):
        weights = [np.sum(batch["example_weights"]) for batch in batches]
        return {"batches": len(weights), "records": int(np.sum(weights))}


def ids(batches, count):
    return [
        batch["input_ids"] for batch in batches.take(count).as_numpy_iterator()
    ]


def test_training_goes_on_where_it_stood():
    data = PretrainingData(str(RECORDS))
    options = {"seed": 3, "num_steps": 9, "bucket_by_length": False}
    whole = ids(data.training_batches(7, start_step=0, **options), 13)
    later = ids(data.training_batches(7, start_step=11, **options), 2)
    assert np.array_equal(whole[11:], later)
    assert not np.array_equal(whole[:2], later)


def test_records_are_told_from_others(tmp_path):
    data = PretrainingData(str(RECORDS))
    assert data.num_examples == 67
    other = tmp_path / "other.tfrecord"
    other.write_bytes(RECORDS.read_bytes())
    settings = data.settings
    assert settings["records"] == 67
    assert settings["input_file"] == str(RECORDS)
    others = PretrainingData(str(other)).settings
    assert settings["records_fingerprint"] != others["records_fingerprint"]
    assert settings["max_seq_length"] == others["max_seq_length"]
    # What changes reaches the batches, where records with masks cannot follow.
    for changes in ({"masked_lm_prob": 0.2}, {"max_seq_length": 64}):
        with pytest.raises(ValueError, match="masked records stay as they are"):
            data.training_batches(
                7,
                seed=3,
                num_steps=9,
                start_step=0,
                bucket_by_length=False,
                **changes,
            )


def test_an_evaluation_ends_after_its_steps(caplog):
    data = PretrainingData(str(RECORDS))
    assert PretrainingEvaluation(data, 11, 3).metrics(Loop()) == {
        "batches": 3,
        "records": 33,
    }
    assert "the first 33 of 67 records" in caplog.text
    caplog.clear()
    whole = PretrainingEvaluation(data, 11, 50)
    assert whole.metrics(Loop()) == {"batches": 7, "records": 67}
    assert not caplog.text
    assert len(list(whole.first_batches())) == 7
    assert not caplog.text
    assert whole.evaluated_on.startswith("67 records of ")


@pytest.mark.parametrize("objective", ["sop", "none"])
def test_records_without_pairs_are_warned_of(monkeypatch, caplog, objective):
    data = PretrainingData(str(RECORDS))
    monkeypatch.setitem(data.records.__dict__, "objectives", {objective: "a"})
    batches = data.evaluation_batches

    def without_pairs(batch_size):
        return batches(batch_size).map(
            lambda batch: batch | {"segment_ids": 0 * batch["segment_ids"]}
        )

    monkeypatch.setattr(data, "evaluation_batches", without_pairs)
    assert len(list(data.first_batches(11, 3))) == 3
    told = f"{RECORDS}: the first 33 records have one segment each"
    assert (told in caplog.text) == (objective == "sop")


def test_damage_is_named(tmp_path):
    path = tmp_path / "damaged.tfrecord"
    content = bytearray(RECORDS.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    evaluation = PretrainingEvaluation(PretrainingData(str(path)), 11, 50)
    for read in (
        lambda: list(evaluation.first_batches()),
        lambda: evaluation.metrics(Loop()),
    ):
        with pytest.raises(
            UserError, match=r"damaged.tfrecord, record \d+ .*copy the file"
        ) as caught:
            read()
        assert isinstance(caught.value.__cause__, tf.errors.DataLossError)
