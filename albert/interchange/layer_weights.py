# SPDX-License-Identifier: Apache-2.0
"""Copies the weights of layers to those of a model of another sharing.

A layer's weights are those of its group; a model that shares all has one
group, one that shares nothing a group for each layer. A group has as many
inner layers as ``inner_group_num`` says.
"""

import dataclasses
import re

import numpy as np

from albert.interchange.source import Tensors

MEAN = "mean"

_IN_LAYER = re.compile(
    r"encoder/(?P<kind>attention|feed_forward)_(?P<group>\d+)_(?P<inner>\d+)/"
    r"(?P<variable>.+)"
)


def _name(kind, group, inner, variable):
    return f"encoder/{kind}_{group}_{inner}/{variable}"


def _num_groups(config):
    return {
        "attention": config.num_attention_groups,
        "feed_forward": config.num_ffn_groups,
    }


def _split(tensors):
    """Returns (names of the first group's weights, those of no layer)."""
    matches = {name: _IN_LAYER.fullmatch(name) for name in tensors}
    first = [m for m in matches.values() if m and m["group"] == "0"]
    return first, [name for name, match in matches.items() if not match]


def unshare(config, tensors):
    """Returns the same model with weights of its own for every layer.

    Inner layers become layers.

    Args:
      config: ``AlbertConfig``.
      tensors: ``Tensors`` of all its layers.

    Returns:
      (config, tensors) that share nothing.
    """
    entries = tensors.entries()
    first, others = _split(tensors)
    layers, inner_layers = config.num_hidden_layers, config.inner_group_num
    copies = {name: entries[name] for name in others}
    for match in first:
        kind, inner = match["kind"], int(match["inner"])
        groups = _num_groups(config)[kind]
        for layer in range(layers):
            group = layer * groups // layers
            target = layer * inner_layers + inner
            copies[_name(kind, target, 0, match["variable"])] = entries[
                _name(kind, group, inner, match["variable"])
            ]
    unshared = dataclasses.replace(
        config,
        sharing="none",
        num_hidden_layers=layers * inner_layers,
        num_hidden_groups=1,
        inner_group_num=1,
    )
    return unshared, Tensors(copies)


def repeat_layer(config, tensors, new_config, layer):
    """Returns weights whose layers are all one layer of these.

    Args:
      config: ``AlbertConfig`` of the weights.
      tensors: ``Tensors`` of all its layers.
      new_config: ``AlbertConfig`` of the weights that are made; its inner
        layers are as many.
      layer: int, below ``config.num_hidden_layers``; or MEAN, the mean of all
        of them.
    """
    entries = tensors.entries()
    first, others = _split(tensors)
    made = {name: entries[name] for name in others}
    layers = config.num_hidden_layers
    for match in first:
        kind, inner, variable = match["kind"], match["inner"], match["variable"]
        groups = _num_groups(config)[kind]
        names = [_name(kind, group, inner, variable) for group in range(groups)]
        entry = (
            (tensors.shape(names[0]), lambda names=names: _mean(tensors, names))
            if layer == MEAN
            else entries[names[layer * groups // layers]]
        )
        for group in range(_num_groups(new_config)[kind]):
            made[_name(kind, group, inner, variable)] = entry
    return Tensors(made)


def _mean(tensors, names):
    # Every group is the weights of as many layers.
    total = sum(np.asarray(tensors[name], np.float64) for name in names)
    return (total / len(names)).astype(np.float32)
