# SPDX-License-Identifier: Apache-2.0
"""Reads and writes Google's release, TF-Hub v1 modules and model directories.

All three are checkpoints of tensors by Google's names. They differ in where
the configuration and the vocabulary lie and what the vocabulary is called.
Google's BERT is a fourth: it is read as the ALBERT that it is, with unshared
layers and embeddings as wide as they are.
"""

import dataclasses
import glob
import os
import re

from absl import logging

from albert import model_directory
from albert.config import AlbertConfig
from albert.errors import UserError
from albert.heads import HEADS
from albert.interchange import archives
from albert.interchange import bert_config
from albert.interchange import checkpoint_paths
from albert.interchange import names
from albert.interchange import task_description
from albert.interchange import tensor_bundle
from albert.interchange.source import Source
from albert.interchange.source import Tensors
from albert.interchange.source import TokenizerFile
from albert.interchange.source import check_positions_of_peer
from albert.interchange.source import from_peer
from albert.interchange.source import groups_of_peer
from albert.interchange.source import to_peer
from albert.interchange.source import warn_of_epsilon
from albert.json_files import Boolean
from albert.json_files import Object
from albert.json_files import Text
from albert.json_files import read_object
from albert.modeling.layers import EPSILON
from albert.text import digit_commas

FORMAT = "google"
_BERT_FORMAT = "google_bert"
# ALBERT has a group where BERT has a layer.
_OF_BERT = "bert/encoder/layer_"

# Beside the weights in the released archives, and in assets/ of a module.
_RELEASED_TOKENIZER_FILE = "30k-clean.model"
_MODULE_PREFIX = "module/"

# What training checkpoints hold besides the model.
_SLOT = re.compile(r"(?P<variable>.+)/(?P<slot>adam_m|adam_v)")
_STEP = "global_step"
_OURS = "training_state/"
_OBJECT_BASED = "_CHECKPOINTABLE_OBJECT_GRAPH"

# Settings that the original does not have.
_OWN_SETTINGS = ("masked_lm_epsilon", "sharing")
_ORIGINAL_ACTIVATIONS = ("gelu", "relu", "tanh", "linear")
_TOKENIZER_SETTINGS = {
    "sentencepiece": Object(
        {
            "lower_case": Boolean(),
            "digit_comma": Text(digit_commas.RULES),
            "strip_accents": Boolean(),
        },
        others=None,
    ),
    "wordpiece": Object(
        {"lower_case": Boolean(), "strip_accents": Boolean()}, others=None
    ),
}


def matches(path):
    """Returns whether a path is a checkpoint, or a folder or archive of one."""
    path = str(path)
    if os.path.isdir(path):
        return checkpoint_paths.directory_of_weights(path) is not None
    return path.endswith(archives.SUFFIXES) or os.path.exists(
        f"{path.removesuffix('.index')}.index"
    )


def open_source(path):
    """Opens Google's release or a model directory; see source.py.

    Args:
      path: a checkpoint prefix; a directory with a checkpoint, or with one
        folder that has one, as the archives are unpacked; a TF-Hub v1 module
        directory; or the archive itself.

    Returns:
      ``Source``; names of a module are given without "module/".

    Raises:
      UserError: no checkpoint, a damaged one, or a damaged archive.
    """
    path = str(path)
    folder = checkpoint_paths.unpacked(path)
    source = _open_checkpoint(checkpoint_paths.find_prefix(folder))
    if folder == path:
        return source
    # The folder is gone when somebody reads a message about it.
    inside = os.path.relpath(source.path, folder)
    return dataclasses.replace(source, path=os.path.join(path, inside))


def _open_checkpoint(prefix):
    directory = os.path.dirname(prefix)
    is_module = prefix.endswith(checkpoint_paths.MODULE_WEIGHTS)
    if is_module:
        directory = os.path.join(os.path.dirname(directory), "assets")
    config_file = _find_one(
        directory, model_directory.CONFIG_FILE, "albert_config*.json"
    )
    if config_file:
        model_directory.check_unchanged(config_file)
    model, moments, step, unknown = _sort_out(
        tensor_bundle.open_tensors(prefix),
        _MODULE_PREFIX if is_module else "",
    )
    format = FORMAT
    config = AlbertConfig.from_json(config_file) if config_file else None
    if any(name.startswith(_OF_BERT) for name in model):
        format = _BERT_FORMAT
        config = _read_bert_config(directory, prefix)
    tensors, unnamed = from_peer(model, format, None, prefix)
    return Source(
        path=prefix,
        format=format,
        config=config,
        tensors=tensors,
        unknown=unnamed + unknown,
        tokenizer=find_tokenizer(directory),
        adam_m=from_peer(moments["adam_m"], format, None, prefix)[0],
        adam_v=from_peer(moments["adam_v"], format, None, prefix)[0],
        global_step=step,
    )


def _read_bert_config(directory, prefix):
    """Returns the ``AlbertConfig`` of a BERT, which must lie beside it."""
    path = os.path.join(directory, bert_config.CONFIG_FILE)
    if not os.path.exists(path):
        raise UserError(
            f"{prefix}: holds the weights of a BERT, without a "
            f"{bert_config.CONFIG_FILE} beside them: put the one there that "
            "came with them"
        )
    return bert_config.read(path)


