# SPDX-License-Identifier: Apache-2.0
"""Says what the files of results hold: of evaluations, and of their data."""

from albert.json_files import Integer
from albert.json_files import List
from albert.json_files import Number
from albert.json_files import Object
from albert.json_files import Text

_METRICS = Object(others=Number())
# Of a sweep, with what tells each run from the others.
_RUN = Object(
    {"flags": Object(others=Text()), "directory": Text()}, others=Number()
)
_FILES_READ = List(
    Object(
        {
            "path": Text(),
            "files": Integer(0),
            "bytes": Integer(0),
            "sha256": Text(),
        },
        required=("path", "bytes", "sha256"),
    )
)
_DATA = List(
    Object(
        {
            "split": Text(),
            "path": Text(),
            "examples": Integer(0),
            "bad_rows": Integer(0),
            "checksum": Text(),
            "files": _FILES_READ,
        },
        required=("split", "path", "examples", "checksum"),
    )
)
EVALUATION = Object(
    {
        "checkpoint": Text(),
        "checkpoint_sha256": Text(),
        # Which of those in the checkpoint, where it holds averages, too.
        "weights": Text(("average",)),
        "albert_version": Text(),
        "data": _DATA,
        "baseline": _METRICS,
        "runs": List(_RUN),
        "confusion": Object(
            {"labels": List(Text()), "counts": List(List(Integer(0)))},
            required=("labels", "counts"),
        ),
    },
)
TRAINING_DATA = Object(
    {"data": _DATA, "labels": Object(others=Number())}, required=("data",)
)
