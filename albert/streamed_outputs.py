# SPDX-License-Identifier: Apache-2.0
"""Opens text files that are written bit by bit and appear when complete."""

import contextlib
import io
import os

from albert import inputs
from albert import outputs
from albert import standard_streams
from albert.errors import UserError


def check_output(path, flag, overwrite, *sources):
    """Refuses a file that cannot be written, or may not be replaced.

    Args:
      path: str.
      flag: str, what messages tell to choose another of.
      overwrite: bool, whether a file that is there is replaced.
      *sources: str, what is read: files, directories with their files, and
        prefixes of weights with the files that they lie among.

    Raises:
      UserError: it is one of the sources, is there already, or cannot be
        written.
    """
    taken = list(sources)
    for source in sources:
        folder = source
        if not os.path.exists(source):
            folder = os.path.dirname(source) or os.curdir
        if os.path.isdir(folder):
            taken += [
                os.path.join(folder, name)
                for name in inputs.list_directory(folder)
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
      BrokenPipeError: the reader of standard output has gone.
    """
    if path is None:
        yield standard_streams.rows()
        return
    with (
        outputs.new_file(path, flag, overwrite) as stream,
        io.TextIOWrapper(stream, encoding="utf-8") as texts,
    ):
        yield texts
