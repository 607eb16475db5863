# SPDX-License-Identifier: Apache-2.0
"""Thresholds of several labels a text, tuned on data and kept with a model.

Letters: N examples, L labels.
"""

import os

import numpy as np
from absl import logging

from albert import model_directory
from albert import outputs
from albert.errors import UserError
from albert.tasks.label_types import DEFAULT_THRESHOLD
from albert.tasks.label_types import find_order

# With fewer examples that have a label, its threshold is a guess.
_FEW_EXAMPLES = 10
# Of thresholds in results, before the label.
_PREFIX = "threshold_"


def warn_of_rare_labels(labels, gold):
    """Warns of labels whose thresholds are tuned on few examples.

    Args:
      labels: sequence of L str.
      gold: int [N, L], 1 or 0.
    """
    rare = [
        f"{label} ({count})"
        for label, count in zip(labels, gold.sum(axis=0), strict=True)
        if count < _FEW_EXAMPLES
    ]
    if rare:
        logging.warning(
            "thresholds are tuned on few examples that have the label: %s; "
            "without any it stays at %g",
            ", ".join(rare),
            DEFAULT_THRESHOLD,
        )


def choose(gold, probabilities):
    """Returns the threshold of each label with the best F1: float64 [L].

    It lies in the middle between two probabilities; of equally good ones it
    is the one nearest to ``DEFAULT_THRESHOLD``, which labels that do not
    occur keep.

    Args:
      gold: int [N, L], 1 or 0.
      probabilities: float64 [N, L].
    """
    return np.array(
        [
            _choose_one(gold[:, label], probabilities[:, label])
            for label in range(gold.shape[1])
        ]
    )


def _choose_one(gold, probabilities):
    """Returns the threshold of one label; as ``choose``."""
    if not gold.any():
        return DEFAULT_THRESHOLD
    values, inverse = np.unique(probabilities, return_inverse=True)
    # Of the least value on, of the second least value on, …
    answered = np.bincount(inverse)[::-1].cumsum()[::-1]
    hits = np.bincount(inverse, weights=gold)[::-1].cumsum()[::-1]
    scores = 2 * hits / (answered + gold.sum())
    below = np.concatenate([[0.0], values[:-1]])
    found = (below + values) / 2
    best = np.flatnonzero(scores == scores.max())
    # What is between those two probabilities is as good as their middle.
    is_default = (below[best] < DEFAULT_THRESHOLD) & (
        values[best] >= DEFAULT_THRESHOLD
    )
    if is_default.any():
        return DEFAULT_THRESHOLD
    distances = np.abs(found[best] - DEFAULT_THRESHOLD)
    return float(found[best[distances.argmin()]])


def of_model(task, description, path):
    """Returns the thresholds that a model was given: float64 [L], or None.

    Args:
      task: ``Task`` with labels.
      description: dict, what the model says of its task.
      path: str, the model, for messages.

    Raises:
      UserError: they do not fit the labels, or are still to be tuned.
    """
    if task.label_type != "classes":
        return None
    return of_labels(task.labels, description, path)


def of_labels(ours, description, path):
    """Returns the thresholds of labels: float64 [L], None: the default's.

    Args:
      ours: sequence of L str.
      description, path: as of ``of_model``.

    Raises:
      UserError: as of ``of_model``.
    """
    values = description.get("thresholds")
    if values is None:
        if description.get("tune_thresholds"):
            raise UserError(
                f"{path}: its thresholds were to be tuned, and are not: the "
                "training did not end; continue it with the same command"
            )
        return None
    labels = description.get("labels") or ()
    order = find_order(labels, ours)
    if order is None or len(values) != len(labels):
        raise UserError(
            f"{path} has {len(values)} thresholds, and {len(ours)} "
            "labels: restore its description, or tune them again with "
            "--do_eval --tune_thresholds"
        )
    return np.array(values, np.float64)[order]


def store(directory, task, outcome):
    """Writes the thresholds of an evaluation into the model's task.json.

    Args:
      directory: str, a model directory of the task.
      task: ``Task`` with labels.
      outcome: of ``TaskEvaluation.evaluate``.
    """
    _, predictions = outcome
    values = next(iter(predictions.values())).thresholds
    description = model_directory.read_task(directory)
    order = find_order(task.labels, description["labels"])
    outputs.write_json(
        os.path.join(directory, model_directory.TASK_FILE),
        description | {"thresholds": values[order].tolist()},
        "--output_dir",
    )


def named(task, values):
    """Returns thresholds as results hold them: dict of float.

    Args:
      task: ``Task`` with labels.
      values: float64 [L], or None for an empty dict.
    """
    if values is None:
        return {}
    return {
        f"{_PREFIX}{label}": float(value)
        for label, value in zip(task.labels, values, strict=True)
    }


def without(results):
    """Returns results without the thresholds of ``named``: dict of float."""
    return {
        name: value
        for name, value in results.items()
        if not name.startswith(_PREFIX)
    }
