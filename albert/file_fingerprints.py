# SPDX-License-Identifier: Apache-2.0
"""Computes fingerprints of files, by which they are known again later."""

import glob
import hashlib
import os

from albert import inputs

_BLOCK_BYTES = 1 << 20
# What is told of one by one; more are described together.
_MOST_LISTED = 8
# In directories of other libraries, beside which our results may lie.
_OF_WEIGHTS = (".safetensors", ".bin", ".h5", ".index")


def describe_files(paths):
    """Returns what is written down about files that are read.

    Args:
      paths: iterable of str.

    Returns:
      list of dict, of ``list_files``. A path that is no file, as of a pipe, is
      not in it.
    """
    return list_files(
        [
            {
                "path": path,
                "bytes": os.path.getsize(path),
                "sha256": fingerprint([path]),
            }
            for path in map(os.fspath, paths)
            if os.path.isfile(path)
        ]
    )


def list_files(found):
    """Returns descriptions of files so that they are not too many.

    Args:
      found: list of dict with "path", "bytes" and "sha256" of each.

    Returns:
      list of dict: ``found``, or, of many files, one dict, with "files", their
      number, and a fingerprint of names and contents.
    """
    if len(found) <= _MOST_LISTED:
        return found
    paths = [os.path.abspath(each["path"]) for each in found]
    folder = os.path.commonpath(paths)
    digest = hashlib.sha256()
    for path, each in zip(paths, found, strict=True):
        name = os.path.relpath(path, folder)
        digest.update(f"{name}\0{each['sha256']}\n".encode())
    return [
        {
            "path": folder,
            "files": len(found),
            "bytes": sum(each["bytes"] for each in found),
            "sha256": digest.hexdigest(),
        }
    ]


def fingerprint_weights(path):
    """Returns the SHA-256 of the files of weights: str, None if there are none.

    Args:
      path: str, a file, the prefix of a checkpoint, a directory, or one with
        folders of weights, as a module of TF Hub.
    """
    escaped = glob.escape(path)
    for files in (
        [path],
        glob.glob(f"{escaped}.index") + glob.glob(f"{escaped}.data-*"),
        *(
            [
                file
                for file in glob.glob(os.path.join(escaped, *pattern))
                if file.endswith(_OF_WEIGHTS)
                or ".data-" in os.path.basename(file)
            ]
            for pattern in (("*",), ("*", "*"))
        ),
    ):
        files = sorted(filter(os.path.isfile, files))
        if files:
            return fingerprint(files)
    return None


def fingerprint(paths):
    """Returns the SHA-256 of the contents of files, one after another: str.

    Args:
      paths: list of str.

    Raises:
      UserError: one cannot be read.
    """
    digest = hashlib.sha256()
    for path in paths:
        with inputs.open_file(path) as stream:
            while block := stream.read(_BLOCK_BYTES):
                digest.update(block)
    return digest.hexdigest()
