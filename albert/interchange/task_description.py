# SPDX-License-Identifier: Apache-2.0
"""What a model was fine-tuned for, in the words of each format.

task.json             in a model directory, and beside Google's files
config.json           of transformers: the names of the classes are id2label,
                      the rest is "albert_task", which is ours
metadata.json         of KerasHub's presets, in the part that is ours

It is read before TensorFlow is loaded, so this module imports nothing that
needs it.
"""

import os
import re

from albert import json_files
from albert import model_directory
from albert import outputs
from albert.errors import UserError
from albert.heads import HEADS
from albert.heads import find
from albert.interchange import checkpoint_paths
from albert.interchange import kerashub_presets
from albert.interchange.weight_paths import find_weights
from albert.tasks.label_types import find_order

_CONFIG_FILE = "config.json"
_OWN_KEY = "albert_task"
# A classifier that names no classes has so many there.
_USUAL_OUTPUTS = 2
# What a classifier is trained for there, and our kinds of tasks.
_PROBLEM_TYPE = "problem_type"
_PROBLEM_TYPES = {
    "single_label_classification": "classification",
    "multi_label_classification": "multi_label",
    "regression": "regression",
}
# What a task has for each label, in their order.
_OF_EACH_LABEL = ("thresholds", "class_weights")
# What transformers calls classes that nobody has named.
_PLACEHOLDER = re.compile(r"LABEL_\d+", re.ASCII)


def read(path):
    """Returns what a model says of its task.

    Args:
      path: str, weights in any format, or None.

    Returns:
      dict, as ``model_directory.read_task`` returns it; empty where nothing
      is said. Of a classifier that was trained elsewhere and names its
      classes it has "labels", in the order of the outputs, and "kind"; of one
      of several labels a text that does not name them, "kind" alone.

    Raises:
      UserError: there is nothing, a file is damaged, or it names classes that
        cannot be.
    """
    if not path:
        return {}
    path = find_weights(path)
    config_file = os.path.join(path, _CONFIG_FILE)
    if os.path.exists(config_file) and not model_directory.is_of_run(path):
        values = json_files.read_object(config_file)
        if "registered_name" in values:
            return _read_preset(path)
        return from_values(values, config_file)
    return model_directory.read_task(checkpoint_paths.find_directory(path))


def write(directory, task):
    """Writes task.json, if there is a task.

    Args:
      directory: str, existing.
      task: dict, as ``read`` returns it.
    """
    if task:
        outputs.write_json(
            os.path.join(directory, model_directory.TASK_FILE), task
        )


def _read_preset(directory):
    path = os.path.join(directory, kerashub_presets.METADATA_FILE)
    own = kerashub_presets.read_own(path)
    return _own(own, "task", path, f"{kerashub_presets.OWN_KEY}.task")


def _own(values, key, path, place):
    """Returns what this package wrote into a file of another: the task."""
    value = values.get(key, {})
    json_files.check(value, model_directory.TASK_SCHEMA, path, place=place)
    return value


# --------------------------------------------------- config.json, transformers


def from_values(values, path):
    """Returns the task that a ``config.json`` says; see ``read``.

    Args:
      values: dict, what the file holds.
      path: str, for messages.

    Raises:
      UserError: the classes are not numbered from 0, or named in two ways.
    """
    architectures = _as_of_albert(values.get("architectures"))
    task = _own(values, _OWN_KEY, path, _OWN_KEY)
    # transformers keeps it when the model is trained for something else.
    if architectures not in _classes(task_kind=task.get("kind") or ""):
        task = {}
    trained_for = _PROBLEM_TYPES.get(str(values.get(_PROBLEM_TYPE)))
    if architectures not in _classes(task_kind=trained_for or ""):
        trained_for = None
    if trained_for and task.get("kind") not in (None, trained_for):
        task = {}
    if architectures not in _classes(takes_num_labels=True):
        return dict(task)
    labels = task.get("labels")
    named = [
        _names(values.get("id2label"), "id2label", path, labels),
        _names(_turned(values.get("label2id")), "label2id", path, labels),
    ]
    named = [names for names in named if names]
    if len(named) == 2 and named[0] != named[1]:
        raise UserError(
            f"{path}: id2label says {', '.join(named[0])}, label2id "
            f"{', '.join(named[1])}: make them say the same"
        )
    order = named and find_order(labels or (), named[0])
    if order:
        return task | _in_order(task, order, path) | {"labels": named[0]}
    # Where the task has names that are not there, somebody has replaced the
    # classes.
    known = {} if labels else task
    if trained_for == "regression" and _count_outputs(values) != 1:
        return {"task_name": None, "kind": trained_for}
    if not named and trained_for == "multi_label":
        return dict(known) or {"task_name": None, "kind": trained_for}
    # One output is a number, whatever it is called, unless it is said not to
    # be.
    if not named or (len(named[0]) == 1 and trained_for != "multi_label"):
        return dict(known)
    head = find(takes_num_labels=True, transformers=architectures[0])[0]
    kind = HEADS[head].task_kind
    if trained_for == "multi_label":
        kind = trained_for
    return {"task_name": None, "kind": kind, "labels": named[0]}


