# SPDX-License-Identifier: Apache-2.0
"""Losses of the tasks, against the original's evaluation."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

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
