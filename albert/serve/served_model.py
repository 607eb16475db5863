# SPDX-License-Identifier: Apache-2.0
"""Loads the SavedModel that is served."""

import os
import tempfile

import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.protobuf import saved_model_pb2

from albert import json_files
from albert.errors import UserError
from albert.export import engine_models
from albert.export import serving
from albert.export.graph_tokenizer_pieces import load_tensorflow_text
from albert.inputs import check_file
from albert.inputs import read_file
from albert.json_files import Integer
from albert.json_files import List
from albert.json_files import Nullable
from albert.json_files import Object
from albert.json_files import Text
from albert.serve.predict_requests import Signature

_GRAPH_FILE = "saved_model.pb"
_METADATA = "metadata"
_DEFAULT = "serving_default"
_METADATA_SCHEMA = Object(
    {
        "kind": Text(),
        "task": Nullable(Text()),
        "labels": Nullable(List(Text())),
        "max_seq_length": Integer(1),
        "serving_default": Text(),
    },
    required=("kind", "serving_default"),
)
# What TensorFlow raises for files that are cut short, changed or missing.
_FAULTS = (OSError, LookupError, RuntimeError, ValueError, tf.errors.OpError)


class ServedModel:
    """SavedModel of ``albert.export.serving``, loaded and called once.

    A SavedModel is a program: load only those that you trust.

    Args:
      directory: str; may be removed afterwards.
      functions: what ``serving.write`` returned, of a model that an engine
        computes; they are held.

    Attributes:
      metadata: dict, see ``albert.export.serving``.
      signatures: dict of name to ``Signature``.
      default: str, a key of it.
      definitions: dict, the signatures as TensorFlow Serving tells them.

    Raises:
      UserError: ``albert.export.serving`` did not write it.
      others: it cannot be read or run.
    """

    default = _DEFAULT

    def __init__(self, directory, functions=None):
        self._held = functions
        # Its ops are in the graph.
        load_tensorflow_text("the tokenizer in the SavedModel")
        for folder, _, names in os.walk(directory):
            for name in names:
                check_file(os.path.join(folder, name))
        # The functions alone do not keep the variables alive.
        self._loaded = tf.saved_model.load(directory)
        self._functions = dict(self._loaded.signatures)
        if not {_METADATA, _DEFAULT} <= set(self._functions):
            raise UserError(
                f"{directory}: is a SavedModel that `albert export "
                "--format=serving` did not write: give one that it wrote, or "
                "a model directory"
            )
        self.signatures = {
            name: _signature(function)
            for name, function in self._functions.items()
        }
        self.definitions = _definitions(directory)
        (text,) = self.predict(_METADATA, {})[_METADATA]
        self.metadata = json_files.parse(text)
        json_files.check(self.metadata, _METADATA_SCHEMA, directory)
        # The same graph; a function is slow at its first call.
        self._functions[_DEFAULT] = self._functions[
            self.metadata["serving_default"]
        ]
        self._try()

    def predict(self, signature_name, inputs):
        """Calls a signature.

        Args:
          signature_name: str.
          inputs: dict of name to array of bytes, dtype object.

        Returns:
          dict of name to array; strings as bytes, dtype object.
        """
        outputs = self._functions[signature_name](
            **{
                # Not of the array itself: an empty one would be no string.
                name: tf.constant(value.tolist(), tf.string, value.shape)
                for name, value in inputs.items()
            }
        )
        return {name: value.numpy() for name, value in outputs.items()}

    def _try(self):
        """Calls the model once: finds faults, and makes the next call quick."""
        self.predict(
            _DEFAULT,
            {
                name: np.full([size or 1 for size in shape], b"a", object)
                for name, shape in self.signatures[_DEFAULT].inputs.items()
            },
        )


def load(path, engine=None, quantization=None):
    """Loads a model, exporting it first where that has not been done.

    Args:
      path: str, a SavedModel of ``albert.export.serving``, or what that
        exports; with an engine, what ``engine_models.load`` takes.
      engine: str, what computes it, or None for TensorFlow.
      quantization: str, of an engine which file; None: float32.

    Returns:
      ``ServedModel``.

    Raises:
      UserError: there is no model, or it is broken.
    """
    if _is_exported(path):
        if engine:
            raise UserError(
                f"{path}: a SavedModel is computed by TensorFlow: leave out "
                f"--engine={engine}, or give the model directory"
            )
        try:
            return ServedModel(path)
        except _FAULTS as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(
                f"{path}: the SavedModel does not work ({reason}): export the "
                "model again with `albert export`"
            ) from error
    with tempfile.TemporaryDirectory(prefix="albert-serve-") as place:
        directory = os.path.join(place, "model")
        if not engine:
            serving.export(path, directory)
            return ServedModel(directory)
        loaded = engine_models.load(
            path,
            engine,
            quantization=quantization,
            find_length=serving.find_length,
        )
        functions, _ = serving.write(loaded, directory)
        return ServedModel(directory, functions)


def _is_exported(path):
    """Returns whether a path is a SavedModel of TensorFlow 2.

    Modules for TF Hub's first interface have such a file too; what comes of
    these is the exporter's business.
    """
    return os.path.isfile(os.path.join(path, _GRAPH_FILE)) and not (
        os.path.isfile(os.path.join(path, "tfhub_module.pb"))
    )


def _signature(function):
    _, inputs = function.structured_input_signature
    return Signature(
        {name: tuple(spec.shape) for name, spec in inputs.items()},
        tuple(sorted(function.structured_outputs)),
    )


def _definitions(directory):
    """Returns the signatures as ``GetModelMetadata`` gives them."""
    model = saved_model_pb2.SavedModel()
    model.ParseFromString(read_file(os.path.join(directory, _GRAPH_FILE)))
    return {
        name: json_format.MessageToDict(
            definition,
            preserving_proto_field_name=True,
            always_print_fields_with_no_presence=True,
        )
        for name, definition in model.meta_graphs[0].signature_def.items()
        if not name.startswith("__")
    }
