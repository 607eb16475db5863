# SPDX-License-Identifier: Apache-2.0
"""Divides the work on a corpus among machines that do not know one another.

A shard is some of the text's files, and one file of records with a JSON of its
own, which says what it was made of and what was counted. Which files are in
it depends on the names and sizes of all files alone: whoever makes it makes the
same bytes. A shard that is there, made of the same text in the same way, is not
made again. When all are there, ``merged_shards`` makes one set of them.
"""

import dataclasses
import hashlib
import heapq
import os
import re

from albert.errors import UserError
from albert.inputs import open_file
from albert.paths import is_address
from albert.records.metadata import metadata_path
from albert.records.metadata import read_metadata
from albert.records.writing import shard_names
from albert.text import compression
from albert.workspaces import recover

# As many as record files, see --num_shards.
MOST_SHARDS = 10_000
ALL, MERGE = "all", "merge"
_SHARD_FLAG = re.compile(rf"(\d{{1,9}}|{ALL}|{MERGE})/(\d{{1,9}})", re.ASCII)
_SHOWN = 10
# Bytes of a file that is looked at to find out whether it holds any text.
LARGEST_BLANK = 1 << 10
# Of each file of text.
_SAMPLES = 8
_SAMPLE_BYTES = 1 << 12
# What a JSON says besides how its records were made.
_NOT_COMPARED = {
    "kind",
    "schema_version",
    "files",
    "corpus",
    "statistics",
    "counts",
    "left_out",
    # It decides whether there are records, not which; older JSON have it.
    "max_unknown_share",
}


@dataclasses.dataclass(frozen=True)
class Shard:
    """Part of the work.

    Attributes:
      index, number: int, it is the index-th of so many, from 0.
      inputs: list of str, its files of text.
      output_file: str, its file of records.
      listing: str, a fingerprint of the names and sizes of all files of text.
      text: str, a fingerprint of what it is made of.
      samples: tuple of str, a fingerprint of each of its files.
    """

    index: int
    number: int
    inputs: list
    output_file: str
    listing: str
    text: str
    samples: tuple

    def description(self):
        """Returns what the JSON says of it: dict."""
        return {
            "index": self.index,
            "number": self.number,
            "listing": self.listing,
            "text": self.text,
        }


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
    """Returns the bytes of each file, 0 of blank ones: list of int.

    A shard is not made of these alone.

    Raises:
      UserError: a file whose size is not known before it has been read.
    """
    for file in inputs:
        if not os.path.isfile(file):
            raise UserError(
                f"{file} is not a file on a disk, so that its size is not "
                "known: write it to one, or leave --shard out"
            )
    return [
        size if size > LARGEST_BLANK or _has_text(file) else 0
        for file, size in zip(inputs, map(os.path.getsize, inputs), strict=True)
    ]


def _has_text(file):
    """Returns whether anything but space is in a file, packed or not."""
    chunks = compression.read_chunks(file, LARGEST_BLANK)
    return any(chunk.strip() for chunk in chunks)


