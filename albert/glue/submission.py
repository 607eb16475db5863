# SPDX-License-Identifier: Apache-2.0
"""Packs predictions of test sets into the archive that GLUE's server takes."""

import io
import os
import zipfile

from absl import logging

from albert import inputs
from albert import outputs
from albert.errors import UserError
from albert.glue.benchmark import BENCHMARK

COMPLETE = "submission.zip"
# The server refuses it; its name says so to whoever would send it.
INCOMPLETE = "submission_incomplete.zip"

_HEADER = "index\tprediction"
# The first time that the format knows: the same predictions, the same bytes.
_TIME = (1980, 1, 1, 0, 0, 0)


def write(output_dir, directories):
    """Writes the archive of all predictions that there are.

    Args:
      output_dir: str, where the archive is written.
      directories: dict from the name of a task to the directory that holds
        its predictions.

    Returns:
      (path, faults): str, and a list of str, what the server will refuse; it
      is empty for a complete archive.

    Raises:
      UserError: a file of predictions is damaged.
    """
    contents, faults = {}, []
    for entry in BENCHMARK:
        for name, expected in entry.test_rows.items():
            if entry.name not in directories:
                faults.append(f"{name} is missing")
                continue
            path = os.path.join(directories[entry.name], name)
            contents[name] = inputs.read_file(path)
            rows = _count_rows(path, contents[name])
            if rows != expected:
                faults.append(
                    f"{name} has {rows} rows, the server expects {expected}"
                )
    name, other = (INCOMPLETE, COMPLETE) if faults else (COMPLETE, INCOMPLETE)
    path = os.path.join(output_dir, name)
    outputs.write_files(
        path,
        {name: _pack(contents)},
        "--output_dir",
        lambda: _find_other(output_dir, other),
    )
    return path, faults


def _find_other(directory, name):
    path = os.path.join(directory, name)
    if not os.path.exists(path):
        return []
    if name == COMPLETE:
        logging.warning(
            "%s, which was complete, is removed: predictions of this command "
            "take its place, and they are not",
            path,
        )
    return [name]


def _count_rows(path, content):
    """Returns the number of predictions, each for another row."""
    header, *rows = content.decode().splitlines()
    fields = [row.split("\t") for row in rows]
    if header != _HEADER or any(len(each) != 2 for each in fields):
        raise UserError(
            f"{path}: not a file of predictions as GLUE's server takes it: "
            "remove it and finished_predictions.json beside it, and give the "
            "same command again"
        )
    indices = [index for index, _ in fields]
    if len(set(indices)) != len(indices):
        raise UserError(
            f"{path}: an index comes twice, as in the test set that it was "
            "made of: get that file again"
        )
    return len(rows)


def _pack(contents):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(
                zipfile.ZipInfo(name, _TIME), content, zipfile.ZIP_DEFLATED
            )
    return stream.getvalue()
