# SPDX-License-Identifier: Apache-2.0
"""Vectorised records against TensorFlow's own reading of them."""

import numpy as np
import pytest
import tensorflow as tf

from albert.records import framing
from albert.records import serialization
from albert.records.schema import PretrainingSchema
from albert.records.schema import unmasked_fields


def random_columns(schema, num_records, largest, seed=0):
    generator = np.random.default_rng(seed)
    columns = {}
    for field in schema.fields:
        shape = (num_records, field.length)
        if field.dtype == "float32":
            columns[field.name] = generator.normal(size=shape).astype("f4")
        else:
            # Every number of varint bytes, and zeros.
            bits = generator.integers(0, largest.bit_length(), shape)
            columns[field.name] = generator.integers(0, 2**bits, endpoint=True)
    return columns


@pytest.mark.parametrize("largest", [1, 127, 128, 16383, 16384, 2**31 - 1])
def test_tensorflow_reads_the_same_fields(tmp_path, largest):
    schema = PretrainingSchema(61, 17)
    columns = random_columns(schema, 43, largest)
    flat, offsets = serialization.encode_records(columns, schema.fields)
    assert offsets[0] == 0 and offsets[-1] == len(flat)
    path = tmp_path / "a.tfrecord"
    path.write_bytes(flat.tobytes())
    payloads = [p.numpy() for p in tf.data.TFRecordDataset(str(path))]
    assert len(payloads) == 43
    assert payloads == list(framing.iterate_records(path))
    for row, payload in enumerate(payloads):
        example = tf.train.Example.FromString(payload)
        assert set(example.features.feature) == set(columns)
        for field in schema.fields:
            feature = example.features.feature[field.name]
            got = (
                feature.float_list.value
                if field.dtype == "float32"
                else feature.int64_list.value
            )
            np.testing.assert_array_equal(got, columns[field.name][row])
        # No byte more than TensorFlow writes itself.
        assert example.ByteSize() == len(payload)


def test_strings_of_any_length(tmp_path):
    lengths = np.array([0, 1, 127, 128, 300, 5])
    generator = np.random.default_rng(2)
    content = generator.integers(0, 256, (6, 300)).astype(np.uint8)
    numbers = generator.integers(0, 300, (6, 2))
    flat, _ = serialization.encode_records(
        {
            "tokens": serialization.ByteStrings(content, lengths),
            "segment_lengths": numbers,
            "identity": serialization.ByteStrings(content, 0 * lengths + 8),
        },
        unmasked_fields("sop"),
    )
    path = tmp_path / "a.tfrecord"
    path.write_bytes(flat.tobytes())
    payloads = list(framing.iterate_records(path))
    assert len(payloads) == 6
    for row, payload in enumerate(payloads):
        example = tf.train.Example.FromString(payload)
        features = example.features.feature
        (found,) = features["tokens"].bytes_list.value
        assert found == content[row, : lengths[row]].tobytes()
        found = features["segment_lengths"].int64_list.value
        assert found == numbers[row].tolist()
        assert example.ByteSize() == len(payload)


def test_no_records():
    schema = PretrainingSchema(5, 3)
    flat, offsets = serialization.encode_records(
        random_columns(schema, 0, 9), schema.fields
    )
    assert len(flat) == 0 and offsets.tolist() == [0]


def test_wrong_columns_are_refused():
    schema = PretrainingSchema(5, 3)
    columns = random_columns(schema, 2, 9)
    with pytest.raises(ValueError, match="input_ids"):
        serialization.encode_records(
            {**columns, "input_ids": columns["masked_lm_ids"]}, schema.fields
        )
    with pytest.raises(ValueError, match="below"):
        serialization.encode_records(
            {**columns, "input_ids": columns["input_ids"] - 100}, schema.fields
        )
    del columns["segment_ids"]
    with pytest.raises(ValueError, match="segment_ids"):
        serialization.encode_records(columns, schema.fields)
