# SPDX-License-Identifier: Apache-2.0
"""Divides the work on a corpus among machines that do not know one another.

A shard is some of the text's files, and one file of records with a JSON of its
own, which says what it was made of and what was counted. Which files are in
it, and so its records, depends on the names and sizes of all files alone:
whoever makes it makes the same bytes. A shard that is there, made of the same
text in the same way, is not made again. When all are there, their counts are
merged into the JSON of the whole set.
"""

import dataclasses
import hashlib
import heapq
import os
import re

from albert import outputs
from albert.errors import UserError
from albert.records.metadata import SCHEMA_VERSION
from albert.records.metadata import metadata_path
from albert.records.metadata import read_metadata
from albert.records.writing import shard_names
from albert.workspaces import workspace

# As many as record files, see --num_shards.
MOST_SHARDS = 10_000
ALL, MERGE = "all", "merge"
_SHARD_FLAG = re.compile(rf"(\d{{1,9}}|{ALL}|{MERGE})/(\d{{1,9}})", re.ASCII)
_SHOWN = 10


@dataclasses.dataclass(frozen=True)
class Shard:
    """Part of the work.

    Attributes:
      index, number: int, it is the index-th of so many, from 0.
      inputs: list of str, its files of text.
      output_file: str, its file of records.
      text: str, a fingerprint of the names and sizes of all files of text.
    """

    index: int
    number: int
    inputs: list
    output_file: str
    text: str

    def description(self):
        """Returns what the JSON says of it: dict."""
        return {"index": self.index, "number": self.number, "text": self.text}


def parse_shard_flag(value):
    """Parses the value of --shard.

    Args:
      value: str, such as "3/64", "all/64" or "merge/64".

    Returns:
      (which, number): int or one of ``ALL`` and ``MERGE``, and int.

    Raises:
      UserError: it is none of these, or there is no such shard.
    """
    match = _SHARD_FLAG.fullmatch(value.strip())
    if not match:
        raise UserError(
            f"--shard={value} is no shard: give 0/64 to 63/64 for one of 64, "
            "all/64 for those that are missing, or merge/64"
        )
    number = int(match[2])
    if not 2 <= number <= MOST_SHARDS:
        raise UserError(
            f"--shard={value}: there can be 2 to {MOST_SHARDS:,} shards; leave "
            "--shard out for one"
        )
    if match[1] in (ALL, MERGE):
        return match[1], number
    index = int(match[1])
    if index >= number:
        raise UserError(
            f"--shard={value} is out of range: {number} shards are numbered "
            f"from 0 to {number - 1}"
        )
    return index, number


def measure(inputs):
    """Returns the bytes of each file: list of int.

    Raises:
      UserError: a file whose size is not known before it has been read.
    """
    for file in inputs:
        if not os.path.isfile(file):
            raise UserError(
                f"{file} is not a file on a disk, so that its size is not "
                "known: write it to one, or leave --shard out"
            )
    return list(map(os.path.getsize, inputs))


def divide(inputs, sizes, number, output_file):
    """Divides files of text into shards of about the same size.

    The largest file first, each goes to the shard that has least so far.

    Args:
      inputs: list of str, the files.
      sizes: list of int, their bytes.
      number: int, how many shards.
      output_file: str, name of the whole set.

    Returns:
      list of ``Shard``.

    Raises:
      UserError: there are fewer files than shards, several names of outputs,
        or shards of another division.
    """
    if "," in output_file:
        raise UserError(
            "--shard needs one --output_file, which the names of the shards "
            f"are made of, not a list: {output_file}"
        )
    if len(inputs) < number:
        raise UserError(
            f"--shard: {number} shards need as many files of text, and there "
            f"are {len(inputs)}: give fewer shards, or cut the files at blank "
            "lines between documents"
        )
    members = [[] for _ in range(number)]
    loads = [(0, index) for index in range(number)]
    # Empty files are spread as well as others.
    for size, file in sorted(
        zip(sizes, inputs, strict=True), key=lambda each: (-each[0], each[1])
    ):
        load, index = heapq.heappop(loads)
        members[index].append(file)
        heapq.heappush(loads, (load + size + 1, index))
    text = _fingerprint(inputs, sizes)
    names = shard_names(output_file, number)
    _refuse_other_number(names[0])
    return [
        Shard(index, number, sorted(files), name, text)
        for index, (files, name) in enumerate(zip(members, names, strict=True))
    ]


