# SPDX-License-Identifier: Apache-2.0
"""Divides the training data of a task into folds.

scikit-learn's StratifiedGroupKFold is not used: for each group it looks at
every label of every fold, a minute for the 393,000 pairs of MNLI, and other
versions of it need not give the folds that a run was begun with.
"""

import collections
import dataclasses

import numpy as np
from absl import logging

from albert.errors import UserError
from albert.tasks import contents
from albert.tasks.line_files import shorten
from albert.tasks.tag_schemes import OUTSIDE

# What is shared by the examples, and not one of each.
_SHARED = ("articles",)
# Of labels, in a warning.
_MOST_NAMED = 10


def assign(task, examples, num_folds, seed):
    """Assigns each example to a fold, at random but alike in its classes.

    Examples with the same text, as of ``contents``, which would be learnt from
    one fold and asked for in another, are in the same fold; so are the
    questions about one article. A class is spread over the folds as evenly as
    that allows, and so are the examples; a text with several labels counts as
    one of the rarest of them. Tags, numbers and answers are divided at random:
    a warning names the tags that a fold lacks.

    Args:
      task: ``Task``.
      examples: of ``interface.load``, with labels.
      num_folds: int.
      seed: int, of the order in which the folds are filled.

    Returns:
      int64 [N], numbers from 0.

    Raises:
      UserError: there are fewer different examples than folds.
    """
    groups = collections.defaultdict(list)
    for index, content in enumerate(contents.of_examples(examples)):
        groups[content].append(index)
    groups = list(groups.values())
    if len(groups) < num_folds:
        raise UserError(
            f"--num_folds={num_folds}: the training data of {task.name} have "
            f"{len(groups)} examples that differ: give at most that many folds"
        )
    strata = _strata(task, examples)
    order = np.random.default_rng(seed).permutation(len(groups))
    # Large groups first, while there is room to make up for them; the order
    # among equals is the random one.
    order = sorted(order, key=lambda number: -len(groups[number]))
    folds = np.zeros(len(examples), np.int64)
    sizes = [0] * num_folds
    of_stratum = collections.defaultdict(lambda: [0] * num_folds)
    for number in order:
        group = groups[number]
        counts = of_stratum[strata[group[0]]]
        fold = min(
            range(num_folds), key=lambda each: (counts[each], sizes[each])
        )
        folds[group] = fold
        sizes[fold] += len(group)
        for index in group:
            of_stratum[strata[index]][fold] += 1
    if min(sizes) == 0:
        raise UserError(
            f"--num_folds={num_folds}: so many examples of {task.name} have "
            f"the same text that a fold would be empty: give fewer folds"
        )
    of_label = collections.defaultdict(lambda: [0] * num_folds)
    for labels, fold in zip(
        _labels_of_each(task, examples), folds, strict=True
    ):
        for label in labels:
            of_label[label][fold] += 1
    _warn(task, of_label, len(examples) - len(groups))
    return folds


def split(task, examples, num_folds, fold, seed):
    """Divides examples into those to train on and those of one fold.

    Args:
      task, examples, num_folds, seed: as of ``assign``.
      fold: int, from 1.

    Returns:
      dict of examples: "train", and ``name_of(fold)`` to evaluate on; in the
      order of the file.
    """
    folds = assign(task, examples, num_folds, seed)
    return {
        "train": select(examples, np.flatnonzero(folds != fold - 1)),
        name_of(fold): select(examples, np.flatnonzero(folds == fold - 1)),
    }


def name_of(fold):
    """Returns the name of the split that a fold, from 1, is evaluated as."""
    return f"dev_fold_{fold}"


def select(examples, indices):
    """Returns the examples of some numbers, in that order.

    Args:
      examples: of ``interface.load``.
      indices: int [n].
    """
    changes = {}
    for field in dataclasses.fields(examples):
        value = getattr(examples, field.name)
        if field.name in _SHARED:
            continue
        if isinstance(value, np.ndarray):
            changes[field.name] = value[indices]
        elif isinstance(value, list):
            changes[field.name] = [value[index] for index in indices]
    return dataclasses.replace(examples, **changes)


def _strata(task, examples):
    """Returns what is spread evenly: a label of each example, or None."""
    if task.label_type not in ("class", "classes"):
        # Of the tags of sentences, the rarest is often one of its own.
        return [None] * len(examples)
    labels_of_each = _labels_of_each(task, examples)
    counts = collections.Counter(
        label for labels in labels_of_each for label in labels
    )
    return [
        min(labels, key=lambda label: (counts[label], label), default=None)
        for labels in labels_of_each
    ]


def _labels_of_each(task, examples):
    """Returns the labels that each example has, of those that can be rare."""
    if task.label_type == "class":
        return [(label,) for label in examples.labels]
    if task.label_type == "classes":
        return examples.labels
    if task.label_type == "tag":
        return [sorted(set(tags) - {OUTSIDE}) for tags in examples.labels]
    # Numbers, and the places of answers among their options.
    return [()] * len(examples)


def _warn(task, of_label, repeated):
    """Logs what a reader of the results should know of the folds."""
    if dev := task.splits("dev"):
        logging.info(
            "%s: %s is not used, nor what is held out of the training data "
            "for it",
            task.name,
            " and ".join(dev),
        )
    rare = {
        label: sum(counts)
        for label, counts in of_label.items()
        if min(counts) == 0
    }
    if repeated:
        logging.info(
            "%s: %d examples have a text that came before: each is in the "
            "fold of that one",
            task.name,
            repeated,
        )
    alone = [label for label in rare if max(of_label[label]) == rare[label]]
    if rare:
        logging.warning(
            "%s: not every fold has an example of %s",
            task.name,
            _list(
                f"{label!r} ({count} in all)" for label, count in rare.items()
            ),
        )
    if alone:
        logging.warning(
            "%s: all examples of %s are in one fold, whose model learns "
            "nothing of them",
            task.name,
            _list(map(repr, alone)),
        )


def _list(names):
    """Returns names as a list that a message can hold, with their number."""
    names = list(names)
    more = len(names) - _MOST_NAMED
    shown = ", ".join(map(shorten, names[:_MOST_NAMED]))
    return f"{shown} and {more} more" if more > 0 else shown
