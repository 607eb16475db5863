# SPDX-License-Identifier: Apache-2.0
"""Remembers which runs of a list have finished.

A run that has finished leaves a file that says with which arguments it was
made, of what, and which results it left, so that it is not made twice, and is
made again if one of them has changed. Whether its directory can then be
continued is the affair of the command that makes it.
"""

import dataclasses
import glob
import os

from absl import logging

from albert import file_fingerprints
from albert import json_files
from albert import outputs
from albert.json_files import List
from albert.json_files import Object
from albert.json_files import Text

_TEXTS = Object(others=Text())
_SCHEMA = Object(
    {"arguments": List(Text()), "made_of": _TEXTS, "results": _TEXTS},
    required=("arguments", "made_of", "results"),
)
_REMEDY = "remove it, and the run is made again"
_FLAG = "--output_dir"


@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """What a run leaves in its directory when it has finished.

    Attributes:
      directory: str, that of the run.
      name: str, the file in it that says so.
      arguments: sequence of str, the command line of the run.
      made_of: dict of str, fingerprints of what it reads.
      results: sequence of patterns of the names of its results; there is at
        least one of them when it has finished.
    """

    directory: str
    name: str
    arguments: tuple
    made_of: dict
    results: tuple

    def check(self):
        """Refuses a file that cannot be written, or is damaged.

        Raises:
          UserError: naming it.
        """
        outputs.check_file(self._path, _FLAG)
        self._read()

    def is_there(self):
        """Whether the run was made so, and its results are still its own.

        Another command can evaluate the model on other data, or remove a file.

        Raises:
          UserError: the file is damaged.
        """
        there = self._read()
        if there is None or (there["arguments"], there["made_of"]) != (
            [*self.arguments],
            self.made_of,
        ):
            return False
        now = self._fingerprint_results()
        changed = [
            name
            for name, before in there["results"].items()
            if now.get(name) != before
        ]
        if changed:
            logging.warning(
                "%s: %s: no longer what the run has written, so that it does "
                "not count as finished",
                self.directory,
                ", ".join(changed),
            )
        return bool(there["results"]) and not changed

    def find_difference(self):
        """Tells with which other arguments it was made: str, or None.

        Raises:
          UserError: the file is damaged.
        """
        there = self._read()
        if there is None:
            return f"{self.name} is not there"
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

    def write(self):
        """Writes down that the run has finished."""
        outputs.write_json(
            self._path,
            {
                "arguments": [*self.arguments],
                "made_of": self.made_of,
                "results": self._fingerprint_results(),
            },
            _FLAG,
        )

    @property
    def _path(self):
        return os.path.join(self.directory, self.name)

    def _read(self):
        if not os.path.lexists(self._path):
            return None
        return json_files.read_object(self._path, _SCHEMA, _REMEDY)

    def _fingerprint_results(self):
        """Returns dict from the name of each file of results to its SHA-256."""
        folder = glob.escape(self.directory)
        return {
            os.path.basename(path): file_fingerprints.fingerprint([path])
            for pattern in self.results
            for path in sorted(glob.glob(os.path.join(folder, pattern)))
        }
