# SPDX-License-Identifier: Apache-2.0
"""Reads and writes directories of transformers (config.json, safetensors).

An ALBERT or a BERT, which is read as the ALBERT that it is: unshared layers,
and embeddings as wide as they are.

Source: modeling_albert.py and modeling_bert.py of transformers 5 and the
safetensors format. Two differences stay after conversion of an ALBERT, in
training alone: transformers has no dropout after the feed-forward network, and
one in front of its sentence-order head.
"""

import functools
import os
import re
import shutil

import ml_dtypes
import numpy as np
import safetensors
import safetensors.numpy

from albert import outputs
from albert.errors import UserError
from albert.heads import HEADS
from albert.inputs import check_file
from albert.inputs import check_same
from albert.inputs import identify
from albert.interchange import huggingface_config
from albert.interchange import huggingface_tokenizer
from albert.interchange import layer_weights
from albert.interchange.source import Source
from albert.interchange.source import Tensors
from albert.interchange.source import from_peer
from albert.interchange.source import to_peer
from albert.interchange.source import warn_of_epsilon
from albert.json_files import FileName
from albert.json_files import Object
from albert.json_files import read_object
from albert.modeling.layers import EPSILON

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
_SHARDS_FILE = "model.safetensors.index.json"
_PICKLE = re.compile(r"pytorch_model(-\d+-of-\d+)?\.bin(\.index\.json)?")

_BASE_PARTS = ("embeddings.", "encoder.", "pooler.")
_WORDS = "embeddings.word_embeddings.weight"
# A row of numbers, 0 to the number of positions, that older versions wrote.
_POSITIONS = "embeddings.position_ids"
# The masked-LM head. Older versions wrote copies of what it repeats.
_PREDICTIONS = {"albert": "predictions.", "bert": "cls.predictions."}
# What the oldest checkpoints call the variables of layer normalisation.
_OLD_NAMES = {
    "LayerNorm.gamma": "LayerNorm.weight",
    "LayerNorm.beta": "LayerNorm.bias",
}

# Names of the values; others (integers of quantised models) are refused.
_TYPES = {
    "F32": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
    "F64": np.float64,
}


def matches(path):
    """Returns whether a path is a directory with transformers' files."""
    if not os.path.isfile(os.path.join(path, CONFIG_FILE)):
        return False
    return any(
        name in (WEIGHTS_FILE, _SHARDS_FILE) or _PICKLE.fullmatch(name)
        for name in os.listdir(path)
    )


def open_source(path):
    """Opens a directory of transformers; see source.py.

    Args:
      path: str; weights in one file or in several with an index.

    Returns:
      ``Source``. A bare ``AlbertModel``'s names are given with the prefix
      "albert." that all other classes have, a ``BertModel``'s with "bert.".

    Raises:
      UserError: only pickled weights, a damaged or hostile file, or a model
        that is neither ALBERT nor BERT.
    """
    path = str(path)
    config_file = os.path.join(path, CONFIG_FILE)
    values = read_object(config_file)
    model_type = huggingface_config.find_model_type(values, config_file)
    config, head, dropout = huggingface_config.from_values(values, config_file)
    peer_tensors = _with_usual_names(_open_weights(path), model_type.name, path)
    peer_tensors = _without_copies(peer_tensors, model_type.name, config, path)
    tensors, unknown = from_peer(peer_tensors, model_type.format, config, path)
    if head == "none":
        head = None  # A head may lie beside what that class has.
    return Source(
        path=path,
        format=model_type.format,
        config=config,
        tensors=tensors,
        unknown=unknown,
        head=head,
        head_refusal=huggingface_config.refuse_head(values, config_file),
        tokenizer=huggingface_tokenizer.find(path),
        classifier_dropout=dropout,
    )


# -------------------------------------------------------------------- weights


