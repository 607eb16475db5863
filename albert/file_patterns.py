# SPDX-License-Identifier: Apache-2.0
"""Turns names and patterns of files into the files that they mean."""

import functools
import glob
import os

from absl import logging

from albert.errors import UserError
from albert.inputs import check_file
from albert.paths import split_paths


def expand_files(patterns):
    """Turns file names and patterns into a sorted list of files.

    Args:
      patterns: str of comma-separated names or globs, or a list of them. The
        name of a file that is there may hold commas.

    Returns:
      list of str, sorted, each file once, however its path is spelled. Links
      are files of their own; two names of one file are warned of.

    Raises:
      UserError: nothing is named, a pattern matches nothing, or a name is a
        directory.
    """
    if isinstance(patterns, str | os.PathLike):
        patterns = [patterns]
    names = [
        name for pattern in patterns for name in split_paths(os.fspath(pattern))
    ]
    if not names:
        raise UserError("no input file is named: give at least one")
    files = {}
    for name in names:
        if os.path.isdir(name):
            raise UserError(
                f"{name}: is a directory; name the files in it, such as "
                f"{os.path.join(name, '*.txt')}"
            )
        if os.path.exists(name):
            files.setdefault(os.path.abspath(name), name)
            continue
        found = [
            path
            for path in glob.glob(name, recursive=True)
            if not os.path.isdir(path)
        ]
        if not found:
            _refuse_missing(name)
        for path in found:
            files.setdefault(os.path.abspath(path), path)
    files = sorted(files.values())
    _warn_of_links(tuple(files))
    return files


@functools.lru_cache
def _warn_of_links(files):
    """Warns of files that are named twice, by links; once for each list."""
    names = {}
    for file in filter(os.path.exists, files):  # Not links to nothing.
        found = os.stat(file)
        names.setdefault((found.st_dev, found.st_ino), []).append(file)
    twice = [each for each in names.values() if each[1:]]
    if twice:
        logging.warning(
            f"{twice[0][0]} and {twice[0][1]} are one file, by a link, which "
            "is read twice"
            + f" ({len(twice)} files are like that)" * (len(twice) > 1)
            + ": name one of them, unless that is meant"
        )


def _refuse_missing(name):
    """Raises ``UserError``: a name or pattern is that of no file."""
    if not glob.has_magic(name):
        check_file(name)
    raise UserError(
        f"{name}: no such file matches the pattern; check it, and the path"
    )