def divide(inputs, sizes, number, output_file, open_text=open_file):
    """Divides files of text into shards of about the same size.

    The largest file first, each goes to the shard that has least so far.

    Args:
      inputs: list of str, the files.
      sizes: list of int, their bytes; see ``measure``.
      number: int, how many shards.
      output_file: str, name of the whole set.
      open_text: function of a path that opens it to read and seek bytes.

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
    filled = sum(size > 0 for size in sizes)
    if filled < number:
        raise UserError(
            f"--shard: {number} shards need as many files of text, and there "
            f"are {filled}: give fewer shards, or cut the files at blank lines "
            "between documents"
        )
    # Not by their paths, which may be spelled one way here and another there.
    texts = sorted(zip(_names_below(inputs), sizes, inputs, strict=True))
    members = [[] for _ in range(number)]
    loads = [(0, index) for index in range(number)]
    for text in sorted(texts, key=lambda text: -text[1]):
        load, index = heapq.heappop(loads)
        members[index].append(text)
        heapq.heappush(loads, (load + text[1], index))
    names = shard_names(output_file, number)
    _refuse_other_number(names[0])
    listing = "".join(f"{below}\t{size}\n" for below, size, _ in texts).encode()
    shards = []
    for index, (of_shard, name) in enumerate(zip(members, names, strict=True)):
        # What decides what is in the shard, and samples of that: other texts
        # of the same names and sizes are told apart, but not every change of
        # a few letters.
        digest = hashlib.sha256(listing)
        samples = []
        for _, size, file in sorted(of_shard):
            with open_text(file) as stream:
                sample = _read_sample(stream, size)
                samples.append(_fingerprint(stream, sample))
            digest.update(sample)
        shards.append(
            Shard(
                index,
                number,
                [file for _, _, file in sorted(of_shard)],
                name,
                hashlib.sha256(listing).hexdigest(),
                digest.hexdigest(),
                tuple(samples),
            )
        )
    return shards


def refuse_changed_text(shard, files):
    """Refuses a text that has changed since it was divided.

    Args:
      shard: ``Shard``.
      files: list of str, its files, or copies of them.

    Raises:
      UserError: one has another size, or other samples.
    """
    for file, before in zip(files, shard.samples, strict=True):
        with open_file(file) as stream:
            sample = _read_sample(stream, stream.seek(0, os.SEEK_END))
            if _fingerprint(stream, sample) == before:
                continue
        raise UserError(
            f"{file} has changed while its records were made, so that they "
            "are of no text that is there: give the command again when "
            "nothing writes to it"
        )


def _read_sample(stream, size):
    """Returns what the bytes of a file are told by."""
    last = max(0, size - _SAMPLE_BYTES)
    sample = b""
    for place in range(_SAMPLES):
        stream.seek(last * place // (_SAMPLES - 1))
        sample += stream.read(_SAMPLE_BYTES)
    return sample


def _fingerprint(stream, sample):
    size = stream.seek(0, os.SEEK_END)
    return hashlib.sha256(b"%d %b" % (size, sample)).hexdigest()


def _refuse_other_number(first):
    """Refuses a folder with files of the same name of another division."""
    folder, name = os.path.split(first)
    if os.path.isdir(folder or "."):
        refuse_other_number(
            first,
            [os.path.join(folder, each) for each in os.listdir(folder or ".")],
        )


def refuse_other_number(first, paths):
    """Refuses files of the same name of another division.

    Args:
      first: str, name of the first shard.
      paths: list of str, what is beside it.
    """
    start, end = os.path.basename(first).rsplit("-00000-of-", 1)
    number, suffix = end[:5], end[5:]
    of_others = re.compile(
        rf"{re.escape(start)}-\d{{5}}-of-(?!{number})\d{{5}}{re.escape(suffix)}"
    )
    for path in paths:
        if of_others.fullmatch(os.path.basename(path)):
            raise UserError(
                f"{path} is of another number of shards: remove it, give that "
                "number, or choose another --output_file"
            )


def _names_below(inputs):
    """Returns the names of files below the folder of all: list of str."""
    paths = [
        os.path.abspath(f"{os.sep}{file}" if is_address(file) else file)
        for file in inputs
    ]
    folder = os.path.commonpath([os.path.dirname(path) for path in paths])
    return [os.path.relpath(path, folder) for path in paths]


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
    # A kill may have come between the names of the two files.
    recover(path, "--output_file")
    if not os.path.exists(path):
        return False
    metadata = read_metadata(path)
    if metadata is None:
        return False  # The writer refuses it.
    difference = find_difference(metadata, description)
    entries = metadata["files"]
    if difference:
        fault = f"{path} was made with {difference}"
        remedy = (
            "choose another --output_file, give the same flags and text, or"
        )
    elif (
        len(entries) != 1
        or not os.path.exists(shard.output_file)
        or os.path.getsize(shard.output_file) != entries[0]["bytes"]
    ):
        fault = f"{shard.output_file} is missing or not as long as {path} says"
        remedy = "restore it, or"
    else:
        return True
    if not overwrite:
        raise UserError(
            f"{fault}: {remedy} make that shard again with --overwrite and "
            f"--shard={shard.index}/{shard.number}, or {ALL}/{shard.number}"
        )
    return False


def find_difference(found, wanted):
    """Returns what a JSON says otherwise than described, in words, or None.

    Args:
      found: dict, the JSON, or a part of it.
      wanted: dict, what it should be.
    """
    for key in {**wanted, **found}:
        if key in _NOT_COMPARED:
            continue
        value, other = wanted.get(key), found.get(key)
        if key == "vocabulary":
            # Its file may lie elsewhere.
            value, other = (
                each and each.get("fingerprint") for each in (value, other)
            )
        if isinstance(value, dict) and isinstance(other, dict):
            difference = find_difference(other, value)
            if difference:
                return difference
        elif other != value:
            if key in ("listing", "text"):
                # Two fingerprints would tell nobody anything.
                return "another text: names, sizes or content of files differ"
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
    of_shards = [
        read_metadata(metadata_path(shard.output_file)) for shard in shards
    ]
    for shard, each in zip(shards, of_shards, strict=True):
        if not {"counts", "statistics"} <= each.keys():
            raise UserError(
                f"{metadata_path(shard.output_file)} lacks what was counted: "
                "make the shard again, with --overwrite"
            )
    return of_shards
