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
from albert.interchange.starting_point import open_starting_point


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
    quantization=None,
    max_seq_length=None,
    dtype="float32",
    find_length=source_models.find_length,
):
    """Loads a model for an engine, exporting it first where need be.

    Args:
      path: str, what ``engine_export.export`` wrote, or what it exports.
      engine: str, of ``engine_directory.ENGINES``.
      quantization: str, of ``QUANTIZATIONS``: which file; None: float32.
      max_seq_length: int, pieces that texts are cut at; None: as
        ``find_length`` says.
      dtype: str, "float32", or "bfloat16" to compute a file of float32 so.
      find_length: function of the arguments of ``source_models.find_length``.

    Returns:
      ``SourceModel`` whose model is an ``EngineNetwork``.

    Raises:
      UserError: no model of a task, a package or a file is missing, the
        export is refused, or the engine does not compute so.
    """
    quantization = quantization or "float32"
    if "float32" not in (dtype, quantization):
        raise UserError(
            f"--dtype={dtype} with --quantization={quantization}: leave one "
            "of the two out"
        )
    module = importlib.import_module(f"albert.export.{engine}")
    precision = quantization if dtype == "float32" else dtype
    if precision not in module.ENGINE.precisions(quantization):
        raise UserError(
            f"--dtype={dtype}: {engine} does not compute so: leave it out"
        )
    directory = engine_directory.find(path)
    if directory is not None:
        engine_export.require(module.ENGINE, [module.ENGINE.runtime])
        loaded = _load(module.ENGINE, path, directory, quantization, precision)
    else:
        loaded = _export_and_load(module, path, quantization, precision)
    network, directory, tokenizer = loaded
    return source_models.describe(
        path,
        network,
        directory.head,
        tokenizer,
        find_length(path, network.config, directory.task, max_seq_length),
        directory.task,
        directory.labels,
    )


def _export_and_load(module, path, quantization, precision):
    """Returns ``_load`` of an export that is made for it, and not kept."""
    engine = module.ENGINE
    if engine.calibrates and quantization == "int8":
        raise UserError(
            f"{path}: {engine.name} finds the scales of int8 on texts: write "
            f"it with `albert export --format={engine.name} --text_file=…`, "
            "and give that directory"
        )
    _require_task(path, source_models.find_head(open_starting_point(path)))
    logging.info("exporting %s for %s", path, engine.name)
    with (
        tempfile.TemporaryDirectory(prefix="albert-engine-") as place,
        _quiet(),
    ):
        exported = os.path.join(place, "model")
        try:
            module.export(
                path,
                exported,
                quantization=[quantization],
                precision=precision,
            )
        except UserError as error:
            # It speaks of flags that are not this command's.
            raise UserError(
                f"in `albert export --format={engine.name}`, which this "
                f"command makes first: {error}"
            ) from None
        directory = engine_directory.find(exported)
        return _load(engine, path, directory, quantization, precision)


def _require_task(path, head):
    if HEADS[head].label_type is None:
        raise UserError(
            f"{path} has no head of a task, which --engine is for: fine-tune "
            "it first, for example with `albert classify`"
        )


def _load(engine, path, directory, quantization, precision):
    """Returns (``EngineNetwork``, ``EngineDirectory``, ``Tokenizer``)."""
    _require_task(path, directory.head)
    config = model_directory.read_config(directory.path)
    tokenizer = google.find_tokenizer(directory.path)
    if tokenizer is None:
        raise UserError(
            f"{directory.path}: its vocabulary is gone: export the model again"
        )
    there = engine.load(directory.find_file(quantization), precision)
    if there is None:
        raise UserError(engine_export.explain_precision(engine, precision))
    network = EngineNetwork(
        there.run,
        config,
        (
            *("input_ids", "input_mask", "segment_ids"),
            *HEADS[directory.head].inputs,
        ),
        directory.outputs,
    )
    return network, directory, tokenizer.load()


@contextlib.contextmanager
def _quiet():
    """Leaves out TensorFlow's lines about what it writes."""
    before = logging.get_verbosity()
    logging.set_verbosity(min(before, logging.WARNING))
    try:
        yield
    finally:
        logging.set_verbosity(before)
