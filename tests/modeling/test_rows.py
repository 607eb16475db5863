# SPDX-License-Identifier: Apache-2.0
"""The model with padding left out, against the model with it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import albert
from albert.modeling.rows import Rows
from albert.modeling.rows import padding_skipped

ROWS, LENGTH = 5, 11
CONFIG = {
    "vocab_size": 89,
    "embedding_size": 7,
    "hidden_size": 26,
    "num_attention_heads": 2,
    "intermediate_size": 31,
    "num_hidden_layers": 3,
    "max_position_embeddings": 17,
    "initializer_range": 0.3,
}
MASK = np.array(
    [
        [1] * 11,
        [1] * 4 + [0] * 7,
        [1] + [0] * 10,
        [0] * 11,  # what fills up a batch
        [0, 1, 1, 0, 1, 1, 1, 0, 0, 1, 0],
    ],
    "int32",
)


@pytest.fixture(scope="module")
def inputs():
    rng = np.random.default_rng(3)
    return {
        "input_ids": rng.integers(0, 89, (ROWS, LENGTH)).astype("int32"),
        "input_mask": MASK,
        "segment_ids": rng.integers(0, 2, (ROWS, LENGTH)).astype("int32"),
    }


@pytest.fixture(scope="module")
def encoder():
    keras.utils.set_random_seed(7)
    encoder = albert.AlbertEncoder(albert.AlbertConfig(**CONFIG))
    rng = np.random.default_rng(5)
    for variable in encoder.trainable_variables:
        noise = rng.normal(0, 0.1, variable.shape)
        variable.assign(variable.numpy() + noise)
    return encoder


def run(encoder, inputs, skipped):
    @tf.function
    def call(inputs):
        with padding_skipped(skipped):
            return encoder(inputs)

    return call({name: tf.constant(value) for name, value in inputs.items()})


def test_what_is_not_padding_is_the_same(encoder, inputs):
    whole = run(encoder, inputs, False)
    skipped = run(encoder, inputs, True)
    real = MASK > 0
    for a, b in zip(
        whole["layer_outputs"], skipped["layer_outputs"], strict=True
    ):
        assert np.max(np.abs(a.numpy()[real] - b.numpy()[real])) < 1e-6
        assert np.all(np.isfinite(b))
        # The rest is not computed: else this tests nothing.
        assert not np.allclose(a.numpy()[~real], b.numpy()[~real], atol=1e-3)
    # Of sequences that have a first position.
    for row in (0, 1, 2):
        difference = whole["pooled_output"][row] - skipped["pooled_output"][row]
        assert np.max(np.abs(difference)) < 1e-6


def test_rows_are_the_positions_that_are_not_padding():
    mask = tf.constant(MASK)
    values = tf.reshape(tf.range(ROWS * LENGTH), (ROWS, LENGTH, 1))
    flat = tf.reshape(values, (-1, 1))
    everything = Rows(mask)
    assert np.array_equal(everything.take(values, (-1, 1)), flat)
    assert everything.spread(flat) is flat
    with padding_skipped():
        rows = Rows(mask)
    taken = rows.take(values, (-1, 1))
    # The first position of each sequence is one of them.
    kept = (MASK > 0) | (np.arange(LENGTH) == 0)
    assert taken[:, 0].numpy().tolist() == np.flatnonzero(kept).tolist()
    spread = np.reshape(rows.spread(taken), (ROWS, LENGTH))
    assert np.array_equal(spread[kept], values[..., 0][kept])


def test_a_batch_that_is_all_padding_is_computed(encoder, inputs):
    empty = {**inputs, "input_mask": np.zeros_like(MASK)}
    assert np.all(np.isfinite(run(encoder, empty, True)["pooled_output"]))
