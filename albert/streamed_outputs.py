# SPDX-License-Identifier: Apache-2.0
"""Opens text files that are written bit by bit and appear when complete."""

import contextlib
import io
import sys

from albert import outputs


@contextlib.contextmanager
def open_output(path, flag, overwrite=False):
    """Opens a text file that appears when it is complete.

    Args:
      path: str; None for the standard output.
      flag: str, what messages tell to choose another of.
      overwrite: bool, whether a file that is there is replaced.

    Yields:
      a text stream.

    Raises:
      UserError: it cannot be written; nothing is left behind then.
    """
    if path is None:
        yield sys.stdout
        return
    with (
        outputs.new_file(path, flag, overwrite) as stream,
        io.TextIOWrapper(stream, encoding="utf-8") as texts,
    ):
        yield texts
