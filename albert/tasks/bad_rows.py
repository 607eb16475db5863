# SPDX-License-Identifier: Apache-2.0
"""Bad rows of a file: the first one is an error, or all are left out."""

from absl import logging

from albert.errors import UserError

_SHOWN = 3


class BadRows:
    """The bad rows of one file, or of the files of one folder.

    Attributes:
      path: str, named in the messages.
      count: int, rows that were left out.
    """

    def __init__(self, path, skip=False, offers_skip=True):
        """Starts without bad rows.

        Args:
          path: str, the file or folder that is read.
          skip: leave bad rows out instead of raising.
          offers_skip: whether messages tell of the flag that does.
        """
        self.path = str(path)
        self.count = 0
        self._skip = skip
        self._offers_skip = offers_skip
        self._first = []

    def add(self, line, what, remedy, path=None):
        """Takes note of a bad row.

        Args:
          line: int, its line in the file, from 1.
          what: str, what is wrong with it.
          remedy: str, how it can be put right.
          path: str, the file in the folder.

        Raises:
          UserError: bad rows are not skipped.
        """
        where = f"{path or self.path}:{line}"
        if not self._skip:
            offer = ", or leave such rows out with --skip_bad_rows"
            raise UserError(
                f"{where}: {what}; {remedy}{offer * self._offers_skip}"
            )
        self.count += 1
        if len(self._first) < _SHOWN:
            self._first.append(f"{where}: {what}")

    def report(self, good):
        """Logs how many rows were left out, and the first of them.

        Args:
          good: int, rows that were read.
        """
        if self.count:
            logging.warning(
                "%s: %d bad rows left out, %d read: %s%s",
                self.path,
                self.count,
                good,
                "; ".join(self._first),
                "; …" if self.count > len(self._first) else "",
            )
