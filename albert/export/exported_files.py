# SPDX-License-Identifier: Apache-2.0
"""Lists the files of an export, so that only an export is ever replaced.

Every export has ``albert_export.json``, with name and checksum of each other
file. A directory without it is not ours, and one with other files in it
is not ours alone: neither is replaced.
"""

import contextlib
import hashlib
import os

import albert
from albert import outputs
from albert.errors import UserError
from albert.inputs import REMEDY
from albert.inputs import open_file
from albert.json_files import List
from albert.json_files import Object
from albert.json_files import Text
from albert.json_files import read_object

MARKER_FILE = "albert_export.json"
_KIND = "albert export"
_MARKER = Object(
    {
        "kind": Text((_KIND,)),
        "files": List(
            Object(
                {"name": Text(), "sha256": Text()},
                required=("name", "sha256"),
            )
        ),
    },
    required=("kind", "files"),
)
# Foreign files that a message names.
_NAMED = 3


@contextlib.contextmanager
def new_export(source, destination, overwrite=False):
    """Makes the directory of an export; see ``outputs.new_directory``.

    Args:
      source: str, the model, which must not be in the directory.
      destination: str, where nothing is, an empty directory, or with
        ``overwrite`` an older export.
      overwrite: bool, whether an older export is replaced, when the new one
        is complete.

    Yields:
      str, the temporary directory to write to.

    Raises:
      UserError: as ``check_destination`` and ``outputs.new_directory``.
    """
    with outputs.new_directory(
        destination,
        check_replaced=lambda path: _check_replaced(source, path, overwrite),
    ) as directory:
        yield directory
        marker = {
            "kind": _KIND,
            "package_version": albert.__version__,
            "files": [
                {"name": name, "sha256": checksum}
                for name, checksum in sorted(_files(directory).items())
            ],
        }
        outputs.write_json(os.path.join(directory, MARKER_FILE), marker)


def check_destination(source, destination, overwrite=False):
    """Refuses a destination before the work begins.

    Args:
      source, destination, overwrite: as of ``new_export``.

    Raises:
      UserError: it cannot be written; or something is there, and it is not to
        be replaced, is no export, or holds other files or the model.
    """
    outputs.check_new(
        destination,
        check_replaced=lambda path: _check_replaced(source, path, overwrite),
    )


def check_unchanged(directory, name, remedy):
    """Refuses a file of an export that is not as it was written.

    Args:
      directory: str, the export.
      name: str, of the file.
      remedy: str, what the user can do about it.

    Raises:
      UserError: it has changed, or is not listed.
    """
    path = os.path.join(directory, name)
    listed = (_read_marker(directory) or {}).get(name)
    if listed is None or _checksum(path, remedy) != listed:
        raise UserError(
            f"{path}: is not the file that was exported, as {MARKER_FILE} "
            f"lists it: {remedy}"
        )


def _check_replaced(source, path, overwrite):
    if not overwrite:
        raise UserError(
            f"{path}: exists already: choose another destination, or replace "
            "an older export with --overwrite"
        )
    place = os.path.realpath(path)
    if os.path.commonpath([os.path.realpath(source), place]) == place:
        raise UserError(
            f"{path}: holds the model that is to be exported: choose another "
            "destination"
        )
    listed = _read_marker(path)
    if listed is None:
        raise UserError(
            f"{path}: is not an export that --overwrite may replace (it has "
            f"no list of its files, {MARKER_FILE}): remove it yourself, or "
            "choose another destination"
        )
    foreign = sorted(
        name
        for name, checksum in _files(path).items()
        if name != MARKER_FILE
        and (checksum is None or listed.get(name) != checksum)
    )
    if foreign:
        named = ", ".join(foreign[:_NAMED])
        more = len(foreign) - _NAMED
        raise UserError(
            f"{path}: is not replaced, because not all in it is as it was "
            f"exported: {named}{f' and {more} more' if more > 0 else ''}: move "
            "that away, or choose another destination"
        )


def _read_marker(path):
    """Returns the checksums of the files listed; None without a list."""
    try:
        value = read_object(os.path.join(path, MARKER_FILE), _MARKER)
    except UserError:
        return None
    return {entry["name"]: entry["sha256"] for entry in value["files"]}


def _files(directory):
    """Returns the SHA-256 of all files by name; of what is no file, None."""
    checksums = {}
    for folder, folders, names in os.walk(directory):
        links = [f for f in folders if os.path.islink(os.path.join(folder, f))]
        for name in (*names, *links):
            path = os.path.join(folder, name)
            is_file = os.path.isfile(path) and not os.path.islink(path)
            checksums[os.path.relpath(path, directory)] = (
                _checksum(path) if is_file else None
            )
    return checksums


def _checksum(path, remedy=REMEDY):
    with open_file(path, remedy) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
