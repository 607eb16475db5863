# SPDX-License-Identifier: Apache-2.0
"""Finds the checkpoint in a directory, a TF-Hub v1 module or an archive.

What ``weight_paths`` has made of a user's path comes here if it is none of
transformers or KerasHub. It is asked before TensorFlow is loaded, so this
module imports nothing that needs it.
"""

import glob
import os

from albert.interchange import archives
from albert.interchange import tensor_bundle

# In the directory of a TF-Hub v1 module.
MODULE_WEIGHTS = os.path.join("variables", "variables")


def unpacked(path):
    """Returns the folder that an archive is unpacked into, or else the path.

    Raises:
      UserError: the archive cannot be unpacked.
    """
    if os.path.isfile(path) and path.endswith(archives.SUFFIXES):
        return archives.unpack(path)
    return path


def find_directory(path):
    """Returns the directory that a checkpoint lies in.

    Args:
      path: str, as of ``google.open_source``; there need not be a checkpoint.

    Raises:
      UserError: an archive cannot be unpacked.
    """
    path = unpacked(path)
    if os.path.isdir(path):
        return directory_of_weights(path) or path
    return os.path.dirname(path)


def find_prefix(path):
    """Returns the checkpoint prefix that a path stands for.

    Args:
      path: str, as of ``google.open_source``, but no archive.

    Raises:
      UserError: there is no checkpoint.
    """
    if not os.path.isdir(path):
        return tensor_bundle.resolve(path)
    directory = find_directory(path)
    module = os.path.join(directory, MODULE_WEIGHTS)
    if os.path.exists(f"{module}.index"):
        return module
    others = _other_indices(directory)
    if not _has_usual_names(directory) and len(others) == 1:
        return others[0].removesuffix(".index")
    return tensor_bundle.resolve(directory)


def directory_of_weights(path):
    """Returns the directory itself, the one folder in it with weights, or None.

    Args:
      path: str, a directory.
    """
    if _has_weights(path):
        return path
    below = [
        entry.path
        for entry in os.scandir(path)
        if entry.is_dir() and _has_weights(entry.path)
    ]
    return below[0] if len(below) == 1 else None


def _has_weights(directory):
    return (
        os.path.exists(os.path.join(directory, f"{MODULE_WEIGHTS}.index"))
        or _has_usual_names(directory)
        or len(_other_indices(directory)) == 1
    )


def _has_usual_names(directory):
    best = os.path.join(directory, f"{tensor_bundle.BEST}.index")
    return os.path.exists(best) or bool(tensor_bundle.steps(directory))


def _other_indices(directory):
    return glob.glob(os.path.join(glob.escape(directory), "*.index"))
