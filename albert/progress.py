# SPDX-License-Identifier: Apache-2.0
"""Shows the progress of long steps: a bar on a terminal, lines elsewhere."""

import contextlib
import sys
import time

import tqdm
from absl import logging

# Seconds between two lines where there is no terminal.
LINE_INTERVAL = 10.0


@contextlib.contextmanager
def show_progress(description, total=None, unit="it", unit_scale=False):
    """Shows progress: a context manager that gives ``advance(amount=1)``.

    Args:
      description: what is being done.
      total: amount at the end, or None where it is not known.
      unit: name of what is counted.
      unit_scale: whether amounts are written as 1.2k, 3.4M.

    Example:
      with show_progress("reading", total=len(files), unit="file") as advance:
          for file in files:
              read(file)
              advance()
    """
    if sys.stderr.isatty():
        with tqdm.tqdm(
            desc=description, total=total, unit=unit, unit_scale=unit_scale
        ) as bar:
            yield bar.update
        return
    lines = _Lines(description, total, unit, unit_scale)
    yield lines.advance
    lines.finish()


class _Lines:
    def __init__(self, description, total, unit, unit_scale):
        self._description = description
        self._total = total
        self._unit = unit
        self._format = tqdm.tqdm.format_sizeof if unit_scale else str
        self._done = 0
        self._start = time.monotonic()
        self._last_line = self._start
        self._written = None

    def advance(self, amount=1):
        self._done += amount
        if time.monotonic() - self._last_line >= LINE_INTERVAL:
            self.write()

    def finish(self):
        # The last step may have had its line already.
        if self._written != self._done:
            self.write()

    def write(self):
        self._written = self._done
        self._last_line = time.monotonic()
        seconds = self._last_line - self._start
        of_total = f" of {self._format(self._total)}" if self._total else ""
        logging.info(
            "%s: %s%s %s, %.0f s",
            self._description,
            self._format(self._done),
            of_total,
            self._unit,
            seconds,
        )
