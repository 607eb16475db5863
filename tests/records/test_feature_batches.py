# SPDX-License-Identifier: Apache-2.0
"""Features in memory → batches, and that padding changes nothing."""

import json
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from albert.config import AlbertConfig
from albert.modeling.encoder import AlbertEncoder
from albert.records import batch_plan
from albert.records.feature_batches import finetuning_dataset
from albert.tasks.features import Features

REPLICAS = pathlib.Path(__file__).with_name("replica_batches.py")
MAX_SEQ_LENGTH = 61
LENGTHS = batch_plan.padded_lengths(MAX_SEQ_LENGTH)
# Of the largest number: one unit in the last place of every weight changes
# losses and gradients by up to 1e-6 of it.
ROUNDING = 1e-5


def make_features(num_examples=67, choices=1, labels=np.int32, tagged=False):
    random = np.random.default_rng(num_examples)
    lengths = random.integers(2, 47, num_examples * choices)
    sequences = [random.integers(1, 97, n).tolist() for n in lengths]
    return Features.from_sequences(
        sequences,
        [random.integers(1, n + 1) for n in lengths],
        choices=choices,
        per_example={
            "label_ids": random.integers(0, 3, num_examples).astype(labels)
        }
        if not tagged
        else {},
        per_token={
            "label_ids": [random.integers(-1, 3, n) for n in lengths],
            "p_mask": [random.integers(0, 2, n) for n in lengths],
        }
        if tagged
        else {},
    )


def read(features, batch_size, lengths=LENGTHS, **options):
    dataset = finetuning_dataset(
        features, batch_size, lengths, **{"training": False, **options}
    )
    return list(dataset.as_numpy_iterator())


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "options",
    [{}, {"choices": 3}, {"labels": np.float32}, {"tagged": True}],
    ids=str,
)
def test_batches_hold_the_features(options, training):
    features = make_features(**options)
    batches = read(
        features,
        5,
        training=training,
        **({"seed": 3, "num_steps": 41} if training else {}),
    )
    assert len(batches) == (41 if training else 14)
    for batch in batches:
        selected = features.select(batch["example_index"])
        length = next(n for n in LENGTHS if n >= selected.max_length())
        expected = selected.padded(length)
        assert batch.keys() == (
            expected.keys() | {"example_weights", "example_index"}
        )
        for name, values in expected.items():
            assert batch[name].dtype == values.dtype, name
            np.testing.assert_array_equal(batch[name], values)
        assert batch["example_weights"].dtype == np.float32
        assert batch["example_index"].dtype == np.int32
    if training:
        assert all((b["example_weights"] == 1).all() for b in batches)


@pytest.mark.parametrize("bucket_by_length", [True, False])
def test_evaluation_gives_the_order_back(bucket_by_length):
    features = make_features()
    batches = read(features, 5, bucket_by_length=bucket_by_length)
    index, weights, labels = (
        np.concatenate([batch[name] for batch in batches])
        for name in ("example_index", "example_weights", "label_ids")
    )
    assert len(index) == 70
    assert weights.tolist() == [1.0] * 67 + [0.0] * 3
    restored = np.empty(67, np.int32)
    restored[index[weights == 1]] = labels[weights == 1]
    np.testing.assert_array_equal(restored, features.per_example["label_ids"])


def test_continues_exactly_where_it_stood():
    features = make_features()
    options = {"training": True, "seed": 3, "num_steps": 41}
    whole = read(features, 5, **options)
    for steps in (1, 13, 14, 40, 41):
        rest = read(features, 5, start_step=steps, **options)
        assert len(rest) == 41 - steps
        for got, expected in zip(rest, whole[steps:], strict=True):
            for name in expected:
                np.testing.assert_array_equal(got[name], expected[name])


def test_shapes_are_static_where_there_is_one_length():
    def shape(choices, lengths):
        dataset = finetuning_dataset(
            make_features(choices=choices), 5, lengths, training=False
        )
        spec = dataset.element_spec
        assert spec["label_ids"].shape == spec["example_index"].shape == [5]
        assert spec["example_weights"].shape == [5]
        return spec["input_ids"].shape.as_list()

    assert shape(1, [61]) == [5, 61]
    assert shape(3, [61]) == [5, 3, 61]
    assert shape(1, LENGTHS) == [5, None]
    assert shape(3, LENGTHS) == [5, 3, None]
    (one,) = {b["input_ids"].shape for b in read(make_features(), 5, [61])}
    assert one == (5, 61)


def test_refuses():
    features = make_features()
    with pytest.raises(ValueError, match="more than 7"):
        read(features, 5, [7])
    with pytest.raises(ValueError, match="no examples"):
        read(features.select([]), 5)
    with pytest.raises(ValueError, match="num_steps"):
        read(features, 5, training=True)
    with pytest.raises(ValueError, match="for training"):
        read(features, 5, num_steps=9)


