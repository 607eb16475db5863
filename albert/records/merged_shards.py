# SPDX-License-Identifier: Apache-2.0
"""Writes the JSON of a whole set, merged of those of its shards.

It stands where that of a set stands which one machine made, and is never made
in the place of another set's.
"""

import contextlib
import os

from albert import outputs
from albert.errors import UserError
from albert.records.corpus_shards import find_difference
from albert.records.metadata import SCHEMA_VERSION
from albert.records.metadata import read_metadata


def check_merged(path, shards, description, overwrite):
    """Refuses to make a shard beside the JSON of another set.

    Args:
      path: str, the JSON of the whole set; need not be there.
      shards: list of ``Shard``, all of the set.
      description: as of ``is_made``.
      overwrite: bool, whether the JSON of the same shards with other settings
        is no fault: ``remove_merged`` removes it before one of them appears,
        and it is written again when they are merged.

    Raises:
      UserError: it is of other files, is none of records, or is of other
        settings and ``overwrite`` is not given.
    """
    merged = _read_merged(
        path, {os.path.basename(shard.output_file) for shard in shards}
    )
    if merged is None:
        return
    described = {
        key: value
        for key, value in description.items()
        if key not in ("reading", "shard")
    }
    difference = find_difference(merged, described)
    if difference and not overwrite:
        raise UserError(
            f"{path} is of records made with {difference}: choose another "
            "--output_file, or give --overwrite"
        )


def remove_merged(path):
    """Removes the JSON of a whole set that ``check_merged`` has accepted."""
    # Another machine, which makes another shard, may have been quicker.
    with contextlib.suppress(FileNotFoundError):
        os.remove(path)


def _read_merged(path, names):
    """Returns the JSON of a whole set, or None if it is not there.

    What it says of files that are no shards would be lost with it, so that it
    is never replaced then.
    """
    if not os.path.lexists(path):
        return None
    merged = read_metadata(path)
    # Another machine, which makes another shard, may have removed it meanwhile.
    if merged is None and not os.path.lexists(path):
        return None
    others = {entry["name"] for entry in merged["files"]} if merged else set()
    others -= names
    if merged is None or others:
        described = f"describes {min(others)}" if others else "is of no records"
        raise UserError(
            f"{path} {described}, and would be the JSON of {len(names)} "
            "shards: choose another --output_file, or move it away"
        )
    return merged


def write_merged(path, metadata, of_shards, overwrite=False):
    """Writes the JSON of the whole set.

    Args:
      path: str, where to.
      metadata: dict, as of one set without the list of files.
      of_shards: list of dict, the JSON of each shard.
      overwrite: bool, whether that of earlier shards is replaced.

    Raises:
      UserError: that of earlier shards or of other files is there, or it
        cannot be written.
    """
    value = {
        "kind": metadata["kind"],
        "schema_version": SCHEMA_VERSION,
        **metadata,
        "files": [each["files"][0] for each in of_shards],
    }
    outputs.check_file(path, "--output_file")
    earlier = _read_merged(path, {entry["name"] for entry in value["files"]})
    if earlier and earlier["files"] != value["files"] and not overwrite:
        raise UserError(
            f"{path} exists and describes other records: choose another "
            "--output_file or give --overwrite"
        )
    outputs.write_json(path, value, "--output_file")
