# SPDX-License-Identifier: Apache-2.0
"""Runs of `albert classify`: what each is told, and whether it has finished.

A run that has finished leaves a file that says with which arguments, on which
files and from which weights, so that it is not repeated, and is repeated if
one of them has changed. Whether its directory can then be continued is the
affair of `albert classify`.
"""

import dataclasses
import hashlib
import os

from albert import inputs
from albert import json_files
from albert import outputs
from albert.errors import UserError
from albert.interchange import checkpoint_paths

_SCHEMA = json_files.Object(
    {
        "arguments": json_files.List(json_files.Text()),
        "files": json_files.Object(others=json_files.Text()),
        "weights": json_files.Nullable(json_files.Text()),
    },
    required=("arguments", "files", "weights"),
)
_REMEDY = "remove it, and the run is made up for"


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of `albert classify`.

    Attributes:
      title: str, for people: "cola, seed 7".
      arguments: tuple of str.
      directory: str, its --output_dir.
      files: tuple of the paths of the data that it reads.
      results: str, the file that it writes last.
      start: str, the model directory that it starts from or uses, which an
        earlier run made; None for weights that are given.
      purpose: str, "training" or "predictions".
    """

    title: str
    arguments: tuple
    directory: str
    files: tuple
    results: str
    start: str | None
    purpose: str

    @property
    def results_path(self):
        """str, the path of its results."""
        return os.path.join(self.directory, self.results)

    def is_finished(self):
        """Whether it was made, of the same things.

        Raises:
          UserError: its file is damaged.
        """
        if not os.path.exists(self._path):
            return False
        there = json_files.read_object(self._path, _SCHEMA, _REMEDY)
        return there == self._description() and os.path.exists(
            self.results_path
        )

    def find_difference(self):
        """Tells with which other arguments it was made: str, or None.

        Raises:
          UserError: its file is damaged.
        """
        if not os.path.exists(self._path):
            return f"{os.path.basename(self._path)} is not there"
        there = json_files.read_object(self._path, _SCHEMA, _REMEDY)
        there, now = there["arguments"], self.arguments
        parts = [
            f"{word} {' '.join(each for each in some if each not in others)}"
            for word, some, others in (
                ("with", there, now),
                ("without", now, there),
            )
            if not set(some) <= set(others)
        ]
        return " and ".join(parts) or None

    def mark_finished(self):
        """Writes down that it was made, and of what."""
        outputs.write_json(self._path, self._description(), "--output_dir")

    @property
    def _path(self):
        return os.path.join(self.directory, f"finished_{self.purpose}.json")

    def _description(self):
        return {
            "arguments": list(self.arguments),
            "files": {path: _checksum(path) for path in self.files},
            "weights": self.start and _weights_checksum(self.start),
        }


def _checksum(path):
    """Returns a checksum of a file, which is that of no file if it is gone."""
    if not os.path.exists(path):
        return ""
    return hashlib.sha256(inputs.read_file(path)).hexdigest()


def _weights_checksum(directory):
    """Returns a checksum of weights: of the index, which has one of each."""
    try:
        prefix = checkpoint_paths.find_prefix(directory)
    except UserError:
        return ""  # They are gone, and whoever needs them says so.
    return _checksum(f"{prefix}.index")
