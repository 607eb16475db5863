# SPDX-License-Identifier: Apache-2.0
"""Checks that weights of a file fit a model, part by part."""

import functools
import re

import numpy as np
from absl import logging

from albert.errors import UserError
from albert.interchange import names
from albert.interchange.source import Tensors

# With another value of these, the same weights are another model.
_SETTINGS_OF_WEIGHTS = (
    "num_attention_heads",
    "hidden_act",
    "position_embedding",
)
# What is known of BERT's pretraining and has no place here: its head for two
# sentences.
_KNOWN = ("cls/seq_relationship",)
# The names of weights that a warning lists.
_FEW = 8


def check_fit(shapes, source, target, excluded=(), or_else=""):
    """Refuses a source whose weights do not fit, listing all differences.

    Args:
      shapes: dict of our name to the shape that is wanted.
      source: ``Source``.
      target: str, what it must fit, for the message.
      excluded: names of components, "pooler" among them, that are not wanted.
      or_else: str, what else than other weights is a remedy where the encoder
        fits and ``{parts}``, a tuple of components, do not.

    Returns:
      list of str, what the source has besides, by its own names.

    Raises:
      UserError: a difference in the encoder or in a head that is wanted.
    """
    tensors = source.tensors
    if not any(name.startswith("encoder/") for name in tensors):
        raise UserError(
            f"{source.path} holds no weights of an ALBERT encoder: "
            f"{_describe_content(source)}"
        )
    components = {component(name) for name in shapes}
    peer_components = {
        _peer_component(stored_name(name, source)) for name in shapes
    }
    misfits = [
        (_part(name), f"missing {stored_name(name, source)}")
        for name in shapes
        if name not in tensors
    ]
    misfits += [
        (
            _part(name),
            shape_difference(
                stored_name(name, source), tensors.shape(name), shape
            ),
        )
        for name, shape in shapes.items()
        if name in tensors and tensors.shape(name) != shape
    ]
    unused = []
    for name in tensors:
        if name in shapes:
            continue
        stored = stored_name(name, source)
        if component(name) in components and not belongs_to(name, excluded):
            misfits.append((_part(name), f"no place for {stored}"))
        else:
            unused.append(stored)
    for name in source.unknown:
        if _peer_component(name) in peer_components:
            misfits.append(("encoder", f"no place for {name}"))
        else:
            unused.append(name)
    if misfits:
        parts = tuple(dict.fromkeys(part for part, _ in misfits))
        raise UserError(
            f"{source.path} does not fit {target} ({len(misfits)} "
            f"differences): {'; '.join(text for _, text in misfits)}. "
            f"{_remedy(parts, or_else)}"
        )
    return sorted(unused)


def warn_of_unknown(path, unknown):
    """Logs which weights of a file are of no head that is known here.

    What a model computes with them is not computed: it is another model.

    Args:
      path: str, what was read.
      unknown: list of str, as of ``Source``.
    """
    unknown = [
        name for name in sorted(unknown) if _peer_component(name) not in _KNOWN
    ]
    if unknown:
        logging.warning(
            "%s: %d weights are of no part that is known here, and nothing is "
            "computed with them: %s%s",
            path,
            len(unknown),
            ", ".join(unknown[:_FEW]),
            ", …" if unknown[_FEW:] else "",
        )


def _remedy(parts, or_else):
    """Returns what to do where these parts of a model do not fit."""
    if "encoder" in parts:
        return "Use the configuration that the checkpoint was trained with"
    return (
        f"The encoder fits: give weights that were trained with the same "
        f"{' and '.join(parts)}, {or_else.format(parts=parts)}"
    ).rstrip(", ")


