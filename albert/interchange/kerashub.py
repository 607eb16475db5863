# SPDX-License-Identifier: Apache-2.0
"""Preset directories of KerasHub, read and written without KerasHub.

config.json                       the backbone's settings
model.weights.h5                  its variables; large ones may be in parts,
                                  model_00000.weights.h5 … and an index,
                                  model.weights.json
task.json, task.weights.h5        a head: AlbertMaskedLM, AlbertTextClassifier
tokenizer.json, preprocessor.json how text becomes ids
assets/tokenizer/vocabulary.spm   the SentencePiece model
metadata.json                     about the files; nothing there reads it

The masked-LM head of KerasHub adds 1e-5 to the variance where the original
adds 1e-12, and offers no setting for it. Presets are read with that value; a
model with another one is written with a warning.
Source: albert_backbone.py, albert_masked_lm.py, albert_text_classifier.py and
preset_utils.py of keras-hub 0.32, and saving_lib.py of keras 3.15. Presets of
keras-nlp 0.7 with keras 3.0 have the same layout.
"""

import contextlib
import dataclasses
import functools
import math
import os

import numpy as np
from absl import logging

from albert import outputs
from albert.config import AlbertConfig
from albert.errors import UserError
from albert.heads import HEADS
from albert.interchange import kerashub_presets as presets
from albert.interchange import kerashub_tasks
from albert.interchange import kerashub_tokenizer
from albert.interchange import kerashub_weights
from albert.interchange import names
from albert.interchange.source import Source
from albert.interchange.source import Tensors
from albert.interchange.source import from_peer
from albert.interchange.source import to_peer
from albert.interchange.source import warn_of_epsilon
from albert.json_files import read_object

FORMAT = "kerashub"
# Of the layer normalisation in AlbertMaskedLM's head.
EPSILON = 1e-5


def matches(path):
    """Returns whether a path is a preset directory."""
    try:
        config = read_object(os.path.join(path, presets.CONFIG_FILE))
    except UserError:
        return False
    return isinstance(config.get("registered_name"), str)


# -------------------------------------------------------------------- reading


def open_source(path):
    """Opens a preset: a backbone, or one of the two tasks.

    Args:
      path: path of the directory.

    Returns:
      ``Source``.

    Raises:
      UserError: a file is missing, damaged or hostile, or the model is not
        one that ``AlbertConfig`` can express.
    """
    path = str(path)
    own = presets.read_own(os.path.join(path, presets.METADATA_FILE))
    config_file = os.path.join(path, presets.CONFIG_FILE)
    backbone = presets.read_backbone(read_object(config_file), config_file)
    config = presets.to_config(backbone, path)
    task = _read_task(path, backbone)
    if task and task.head == "masked_lm":
        config = dataclasses.replace(config, masked_lm_epsilon=EPSILON)
    config = _own_config(own, path, config)
    entries = kerashub_weights.read_backbone(path, config)
    if task:
        entries |= kerashub_weights.read_task(path, task, config)
    tensors, unknown = from_peer(Tensors(entries), FORMAT, config, path)
    kerashub_weights.check_backbone(path, unknown)
    return Source(
        path=path,
        format=FORMAT,
        config=config,
        tensors=tensors,
        unknown=unknown,
        head=task.head if task else "none",
        tokenizer=kerashub_tokenizer.find(path, own.get("tokenizer")),
        classifier_dropout=task.dropout if task else None,
    )


def _own_config(own, path, config):
    """The configuration that this package wrote beside, else ``config``.

    It says more, such as the initializer's range. It counts as long as it
    describes the preset: KerasHub may have written another since.
    """
    if "config" in own:
        described = AlbertConfig.from_dict(own["config"], path)
        with contextlib.suppress(UserError):
            if presets.from_config(described) == presets.from_config(config):
                return described
    return config


def _add_pooler(entries, config):
    """Adds a pooler of zeros, which KerasHub's models cannot lack."""
    missing = {
        name: (shape, functools.partial(np.zeros, shape, np.float32))
        for name, shape in names.expected_shapes(config, "none").items()
        if name.startswith("encoder/pooler/") and name not in entries
    }
    entries |= missing
    if missing:
        logging.warning(
            "the weights have no pooler, and KerasHub's models have one: it "
            "is written as zeros, so that pooled_output says nothing there"
        )


def _read_task(path, backbone):
    task_file = os.path.join(path, presets.TASK_FILE)
    if not os.path.exists(task_file):
        return None
    return kerashub_tasks.read(read_object(task_file), backbone, task_file)


# -------------------------------------------------------------------- writing


def write(
    directory, config, tensors, tokenizer, head, classifier_dropout, task
):
    """Writes a preset: a task where the head is one of KerasHub's.

    Args:
      directory: str, exists and is empty.
      config: ``AlbertConfig``.
      tensors: ``Tensors`` by our names.
      tokenizer: ``Tokenizer``, or None where there is none. Its SentencePiece
        model is written with our normalisation among its rules, because
        KerasHub gives it raw text, and unchanged as spiece.model beside it.
      head: a key of ``albert.heads.HEADS``.
      classifier_dropout: float, or None.
      task: dict of ``task_description.read``, which goes into metadata.json.

    Returns:
      list of our variables that a preset has no place for.

    Raises:
      UserError: the model or its tokenizer cannot be expressed, and why.
    """
    row = HEADS[head]
    if row.components and row.kerashub is None:
        raise UserError(
            f"KerasHub has no task for the head {head} "
            f"({', '.join(row.components)}): this model cannot be written for "
            "it; `albert convert --head=none` writes the encoder alone"
        )
    backbone = presets.from_config(config)
    peer_task = kerashub_tasks.find_task(head, tensors, classifier_dropout)
    components = {"encoder"}
    if peer_task:
        components.add(peer_task.description.component)
    entries = tensors.entries()
    left = [name for name in entries if name.split("/")[0] not in components]
    for name in left:
        del entries[name]
    _add_pooler(entries, config)
    peer_tensors, unmapped = to_peer(Tensors(entries), FORMAT, config)
    own = {"config": config.to_dict()}
    if task:
        own["task"] = task
    if tokenizer is not None:
        own["tokenizer"] = kerashub_tokenizer.write(directory, tokenizer)
    kerashub_weights.write_backbone(directory, config, peer_tensors)
    if peer_task:
        kerashub_weights.write_task(directory, peer_task, peer_tensors)
    if peer_task and peer_task.head == "masked_lm":
        warn_of_epsilon(config, EPSILON, "KerasHub")
    shapes = names.expected_shapes(config, "none").values()
    parameters = sum(map(math.prod, shapes))
    descriptions = presets.descriptions(
        backbone, peer_task, tokenizer is not None, parameters, own
    )
    for name, value in descriptions.items():
        outputs.write_json(os.path.join(directory, name), value)
    return left + unmapped
