# SPDX-License-Identifier: Apache-2.0
"""Reads what lies beside the files that ``engine_export`` writes.

It is read before TensorFlow is loaded, so this module imports nothing that
needs it.
"""

import dataclasses
import os

from albert import model_directory
from albert.errors import UserError
from albert.export.exported_files import check_unchanged
from albert.export.quantizations import QUANTIZATIONS
from albert.heads import HEADS
from albert.json_files import FileName
from albert.json_files import Integer
from albert.json_files import List
from albert.json_files import Nullable
from albert.json_files import Object
from albert.json_files import Text
from albert.json_files import read_object

METADATA_FILE = "engine.json"
# The engines; a module of this package has the name of each.
ENGINES = ("openvino", "onnx")

_REMEDY = "export the model again with `albert export`"
# What of the metadata is read; clients read more of it.
_FIELDS = {
    "engine": Text(ENGINES),
    "head": Text(tuple(HEADS)),
    "labels": Nullable(List(Text())),
    "outputs": Object(
        others=Object(
            {
                "dtype": Text(("float32", "int32", "int64")),
                "axes": Integer(1),
            },
            required=("dtype", "axes"),
        )
    ),
    "task": model_directory.TASK_SCHEMA,
    "files": List(
        Object(
            {"file": FileName(), "quantization": Text(QUANTIZATIONS)},
            required=("file", "quantization"),
        )
    ),
}
_SCHEMA = Object(_FIELDS, required=tuple(_FIELDS))


@dataclasses.dataclass(frozen=True)
class EngineDirectory:
    """A directory with the files of an engine.

    Attributes:
      path: str.
      engine: str, the engine's name.
      head: str, a key of ``albert.heads.HEADS``.
      labels: list of str, or None where there are none.
      outputs: dict from the names of outputs to dicts of "dtype", str, and
        "axes", their number.
      task: dict of ``model_directory.read_task``; empty where there is none.
      files: dict from quantizations to names of files.
    """

    path: str
    engine: str
    head: str
    labels: list | None
    outputs: dict
    task: dict
    files: dict

    def find_file(self, quantization):
        """Returns the path of the file of a quantization.

        Args:
          quantization: str, of ``QUANTIZATIONS``.

        Raises:
          UserError: there is none, or it is not as it was exported.
        """
        name = self.files.get(quantization)
        if name is None:
            raise UserError(
                f"{self.path} has no {quantization} file: give "
                f"--quantization={' or '.join(self.files)}, or export it with "
                f"`albert export --quantization={quantization}`"
            )
        # OpenVINO's weights lie beside the graph.
        weights = f"{os.path.splitext(name)[0]}.bin"
        for each in (name, *([weights] if self.engine == "openvino" else [])):
            check_unchanged(self.path, each, _REMEDY)
        return os.path.join(self.path, name)


def find(path):
    """Reads a directory that holds files of an engine.

    Args:
      path: str, any path.

    Returns:
      ``EngineDirectory``; None where it is no such directory.

    Raises:
      UserError: what is told of the files is not as it was exported, or is of
        another version.
    """
    file = os.path.join(path, METADATA_FILE)
    if not os.path.isfile(file):
        return None
    check_unchanged(path, METADATA_FILE, _REMEDY)
    found = read_object(file, _SCHEMA, _REMEDY)
    values = {name: found[name] for name in _FIELDS}
    values["files"] = {
        each["quantization"]: each["file"] for each in found["files"]
    }
    return EngineDirectory(path=path, **values)
