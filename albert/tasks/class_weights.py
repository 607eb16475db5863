# SPDX-License-Identifier: Apache-2.0
"""Weights of labels in the loss: given, or found in how often each occurs."""

import difflib

import numpy as np
from absl import logging

from albert.errors import UserError
from albert.flag_parsers import RealParser
from albert.heads import HEADS
from albert.tasks.label_types import find_order

BALANCED = "balanced"
# What task.json remembers of how labels and examples weigh in the loss.
SETTINGS = ("class_weights", "focal_gamma")

_WEIGHT = RealParser(1e-6, 1e6)
# With a larger ratio of weights, an update depends on single examples.
_LARGE_RATIO = 100


def read(values, task):
    """Returns the weights that ``--class_weights`` says.

    Args:
      values: list of str: BALANCED alone, a number for each of the labels in
        their order, or "label:number" for some of them; None for no weights.
      task: ``Task`` with labels.

    Returns:
      list of float, BALANCED, or None.

    Raises:
      UserError: a label does not exist, a weight is missing or is none, or
        labels are numbers in another order than theirs.
    """
    if values is None or values == [BALANCED]:
        return values and BALANCED
    flag = f"--class_weights={','.join(values)}"
    parts = [value.rpartition(":") for value in values]
    colons = {colon for _, colon, _ in parts}
    if len(colons) > 1:
        raise UserError(
            f"{flag}: give balanced, or a number for each label in their "
            "order, or each with its label (label:number)"
        )
    weights = [_read_weight(flag, text) for *_, text in parts]
    labels = ", ".join(task.labels)
    if colons == {""}:
        if len(weights) != len(task.labels):
            raise UserError(
                f"{flag}: {len(weights)} weights for {len(task.labels)} "
                f"labels: give one for each of {labels}, in this order"
            )
        _check_order(flag, values, task.labels)
        return weights
    by_label = dict(zip((label for label, *_ in parts), weights, strict=True))
    if len(by_label) < len(weights):
        raise UserError(f"{flag}: a label is given twice: give it once")
    for label in by_label:
        if label not in task.labels:
            near = difflib.get_close_matches(label, task.labels, 1)
            meant = f"is {near[0]} meant? " if near else ""
            raise UserError(
                f"{flag}: there is no label {label}: {meant}the labels are "
                f"{labels}"
            )
    return [by_label.get(label, 1.0) for label in task.labels]


def check_head(flag, task):
    """Refuses a flag of losses over labels for a task whose loss has none.

    Args:
      flag: str, its name.
      task: ``Task``.

    Raises:
      UserError: its head's loss is another one.
    """
    if not HEADS[task.head].weighs_labels:
        raise UserError(
            f"--{flag} is for classes and tags, and {task.name} is here a "
            f"{HEADS[task.head].task_kind.replace('_', ' ')}: leave it out"
        )


def resolve(weights, task, counts):
    """Returns the weight of each label, and logs them.

    BALANCED weighs a label by the inverse of how often it occurs, with a mean
    of 1 over the examples: ``class_weight="balanced"`` of scikit-learn. A
    label that never occurs has the weight 1.

    Args:
      weights: what ``read`` returned, but None.
      task: ``Task`` with labels.
      counts: int [L], how often each label occurs in the data to train on.

    Returns:
      list of float.
    """
    counts = np.asarray(counts)
    if weights == BALANCED:
        share = counts.sum() / max(np.count_nonzero(counts), 1)
        weights = np.where(counts, share / np.maximum(counts, 1), 1.0).tolist()
    logging.info(
        "class weights: %s",
        ", ".join(
            f"{label} {weight:.4g} ({count:,} examples)"
            for label, weight, count in zip(
                task.labels, weights, counts, strict=True
            )
        ),
    )
    present = [w for w, count in zip(weights, counts, strict=True) if count]
    if present and max(present) > _LARGE_RATIO * min(present):
        logging.warning(
            "the largest class weight is %.0f times the smallest: updates "
            "depend on single examples; smaller weights for the rarest labels "
            "(--class_weights=label:weight,…) may do better",
            max(present) / min(present),
        )
    return weights


def remembered(task, path, description):
    """Returns how labels and examples weighed when a model was trained.

    Args:
      task: ``Task`` with labels.
      path: str, the model, for messages.
      description: dict, what it says of its task.

    Returns:
      dict of SETTINGS that are not the default; weights in the order of the
      task's labels.

    Raises:
      UserError: there is not a weight for each label.
    """
    found = {
        name: description[name] for name in SETTINGS if name in description
    }
    if "class_weights" in found:
        weights = found["class_weights"]
        order = find_order(description.get("labels") or (), task.labels)
        if order is None or len(weights) != len(order):
            raise UserError(
                f"{path}: task.json does not have a class weight for each of "
                f"its labels ({', '.join(task.labels)}): restore the file"
            )
        found["class_weights"] = [weights[place] for place in order]
    return found


def _check_order(flag, weights, labels):
    """Refuses bare weights of numbers that stand in the order of texts.

    Where somebody named the labels, they have the order that was given.
    """
    try:
        numbers = list(map(float, labels))
    except ValueError:
        return
    if numbers != sorted(numbers) and list(labels) == sorted(labels):
        in_order = sorted(labels, key=float)
        pairs = map(":".join, zip(in_order, weights, strict=True))
        raise UserError(
            f"{flag}: the labels are numbers in the order of texts "
            f"({', '.join(labels)}): give each weight with its label, such as "
            f"--class_weights={','.join(pairs)}"
        )


def _read_weight(flag, text):
    try:
        return _WEIGHT.parse(text)
    except ValueError as error:
        raise UserError(f"{flag}: {text!r} is no weight: {error}") from None