def absent_parts(names, source, excluded):
    """Finds the parts of a model, besides its encoder, that a source lacks.

    Args:
      names: of the model's variables.
      source: ``Source``.
      excluded: names of parts that are not wanted.

    Returns:
      set of str: heads, and "pooler".

    Raises:
      UserError: the source has some of a part and not all of it.
    """
    missing = {}
    for name in names:
        if name not in source.tensors and not belongs_to(name, excluded):
            missing.setdefault(_part(name), []).append(name)
    missing.pop("encoder", None)
    there = {_part(name) for name in source.tensors}
    for part in missing.keys() & there:
        lost = (stored_name(name, source) for name in missing[part])
        raise UserError(
            f"{source.path} holds a part of {part} alone, missing "
            f"{', '.join(lost)}: give weights with all of it, or in Python "
            f"let it start anew with fresh=({part!r},)"
        )
    return set(missing)


def finite_tensors(source):
    """Returns the tensors of a ``Source``, refusing NaN and infinite values."""

    def checked(name):
        values = np.asarray(source.tensors[name], np.float32)
        if not np.isfinite(values).all():
            raise UserError(
                f"{source.path}: {stored_name(name, source)} holds NaN or "
                "infinite values: its training diverged or the file is "
                "damaged; give another checkpoint"
            )
        return values

    return Tensors(
        {
            name: (source.tensors.shape(name), functools.partial(checked, name))
            for name in source.tensors
        }
    )


def check_settings(config, source):
    """Refuses weights that were made with settings that change what they mean.

    Args:
      config: ``AlbertConfig`` of the model.
      source: ``Source``; nothing is checked where it has no configuration.

    Raises:
      UserError: naming the settings that differ.
    """
    if source.config is None:
        return
    differences = [
        f"{name} {getattr(source.config, name)!r} there, "
        f"{getattr(config, name)!r} here"
        for name in _SETTINGS_OF_WEIGHTS
        if getattr(source.config, name) != getattr(config, name)
    ]
    if differences:
        raise UserError(
            f"{source.path} was made with another configuration: "
            f"{'; '.join(differences)}. Use the configuration that the "
            "checkpoint was trained with"
        )
    for name in ("num_hidden_layers", "masked_lm_epsilon"):
        source_value = getattr(source.config, name)
        model_value = getattr(config, name)
        if source_value != model_value:
            logging.warning(
                "%s was made with %s %s, this model has %s",
                source.path,
                name,
                source_value,
                model_value,
            )


def _describe_content(source):
    if "_CHECKPOINTABLE_OBJECT_GRAPH" in source.unknown:
        return (
            "it is a checkpoint of TensorFlow 2 objects; give one of tensors "
            "by name, as the original and this package write them"
        )
    names_in_file = [stored_name(name, source) for name in source.tensors]
    names_in_file += source.unknown
    if not names_in_file:
        return "it holds no weights at all; give another one"
    return (
        f"it has {len(names_in_file)} others, such as {names_in_file[0]}; give "
        "a checkpoint of ALBERT"
    )


def stored_name(name, source):
    """Returns the file's name of our variable."""
    return names.peer_name(name, source.format) or name


def shape_difference(name, shape, expected):
    """Returns a phrase that says which shape a weight has, and should have."""
    return f"{name} has shape {list(shape)} instead of {list(expected)}"


def component(name):
    """Returns the part of a model that our variable belongs to."""
    return name.split("/")[0]


def _peer_component(name):
    """Returns the part of a model that a file's variable belongs to."""
    first, *rest = re.split("[/.]", name)
    return f"cls/{rest[0]}" if first == "cls" and rest else first


def is_pooler(name):
    """Returns whether our variable is one of the pooler."""
    return name.startswith("encoder/pooler/")


def _part(name):
    """Returns the component of our variable, or "pooler" of the pooler."""
    return "pooler" if is_pooler(name) else component(name)


def belongs_to(name, parts):
    """Returns whether our variable is of these parts of a model.

    Args:
      name: str.
      parts: names of components, and "pooler".
    """
    return component(name) in parts or ("pooler" in parts and is_pooler(name))
