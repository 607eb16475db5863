# SPDX-License-Identifier: Apache-2.0
"""Writes converted models, each by the writer of its format."""

import contextlib
import os
import shutil

from albert.errors import UserError
from albert.interchange import google
from albert.interchange import huggingface
from albert.interchange import kerashub

WRITERS = {
    "google": google.write,
    "huggingface": huggingface.write,
    "kerashub": kerashub.write,
    "model_dir": google.write_model_directory,
}


@contextlib.contextmanager
def new_directory(path):
    """Makes a directory that appears complete or not at all.

    Args:
      path: where nothing is, or an empty directory.

    Yields:
      str, a temporary directory beside it, which becomes ``path`` at the end
      of the block and is removed if the block fails.

    Raises:
      UserError: something is there.
    """
    path = os.path.abspath(path)
    check_new(path)
    temporary = f"{path}.{os.getpid()}.tmp"
    os.makedirs(temporary)
    try:
        yield temporary
        os.rename(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def check_new(path):
    """Refuses a destination that exists and is not an empty directory."""
    if os.path.isdir(path) and not os.listdir(path):
        return
    if os.path.lexists(path):
        raise UserError(
            f"{path}: exists already and is not empty: choose another "
            "destination; nothing is overwritten"
        )