def _count_outputs(values):
    """Returns how many outputs a classifier of transformers has."""
    for key in ("id2label", "label2id"):
        if isinstance(values.get(key), dict):
            return len(values[key])
    return values.get("num_labels", _USUAL_OUTPUTS)


def _in_order(task, order, path):
    """Returns what a task has for each label, in another order: dict.

    Args:
      task: dict, as ``read`` returns it, with labels.
      order: list of int, as of ``find_order``.
      path: str, for messages.

    Raises:
      UserError: there is not a value for each label.
    """
    ordered = {}
    for name in _OF_EACH_LABEL:
        own = task.get(name)
        if own is None:
            continue
        if len(own) != len(order):
            raise UserError(
                f"{path}: {_OWN_KEY}.{name} has {len(own)} values for "
                f"{len(order)} labels: restore the file, or take {name} out"
            )
        ordered[name] = [own[place] for place in order]
    return ordered


def _as_of_albert(architectures):
    """Returns the classes; a BERT's by the names that ALBERT's have."""
    if not isinstance(architectures, list):
        return architectures
    return [re.sub("^Bert", "Albert", str(each)) for each in architectures]


def _classes(**values):
    """Returns ``architectures`` of the heads with these values: list."""
    return [[HEADS[name].transformers] for name in find(**values)]


def to_values(task, num_labels):
    """Returns what ``config.json`` says of a task; reversed by ``from_values``.

    Args:
      task: dict, as ``read`` returns it.
      num_labels: int, outputs of the classifier; 0 where it has no classes.
    """
    labels = task.get("labels")
    if not labels or len(labels) != num_labels:
        labels = [f"LABEL_{number}" for number in range(num_labels)]
    values = {_OWN_KEY: task} if task else {}
    if num_labels:
        values |= {
            "id2label": {str(id_): name for id_, name in enumerate(labels)},
            "label2id": {name: id_ for id_, name in enumerate(labels)},
        }
    return values


def problem_type(task, num_labels):
    """Returns what ``config.json`` says a classifier is trained for: dict.

    Args:
      task: dict, as ``read`` returns it.
      num_labels: int, outputs of the classifier.
    """
    if task.get("kind") == "multi_label":
        return {_PROBLEM_TYPE: "multi_label_classification"}
    if task.get("kind") == "regression" or num_labels == 1:
        return {_PROBLEM_TYPE: "regression"}
    return {}


def _turned(label_to_id):
    if not isinstance(label_to_id, dict):
        return label_to_id
    return {str(id_): name for name, id_ in label_to_id.items()}


def _names(id_to_label, key, path, known):
    """Returns the classes in their order; None where they have no names.

    Args:
      id_to_label: dict from "0", … to str, or what stands in its place.
      key, path: str, for messages.
      known: list of str or None, the labels of the task, which may be called
        like placeholders.
    """
    if id_to_label is None:
        return None
    if not isinstance(id_to_label, dict):
        id_to_label = {}
    names = [id_to_label.get(str(id_)) for id_ in range(len(id_to_label))]
    if not names or not all(isinstance(name, str) for name in names):
        raise UserError(
            f"{path}: {key} does not name the classes 0, 1, …: mend it, or "
            "take it out"
        )
    if names != known and all(map(_PLACEHOLDER.fullmatch, names)):
        return None
    return names
