# SPDX-License-Identifier: Apache-2.0
"""Our numbers are the original's: goldens made by running its code."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

import albert
from albert.interchange.names import google_name
from albert.interchange.names import named_variables
from albert.training.losses import PretrainingObjective
from albert.training.optimizers import clip_by_global_norm

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "encoder_tiny_a"
# One unit in the last place of every weight changes these numbers by up to
# 8e-7 of the largest; the other form of gelu, by 1e-4.
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def config():
    return albert.AlbertConfig.from_json(GOLDEN / "albert_config.json")


@pytest.fixture(scope="module")
def model(config):
    model = albert.AlbertPretrainer(config)
    albert.load_weights(model, GOLDEN / "model.ckpt-best")
    return model


@pytest.fixture(scope="module")
def inputs():
    with np.load(GOLDEN / "inputs.npz") as arrays:
        return {name: tf.constant(arrays[name]) for name in arrays.files}


@pytest.fixture(scope="module")
def expected():
    with np.load(GOLDEN / "outputs.npz") as arrays:
        return dict(arrays)


def largest_difference(actual, expected):
    """Relative to the largest value, where that is above 1."""
    actual = np.asarray(actual)
    assert actual.shape == expected.shape
    difference = np.max(np.abs(actual.astype(np.float64) - expected))
    return difference / max(1.0, np.max(np.abs(expected)))


def test_encoder_outputs(model, inputs, expected):
    outputs = model.encoder(inputs)
    layers = outputs.pop("layer_outputs")
    assert len(layers) == 4
    for index, layer in enumerate(layers):
        outputs[f"encoder_layer_{index:02d}"] = layer
    for name, actual in outputs.items():
        assert largest_difference(actual, expected[name]) < TOLERANCE, name


def test_ids_alone_mean_no_padding_and_one_segment(model, inputs, expected):
    outputs = model.encoder({"input_ids": inputs["input_ids"]})
    for name in ("sequence_output", "pooled_output"):
        golden = expected[f"only_input_ids_{name}"]
        assert largest_difference(outputs[name], golden) < TOLERANCE, name


def test_head_log_probabilities(model, inputs, expected):
    outputs = model(inputs)
    for name, golden in (
        ("masked_lm_logits", "masked_lm_log_probs"),
        ("sentence_order_logits", "sentence_order_log_probs"),
    ):
        actual = tf.nn.log_softmax(outputs[name])
        actual = tf.reshape(actual, expected[golden].shape)
        assert largest_difference(actual, expected[golden]) < TOLERANCE, name


def losses_and_gradients(model, inputs):
    objective = PretrainingObjective()
    inputs = {**inputs, "example_weights": tf.ones(3)}
    denominators = objective.denominators(inputs)
    with tf.GradientTape() as tape:
        outputs = model(inputs, training=True)
        numerators = objective.numerators(outputs, inputs)
        total = objective.loss(numerators, denominators)
    losses = objective.metrics(numerators, denominators)
    variables = named_variables(model)
    gradients = tape.gradient(
        total, [variable.value for variable in variables.values()]
    )
    named = {
        google_name(name): tf.convert_to_tensor(gradient)
        for name, gradient in zip(variables, gradients, strict=True)
    }
    losses = {
        "masked_lm_loss": losses["masked_lm_loss"],
        "sentence_order_loss": losses["sentence_order_loss"],
        "total_loss": total,
    }
    return losses, named


def test_losses(model, inputs, expected):
    losses, _ = losses_and_gradients(model, inputs)
    for name, loss in losses.items():
        assert largest_difference(loss, expected[name]) < TOLERANCE, name


def test_gradient_of_every_variable(model, inputs):
    _, gradients = losses_and_gradients(model, inputs)
    with np.load(GOLDEN / "gradients.npz") as golden:
        assert sorted(gradients) == sorted(golden.files)
        for name, gradient in gradients.items():
            assert largest_difference(gradient, golden[name]) < TOLERANCE, name


def test_clipping_uses_the_true_global_norm(model, inputs, expected):
    _, gradients = losses_and_gradients(model, inputs)
    clipped, norm = clip_by_global_norm(list(gradients.values()), 1.0)
    golden_norm = expected["grad_global_norm_dense"]
    assert abs(norm - golden_norm) < 1e-5 * golden_norm
    with np.load(GOLDEN / "clipped_gradients_onehot_path.npz") as golden:
        for name, gradient in zip(gradients, clipped, strict=True):
            assert largest_difference(gradient, golden[name]) < 1e-6, name


def test_variable_names_and_shapes_are_the_original_s(model):
    original = json.loads((GOLDEN / "variables.json").read_text())
    ours = {
        google_name(name): list(variable.shape)
        for name, variable in named_variables(model).items()
    }
    assert ours == {row["name"]: row["shape"] for row in original}
