# SPDX-License-Identifier: Apache-2.0
"""Loads models that an engine computes in the place of TensorFlow.

What is done before and after the model stays as it is: predictions and
signatures of strings call it as they call a Keras model.
"""

import contextlib
import importlib
import os
import tempfile

import tensorflow as tf
from absl import logging

from albert import model_directory
from albert.errors import UserError
from albert.export import engine_directory
from albert.export import engine_export
from albert.export import source_models
from albert.heads import HEADS
from albert.interchange import google

# What computes with each of them; ``engine`` is there, ``export`` writes.
MODULES = {
    "onnx": "albert.export.onnx",
    "openvino": "albert.export.openvino",
}


class EngineNetwork:
    """A model that an engine computes, called as a Keras model is.

    Args:
      run: function of arrays, by name, to outputs, by name.
      config: ``AlbertConfig``.
      inputs: names of the inputs.
      outputs: of ``EngineDirectory``.
    """

    # It has none for a SavedModel to take along.
    weights = ()

    def __init__(self, run, config, inputs, outputs):
        self.config = config
        self._run = run
        self._inputs = tuple(inputs)
        self._outputs = outputs

    def __call__(self, inputs, training=False):
        """Returns the outputs for a dict of int32 [B, …]: dict of tensors."""
        if training:
            raise ValueError("the files of engines cannot be trained")
        values = tf.numpy_function(
            self._compute,
            [inputs[name] for name in self._inputs],
            [tf.as_dtype(each["dtype"]) for each in self._outputs.values()],
        )
        # Outside of a graph, one output is no list.
        values = tf.nest.flatten(values)
        outputs = dict(zip(self._outputs, values, strict=True))
        for name, value in outputs.items():
            value.set_shape([None] * self._outputs[name]["axes"])
        return outputs

    def _compute(self, *arrays):
        outputs = self._run(dict(zip(self._inputs, arrays, strict=True)))
        return [outputs[name] for name in self._outputs]


def load(
    path,
    engine,
    *,
    quantization="float32",
    max_seq_length=None,
    dtype="float32",
):
    """Loads a model for an engine, exporting it first where need be.

    Args:
      path: str, what ``engine_export.export`` wrote, or what it exports.
      engine: str, "onnx" or "openvino".
      quantization: str, of ``QUANTIZATIONS``: which file.
      max_seq_length: int, as of ``source_models.load``; None: that of the
        directory.
      dtype: str, "float32", or "bfloat16" to compute a file of float32 so.

    Returns:
      ``SourceModel`` whose model is an ``EngineNetwork``.

    Raises:
      UserError: no model of a task, a package or a file is missing, the
        export is refused, or the engine does not compute so.
    """
    if "float32" not in (dtype, quantization):
        raise UserError(
            f"--dtype={dtype} with --quantization={quantization}: leave one "
            "of the two out"
        )
    module = importlib.import_module(MODULES[engine])
    directory = engine_directory.find(path)
    options = (module.ENGINE, path, quantization, max_seq_length, dtype)
    if directory is not None:
        engine_export.require(module.ENGINE, [module.ENGINE.runtime])
        return _load(directory, *options)
    with tempfile.TemporaryDirectory(prefix="albert-engine-") as place:
        exported = os.path.join(place, "model")
        logging.info("exporting %s for %s", path, engine)
        with _quiet():
            module.export(
                path,
                exported,
                quantization=[quantization],
                precision=_precision(quantization, dtype),
            )
        return _load(engine_directory.find(exported), *options)


def _load(directory, engine, path, quantization, max_seq_length, dtype):
    """Returns the ``SourceModel`` of an ``EngineDirectory``."""
    row = HEADS[directory.head]
    if row.label_type is None:
        raise UserError(
            f"{path} has no head of a task, which --engine is for: fine-tune "
            "it first, for example with `albert classify`"
        )
    config = model_directory.read_config(directory.path)
    tokenizer = google.find_tokenizer(directory.path)
    if tokenizer is None:
        raise UserError(
            f"{directory.path}: its vocabulary is gone: export the model again"
        )
    file = directory.find_file(quantization)
    precision = _precision(quantization, dtype)
    there = None
    if precision in engine.precisions(quantization):
        there = engine.load(file, precision)
    if there is None:
        raise UserError(
            f"--dtype={dtype}: {engine.name} does not compute so on this "
            "machine: leave it out"
        )
    length = directory.max_seq_length
    if max_seq_length is not None:
        length = source_models.check_length(path, config, max_seq_length)
    inputs = ("input_ids", "input_mask", "segment_ids", *row.inputs)
    return source_models.describe(
        path,
        EngineNetwork(there.run, config, inputs, directory.outputs),
        directory.head,
        tokenizer.load(),
        length,
        directory.task,
        directory.labels,
    )


def _precision(quantization, dtype):
    """Returns what a file is computed in: a key of ``LIMITS``."""
    return quantization if dtype == "float32" else dtype


@contextlib.contextmanager
def _quiet():
    """Leaves out TensorFlow's lines about what it writes."""
    before = logging.get_verbosity()
    logging.set_verbosity(min(before, logging.WARNING))
    try:
        yield
    finally:
        logging.set_verbosity(before)