def _open_weights(path):
    """Returns the ``Tensors`` of the weights, by the names in the files."""
    single = os.path.join(path, WEIGHTS_FILE)
    if os.path.exists(single):
        return _open_file(single)
    index = os.path.join(path, _SHARDS_FILE)
    if os.path.exists(index):
        return _open_shards(path, index)
    raise UserError(
        f"{path}: its weights are pickled (pytorch_model.bin), which can run "
        "any program when it is read: open it where you trust it, with "
        "transformers, and write it again with model.save_pretrained(DIR, "
        "safe_serialization=True)"
    )


def _open_shards(path, index):
    schema = Object(
        {"weight_map": Object(others=FileName())}, required=("weight_map",)
    )
    where = read_object(index, schema)["weight_map"]
    if not where:
        raise UserError(f"{index}: weight_map is empty: get the file again")
    for name, file in where.items():
        if not file.endswith(".safetensors"):
            raise UserError(
                f"{index}: {name} lies in {file!r}, which is no .safetensors "
                "file of this directory: get the file again"
            )
    entries = {}
    for file in sorted(set(where.values())):
        tensors = _open_file(os.path.join(path, file))
        for name, entry in tensors.entries().items():
            if where.get(name) != file:
                raise UserError(
                    f"{path}: {file} holds {name}, which the index does not "
                    "say: the files do not belong together; get them again"
                )
            entries[name] = entry
    missing = sorted(set(where) - set(entries))
    if missing:
        raise UserError(
            f"{path}: the index names weights that no file holds: "
            f"{', '.join(missing)}: get the files again"
        )
    return Tensors(entries)


def _open_file(path):
    check_file(path, "get it again")
    # The library checks sizes, types and offsets against the file's length
    # before it reads anything.
    try:
        entries = {}
        identity = identify(path)
        with safetensors.safe_open(path, "numpy") as file:
            for name in file.keys():  # noqa: SIM118 (not a mapping)
                view = file.get_slice(name)
                if view.get_dtype() not in _TYPES and not name.endswith(
                    "position_ids"
                ):
                    raise UserError(
                        f"{path}: {name} is of type {view.get_dtype()}: "
                        f"weights must be one of {', '.join(_TYPES)}"
                    )
                entries[name] = (
                    tuple(view.get_shape()),
                    functools.partial(_read, path, identity, name),
                )
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise UserError(
            f"{path}: not a readable safetensors file ({error}): get it again"
        ) from None
    return Tensors(entries)


def _read(path, identity, name):
    check_same(path, identity)
    try:
        with safetensors.safe_open(path, "numpy") as file:
            values = file.get_tensor(name)
    except (safetensors.SafetensorError, OSError) as error:
        raise UserError(
            f"{path}: {name} cannot be read ({error}): get the file again"
        ) from None
    if values.dtype.kind == "i":
        return values
    return values.astype(np.float32, copy=False)


def _with_usual_names(tensors, model_type, path):
    """Returns tensors by the names of a model with a head, as of today."""
    prefix = f"{model_type}."
    is_bare = not any(name.startswith(prefix) for name in tensors)
    entries, stored = {}, {}
    for stored_name, entry in tensors.entries().items():
        name = stored_name
        for old, new in _OLD_NAMES.items():
            name = re.sub(rf"{re.escape(old)}$", new, name)
        if is_bare and name.startswith(_BASE_PARTS):
            name = prefix + name
        if name in entries:
            raise UserError(
                f"{path}: holds {stored[name]} and {stored_name}, two names "
                "of one weight: get the file again, or leave one of them out"
            )
        entries[name], stored[name] = entry, stored_name
    return Tensors(entries)


def _without_copies(tensors, model_type, config, path):
    """Removes tensors that repeat another one, after checking that they do."""
    entries = tensors.entries()
    predictions = _PREDICTIONS[model_type]
    copies = {
        f"{predictions}decoder.weight": f"{model_type}.{_WORDS}",
        f"{predictions}decoder.bias": f"{predictions}bias",
    }
    for copy, name in copies.items():
        if copy not in entries:
            continue
        if name not in entries:
            entries[name] = entries[copy]
        elif not np.array_equal(tensors[copy], tensors[name]):
            raise UserError(
                f"{path}: {copy} differs from {name}, but ALBERT has one for "
                "both: this model cannot be expressed here"
            )
        del entries[copy]
    positions = f"{model_type}.{_POSITIONS}"
    if positions in entries:
        numbers = np.ravel(tensors[positions])
        if not np.array_equal(
            numbers, np.arange(config.max_position_embeddings)
        ):
            raise UserError(
                f"{path}: {positions} is not 0, 1, 2, …: this model cannot be "
                "expressed here"
            )
        del entries[positions]
    return Tensors(entries)


