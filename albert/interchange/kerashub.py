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
import hashlib
import os
import re

import numpy as np
import sentencepiece

from albert.config import AlbertConfig
from albert.errors import UserError
from albert.interchange import hdf5
from albert.interchange import kerashub_presets as presets
from albert.interchange import names
from albert.interchange.json_files import read_object
from albert.interchange.sentencepiece_rules import self_contained_model
from albert.interchange.source import Source
from albert.interchange.source import Tensors
from albert.interchange.source import TokenizerFile
from albert.interchange.source import from_peer
from albert.interchange.source import to_peer
from albert.interchange.source import warn_of_epsilon
from albert.model_directory import TOKENIZER_FILE
from albert.model_directory import write_file
from albert.model_directory import write_json
from albert.text.tokenizer import DIGIT_COMMA_RULES
from albert.text.tokenizer import Tokenizer

FORMAT = "kerashub"
# Of the layer normalisation in AlbertMaskedLM's head.
EPSILON = 1e-5

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
    own = _own_description(path)
    config_file = os.path.join(path, presets.CONFIG_FILE)
    backbone = presets.read_backbone(read_object(config_file), config_file)
    config = presets.to_config(backbone, path)
    task = _read_task(path, backbone)
    if task and task.head == "masked_lm":
        config = dataclasses.replace(config, masked_lm_epsilon=EPSILON)
    config = _own_config(own, path, config)
    entries = _backbone_entries(path, config)
    if task:
        entries |= _task_entries(path, task)
        _check_labels(path, entries, task, config)
    tensors, unknown = from_peer(Tensors(entries), FORMAT, config, path)
    _check_backbone(path, unknown)
    return Source(
        path=path,
        format=FORMAT,
        config=config,
        tensors=tensors,
        unknown=unknown,
        head=task.head if task else "none",
        tokenizer=_read_tokenizer(path, own),
        classifier_dropout=task.dropout if task else None,
    )


def _own_description(path):
    """What this package wrote beside the preset, or {}."""
    metadata_file = os.path.join(path, presets.METADATA_FILE)
    if not os.path.exists(metadata_file):
        return {}
    own = read_object(metadata_file).get(presets.OWN_KEY, {})
    return own if isinstance(own, dict) else {}


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


def _read_task(path, backbone):
    task_file = os.path.join(path, presets.TASK_FILE)
    if not os.path.exists(task_file):
        return None
    return presets.read_task(read_object(task_file), backbone, task_file)


def _backbone_entries(path, config):
    entries = _file_entries(_weight_files(path))
    return _by_layer(entries, "", _backbone_groups(config))


def _task_entries(path, task):
    weights = os.path.join(path, presets.TASK_WEIGHTS)
    entries = _file_entries([weights])
    entries = {
        name: entry
        for name, entry in entries.items()
        if not name.startswith(_NO_WEIGHTS)
    }
    layer = task.description.layer
    groups = {_TASK_GROUPS[layer]: layer}
    return _by_layer(entries, _TASK_MARK, groups)


def _weight_files(path):
    single = os.path.join(path, presets.MODEL_WEIGHTS)
    index = os.path.join(path, presets.MODEL_INDEX)
    if os.path.exists(single) or not os.path.exists(index):
        return [single]
    weight_map = read_object(index).get("weight_map")
    if not isinstance(weight_map, dict):
        raise UserError(
            f"{index}: it has no weight_map: get the directory again"
        )
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
            number = g * config.inner_group_num + j
            group = f"{_BLOCK}_{number}" if number else _BLOCK
            groups[group] = f"group_{g}_inner_layer_{j}"
    return groups


def _check_backbone(path, unknown):
    """A backbone is what its configuration says, and nothing more."""
    extra = sorted(n for n in unknown if not n.startswith(_TASK_MARK))
    if extra:
        raise UserError(
            f"{path}: its configuration has no place for {', '.join(extra)}: "
            "get the directory again"
        )


