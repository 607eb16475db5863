# SPDX-License-Identifier: Apache-2.0
"""Finds the whole sets that files are of, and what they lack.

A set has one JSON. A set that was made in shards has one for each of them,
and, once they are merged, that of the whole.
"""

import dataclasses
import os

from albert.records.metadata import find_metadata
from albert.records.metadata import find_set_files
from albert.records.metadata import metadata_path
from albert.records.metadata import metadata_path_of_set
from albert.records.metadata import name_of_shard
from albert.records.metadata import read_metadata

REMEDY = "make the records again"
# What the JSON of shards, and that of the whole set, say alike.
_ALIKE = (
    "kind",
    "masking",
    "pieces",
    "max_seq_length",
    "max_predictions_per_seq",
    "compression",
    "settings",
)
_SHOWN = 10


@dataclasses.dataclass(frozen=True)
class FoundSet:
    """Files of a set.

    Attributes:
      name: str, its JSON, or of shards that are not merged what their files
        are called.
      entries: dict of the paths of its files to (path of the JSON that lists
        the file, what it says of it); empty where JSON contradict one another.
      faults: list of str, what is missing, not listed, or contradicted.
      others: frozenset of paths, files that are called as those of the set.
    """

    name: str
    entries: dict
    faults: list
    others: frozenset = frozenset()


def find_sets(files):
    """Finds the sets that files are of.

    Args:
      files: list of paths; of a set, one is enough.

    Returns:
      (list of ``FoundSet``, list of those of the files that no JSON is of).
    """
    sets, alone = {}, []
    for file, found in zip(files, find_metadata(files), strict=True):
        if found is None:
            alone.append(file)
            continue
        path, value = found
        if "shard" not in value:
            sets[path] = path, value, None
            continue
        whole = metadata_path_of_set(file)
        merged = read_metadata(whole)
        if merged:
            sets[whole] = whole, merged, None
        else:
            # Shards of other numbers, too, are other sets.
            key = whole, value["shard"]["number"]
            sets.setdefault(key, (path, value, file))
    result = [
        _find_shards(path, value, file) if file else _find_listed(path, value)
        for path, value, file in sets.values()
    ]
    others = frozenset().union(*(each.others for each in result))
    return result, sorted(set(alone) - others)


def _find_listed(path, value):
    """Returns the ``FoundSet`` that one JSON lists."""
    entries = _entries(path, value)
    others = set(find_set_files(path)) - set(entries)
    faults = [
        f"{file}: is not there, and {path} lists it: copy it too, or {REMEDY}"
        for file in entries
        if not os.path.isfile(file)
    ]
    faults += [
        f"{file}: is called as a file of the set, and {path} does not "
        "list it: remove it, or restore the JSON that does"
        for file in sorted(others)
    ]
    for file, (_, entry) in entries.items():
        own = metadata_path(file)
        shard = read_metadata(own) if own != path else None
        if not shard or "shard" not in shard:
            continue
        different = _find_difference(shard, value)
        if shard["files"] != [entry]:
            different = "files"
        if shard["shard"]["number"] != len(entries):
            different = "the number of shards"
        if different:
            faults.append(_contradiction(own, path, different))
    return FoundSet(path, entries, faults, frozenset(others))


def _find_shards(path, value, file):
    """Returns the ``FoundSet`` of shards that are not merged.

    Args:
      path: str, the JSON of one of them.
      value: dict, what it says.
      file: str, the file that it lists.
    """
    number = value["shard"]["number"]
    entries, faults, missing = {}, [], []
    for index in range(number):
        name = name_of_shard(file, f"{index:05d}")
        own = metadata_path(name)
        shard = read_metadata(own)
        if (
            not os.path.isfile(name)
            or not shard
            or shard.get("shard", {}).get("index") != index
            or shard["shard"]["number"] != number
            or list(_entries(own, shard)) != [name]
        ):
            missing.append(str(index))
            continue
        entries |= _entries(own, shard)
        different = _find_difference(shard, value)
        # What each is made of differs, and the list of all files does not.
        if shard["shard"]["listing"] != value["shard"]["listing"]:
            different = "the text"
        if different:
            faults.append(_contradiction(own, path, different))
    whole = name_of_shard(file, "*")
    if missing:
        some = ", ".join(missing[:_SHOWN]) + ", …" * (len(missing) > _SHOWN)
        faults.append(
            f"{whole}: {len(missing)} of {number} shards are missing, or have "
            f"no JSON ({some}): copy them too, or make them with "
            f"--shard={missing[0]}/{number} and so on"
        )
    contradicted = len(faults) > bool(missing)
    return FoundSet(whole, {} if contradicted else entries, faults)


def _entries(path, value):
    folder = os.path.dirname(path)
    return {
        os.path.join(folder, entry["name"]): (path, entry)
        for entry in value["files"]
    }


def _find_difference(one, other):
    """Returns the name of what two JSON do not say alike, or None."""
    fingerprints = (
        each.get("vocabulary", {}).get("fingerprint") for each in (one, other)
    )
    if len(set(fingerprints)) > 1:
        return "the vocabulary"
    for key in _ALIKE:
        first, second = one.get(key), other.get(key)
        if isinstance(first, dict) and isinstance(second, dict):
            for name in sorted(first.keys() | second.keys()):
                if first.get(name) != second.get(name):
                    return name
        elif first != second:
            return key
    return None


def _contradiction(path, other_path, what):
    return (
        f"{path}: differs from {other_path} in {what}, so that they are not of "
        f"one set: restore the one that is wrong, or {REMEDY}"
    )
