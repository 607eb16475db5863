# SPDX-License-Identifier: Apache-2.0
"""The fine-tuning heads are the original's: goldens made by running it."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

import albert
from albert.interchange import tensor_bundle
from albert.interchange.names import google_name
from albert.interchange.names import named_variables
from albert.training import losses

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def config():
    return albert.AlbertConfig.from_json(
        GOLDEN / "encoder_tiny_a" / "albert_config.json"
    )


def arrays(head, name):
    with np.load(GOLDEN / "heads" / head / f"{name}.npz") as file:
        return {key: file[key] for key in file.files}


def with_golden_weights(model, head):
    encoder = tensor_bundle.read(GOLDEN / "encoder_tiny_a" / "model.ckpt-best")
    weights = {**encoder, **arrays(head, "head_weights")}
    for name, variable in named_variables(model).items():
        variable.assign(weights[google_name(name)])
    return model


def batch_of(head):
    inputs = arrays(head, "inputs")
    if head == "race":
        for name in ("input_ids", "input_mask", "segment_ids"):
            inputs[name] = inputs[name].reshape(2, 4, 24)
    weights = np.ones(len(inputs["input_ids"]), np.float32)
    inputs["example_weights"] = weights
    return {name: tf.constant(value) for name, value in inputs.items()}


def largest_difference(actual, expected):
    actual = np.asarray(actual)
    assert actual.shape == expected.shape
    return np.max(np.abs(actual.astype(np.float64) - expected))


def loss_and_gradients(model, objective, batch):
    denominators = objective.denominators(batch)
    with tf.GradientTape() as tape:
        outputs = model(batch, training=True)
        numerators = objective.numerators(outputs, batch)
        loss = objective.loss(numerators, denominators)
    metrics = objective.metrics(numerators, denominators)
    assert float(loss) == float(metrics["loss"])
    variables = {
        google_name(name): variable
        for name, variable in named_variables(model).items()
        if objective.trains(variable.path)
    }
    gradients = tape.gradient(loss, [v.value for v in variables.values()])
    return loss, {
        name: tf.convert_to_tensor(gradient)
        for name, gradient in zip(variables, gradients, strict=True)
    }


CASES = {
    "classification_3way": (
        lambda config: albert.AlbertClassifier(config, 3, 0.0),
        losses.ClassificationObjective(),
    ),
    "race": (
        lambda config: albert.AlbertMultipleChoice(config, 0.0),
        losses.ClassificationObjective(),
    ),
    "squad_v1": (
        lambda config: albert.AlbertSpanPredictor(config, "v1"),
        losses.SpanObjective(),
    ),
    "squad_v2": (
        lambda config: albert.AlbertSpanPredictor(config, "v2", 5, 4, 0.0),
        losses.SpanWithAnswerabilityObjective(),
    ),
}


@pytest.mark.parametrize("head", CASES)
def test_loss_and_gradient_of_every_variable(config, head):
    make, objective = CASES[head]
    model = with_golden_weights(make(config), head)
    loss, gradients = loss_and_gradients(model, objective, batch_of(head))
    assert abs(loss - arrays(head, "outputs")["loss"]) < TOLERANCE
    golden = arrays(head, "gradients")
    assert sorted(gradients) == sorted(golden)
    for name, gradient in gradients.items():
        assert largest_difference(gradient, golden[name]) < TOLERANCE, name


@pytest.mark.parametrize(
    ("head", "names"),
    [
        ("classification_3way", {"logits": "logits"}),
        ("race", {"logits": "logits"}),
        (
            "squad_v1",
            {"start_logits": "start_log_prob", "end_logits": "end_log_prob"},
        ),
    ],
)
def test_logits(config, head, names):
    model = with_golden_weights(CASES[head][0](config), head)
    outputs = model(batch_of(head))
    assert set(outputs) == set(names)
    golden = arrays(head, "outputs")
    for ours, theirs in names.items():
        assert largest_difference(outputs[ours], golden[theirs]) < TOLERANCE


def assert_same_log_probs(actual, golden):
    actual = np.asarray(actual)
    assert actual.shape == golden.shape
    masked = golden < -1e29
    np.testing.assert_array_equal(actual < -1e29, masked)
    assert np.max(np.abs(actual - golden)[~masked]) < TOLERANCE


def test_choices_that_a_question_lacks(config):
    make, objective = CASES["race"]
    model = with_golden_weights(make(config), "race")
    batch = batch_of("race")
    # The first question has four choices, the second one two.
    there = np.array([[1, 1, 1, 1], [1, 1, 0, 0]], np.int32)
    padded = batch | {
        "input_mask": batch["input_mask"] * there[:, :, np.newaxis],
        "label_ids": tf.constant([2, 1]),
    }
    logits = model(padded)["logits"].numpy()
    assert np.isfinite(logits).all()
    assert (tf.nn.softmax(logits).numpy() > 0).tolist() == there.tolist()
    loss, gradients = loss_and_gradients(model, objective, padded)
    alone = [
        {
            name: value[row : row + 1, :size]
            if value.shape.ndims == 3
            else value[row : row + 1]
            for name, value in padded.items()
        }
        for row, size in ((0, 4), (1, 2))
    ]
    for row, each in enumerate(alone):
        expected = model(each)["logits"].numpy()[0]
        assert largest_difference(logits[row][: len(expected)], expected) < 1e-6
    # The sums of the two are the same as those of the batch.
    parts = [loss_and_gradients(model, objective, each) for each in alone]
    assert abs(loss - sum(part for part, _ in parts) / 2) < TOLERANCE
    for name, gradient in gradients.items():
        mean = sum(found[name] for _, found in parts) / 2
        assert largest_difference(gradient, mean.numpy()) < TOLERANCE, name


def test_second_span_head_with_the_true_start(config):
    model = with_golden_weights(CASES["squad_v2"][0](config), "squad_v2")
    outputs = model(batch_of("squad_v2"), training=True)
    golden = arrays("squad_v2", "outputs")
    for name in ("start_log_probs", "end_log_probs"):
        assert_same_log_probs(outputs[name], golden[f"train_{name}"])
    assert (
        largest_difference(outputs["cls_logits"], golden["train_cls_logits"])
        < TOLERANCE
    )


def test_second_span_head_with_a_beam(config):
    model = with_golden_weights(CASES["squad_v2"][0](config), "squad_v2")
    outputs = model(batch_of("squad_v2"))
    golden = arrays("squad_v2", "outputs")
    for name in ("start_top_index", "end_top_index"):
        np.testing.assert_array_equal(outputs[name], golden[name])
    for name in ("start_top_log_probs", "end_top_log_probs"):
        assert_same_log_probs(outputs[name], golden[name])
    assert (
        largest_difference(outputs["cls_logits"], golden["cls_logits"])
        < TOLERANCE
    )


def test_beam_is_cut_to_a_short_sequence(config):
    model = albert.AlbertSpanPredictor(config, "v2", 5, 7)
    ids = tf.constant([[2, 11, 3]])
    outputs = model({"input_ids": ids, "p_mask": tf.constant([[0, 0, 1]])})
    assert outputs["start_top_index"].shape == (1, 3)
    assert outputs["end_top_index"].shape == (1, 9)


def test_regression_is_the_squared_error(config):
    model = albert.AlbertClassifier(config, 1, 0.0)
    batch = batch_of("classification_3way")
    batch["label_ids"] = tf.constant([0.5, 3.0, -1.25])
    batch["example_weights"] = tf.constant([1.0, 1.0, 0.0])
    loss, _ = loss_and_gradients(model, losses.RegressionObjective(), batch)
    numbers = model(batch)["logits"].numpy()[:, 0]
    expected = ((numbers[0] - 0.5) ** 2 + (numbers[1] - 3.0) ** 2) / 2
    assert abs(loss - expected) < 1e-6


def test_positions_without_a_label_do_not_count(config):
    model = albert.AlbertTokenClassifier(config, 5, 0.0)
    batch = batch_of("classification_3way")
    labels = np.random.default_rng(7).integers(-1, 5, (3, 24), np.int32)
    batch["label_ids"] = tf.constant(labels)
    batch["example_weights"] = tf.constant([1.0, 0.0, 1.0])
    objective = losses.TokenClassificationObjective()
    loss, gradients = loss_and_gradients(model, objective, batch)
    log_probs = tf.nn.log_softmax(model(batch)["logits"]).numpy()
    counted = (labels >= 0) & (np.array([1, 0, 1]) == 1)[:, np.newaxis]
    rows, positions = np.nonzero(counted)
    expected = -np.mean(log_probs[rows, positions, labels[rows, positions]])
    assert abs(loss - expected) < 1e-6
    assert not any("pooler" in name for name in gradients)


@pytest.mark.parametrize(
    ("make", "batch"),
    [
        (lambda c: albert.AlbertClassifier(c, 3, 0.4), {}),
        (lambda c: albert.AlbertTokenClassifier(c, 3, 0.4), {}),
        (
            lambda c: albert.AlbertSpanPredictor(c, "v2", 5, 5, 0.4),
            {
                "p_mask": np.zeros((3, 24), np.int32),
                "start_positions": np.array([1, 2, 3], np.int32),
            },
        ),
    ],
)
def test_dropout_of_the_head_is_active_in_training_only(config, make, batch):
    model = make(config)
    inputs = {**batch_of("classification_3way"), **batch}

    def output(training):
        outputs = model(inputs, training=training)
        return outputs["cls_logits" if "p_mask" in batch else "logits"].numpy()

    assert np.array_equal(output(False), output(False))
    assert not np.array_equal(output(True), output(True))


@pytest.mark.parametrize("head", CASES)
def test_a_model_can_be_rebuilt_from_its_configuration(config, head):
    model = CASES[head][0](config)
    again = type(model).from_config(model.get_config())
    names = named_variables(model)
    assert {n: v.shape for n, v in named_variables(again).items()} == {
        n: v.shape for n, v in names.items()
    }


def test_version_of_the_span_head_is_checked(config):
    with pytest.raises(ValueError, match="'v3'"):
        albert.AlbertSpanPredictor(config, "v3")
