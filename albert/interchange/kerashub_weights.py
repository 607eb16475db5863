# SPDX-License-Identifier: Apache-2.0
"""The weight files of a KerasHub preset, by KerasHub's names of layers.

Keras numbers the groups of a file by class; the table of variables
(albert/interchange/variable_table.py) knows one by its layer's name and the
path below it.
"""

import os
import re

import numpy as np

from albert.errors import UserError
from albert.interchange import hdf5
from albert.interchange import kerashub_presets as presets
from albert.json_files import Object
from albert.json_files import read_object

_PART = re.compile(r"model_\d{5,}\.weights\.h5", re.ASCII)
# Keras names a layer's group in the file after its class and counts.
_BACKBONE_GROUPS = {
    "token_embedding": "reversible_embedding",
    "position_embedding": "position_embedding",
    "segment_embedding": "embedding",
    "embeddings_layer_norm": "layer_normalization",
    "embedding_projection": "dense",
    "pooled_dense": "dense_1",
}
_TASK_GROUPS = {"mlm_head": "masked_lm_head", "logits": "dense"}
_BLOCK = "transformer_encoder"
_TASK_MARK = f"{presets.TASK_WEIGHTS}:"
# Beside a task's layers: what its training and its tokenizer left.
_NO_WEIGHTS = ("optimizer/", "preprocessor/")


# -------------------------------------------------------------------- reading


def read_backbone(path, config):
    """Returns the entries of a backbone, see ``Tensors``.

    Args:
      path: str, the preset's directory.
      config: ``AlbertConfig``.
    """
    entries = _file_entries(_weight_files(path))
    return _by_layer(entries, "", _backbone_groups(config))


def read_task(path, task, config):
    """Returns the entries of a task's head, see ``Tensors``.

    Args:
      path: str, the preset's directory.
      task: ``kerashub_tasks.Task``.
      config: ``AlbertConfig``.

    Raises:
      UserError: the classifier does not have the labels of the task.
    """
    weights = os.path.join(path, presets.TASK_WEIGHTS)
    entries = _file_entries([weights])
    entries = {
        name: entry
        for name, entry in entries.items()
        if not name.startswith(_NO_WEIGHTS)
    }
    layer = task.description.layer
    groups = {_TASK_GROUPS[layer]: layer}
    entries = _by_layer(entries, _TASK_MARK, groups)
    _check_labels(weights, entries, task, config)
    return entries


def _weight_files(path):
    single = os.path.join(path, presets.MODEL_WEIGHTS)
    index = os.path.join(path, presets.MODEL_INDEX)
    if os.path.exists(single) or not os.path.exists(index):
        return [single]
    schema = Object({"weight_map": Object()}, required=("weight_map",))
    weight_map = read_object(index, schema)["weight_map"]
    parts = set()
    for value in weight_map.values():
        for part in value if isinstance(value, list) else [value]:
            # Nothing but a file beside the index.
            if not isinstance(part, str) or not _PART.fullmatch(part):
                raise UserError(
                    f"{index}: {part!r} is not the name of a part such as "
                    "model_00000.weights.h5: get the directory again"
                )
            parts.add(part)
    return [os.path.join(path, part) for part in sorted(parts)]


def _file_entries(paths):
    entries = {}
    for path in paths:
        for name, entry in hdf5.find_entries(path).items():
            if name in entries:
                raise UserError(
                    f"{path}: {name!r} is in another part too: get the "
                    "directory again"
                )
            entries[name] = entry
    return entries


def _by_layer(entries, mark, groups):
    """Names entries by layer, as the table of names does.

    Args:
      entries: dict of path in the file to entry.
      mark: str, put before entries that belong to no layer.
      groups: dict of group in the file to layer.
    """
    named = {}
    for name, entry in entries.items():
        root, _, rest = name.partition("/")
        group, _, variable = rest.partition("/")
        if root == "layers" and group in groups:
            named[f"{groups[group]}/{variable}"] = entry
        else:
            named[f"{mark}{name}"] = entry
    return named


def _backbone_groups(config):
    groups = {group: layer for layer, group in _BACKBONE_GROUPS.items()}
    for g in range(config.num_attention_groups):
        for j in range(config.inner_group_num):
            index = g * config.inner_group_num + j
            group = f"{_BLOCK}_{index}" if index else _BLOCK
            groups[group] = f"group_{g}_inner_layer_{j}"
    return groups


def check_backbone(path, unknown):
    """Refuses a backbone with more than its configuration says.

    Args:
      path: str, the preset's directory.
      unknown: list of str, entries that the table of names does not know.

    Raises:
      UserError: naming them.
    """
    extra = sorted(n for n in unknown if not n.startswith(_TASK_MARK))
    if extra:
        raise UserError(
            f"{path}: its configuration has no place for {', '.join(extra)}: "
            "get the directory again"
        )


def _check_labels(path, entries, task, config):
    """The table of shapes does not know how many labels there are."""
    kernel = "logits/vars/0"
    expected = (config.hidden_size, task.num_labels)
    if task.num_labels is None or kernel not in entries:
        return
    shape = entries[kernel][0]
    if shape != expected:
        raise UserError(
            f"{path}: the classifier has shape {list(shape)} instead of "
            f"{list(expected)}: get the directory again"
        )


# -------------------------------------------------------------------- writing


def write_backbone(directory, config, tensors):
    """Writes the weights of a backbone.

    Args:
      directory: str, exists.
      config: ``AlbertConfig``.
      tensors: ``Tensors`` by KerasHub's names.
    """
    groups = {layer: group for group, layer in _backbone_groups(config).items()}
    path = os.path.join(directory, presets.MODEL_WEIGHTS)
    hdf5.write(path, _by_group(tensors, groups))


def write_task(directory, task, tensors):
    """Writes the weights of a task's head.

    Args:
      directory: str, exists.
      task: ``kerashub_tasks.Task``.
      tensors: ``Tensors`` by KerasHub's names.
    """
    layer = task.description.layer
    hdf5.write(
        os.path.join(directory, presets.TASK_WEIGHTS),
        {
            **_by_group(tensors, {layer: _TASK_GROUPS[layer]}),
            **_new_optimizer(task),
        },
    )


def _by_group(tensors, groups):
    """Entries of a file: path in it to a function that returns the array."""
    entries = {}
    for name, (_, read) in tensors.entries().items():
        layer, _, variable = name.partition("/")
        if layer in groups:
            entries[f"layers/{groups[layer]}/{variable}"] = read
    return entries


def _new_optimizer(task):
    """A task is made with an optimizer, and loaded with one or not at all."""
    return {
        "optimizer/vars/0": lambda: np.int64(0),  # steps
        "optimizer/vars/1": lambda: np.float32(task.description.learning_rate),
    }
