# SPDX-License-Identifier: Apache-2.0
"""Converts a Keras model to the bytes of a .tflite file, and runs them.

Converter and interpreter are those inside TensorFlow. Its interpreter is the
one of the package ai-edge-litert, which is where it is developed further;
files of the one run with the other.
"""

import contextlib
import os
import subprocess
import tempfile
import time
import warnings

import numpy as np
import tensorflow as tf
from absl import logging

from albert.modeling.layers import LayerNormalization

# The least number above zero that float16 has. 1e-12 would become 0 in the
# file, and a vector of equal numbers NaN. Beside the variances of a trained
# model, 1e-3 and more, it is less than the rounding of the weights.
_LEAST_FLOAT16 = 2.0**-24

# What TensorFlow's C++ says of itself at each conversion and interpreter.
_NOISE = (
    "INFO: ",
    "WARNING: All log messages before absl::InitializeLog",
    "[IW][0-9]{4} ",
)

# A median is steady after this many calls; slow models get fewer.
MOST_CALLS = 200
MOST_SECONDS = 5.0


def convert(source, batch_size, quantizations):
    """Converts a model to .tflite files of LiteRT's built-in operations.

    Weights of all layers that share them are in a file once: the reads, the
    casts and the joining of query, key and value become constants, and equal
    constants one.

    Args:
      source: ``SourceModel``.
      batch_size: int, examples of a call.
      quantizations: names of ``litert.QUANTIZATIONS``. "float16": weights
        and biases. "int8": the matrices, with a scale for each output (the
        word embeddings have one for all); activations are quantised as they
        come, in the products with these matrices alone.

    Yields:
      (quantization, bytes of the file).
    """
    with tempfile.TemporaryDirectory() as directory:
        for quantization in quantizations:
            least = _LEAST_FLOAT16 if quantization == "float16" else 0.0
            saved = os.path.join(directory, f"epsilon_{least}")
            with _without_noise():
                if not os.path.exists(saved):
                    with _epsilon_of_at_least(least, source.model):
                        _save(source, batch_size, saved)
                content = _convert(saved, quantization)
            yield quantization, content


def _save(source, batch_size, directory):
    names = list(source.inputs)

    @tf.function(
        autograph=False,
        input_signature=[
            tf.TensorSpec((batch_size, *shape), tf.int32, name=name)
            for name, shape in source.inputs.items()
        ],
    )
    def serve(*tensors):
        return source.call(dict(zip(names, tensors, strict=True)))

    module = tf.Module()
    module.serve = serve
    # TensorFlow does not find them in Keras 3's layers by itself.
    module.weights = [variable.value for variable in source.model.variables]
    tf.saved_model.save(
        module, directory, signatures={"serving_default": serve}
    )


def _convert(directory, quantization):
    converter = tf.lite.TFLiteConverter.from_saved_model(directory)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    # Else the gamma of a layer normalisation is multiplied into the matrix
    # behind it. That saves no operation, as the sum around it needs the
    # product too, and makes a second matrix of the attention: that of the
    # first layer has no gamma before it.
    converter._experimental_disable_fuse_mul_and_fc = True
    if quantization != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if quantization == "float16":
        converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


@contextlib.contextmanager
def _epsilon_of_at_least(least, model):
    """Raises layer normalisation's epsilon to a minimum inside the block."""
    layers = [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, LayerNormalization)
    ]
    epsilons = [layer.epsilon for layer in layers]
    try:
        for layer in layers:
            layer.epsilon = max(layer.epsilon, least)
        yield
    finally:
        for layer, epsilon in zip(layers, epsilons, strict=True):
            layer.epsilon = epsilon


class Runner:
    """A .tflite file as a function of arrays.

    Args:
      content: bytes of the file. It runs on one thread.
    """

    def __init__(self, content):
        with warnings.catch_warnings(), _without_noise():
            warnings.filterwarnings("ignore", r"\s*Warning: tf\.lite\.Interp")
            interpreter = tf.lite.Interpreter(
                model_content=content, num_threads=1
            )
            interpreter.allocate_tensors()
        self._run = interpreter.get_signature_runner()

    def __call__(self, inputs):
        """Returns the outputs: dict of arrays.

        Args:
          inputs: dict from name to int32 [B, …], of the file's batch size.
        """
        return self._run(**inputs)

    def latency(self, inputs):
        """Returns (median seconds of a call, number of calls)."""
        self._run(**inputs)
        seconds = []
        while len(seconds) < MOST_CALLS and sum(seconds) < MOST_SECONDS:
            start = time.perf_counter()
            self._run(**inputs)
            seconds.append(time.perf_counter() - start)
        return float(np.median(seconds)), len(seconds)


@contextlib.contextmanager
def _without_noise():
    """Filters known noise out of standard error inside the block.

    C++ writes there past Python, and partly whatever TF_CPP_MIN_LOG_LEVEL
    says.
    """
    verbosity = logging.get_verbosity()
    logging.set_verbosity(logging.WARNING)
    with subprocess.Popen(
        ["grep", "-vE", f"^({'|'.join(_NOISE)})"],
        stdin=subprocess.PIPE,
        stdout=2,
    ) as grep:
        standard_error = os.dup(2)
        os.dup2(grep.stdin.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(standard_error, 2)
            os.close(standard_error)
            logging.set_verbosity(verbosity)
