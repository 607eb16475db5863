# SPDX-License-Identifier: Apache-2.0
"""Runs of `albert classify`: what each is told, and whether it has finished."""

import dataclasses
import os
import shlex
import sys

from albert import file_fingerprints
from albert.errors import UserError
from albert.interchange import checkpoint_paths
from albert.interchange import weight_paths
from albert.training import run_process
from albert.training.finished_runs import FinishedRun


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of `albert classify`.

    Attributes:
      title: str, for people: "cola, seed 7".
      arguments: tuple of str.
      directory: str, its --output_dir.
      files: tuple of the paths of the data that it reads.
      results: tuple of str, the files of its results, the last one last.
      start: str, the model directory that it starts from or uses, which an
        earlier run made; None for weights that are given.
      given: str, these weights; None without any.
      purpose: str, "training" or "predictions".
    """

    title: str
    arguments: tuple
    directory: str
    files: tuple
    results: tuple
    start: str | None
    given: str | None
    purpose: str

    @property
    def results_path(self):
        """str, the path of the file that it writes last."""
        return os.path.join(self.directory, self.results[-1])

    @property
    def finished(self):
        """``FinishedRun``, what it leaves of these arguments, files, weights.

        Computes the fingerprints of the files as they are now.
        """
        made_of = {path: _fingerprint(path) for path in self.files}
        if self.start:
            made_of["weights"] = _fingerprint_weights(self.start)
        if self.given:
            made_of["weights"] = weight_paths.fingerprint(self.given)
        return FinishedRun(
            directory=self.directory,
            name=f"finished_{self.purpose}.json",
            arguments=self.arguments,
            made_of=made_of,
            results=self.results,
        )

    def command_line(self):
        """Returns what makes it, for people: str."""
        return shlex.join(("albert", "classify", *self.arguments))

    def make(self):
        """Makes it in a process of its own, and writes down that it was made.

        Raises:
          UserError: it failed; it has said why.
          StopRequested: it was asked to stop, and what it did is saved.
        """
        finished = self.finished
        status = run_process.run(
            self.title,
            (sys.executable, "-m", "albert", "classify", *self.arguments),
        )
        if status:
            raise UserError(
                f"{self.title}: `albert classify` ended with status {status}, "
                "for the reason above: correct it and give the same command "
                "again, which keeps the runs that have finished"
            )
        if self.given:
            weight_paths.check_unchanged(
                self.given, finished.made_of["weights"]
            )
        finished.write()


def _fingerprint(path):
    """Returns the fingerprint of a file, empty if it is gone."""
    if not os.path.exists(path):
        return ""
    return file_fingerprints.fingerprint([path])


def _fingerprint_weights(directory):
    """Returns a fingerprint of weights: of the index, which has one of each."""
    try:
        prefix = checkpoint_paths.find_prefix(directory)
    except UserError:
        return ""  # They are gone, and whoever needs them says so.
    return _fingerprint(f"{prefix}.index")
