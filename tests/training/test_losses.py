# SPDX-License-Identifier: Apache-2.0
"""Losses of the tasks, against the original's evaluation."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from albert.training import cross_entropy
from albert.training import losses

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "classifier"
OUTPUTS = json.loads((GOLDEN / "metric_outputs.json").read_text())
NAMES = [name for name in OUTPUTS if "check" not in name]


def golden_batch(name):
    """(outputs, batch) of 50 examples, of which 4 only fill up a batch."""
    with np.load(GOLDEN / "metric_inputs.npz", allow_pickle=False) as inputs:
        labels, logits, real = (
            inputs[f"{name}/{key}"]
            for key in ("labels", "logits", "is_real_example")
        )
    assert (len(real), real.sum()) == (50, 46)
    if name == "sts-b":
        logits, labels = logits.reshape(-1, 1), labels.astype(np.float32)
    else:
        labels = labels.astype(np.int32)
    return {"logits": tf.constant(logits)}, {
        "label_ids": tf.constant(labels),
        "example_weights": tf.constant(real, tf.float32),
    }


def objective_of(name):
    if name == "sts-b":
        return losses.RegressionObjective()
    return losses.ClassificationObjective()


@pytest.mark.parametrize("name", NAMES)
def test_golden(name):
    outputs, batch = golden_batch(name)
    objective = objective_of(name)
    numerators = objective.numerators(outputs, batch)
    denominators = objective.denominators(batch)
    expected = OUTPUTS[name]
    loss = objective.loss(numerators, denominators)
    assert abs(float(loss) - expected["eval_loss"]) < 1e-6
    results = objective.metrics(numerators, denominators)
    assert abs(float(results["loss"]) - expected["eval_loss"]) < 1e-6
    if name != "sts-b":
        difference = float(results["accuracy"]) - expected["eval_accuracy"]
        assert abs(difference) < 1e-6


def test_several_labels_written_in_numpy():
    generator = np.random.default_rng(5)
    logits = generator.normal(size=(7, 3)).astype(np.float32)
    labels = generator.integers(0, 2, (7, 3)).astype(np.int32)
    weights = np.array([1, 1, 0, 1, 1, 1, 0], np.float32)
    objective = losses.MultiLabelObjective()
    batch = {"label_ids": labels, "example_weights": tf.constant(weights)}
    numerators = objective.numerators({"logits": tf.constant(logits)}, batch)
    loss = objective.loss(numerators, objective.denominators(batch))
    probabilities = 1 / (1 + np.exp(-logits.astype(np.float64)))
    right = np.where(labels, probabilities, 1 - probabilities)
    expected = -np.log(right)[weights > 0].mean()
    assert abs(float(loss) - expected) < 1e-6


def test_single_sentences_have_no_order():
    rng = np.random.default_rng(3)
    rows, places, vocabulary = 5, 2, 11
    outputs = {
        "masked_lm_logits": rng.normal(size=(rows, places, vocabulary)),
        "sentence_order_logits": rng.normal(size=(rows, 2)),
    }
    outputs = {k: tf.constant(v, tf.float32) for k, v in outputs.items()}
    batch = {
        "masked_lm_ids": rng.integers(0, vocabulary, (rows, places), "int32"),
        "masked_lm_weights": tf.ones((rows, places)),
        "segment_ids": np.array([[0, 1], [0, 0], [0, 1], [0, 0], [0, 1]]),
        "next_sentence_labels": np.array([[1], [1], [0], [0], [1]], "int32"),
        "example_weights": tf.constant([1.0, 1.0, 1.0, 1.0, 0.0]),
    }
    objective = losses.PretrainingObjective()

    def metrics(batch):
        return objective.metrics(
            objective.numerators(outputs, batch), objective.denominators(batch)
        )

    found = metrics(batch)
    logits = outputs["sentence_order_logits"].numpy()[[0, 2]].astype(float)
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = -np.log(chances[[0, 1], [1, 0]]).mean()
    assert abs(float(found["sentence_order_loss"]) - expected) < 1e-6
    # Without a pair there is nothing to tell, and no NaN.
    batch["segment_ids"] = np.zeros_like(batch["segment_ids"])
    alone = metrics(batch)
    assert float(alone["sentence_order_loss"]) == 0.0
    assert float(alone["masked_lm_loss"]) == float(found["masked_lm_loss"])


@pytest.mark.parametrize("name", ["mnli", "sts-b"])
def test_sums_over_batches(name):
    outputs, batch = golden_batch(name)
    objective = objective_of(name)
    totals = None
    for begin, end in ((0, 7), (7, 31), (31, 50)):
        part, rows = tf.nest.map_structure(
            lambda x, begin=begin, end=end: x[begin:end], (outputs, batch)
        )
        sums = (objective.numerators(part, rows), objective.denominators(rows))
        totals = tf.nest.map_structure(tf.add, totals, sums) if totals else sums
    loss = float(objective.metrics(*totals)["loss"])
    assert abs(loss - OUTPUTS[name]["eval_loss"]) < 2e-6


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_texts_written_in_numpy(smoothing):
    """Smoothed and plain cross-entropy, by pieces and not by texts."""
    rng = np.random.default_rng(5)
    batch, length, vocabulary = 5, 7, 11
    logits = rng.normal(size=(batch, length, vocabulary)).astype(np.float32)
    target_ids = rng.integers(0, vocabulary, (batch, length)).astype(np.int32)
    logits[2, 3, target_ids[2, 3]] = 9.0  # a hit, among the others
    weights = np.arange(length) < np.array([[7], [3], [5], [1], [2]])
    examples = np.array([1, 1, 1, 1, 0], np.float32)
    objective = losses.TextToTextObjective(label_smoothing=smoothing)
    inputs = {
        "target_ids": tf.constant(target_ids),
        "target_weights": tf.constant(weights, tf.float32),
        "example_weights": tf.constant(examples),
    }
    numerators = objective.numerators({"logits": tf.constant(logits)}, inputs)
    denominators = objective.denominators(inputs)
    real = weights & (examples[:, None] > 0)
    assert real.sum() == 16 == float(denominators["weight"])

    log_probs = logits.astype(float)
    log_probs -= np.log(np.exp(log_probs).sum(-1, keepdims=True))
    wanted = (1 - smoothing) * np.eye(vocabulary)[target_ids]
    wanted += smoothing / vocabulary
    smoothed = -(wanted * log_probs).sum(-1)[real].mean()
    plain = -np.take_along_axis(log_probs, target_ids[..., None], 2)[..., 0]
    hits = (logits.argmax(-1) == target_ids)[real]
    assert 0 < hits.mean() < 1
    received = objective.metrics(numerators, denominators)
    assert tuple(received) == objective.metric_names
    assert abs(received["loss"] - smoothed) < 1e-5
    assert abs(objective.loss(numerators, denominators) - smoothed) < 1e-5
    assert abs(received["target_loss"] - plain[real].mean()) < 1e-5
    assert abs(received["target_accuracy"] - hits.mean()) < 1e-6
    assert (smoothed == plain[real].mean()) == (smoothing == 0)


def label_batch(tags):
    """(logits, labels, weights, inputs) of rows that do and do not count."""
    rng = np.random.default_rng(11)
    shape = (6, 5) if tags else (6,)
    logits = rng.normal(size=(*shape, 3)).astype(np.float32) * 3
    labels = rng.integers(0, 3, shape).astype(np.int32)
    examples = np.array([1, 1, 0, 1, 1, 1], np.float32)
    weights = examples
    if tags:
        labels[:, 3:] = -1
        weights = (labels >= 0) * examples[:, None]
    inputs = {
        "label_ids": tf.constant(labels),
        "example_weights": tf.constant(examples),
    }
    return logits, np.maximum(labels, 0), weights, inputs


@pytest.mark.parametrize("tags", [False, True])
@pytest.mark.parametrize(
    "class_weights, gamma",
    [([0.001, 0.02, 0.0005], 0.0), (None, 2.0), ([3.0, 1.0, 7.0], 0.5)],
)
def test_weighted_and_focal_losses_in_numpy(tags, class_weights, gamma):
    logits, labels, weights, inputs = label_batch(tags)
    make = (
        losses.TokenClassificationObjective
        if tags
        else losses.ClassificationObjective
    )
    objective = make(class_weights=class_weights, focal_gamma=gamma)
    probs = np.exp(logits.astype(float))
    probs /= probs.sum(-1, keepdims=True)
    right = np.take_along_axis(probs, labels[..., None], -1)[..., 0]
    plain = -np.log(right)
    of_labels = weights * np.array(class_weights or [1.0] * 3)[labels]
    expected = (of_labels * (1 - right) ** gamma * plain).sum()
    expected /= of_labels.sum()
    # Below 1, which must not be taken for an empty batch.
    assert (of_labels.sum() < 1) == (class_weights == [0.001, 0.02, 0.0005])

    numerators = objective.numerators({"logits": tf.constant(logits)}, inputs)
    denominators = objective.denominators(inputs)
    received = objective.metrics(numerators, denominators)
    assert tuple(received) == objective.metric_names
    loss = float(objective.loss(numerators, denominators))
    received = {name: float(value) for name, value in received.items()}
    assert loss == received["loss"] == pytest.approx(expected, rel=1e-5)
    cross_entropy = (weights * plain).sum() / weights.sum()
    assert received["cross_entropy_loss"] == pytest.approx(
        cross_entropy, rel=1e-5
    )
    assert abs(cross_entropy - expected) > 1e-2
    hits = (weights * (logits.argmax(-1) == labels)).sum() / weights.sum()
    assert received["accuracy"] == pytest.approx(hits, rel=1e-5)


def test_weighted_sums_do_not_depend_on_how_a_batch_is_cut():
    logits, _, _, inputs = label_batch(True)
    objective = losses.TokenClassificationObjective([0.5, 4.0, 9.0], 1.5)
    results = []
    for cuts in ([0, 6], [0, 1, 4, 6]):
        totals = None
        for begin, end in zip(cuts[:-1], cuts[1:], strict=True):
            rows = {name: x[begin:end] for name, x in inputs.items()}
            outputs = {"logits": tf.constant(logits[begin:end])}
            sums = (
                objective.numerators(outputs, rows),
                objective.denominators(rows),
            )
            totals = (
                tf.nest.map_structure(tf.add, totals, sums) if totals else sums
            )
        metrics = objective.metrics(*totals)
        results.append({name: float(value) for name, value in metrics.items()})
    assert results[0] == pytest.approx(results[1], rel=1e-6)


def test_an_empty_batch_has_a_loss_of_zero():
    logits, _, _, inputs = label_batch(False)
    inputs["example_weights"] = tf.zeros(6)
    objective = losses.ClassificationObjective([2.0, 3.0, 5.0], 2.0)
    numerators = objective.numerators({"logits": tf.constant(logits)}, inputs)
    denominators = objective.denominators(inputs)
    assert float(objective.loss(numerators, denominators)) == 0


@pytest.mark.parametrize("gamma", [0.25, 1.0, 2.0])
def test_focal_loss_has_gradients_where_the_model_is_sure(gamma):
    """Where 1 - p is rounded to 0, and where p is."""
    logits = tf.constant([[200.0, 0.0, 0.0], [-200.0, 0.0, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        values = cross_entropy.focal_losses(logits, tf.constant([0, 0]), gamma)
    gradients = tape.gradient(values, logits).numpy()
    assert np.isfinite(gradients).all()
    assert np.abs(gradients[0]).max() < 1e-20
    assert gradients[1, 0] == pytest.approx(-1, rel=1e-5)
    assert values.numpy() == pytest.approx([0, 200 + np.log(2)], abs=1e-4)
