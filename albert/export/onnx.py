# SPDX-License-Identifier: Apache-2.0
"""Writes .onnx files, and runs them in ONNX Runtime."""

import functools
import logging
import os
import tempfile

import numpy as np

from albert import inputs
from albert import outputs
from albert.errors import UserError
from albert.export import engine_export

# Of the standard operations. ONNX Runtime fuses those of 18 well, and 18 is
# what engines of two years ago read.
OPSET = 18
# A file is one message of Protocol Buffers, which has less than 2 GiB.
_MOST_BYTES = (1 << 31) - (1 << 27)
# Smaller constants, such as shapes and epsilons, keep their precision.
_LEAST_ELEMENTS = 1024


class OnnxRuntime(engine_export.Engine):
    """The engine ONNX Runtime, on CPUs; see ``engine_export.Engine``."""

    name = "onnx"
    packages = ("onnx", "onnxruntime", "tf2onnx")
    runtime = "onnxruntime"
    calibrates = False

    def convert(self, source, quantizations, examples, directory):
        """Writes model_QUANTIZATION.onnx; see ``engine_export.Engine``."""
        size = sum(4 * int(np.prod(v.shape)) for v in source.model.variables)
        if size > _MOST_BYTES:
            raise UserError(
                f"--format=onnx: the weights are {size / 1e9:.1f} GB, and a "
                "file has less than 2: use --format=openvino"
            )
        float32 = _to_onnx(source)
        writers = {
            "float32": lambda: float32.SerializeToString(),
            "float16": lambda: _with_float16(float32).SerializeToString(),
            "int8": lambda: _with_int8(float32),
        }
        for quantization in quantizations:
            file = f"model_{quantization}.onnx"
            outputs.write_file(
                os.path.join(directory, file), writers[quantization]()
            )
            yield quantization, [file]

    def load(self, path, precision):
        """Returns a written file, loaded: ``engine_export.Engine``."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        names = [output.name for output in session.get_outputs()]

        def run(arrays):
            return dict(zip(names, session.run(None, arrays), strict=True))

        return engine_export.LoadedFile(run, threads=None)

    def precisions(self, quantization):
        """Returns what files are run in: their own precision."""
        return (quantization,)


def _to_onnx(source):
    """Returns the model in float32: ``onnx.ModelProto``."""
    import tf2onnx

    from albert.export import engine_graphs

    function = engine_graphs.trace(source)
    # tf2onnx traces the function again.
    with _quiet(), engine_graphs.islands.for_engines():
        model, _ = tf2onnx.convert.from_function(
            function, input_signature=function.input_signature, opset=OPSET
        )
    return model


def _with_float16(model):
    """Returns the model with its matrices in 16 bits, computed in float32.

    ONNX Runtime turns them back once, when it loads the file.
    """
    import onnx
    from onnx import numpy_helper

    found = onnx.ModelProto()
    found.CopyFrom(model)
    casts = []
    for weights in found.graph.initializer:
        if weights.data_type != onnx.TensorProto.FLOAT or (
            np.prod(weights.dims) < _LEAST_ELEMENTS or len(weights.dims) < 2
        ):
            continue
        name, values = weights.name, numpy_helper.to_array(weights)
        with np.errstate(over="ignore"):  # The comparison tells of it.
            half = values.astype(np.float16)
        weights.CopyFrom(numpy_helper.from_array(half, f"{name}_float16"))
        casts.append(
            onnx.helper.make_node(
                "Cast", [weights.name], [name], to=onnx.TensorProto.FLOAT
            )
        )
    nodes = [*casts, *found.graph.node]
    del found.graph.node[:]
    found.graph.node.extend(nodes)
    return found


def _with_int8(model):
    """Returns the bytes of the model with its matrices in 8 bits.

    A matrix has a scale for each output, the embeddings one for all; what is
    multiplied with a matrix is rounded as it comes, with a scale for the whole
    tensor.
    """
    from onnxruntime import quantization

    # Its only way out is a file.
    with tempfile.TemporaryDirectory() as directory, _quiet():
        path = os.path.join(directory, "model.onnx")
        quantization.quantize_dynamic(
            model,
            path,
            op_types_to_quantize=["MatMul", "Gather"],
            weight_type=quantization.QuantType.QInt8,
            per_channel=True,
            # 7 bits: CPUs without VNNI add pairs of products in 16 bits, in
            # which larger ones saturate.
            reduce_range=True,
        )
        return inputs.read_file(path)


class _quiet:
    """Leaves out the advice of converters on Python's root logger."""

    def __enter__(self):
        self._before = logging.root.manager.disable
        logging.disable(max(logging.WARNING, self._before))

    def __exit__(self, *error):
        logging.disable(self._before)


ENGINE = OnnxRuntime()
export = functools.partial(engine_export.export, ENGINE)
