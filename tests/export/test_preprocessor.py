# SPDX-License-Identifier: Apache-2.0
"""Texts to the encoder's inputs, in a graph that was saved and loaded."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from albert.export import preprocessor
from albert.tasks import interface
from albert.tasks.table import TASKS
from albert.tasks.tsv_files import TextExamples
from albert.text.tokenizer import Tokenizer

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
TOKENIZER = Tokenizer(GOLDEN / "tokenization" / "spm2000.model")
POSITIONS = 61
SEQ_LENGTH = 23
# The encoder's names, ours.
NAMES = {
    "input_word_ids": "input_ids",
    "input_mask": "input_mask",
    "input_type_ids": "segment_ids",
}
ROWS = [
    row
    for line in (GOLDEN / "classifier" / "features.jsonl")
    .read_text("utf-8")
    .splitlines()
    if (row := json.loads(line))["is_real_example"]
]
WORDS = st.lists(
    st.sampled_from(
        ["the", "dog", "barked", "at", "night,", "1,999", "café", "’", "犬"]
    ),
    max_size=17,
).map(" ".join)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("preprocessor") / "saved")
    preprocessor.save(path, TOKENIZER, POSITIONS, SEQ_LENGTH)
    return tf.saved_model.load(path)


def pack(loaded, texts, texts_b=None, **options):
    """Packs the ids of the tokenizer that is not in the graph."""
    segments = [
        tf.ragged.constant(
            TOKENIZER.encode_batch(each), tf.int32, ragged_rank=1
        )
        for each in (texts, texts_b)
        if each is not None
    ]
    outputs = loaded.bert_pack_inputs(segments, **options)
    assert {tensor.dtype for tensor in outputs.values()} == {tf.int32}
    return {NAMES[name]: np.array(value) for name, value in outputs.items()}


def features(texts, texts_b, length):
    """What this package's fine-tuning makes of texts."""
    examples = TextExamples(list(texts), texts, texts_b, None)
    task = TASKS["mrpc"]
    featurized = interface.featurize(task, examples, TOKENIZER, length)
    return featurized.features.padded(length)


@pytest.mark.parametrize("length", [16, 32])
@pytest.mark.parametrize("pairs", [False, True])
def test_goldens_of_the_original(loaded, length, pairs):
    rows = [
        row
        for row in ROWS
        if row["max_seq_length"] == length
        and (row["raw_text_b"] is not None) == pairs
    ]
    assert rows
    packed = pack(
        loaded,
        [row["raw_text_a"] for row in rows],
        [row["raw_text_b"] for row in rows] if pairs else None,
        seq_length=length,
    )
    for name, values in packed.items():
        assert values.tolist() == [row[name] for row in rows], name


@settings(max_examples=60)
@given(
    st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=5),
    st.integers(5, POSITIONS),
)
def test_pairs_are_cut_as_in_fine_tuning(loaded, rows, length):
    texts, texts_b = map(list, zip(*rows, strict=True))
    expected = features(texts, texts_b, length)
    packed = pack(loaded, texts, texts_b, seq_length=length)
    for name, values in packed.items():
        np.testing.assert_array_equal(values, expected[name], name)


@settings(max_examples=30)
@given(st.lists(WORDS, min_size=1, max_size=5), st.integers(5, POSITIONS))
def test_singles_are_cut_as_in_fine_tuning(loaded, texts, length):
    expected = features(texts, None, length)
    packed = pack(loaded, texts, seq_length=length)
    for name, values in packed.items():
        np.testing.assert_array_equal(values, expected[name], name)


def test_a_call_is_tokenize_and_pack(loaded):
    texts = ["The house by the river was empty.", "", "café " * 40]
    outputs = loaded(tf.constant(texts))
    expected = features(texts, None, SEQ_LENGTH)
    assert set(outputs) == set(NAMES)
    for name, ours in NAMES.items():
        assert outputs[name].dtype == tf.int32
        np.testing.assert_array_equal(outputs[name], expected[ours])
    defaults = pack(loaded, texts)
    for name, values in defaults.items():
        np.testing.assert_array_equal(values, expected[name])


def test_tokenize_gives_the_ids_alone(loaded):
    texts = ["The house.", "", "naïve 1,999"]
    ragged = loaded.tokenize(tf.constant(texts))
    assert ragged.dtype == tf.int32
    assert ragged.to_list() == [TOKENIZER.encode(text) for text in texts]


def test_special_tokens(loaded):
    special = loaded.tokenize.get_special_tokens_dict()
    assert {name: int(value) for name, value in special.items()} == {
        "vocab_size": 2000,
        "start_of_sequence_id": TOKENIZER.cls_id,
        "end_of_segment_id": TOKENIZER.sep_id,
        "padding_id": TOKENIZER.pad_id,
        "mask_id": TOKENIZER.mask_id,
    }
    assert all(value.dtype == tf.int32 for value in special.values())


def test_no_texts(loaded):
    outputs = loaded(tf.constant([], tf.string))
    assert {value.shape for value in outputs.values()} == {(0, SEQ_LENGTH)}


def test_in_a_data_set_the_shapes_are_known(loaded):
    dataset = tf.data.Dataset.from_tensor_slices(["The house.", "A dog."])
    dataset = dataset.batch(2).map(loaded)
    for spec in dataset.element_spec.values():
        assert spec.shape.as_list() == [None, SEQ_LENGTH]
    (outputs,) = dataset
    np.testing.assert_array_equal(
        outputs["input_word_ids"],
        features(["The house.", "A dog."], None, SEQ_LENGTH)["input_ids"],
    )


@pytest.mark.parametrize("length", [4, POSITIONS + 1])
def test_lengths_that_cannot_be(loaded, length):
    with pytest.raises(tf.errors.InvalidArgumentError, match="5 to 61"):
        pack(loaded, ["The house."], seq_length=length)