def _refuse_other_number(first):
    """Refuses a folder with files of the same name of another division."""
    folder, name = os.path.split(first)
    start, end = name.split("-00000-of-")
    number, suffix = end[:5], end[5:]
    of_others = re.compile(
        rf"{re.escape(start)}-\d{{5}}-of-(?!{number})\d{{5}}{re.escape(suffix)}"
    )
    names = os.listdir(folder or ".") if os.path.isdir(folder or ".") else ()
    for other in filter(of_others.fullmatch, names):
        raise UserError(
            f"{os.path.join(folder, other)} is of another number of shards: "
            "remove it, give that number, or choose another --output_file"
        )


def _fingerprint(inputs, sizes):
    """Returns a hash of names, below the folder of all, and sizes."""
    folder = os.path.commonpath(
        [os.path.dirname(file) or "." for file in inputs]
    )
    lines = [
        f"{os.path.relpath(file, folder)}\t{size}\n"
        for file, size in zip(inputs, sizes, strict=True)
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def is_made(shard, description, overwrite=False):
    """Returns whether a shard is there, made in the same way of the same text.

    Args:
      shard: ``Shard``.
      description: dict, what its JSON says besides what was counted; see
        ``pretraining_sets.describe_shard``.
      overwrite: bool, whether a shard that was made otherwise is replaced.

    Raises:
      UserError: another one is there and ``overwrite`` is not given, or its
        file is not what its JSON says.
    """
    path = metadata_path(shard.output_file)
    if not os.path.exists(path):
        return False
    if not os.path.exists(shard.output_file):
        # Ends what a kill may have interrupted between the two names.
        with workspace(path, "--output_file"):
            pass
    metadata = read_metadata(path)
    if metadata is None:
        return False  # The writer refuses it.
    difference = _find_difference(metadata, description)
    if difference and not overwrite:
        raise UserError(
            f"{path} was made with {difference}: choose another --output_file, "
            "give the same flags and text, or --overwrite"
        )
    if difference:
        return False
    entry = metadata["files"][0]
    if (
        not os.path.exists(shard.output_file)
        or os.path.getsize(shard.output_file) != entry["bytes"]
    ):
        if overwrite:
            return False
        raise UserError(
            f"{shard.output_file} is missing or not as long as {path} says: "
            "restore it, or give --overwrite to make it again"
        )
    return True


def _find_difference(found, wanted):
    """Returns what a JSON says otherwise than described, in words, or None."""
    for key, value in wanted.items():
        other = found.get(key)
        if key == "vocabulary":
            # Its file may lie elsewhere.
            value = {"fingerprint": value["fingerprint"]}
        if isinstance(value, dict) and isinstance(other, dict):
            difference = _find_difference(other, value)
            if difference:
                return difference
        elif other != value:
            return f"{key} {other!r}, not {value!r}"
    return None


def read_shards(shards, describe):
    """Reads the JSON of each shard.

    Args:
      shards: list of ``Shard``.
      describe: function of a ``Shard`` that returns what ``is_made`` takes.

    Returns:
      list of dict.

    Raises:
      UserError: one is missing, was made otherwise, or is damaged.
    """
    missing = [shard for shard in shards if not is_made(shard, describe(shard))]
    if missing:
        some = ", ".join(str(shard.index) for shard in missing[:_SHOWN])
        raise UserError(
            f"{len(missing)} of {len(shards)} shards are missing beside "
            f"{missing[0].output_file} ({some}{', …' * (len(missing) > _SHOWN)}"
            f"): make them with --shard={missing[0].index}/{len(shards)} and "
            f"so on, or all of them with --shard={ALL}/{len(shards)}"
        )
    return [read_metadata(metadata_path(shard.output_file)) for shard in shards]


def write_merged(path, metadata, of_shards, overwrite=False):
    """Writes the JSON of the whole set.

    Args:
      path: str, where to.
      metadata: dict, as of one set without the list of files.
      of_shards: list of dict, the JSON of each shard.
      overwrite: bool, whether another set's JSON is replaced.

    Raises:
      UserError: another set's is there, or it cannot be written.
    """
    value = {
        "kind": metadata["kind"],
        "schema_version": SCHEMA_VERSION,
        **metadata,
        "files": [each["files"][0] for each in of_shards],
    }
    outputs.check_file(path, "--output_file")
    if os.path.lexists(path) and not overwrite:
        earlier = read_metadata(path)
        if earlier is None or earlier.get("files") != value["files"]:
            raise UserError(
                f"{path} exists and describes other records: choose another "
                "--output_file or give --overwrite"
            )
    outputs.write_json(path, value, "--output_file")
