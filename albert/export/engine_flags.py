# SPDX-License-Identifier: Apache-2.0
"""Defines and reads the flags of what computes a trained model."""

from albert.errors import UserError
from albert.export.engine_directory import ENGINES
from albert.export.quantizations import QUANTIZATIONS
from albert.flag_groups import FlagGroup

_TENSORFLOW = "tensorflow"


def define_flags(fv):
    """Defines the flags."""
    engine = FlagGroup(fv, "Engine")
    engine.choice(
        "engine",
        None,
        [_TENSORFLOW, *ENGINES],
        "What computes the model; the others are quicker on CPUs, see "
        "docs/engines.md. Default: what `albert export` wrote the model for, "
        "else tensorflow.",
    )
    engine.choice(
        "quantization",
        None,
        list(QUANTIZATIONS),
        "Of openvino and onnx, the file to take. With int8 of onnx, what is in "
        "a batch together has a little part in each answer. Default: float32.",
    )


def find_engine(fv, path, directory):
    """Returns the engine that computes: str, or None for TensorFlow.

    Args:
      fv: values of the flags.
      path: str, the model.
      directory: ``EngineDirectory`` there, or None.

    Raises:
      UserError: flags do not go together, or not with the model.
    """
    engine = fv.engine or (directory.engine if directory else _TENSORFLOW)
    if directory and engine != directory.engine:
        raise UserError(
            f"{path} was exported for {directory.engine}: leave out "
            f"--engine={engine}, or give the model that was exported"
        )
    if engine != _TENSORFLOW:
        return engine
    if fv.quantization:
        raise UserError(
            "--quantization is of --engine=openvino and onnx: leave it out, "
            "or give --engine"
        )
    return None