# ------------------------------------------------ padding changes no result


@pytest.fixture(scope="module")
def encoder():
    keras.utils.set_random_seed(7)
    model = AlbertEncoder(
        AlbertConfig(
            vocab_size=97,
            embedding_size=11,
            hidden_size=26,
            num_hidden_layers=3,
            num_attention_heads=2,
            intermediate_size=37,
            max_position_embeddings=512,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
    )
    random = np.random.default_rng(7)
    for variable in model.trainable_variables:
        variable.assign_add(random.normal(0, 0.05, variable.shape))
    return model


def summed_losses(encoder, batch):
    """A classification loss and a tagging loss, each of some of the outputs.

    Returns: float32 [B], and [B, S].
    """
    outputs = encoder(batch, training=False)
    return (
        tf.nn.sparse_softmax_cross_entropy_with_logits(
            batch["label_ids"], outputs["pooled_output"][:, :3] * 5.0
        ),
        tf.cast(batch["input_mask"], tf.float32)
        * tf.reduce_sum(outputs["sequence_output"][..., 3:7] ** 3, axis=-1),
    )


def loss_and_gradients(encoder, batch):
    variables = [variable.value for variable in encoder.trainable_variables]
    weights = batch["example_weights"]
    with tf.GradientTape() as tape:
        classification, tagging = summed_losses(encoder, batch)
        loss = tf.reduce_sum(weights * classification) / tf.reduce_sum(weights)
        loss += tf.reduce_sum(tagging) / tf.reduce_sum(
            tf.cast(batch["input_mask"], tf.float32)
        )
    gradients = tape.gradient(loss, variables)
    return loss, [tf.convert_to_tensor(gradient) for gradient in gradients]


def test_padding_changes_neither_loss_nor_gradients(encoder):
    """The same batches at their own lengths and at 512."""
    features = make_features()
    options = {"training": True, "seed": 3, "num_steps": 3}
    own = read(features, 5, list(range(1, 62)), **options)
    full = read(features, 5, [512], **options)
    assert len({batch["input_ids"].shape for batch in own}) > 1
    for short, long in zip(own, full, strict=True):
        np.testing.assert_array_equal(
            short["example_index"], long["example_index"]
        )
        assert short["input_mask"].all(axis=1).any()  # no longer than needed
        loss, gradients = loss_and_gradients(encoder, short)
        padded_loss, padded_gradients = loss_and_gradients(encoder, long)
        assert abs(float(loss - padded_loss)) < ROUNDING * abs(float(loss))
        for left, right in zip(gradients, padded_gradients, strict=True):
            scale = float(tf.reduce_max(abs(left)))
            # Position embeddings past the end have no gradient on one side.
            assert float(tf.reduce_max(abs(left - right))) < ROUNDING * max(
                1.0, scale
            )


def test_evaluation_does_not_depend_on_how_batches_are_cut(encoder):
    features = make_features()

    def evaluate(batch_size, lengths, **options):
        losses = np.full((67, 2), np.nan)
        for batch in read(features, batch_size, lengths, **options):
            classification, tagging = summed_losses(encoder, batch)
            real = batch["example_weights"] == 1
            rows = batch["example_index"][real]
            assert np.isnan(losses[rows]).all()
            losses[rows, 0] = classification.numpy()[real]
            losses[rows, 1] = tf.reduce_sum(tagging, axis=1).numpy()[real]
        return losses

    expected = evaluate(67, [512], bucket_by_length=False)
    assert np.isfinite(expected).all() and expected.std(axis=0).min() > 0.1
    for batch_size, lengths, bucket_by_length in (
        (1, LENGTHS, True),
        (5, LENGTHS, True),
        (5, LENGTHS, False),
        (13, batch_plan.padded_lengths(128, "few"), True),
    ):
        got = evaluate(batch_size, lengths, bucket_by_length=bucket_by_length)
        largest = np.abs(expected).max(axis=0)
        assert (np.abs(got - expected).max(axis=0) < ROUNDING * largest).all()


# ------------------------------------------------------------------ replicas


@pytest.mark.slow
def test_each_replica_gets_its_half_of_a_batch():
    result = subprocess.run(
        [sys.executable, str(REPLICAS)],
        capture_output=True,
        text=True,
        check=True,
    )
    report = json.loads(result.stdout.splitlines()[-1])
    assert report == {
        name: {
            "batches": 6,
            "halves_in_order": True,
            "equal_lengths": True,
            "different_lengths": True,
        }
        for name in (
            "training",
            "evaluation",
            "record_training",
            "record_evaluation",
        )
    }
