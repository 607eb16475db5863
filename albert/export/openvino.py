# SPDX-License-Identifier: Apache-2.0
"""Writes models of OpenVINO (.xml and .bin), and runs them in it."""

import contextlib
import functools
import os
import sys
import tempfile

import numpy as np
import tensorflow as tf

from albert.export import engine_export
from albert.export import engine_graphs

# Examples whose numbers tell the scales of int8.
_CALIBRATION_EXAMPLES = 200
# Products alone: one scale for scores and for what masks them, such as -1e9,
# would make all scores equal.
_NOT_IN_INT8 = ["Add", "Multiply", "Subtract", "Concat"]
# INFERENCE_PRECISION_HINT of what a file is run in.
_HINTS = {"float32": "f32", "bfloat16": "bf16"}


class OpenVINO(engine_export.Engine):
    """The engine OpenVINO, on CPUs; see ``engine_export.Engine``."""

    name = "openvino"
    packages = ("openvino", "nncf")
    runtime = "openvino"
    calibrates = True

    def convert(self, source, quantizations, examples, directory):
        """Writes model_QUANTIZATION.xml and .bin: ``engine_export.Engine``."""
        with engine_graphs.without_telemetry():
            import openvino

            model = _to_openvino(source)
            for quantization in quantizations:
                written = model
                if quantization == "int8":
                    written = _with_int8(model, examples)
                file = f"model_{quantization}.xml"
                openvino.save_model(
                    written,
                    os.path.join(directory, file),
                    compress_to_fp16=quantization == "float16",
                )
                yield quantization, [file, file.replace(".xml", ".bin")]

    def load(self, path, precision):
        """Returns a written file, loaded: ``engine_export.Engine``."""
        with engine_graphs.without_telemetry():
            import openvino
        hint = _HINTS.get(precision, "f32")
        compiled = openvino.Core().compile_model(
            path,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": hint,
                "PERFORMANCE_HINT": "LATENCY",
                # Files may go while they are in use.
                "ENABLE_MMAP": False,
            },
        )
        # What it cannot do on this CPU it computes otherwise, without a word.
        taken = compiled.get_property("INFERENCE_PRECISION_HINT")
        if taken.get_type_name() != hint:
            return None
        names = [output.get_any_name() for output in compiled.outputs]

        def run(inputs):
            answers = compiled(inputs)
            return {name: answers[name] for name in names}

        return engine_export.LoadedFile(
            run, compiled.get_property("INFERENCE_NUM_THREADS")
        )

    def precisions(self, quantization):
        """Returns what files are run in.

        CPUs that multiply in bfloat16 do so with float32 files, too, unless
        the engine is told otherwise.
        """
        if quantization == "float32":
            return ("float32", "bfloat16")
        return (quantization,)

    def emulates(self, precision):
        """Tells whether this machine computes so in a slower way only."""
        import openvino

        able = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        return precision == "bfloat16" and "BF16" not in able


def _to_openvino(source):
    """Returns the model in float32: ``openvino.Model``."""
    import openvino

    module = tf.Module()
    module.serve = engine_graphs.trace(source)
    # TensorFlow does not find them in Keras 3's layers by itself.
    module.weights = [variable.value for variable in source.model.variables]
    with (
        tempfile.TemporaryDirectory() as directory,
        engine_graphs.islands.for_engines(),
    ):
        tf.saved_model.save(
            module,
            directory,
            signatures={"serving_default": module.serve},
        )
        model = openvino.convert_model(directory)
    # The name of a temporary folder.
    model.set_rt_info("", ["conversion_parameters", "input_model"])
    _limit_length(model, source)
    return model


def _limit_length(model, source):
    """Lets the engine refuse sequences that are longer than the positions.

    Left open, it would take what there is of positions, and answer nothing,
    without a word.
    """
    import openvino

    limit = source.most_positions
    if limit is None:
        return
    shapes = {}
    for each in model.inputs:
        name = each.get_any_name()
        shape = list(each.get_partial_shape())
        if source.inputs[name] == source.inputs["input_ids"]:
            shape[-1] = openvino.Dimension(1, limit)
        shapes[name] = openvino.PartialShape(shape)
    model.reshape(shapes)


def _with_int8(model, examples):
    """Returns the model with products of 8 bits.

    A matrix has a scale for each output; what is multiplied with it one scale
    for all, found on the examples. Nothing is moved from the vectors to the
    matrices ("SmoothQuant"): each layer would move something else, and the
    layers could not share their matrices any more.

    Args:
      model: ``openvino.Model``.
      examples: dict from name to int32 [N, …].
    """
    import nncf
    from nncf.quantization import advanced_parameters as advanced

    count = len(examples["input_ids"])
    chosen = np.linspace(0, count - 1, min(count, _CALIBRATION_EXAMPLES))
    nncf.set_log_level("ERROR")
    # Its progress is no result.
    with contextlib.redirect_stdout(sys.stderr):
        return nncf.quantize(
            model.clone(),
            nncf.Dataset([_alone(examples, int(row)) for row in chosen]),
            model_type=nncf.ModelType.TRANSFORMER,
            subset_size=len(chosen),
            ignored_scope=nncf.IgnoredScope(types=_NOT_IN_INT8, validate=False),
            advanced_parameters=advanced.AdvancedQuantizationParameters(
                disable_bias_correction=True,
                # Half the range: CPUs without VNNI add pairs of products in
                # 16 bits, in which larger ones saturate.
                overflow_fix=advanced.OverflowFix.ENABLE,
                smooth_quant_alphas=advanced.AdvancedSmoothQuantParameters(
                    convolution=-1, matmul=-1
                ),
            ),
        )


def _alone(examples, row):
    """Returns one example without its padding, whose numbers do not count."""
    mask = examples["input_mask"][row]
    length = int(mask.sum(axis=-1).max())
    return {
        name: values[row : row + 1, ..., :length]
        if values.shape[1:] == examples["input_mask"].shape[1:]
        else values[row : row + 1]
        for name, values in examples.items()
    }


ENGINE = OpenVINO()
export = functools.partial(engine_export.export, ENGINE)
