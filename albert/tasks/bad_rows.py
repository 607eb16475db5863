# SPDX-License-Identifier: Apache-2.0
"""Bad rows of a file: the first one is an error, or all are left out."""

from absl import logging

from albert.errors import UserError

_SHOWN = 3
# Of what a file holds: so much is warned of, and more than so much refused.
_MUCH_LEFT_OUT = 0.01
_MOST_LEFT_OUT = 0.5


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
        self._remedy = None  # of the first

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
        self._remedy = self._remedy or remedy
        if len(self._first) < _SHOWN:
            self._first.append(f"{where}: {what}")

    def report(self, good, left_out=None, what="bad rows left out"):
        """Logs how much was left out, and the first bad rows.

        Args:
          good: int, rows that were read.
          left_out: int, what was left out with the bad rows, in the unit of
            ``good``; None: they alone.
          what: str, says that in messages, behind its number.

        Raises:
          UserError: it is more than half.
        """
        if not self.count:
            return
        left_out = self.count if left_out is None else left_out
        share = left_out / (left_out + good)
        counted = f"{left_out} {what}, {good} read ({share:.1%} lost)"
        if share > _MOST_LEFT_OUT:
            raise UserError(
                f"{self.path}: {counted}, more than half: correct the file, "
                f"first {self._first[0]}; {self._remedy}"
            )
        log = logging.warning if share >= _MUCH_LEFT_OUT else logging.info
        log(
            "%s: %s: %s%s",
            self.path,
            counted,
            "; ".join(self._first),
            "; …" if self.count > len(self._first) else "",
        )
