# SPDX-License-Identifier: Apache-2.0
"""Reads and writes directories of transformers (config.json, safetensors).

Source: modeling_albert.py of transformers 5 and the safetensors format. Two
differences stay after conversion, in training alone: transformers has no
dropout after the feed-forward network, and one in front of its
sentence-order head.
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
from albert.interchange import huggingface_config
from albert.interchange import huggingface_tokenizer
from albert.interchange.source import Source
from albert.interchange.source import Tensors
from albert.interchange.source import from_peer
from albert.interchange.source import to_peer
from albert.interchange.source import warn_of_epsilon
from albert.json_files import FileName
from albert.json_files import Object
from albert.json_files import read_object
from albert.modeling.layers import EPSILON

FORMAT = "huggingface"

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
_SHARDS_FILE = "model.safetensors.index.json"
_PICKLE = re.compile(r"pytorch_model(-\d+-of-\d+)?\.bin(\.index\.json)?")

_BASE_PREFIX = "albert."
_BASE_PARTS = ("embeddings.", "encoder.", "pooler.")
_WORDS = "albert.embeddings.word_embeddings.weight"
# Copies that older versions wrote: name of the copy, name of what it repeats.
_COPIES = {
    "predictions.decoder.weight": _WORDS,
    "predictions.decoder.bias": "predictions.bias",
}
# A row of numbers, 0 to the number of positions, that older versions wrote.
_POSITIONS = "albert.embeddings.position_ids"

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
      "albert." that all other classes have.

    Raises:
      UserError: only pickled weights, a damaged or hostile file, or a model
        that is not ALBERT.
    """
    path = str(path)
    config_file = os.path.join(path, CONFIG_FILE)
    config, head, dropout = huggingface_config.from_values(
        read_object(config_file), config_file
    )
    peer_tensors = _with_prefix(_open_weights(path))
    peer_tensors = _without_copies(peer_tensors, config, path)
    tensors, unknown = from_peer(peer_tensors, FORMAT, config, path)
    if head == "none":
        head = None  # A head may lie beside what that class has.
    return Source(
        path=path,
        format=FORMAT,
        config=config,
        tensors=tensors,
        unknown=unknown,
        head=head,
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
                    functools.partial(_read, path, name),
                )
    except (safetensors.SafetensorError, OSError, ValueError) as error:
        raise UserError(
            f"{path}: not a readable safetensors file ({error}): get it again"
        ) from None
    return Tensors(entries)


def _read(path, name):
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


def _with_prefix(tensors):
    if any(name.startswith(_BASE_PREFIX) for name in tensors):
        return tensors
    return Tensors(
        {
            _BASE_PREFIX + name if name.startswith(_BASE_PARTS) else name: entry
            for name, entry in tensors.entries().items()
        }
    )


def _without_copies(tensors, config, path):
    """Removes tensors that repeat another one, after checking that they do."""
    entries = tensors.entries()
    for copy, name in _COPIES.items():
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
    if _POSITIONS in entries:
        positions = np.ravel(tensors[_POSITIONS])
        if not np.array_equal(
            positions, np.arange(config.max_position_embeddings)
        ):
            raise UserError(
                f"{path}: {_POSITIONS} is not 0, 1, 2, …: this model cannot be "
                "expressed here"
            )
        del entries[_POSITIONS]
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
    num_labels = (
        tensors.shape("classifier/output_bias")[0]
        if "classifier/output_bias" in tensors
        else 0
    )
    values = huggingface_config.to_values(
        config, head, num_labels, classifier_dropout, tokenizer, task
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
    peer_tensors, unmapped = to_peer(tensors, FORMAT, config)
    prefix = _BASE_PREFIX if head == "none" else ""
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
