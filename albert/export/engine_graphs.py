# SPDX-License-Identifier: Apache-2.0
"""Makes the graph of a model that the converters of engines start from.

Batch and length are open, and activations and normalisations have the form
that engines make one operation of (``islands.for_engines``).
"""

import contextlib

import tensorflow as tf

from albert.modeling import islands


def trace(source):
    """Returns a model as a traced function of tensors, by name.

    Args:
      source: ``SourceModel``.

    Returns:
      tf.function with an input signature, of int32 tensors whose axes are all
      open, to a dict of tensors.
    """
    names = list(source.inputs)

    @tf.function(
        autograph=False,
        input_signature=[
            tf.TensorSpec([None] * (1 + len(shape)), tf.int32, name=name)
            for name, shape in source.inputs.items()
        ],
    )
    def serve(*tensors):
        return source.call(dict(zip(names, tensors, strict=True)))

    with islands.for_engines():
        serve.get_concrete_function()
    return serve


@contextlib.contextmanager
def without_telemetry():
    """Keeps OpenVINO's tools from sending what is done with them.

    They do so wherever their package for it is installed, unasked.
    """
    import sys

    name = "openvino_telemetry"
    before = sys.modules.get(name, ...)
    sys.modules[name] = None
    try:
        yield
    finally:
        del sys.modules[name]
        if before is not ...:
            sys.modules[name] = before
