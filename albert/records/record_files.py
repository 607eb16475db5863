# SPDX-License-Identifier: Apache-2.0
"""Opens files of records of any kind: counts, JSON, and damage."""

import functools
import hashlib
import itertools
import json
import os

import tensorflow as tf
from absl import logging
from google.protobuf.message import DecodeError

from albert.errors import UserError
from albert.file_patterns import expand_files
from albert.records import framing
from albert.records.metadata import SCHEMA_VERSION
from albert.records.metadata import find_metadata
from albert.records.metadata import metadata_path_of_set
from albert.records.metadata import name_of_shard

# Records of a file without a JSON whose ids are looked at.
_RECORDS_INSPECTED = 64
# Of gzip's method, deflate, which has no more than 258 bytes in 2 bits.
_MOST_COMPRESSION = 1032


class RecordFiles:
    """Files of records of one kind, and what is known about them.

    Use ``open``. Files are ours (with a JSON beside them) or the original's
    (without). Subclasses say what kind they are, and check that it fits.

    Attributes:
      files: tuple of paths, sorted.
      metadata: dict, the JSON beside the first file, or None.
    """

    # A subclass sets its kind in the JSON, the other keys that the JSON must
    # have, the features that a record must have and those that hold ids, and
    # for messages what the records are for and the command that makes them.
    kind = None
    required_keys = frozenset()
    required_features = frozenset()
    id_features = ()
    purpose = None
    recipe = None

    def __init__(self, files):
        self.files = tuple(files)
        self._found = find_metadata(self.files)
        self.metadata = self._found[0] and self._found[0][1]
        for path, value in self._jsons():
            if value.get("schema_version") != SCHEMA_VERSION:
                raise UserError(
                    f"{path} has schema_version "
                    f"{value.get('schema_version')!r}; this program reads "
                    f"{SCHEMA_VERSION}: make the records again"
                )
            if value["kind"] != self.kind:
                raise UserError(
                    f"{path} describes records of kind {value['kind']!r}, "
                    f"not {self.kind!r}: give files that {self.recipe} wrote"
                )
            absent = self.required_keys - set(value)
            if absent:
                raise UserError(
                    f"{path} lacks {', '.join(sorted(absent))}: restore it, "
                    "or make the records again"
                )

    @classmethod
    def open(cls, patterns, **options):
        """Finds record files.

        Args:
          patterns: comma-separated globs, or a list of them. JSON files that
            a glob also matches are left out.
          **options: for the class.

        Raises:
          UserError: a pattern matches nothing, or the JSON beside a file
            describes something else.
        """
        files = [f for f in expand_files(patterns) if not f.endswith(".json")]
        if not files:
            raise UserError(f"no record file matches {patterns!r}")
        return cls(files, **options)

    def count(self):
        """Counts the records: from the JSON, else by a scan of the headers.

        Raises:
          UserError: a file without a JSON is truncated or corrupt.
        """
        return sum(self.counts)

    @functools.cached_property
    def counts(self):
        """Number of records of each file."""
        return tuple(
            entry["records"] if entry is not None else _scanned_count(file)
            for file, entry in zip(self.files, self._entries, strict=True)
        )

    def tokenizer_file(self):
        """Finds the vocabulary that made the records.

        Returns:
          str, its path, or None where no JSON names it or it is no longer
          there. The file may have changed since: `check` compares fingerprints.
        """
        for path, value in self._jsons():
            directory = os.path.dirname(path)
            named = value["vocabulary"].get("model_file")
            # As it was when the records were made, or moved beside them.
            for name in filter(None, (named, os.path.basename(named or ""))):
                file = os.path.normpath(os.path.join(directory, name))
                if os.path.isfile(file):
                    return file
        return None

    def locate_damage(self):
        """Reads every byte and names the first damage.

        Returns:
          str naming file, record (0-based) and fault, or None where every
          file is whole.
        """
        damages = map(self._damage_of, range(len(self.files)))
        return next(filter(None, damages), None)

    @functools.cached_property
    def fingerprint(self):
        """SHA-256 of the files' names and sizes and of how they were made.

        It is the same where the vocabulary lies elsewhere, and before and
        after shards are merged.
        """
        what = [
            [os.path.basename(file), os.path.getsize(file)]
            for file in self.files
        ]
        what += sorted(
            {
                json.dumps(
                    [value["vocabulary"]["fingerprint"], value.get("settings")],
                    sort_keys=True,
                )
                for _, value in self._jsons()
            }
        )
        return hashlib.sha256(
            json.dumps(what, sort_keys=True).encode()
        ).hexdigest()

    @functools.cached_property
    def content_fingerprint(self):
        """SHA-256 of the fingerprint, the counts and the JSONs themselves.

        The statistics in a JSON of ours tell records apart that are as many,
        as long and made in the same way.
        """
        what = [
            self.fingerprint,
            self.counts,
            [value for _, value in self._jsons()],
        ]
        return hashlib.sha256(
            json.dumps(what, sort_keys=True).encode()
        ).hexdigest()

    @functools.cached_property
    def compressions(self):
        """Compression of each file, from its bytes: "GZIP" or nothing."""
        return tuple("GZIP" if framing.is_gzip(f) else "" for f in self.files)

    @functools.cached_property
    def _entries(self):
        """Entry of each file in the JSON beside it, or None."""
        entries = []
        for file, found in zip(self.files, self._found, strict=True):
            name = os.path.basename(file)
            listed = found[1]["files"] if found else []
            entries.append(next((e for e in listed if e["name"] == name), None))
        return entries

    def _jsons(self):
        """Returns the distinct (path, value) of the JSONs beside the files."""
        return list({f[0]: f for f in self._found if f}.values())

    @property
    def vocabulary_fingerprint(self):
        """str, the vocabulary that the first JSON names; None without any."""
        for index in range(len(self.files)):
            metadata = self._metadata_of(index)
            if metadata:
                return metadata["vocabulary"]["fingerprint"]
        return None

    def _metadata_of(self, index):
        """Returns the parsed JSON beside a file, or None."""
        found = self._found[index]
        return found and found[1]

    def _first_examples(self, index, count):
        """Reads the first records of a file: dicts from name to feature.

        Raises:
          UserError: the file is damaged, empty or holds something else.
        """
        file = self.files[index]
        examples = []
        try:
            for payload in itertools.islice(
                framing.iterate_records(file), count
            ):
                examples.append(self._parse_example(file, payload))
        except framing.FramingError as error:
            raise UserError(_damage_message(file, error)) from None
        if not examples:
            raise UserError(f"{file} holds no record: leave it out")
        return examples

    def _inspected_examples(self, index):
        """Reads the records that are checked in a file without a JSON."""
        return self._first_examples(index, _RECORDS_INSPECTED)

    def _parse_example(self, file, payload):
        try:
            features = tf.train.Example.FromString(payload).features.feature
        except DecodeError as error:
            raise UserError(
                f"{file} does not hold tf.train.Example ({error}): give files "
                f"that {self.recipe} wrote"
            ) from None
        absent = self.required_features - set(features)
        if absent:
            raise UserError(self._describe_absence(file, features, min(absent)))
        return features

    def _describe_absence(self, file, features, absent):
        """Returns what is said of a record without a feature."""
        return (
            f"{file} does not hold {self.purpose} records: the feature "
            f"{absent!r} is absent: give files that {self.recipe} wrote"
        )

    def _damage_of(self, index):
        file, entry = self.files[index], self._entries[index]
        try:
            read = sum(1 for _ in framing.iterate_records(file))
        except framing.FramingError as error:
            return f"{file}, record {error.record} (0-based): {error.reason}"
        if entry is not None and read != entry["records"]:
            return (
                f"{file}, record {read} (0-based): the file ends here, its "
                f"JSON says {entry['records']} records"
            )
        return None

    def check_sizes(self):
        """Refuses files of another size than when they were written.

        Raises:
          UserError: there is one; the line names what is damaged in it.
        """
        for index in range(len(self.files)):
            self._check_size(index)

    def _check_size(self, index):
        """Refuses a file of another size than when it was written."""
        entry = self._entries[index]
        if entry is None:
            return
        file = self.files[index]
        size = os.path.getsize(file)
        ratio = _MOST_COMPRESSION if self.compressions[index] else 1
        if entry["records"] * framing.HEADER_BYTES > size * ratio:
            raise UserError(
                f"{file} has {size:,} bytes, which do not hold the "
                f"{entry['records']:,} records that {self._found[index][0]} "
                "says: restore it, or make the records again"
            )
        if size != entry["bytes"]:
            raise UserError(
                f"{self._damage_of(index) or file}; the file has {size} "
                f"bytes, {self._found[index][0]} says {entry['bytes']}: copy "
                "it again or make the records again"
            )

    def _check_lengths(self, index, lengths):
        """Refuses a file whose first record is not as its JSON says.

        Args:
          index: int, the file.
          lengths: dict from feature to its number of values.
        """
        entry = self._entries[index]
        if entry is None or not entry["records"]:
            return
        (features,) = self._first_examples(index, 1)
        for name, length in lengths.items():
            found = len(features[name].int64_list.value)
            if found != length:
                raise UserError(
                    f"{self.files[index]}, record 0 (0-based) has {found} "
                    f"values in {name!r}, {self._found[index][0]} says "
                    f"{length}: restore it, or make the records again"
                )

    def _check_vocabulary(self, index, vocabulary_size, fingerprint):
        """Refuses ids of another vocabulary, as far as that can be known."""
        file = self.files[index]
        metadata = self._metadata_of(index)
        if metadata:
            vocabulary = metadata["vocabulary"]
            if vocabulary["size"] > vocabulary_size:
                raise UserError(
                    f"{file} was made with a vocabulary of "
                    f"{vocabulary['size']} pieces, the model has "
                    f"{vocabulary_size}: set vocab_size to "
                    f"{vocabulary['size']} or make the records again"
                )
            if fingerprint not in (None, vocabulary["fingerprint"]):
                raise UserError(
                    f"{file} was made with another vocabulary or other "
                    "settings of the tokenizer (fingerprint "
                    f"{vocabulary['fingerprint'][:12]}, this run has "
                    f"{fingerprint[:12]}): give the one that made the "
                    "records or make them again"
                )
            return
        for record, features in enumerate(self._inspected_examples(index)):
            largest = max(
                max(features[name].int64_list.value, default=0)
                for name in self.id_features
            )
            if largest >= vocabulary_size:
                raise UserError(
                    f"{file}, record {record} (0-based) holds the id "
                    f"{largest}, the model's vocabulary has "
                    f"{vocabulary_size} pieces: make the records again with "
                    "the model's vocabulary"
                )

    def _warn_of_unknown_vocabulary(self):
        unknown = [
            file
            for file, found in zip(self.files, self._found, strict=True)
            if not found
        ]
        if unknown:
            logging.warning(
                "%s%s has no JSON beside it: whether its vocabulary is that of "
                "this run cannot be checked, beyond its largest id",
                unknown[0],
                f" (and {len(unknown) - 1} more)" if unknown[1:] else "",
            )

    def _warn_of_absent_files(self):
        of_shards = {}
        for path, value in self._jsons():
            names = {entry["name"] for entry in value["files"]}
            if "shard" in value and len(names) == 1:
                # Not merged: each has a JSON of its own.
                set_names = {
                    name_of_shard(*names, f"{index:05d}")
                    for index in range(value["shard"]["number"])
                }
                place = os.path.join(os.path.dirname(path), min(set_names))
                of_shards[place] = set_names
            here = set(os.listdir(os.path.dirname(path) or "."))
            absent = sorted(names - here)
            if absent:
                logging.warning(
                    "%s lists %d files, and %d of them are missing (%s, ...)",
                    path,
                    len(names),
                    len(absent),
                    absent[0],
                )
        for place, names in of_shards.items():
            here = set(os.listdir(os.path.dirname(place) or "."))
            absent = sorted(names - here)
            if absent:
                logging.warning(
                    "of the %d shards of %s, %d are missing (%s, ...), with a "
                    "part of the text",
                    len(names),
                    metadata_path_of_set(place),
                    len(absent),
                    absent[0],
                )


def _scanned_count(file):
    try:
        return framing.count_records(file)
    except framing.FramingError as error:
        raise UserError(_damage_message(file, error)) from None


def _damage_message(file, error):
    return (
        f"{file}, record {error.record} (0-based): {error.reason}; copy the "
        "file again or make the records again"
    )
