# SPDX-License-Identifier: Apache-2.0
"""Opens text files that are written bit by bit and appear when complete."""

import contextlib
import io
import os
import sys

from albert import inputs
from albert import outputs
from albert.errors import UserError


def check_output(path, flag, overwrite, *sources):
    """Refuses a file that cannot be written, or may not be replaced.

    Args:
      path: str.
      flag: str, what messages tell to choose another of.
      overwrite: bool, whether a file that is there is replaced.
      *sources: str, what is read: files, and directories with their files.

    Raises:
      UserError: it is one of the sources, is there already, or cannot be
        written.
    """
    taken = list(sources)
    for source in filter(os.path.isdir, sources):
        taken += [
            os.path.join(source, name) for name in inputs.list_directory(source)
        ]
    outputs.check_file(path, flag, taken)
    if os.path.lexists(path) and not overwrite:
        raise UserError(
            f"{path} exists: choose another {flag} or give --overwrite"
        )


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