def _check_labels(path, entries, task, config):
    """The table of shapes does not know how many labels there are."""
    kernel = "logits/vars/0"
    right = (config.hidden_size, task.num_labels)
    if task.num_labels is None or kernel not in entries:
        return
    shape = entries[kernel][0]
    if shape != right:
        raise UserError(
            f"{os.path.join(path, presets.TASK_WEIGHTS)}: the classifier has "
            f"shape {list(shape)} instead of {list(right)}: get the "
            "directory again"
        )


def _read_tokenizer(path, own):
    asset = os.path.join(path, presets.VOCABULARY)
    if not os.path.exists(asset):
        return None
    original = os.path.join(path, TOKENIZER_FILE)
    settings = own.get("tokenizer")
    if (
        isinstance(settings, dict)
        and settings.get("vocabulary_sha256") == _sha256(asset)
        and os.path.exists(original)
    ):
        rule = settings.get("digit_comma")
        return TokenizerFile(
            original,
            lower_case=settings.get("lower_case") is not False,
            digit_comma=rule if rule in DIGIT_COMMA_RULES else "original",
        )
    try:
        return TokenizerFile(asset, lower_case=_is_lower_case(asset))
    except UserError as error:
        return TokenizerFile(asset, refusal=str(error))


def _is_lower_case(asset):
    """Whether a vocabulary knows no capitals; KerasHub itself never says."""
    tokenizer = Tokenizer(asset, lower_case=False)
    return not any(
        piece != piece.lower()
        for piece in (tokenizer.pieces[i] for i in tokenizer.replacement_ids())
    )


def _sha256(path):
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror}): get the directory "
            "again"
        ) from None


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
    backbone = presets.from_config(config)
    described = task
    task = presets.task_of(head, tensors, classifier_dropout)
    layers = {"encoder"} | ({task.description.component} if task else set())
    homeless = [name for name in tensors if name.split("/")[0] not in layers]
    theirs, unmapped = to_peer(
        Tensors(
            {
                name: entry
                for name, entry in tensors.entries().items()
                if name not in homeless
            }
        ),
        FORMAT,
        config,
    )
    vocabulary = None
    if tokenizer is not None:
        presets.check_tokenizer(tokenizer)
        vocabulary = self_contained_model(tokenizer)
    groups = {layer: group for group, layer in _backbone_groups(config).items()}
    hdf5.write(
        os.path.join(directory, presets.MODEL_WEIGHTS),
        _by_group(theirs, groups),
    )
    if task and task.head == "masked_lm":
        warn_of_epsilon(config, EPSILON, "KerasHub")
    if task:
        layer = task.description.layer
        hdf5.write(
            os.path.join(directory, presets.TASK_WEIGHTS),
            {
                **_by_group(theirs, {layer: _TASK_GROUPS[layer]}),
                **_new_optimizer(task),
            },
        )
    own = {"config": config.to_dict()}
    if described:
        own["task"] = described
    if vocabulary:
        own["tokenizer"] = _write_tokenizer(directory, tokenizer, vocabulary)
    parameters = sum(
        _size(shape) for shape in names.expected_shapes(config, "none").values()
    )
    descriptions = presets.descriptions(
        backbone, task, tokenizer is not None, parameters, own
    )
    for name, value in descriptions.items():
        write_json(os.path.join(directory, name), value)
    return homeless + unmapped


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


def _size(shape):
    size = 1
    for extent in shape:
        size *= extent
    return size


def load_written_tokenizer(directory):
    """Returns a function from text to ids: what the preset's tokenizer says.

    KerasHub gives the text as it is to SentencePiece, as is done here.

    Args:
      directory: str, where ``write`` wrote.
    """
    return sentencepiece.SentencePieceProcessor(
        model_file=os.path.join(directory, presets.VOCABULARY)
    ).encode


def _write_tokenizer(directory, tokenizer, vocabulary):
    asset = os.path.join(directory, presets.VOCABULARY)
    os.makedirs(os.path.dirname(asset))
    write_file(asset, vocabulary)
    write_file(os.path.join(directory, TOKENIZER_FILE), tokenizer.model_proto)
    return {
        "lower_case": tokenizer.lower_case,
        "digit_comma": tokenizer.digit_comma,
        "vocabulary_sha256": hashlib.sha256(vocabulary).hexdigest(),
    }