# --------------------------------------------------------------------- writing


def write(
    directory, config, tensors, tokenizer, head, classifier_dropout, task
):
    """Writes a directory that ``from_pretrained`` opens; see source.py.

    config.json, model.safetensors, and with a tokenizer spiece.model or
    vocab.txt, tokenizer.json and tokenizer_config.json.

    Returns:
      list of str: the pooler, for the classes that are made without one.

    Raises:
      UserError: transformers has no such head or sharing.
    """
    return _write(
        "albert",
        directory,
        config,
        tensors,
        tokenizer,
        head,
        classifier_dropout,
        task,
    )


def write_bert(
    directory, config, tensors, tokenizer, head, classifier_dropout, task
):
    """Writes a directory of a BERT, for code that knows no ALBERT; as above.

    Every layer has a copy of its weights.

    Returns:
      list of str: also the sentence-order head, as a BERT's tells something
      else of two sentences.

    Raises:
      UserError: no BERT computes what this model does.
    """
    if config.embedding_size != config.hidden_size:
        raise UserError(
            f"embedding_size {config.embedding_size} is not hidden_size "
            f"{config.hidden_size}: ALBERT normalises the sum of its "
            "embeddings before their projection, BERT after it, and no "
            "product of the two makes these equal: this model cannot be "
            "written as a BERT; --to=huggingface writes it as an ALBERT"
        )
    if head == "pretraining":
        head = "masked_lm"
    components = ("encoder", *HEADS[head].components)
    kept = {
        name: entry
        for name, entry in tensors.entries().items()
        if name.split("/")[0] in components
    }
    left = [name for name in tensors if name not in kept]
    config, copies = layer_weights.unshare(config, Tensors(kept))
    return left + _write(
        "bert",
        directory,
        config,
        copies,
        tokenizer,
        head,
        classifier_dropout,
        task,
    )


def _write(
    model_type,
    directory,
    config,
    tensors,
    tokenizer,
    head,
    classifier_dropout,
    task,
):
    model_type = huggingface_config.MODEL_TYPES[model_type]
    num_labels = (
        tensors.shape("classifier/output_bias")[0]
        if "classifier/output_bias" in tensors
        else 0
    )
    values = huggingface_config.to_values(
        config,
        head,
        num_labels,
        classifier_dropout,
        tokenizer,
        task,
        model_type,
    )
    if "masked_lm" in HEADS[head].components:
        warn_of_epsilon(config, EPSILON, "transformers")
    left = []
    if not HEADS[head].uses_pooler:
        left = [name for name in tensors if name.startswith("encoder/pooler/")]
        tensors = Tensors(
            {
                name: entry
                for name, entry in tensors.entries().items()
                if name not in left
            }
        )
    peer_tensors, unmapped = to_peer(tensors, model_type.format, config)
    prefix = f"{model_type.name}." if head == "none" else ""
    config_file = os.path.join(directory, CONFIG_FILE)
    weights_file = os.path.join(directory, WEIGHTS_FILE)
    outputs.write_json(config_file, values)
    safetensors.numpy.save_file(
        {
            name.removeprefix(prefix): np.ascontiguousarray(peer_tensors[name])
            for name in peer_tensors
        },
        weights_file,
        metadata={"format": "pt"},
    )
    # The library lets nobody else read what it writes.
    shutil.copymode(config_file, weights_file)
    if tokenizer is not None:
        huggingface_tokenizer.write(
            directory, tokenizer, config.max_position_embeddings
        )
    return left + unmapped