def _sort_out(tensors, prefix):
    """Divides a checkpoint into weights, moments, step and unknown names."""
    model, moments, step, unknown = {}, {"adam_m": {}, "adam_v": {}}, None, []
    entries = tensors.entries()
    for full_name in sorted(entries):
        name = full_name.removeprefix(prefix)
        slot = _SLOT.fullmatch(name)
        if name == _STEP:
            step = _read_step(tensors[full_name], full_name)
        elif slot:
            moments[slot["slot"]][slot["variable"]] = _as_floats(
                entries[full_name], full_name
            )
        elif name == _OBJECT_BASED:
            unknown.append(name)
        elif not name.startswith(_OURS):
            model[name] = _as_floats(entries[full_name], full_name)
    return (
        Tensors(model),
        {slot: Tensors(entries) for slot, entries in moments.items()},
        step,
        unknown,
    )


def _read_step(value, name):
    if value.shape or value.dtype.kind not in "iu":
        raise UserError(
            f"the checkpoint's {name} is no whole number: take it from "
            "the program that trains"
        )
    return int(value)


def _as_floats(entry, name):
    """Returns an entry that refuses values which are no floating numbers."""
    shape, read = entry

    def read_floats():
        values = read()
        # bfloat16 is no type of NumPy's own.
        if values.dtype.kind != "f" and values.dtype.name != "bfloat16":
            raise UserError(
                f"the checkpoint's {name} is of type {values.dtype}, and "
                "weights are floating numbers: give the weights as they were "
                "trained, without quantisation"
            )
        return values

    return shape, read_floats


def find_tokenizer(directory):
    """Returns the ``TokenizerFile`` in a directory, or None.

    Args:
      directory: str, of a model of ours or of Google.

    Raises:
      UserError: its settings cannot be read.
    """
    kind = "sentencepiece"
    path = _find_one(directory, model_directory.TOKENIZER_FILE, "*.model")
    released = os.path.join(directory, _RELEASED_TOKENIZER_FILE)
    if os.path.exists(released):
        path = released
    if path is None:
        # Of the Chinese releases, vocab_chinese.txt.
        kind = "wordpiece"
        path = _find_one(
            directory, model_directory.WORDPIECE_FILE, "vocab*.txt"
        )
    if path is None:
        return None
    _, settings_file = model_directory.TOKENIZER_FILES[kind]
    settings_file = os.path.join(directory, settings_file)
    # Weights can be loaded without their tokenizer, hence no error yet.
    refusal = model_directory.find_change(path) or model_directory.find_change(
        settings_file
    )
    # Of BERT, names of releases alone say it.
    settings = {"lower_case": None if kind == "wordpiece" else True}
    if not refusal and os.path.exists(settings_file):
        settings |= read_object(settings_file, _TOKENIZER_SETTINGS[kind])
    return TokenizerFile(path, refusal=refusal, **settings)


def _find_one(directory, name, pattern):
    """Returns the file of this name, or else the only one of a pattern."""
    path = os.path.join(directory, name)
    if os.path.exists(path):
        return path
    found = glob.glob(os.path.join(glob.escape(directory), pattern))
    return found[0] if len(found) == 1 else None


def write(
    directory, config, tensors, tokenizer, head, classifier_dropout, task
):
    """Writes the files that the original's scripts read; see source.py.

    model.ckpt-best, albert_config.json with the original's keys alone, and
    the vocabulary as spiece.model or vocab.txt. Its settings, checksums.json
    and task.json beside them are ours: the original takes what they say from
    flags.

    Raises:
      UserError: the original has no such activation, positions, sharing or
        head.
    """
    del classifier_dropout  # Not in the format.
    if HEADS[head].label_type == "text":
        raise UserError(
            f"Google's code has no decoder: a model with the head {head} "
            "cannot be written for it; `albert convert --head=none` writes "
            "the encoder alone"
        )
    if tokenizer and tokenizer.lower_case and not tokenizer.strip_accents:
        logging.warning(
            "the original's scripts take accents off, which this model was "
            "trained with: they read its text in another way"
        )
    if config.hidden_act not in _ORIGINAL_ACTIVATIONS:
        raise UserError(
            f"hidden_act {config.hidden_act!r} is not one of Google's code "
            f"({', '.join(_ORIGINAL_ACTIVATIONS)}; its gelu is the tanh "
            "form): this model cannot be written for it"
        )
    check_positions_of_peer(config, "Google's code")
    groups = groups_of_peer(config, "Google's code")
    # Refuses the shapes in which the original mixes groups up.
    settings = AlbertConfig.from_dict(
        {**config.to_dict(), "sharing": "all", "num_hidden_groups": groups}
    ).to_dict()
    for key in _OWN_SETTINGS:
        del settings[key]
    if "masked_lm" in HEADS[head].components:
        warn_of_epsilon(config, EPSILON, "Google's code")
    model_directory.write_description(directory, config, tokenizer, settings)
    task_description.write(directory, task)
    peer_tensors, unmapped = to_peer(tensors, FORMAT, config)
    tensor_bundle.write(
        os.path.join(directory, tensor_bundle.BEST), peer_tensors
    )
    return unmapped


def write_model_directory(
    directory, config, tensors, tokenizer, head, classifier_dropout, task
):
    """Writes a model directory of this project; see source.py."""
    del head, classifier_dropout  # The recipes' flags say them.
    model_directory.write_description(directory, config, tokenizer)
    task_description.write(directory, task)
    tensor_bundle.write(
        os.path.join(directory, tensor_bundle.BEST),
        {names.google_name(name): tensors[name] for name in tensors},
    )
    return []
