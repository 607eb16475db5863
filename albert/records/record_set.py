# SPDX-License-Identifier: Apache-2.0
"""Files of records, what is known of them, and whether they fit a run."""

import functools
import hashlib
import itertools
import json
import os

import tensorflow as tf
from absl import logging
from google.protobuf.message import DecodeError

from albert.errors import UserError
from albert.records import framing
from albert.records import metadata as metadata_lib
from albert.records import schema as schema_lib
from albert.text.documents import expand_files

# Records of a file without a JSON whose ids are looked at by `check`.
_RECORDS_INSPECTED = 64
_REQUIRED_KEYS = {"max_seq_length", "max_predictions_per_seq", "vocabulary"}


class RecordSet:
    """Files of pretraining records, and what is known about them.

    Use ``RecordSet.open``. Files are ours (with a JSON beside them) or the
    original's (without); both kinds can be mixed as long as their lengths
    agree.

    Attributes:
      files: tuple of paths, sorted.
      metadata: dict, the JSON beside the first file, or None.
    """

    def __init__(self, files):
        self.files = tuple(files)
        self._found = metadata_lib.find_metadata(self.files)
        self.metadata = self._found[0] and self._found[0][1]
        for path, value in self._jsons():
            if value.get("schema_version") != metadata_lib.SCHEMA_VERSION:
                raise UserError(
                    f"{path} has schema_version "
                    f"{value.get('schema_version')!r}; this program reads "
                    f"{metadata_lib.SCHEMA_VERSION}: make the records again"
                )
            if value["kind"] != schema_lib.PretrainingSchema.kind:
                raise UserError(
                    f"{path} describes records of kind {value['kind']!r}, "
                    f"not {schema_lib.PretrainingSchema.kind!r}: give files "
                    "that data/create_pretraining_data.py wrote"
                )
            absent = _REQUIRED_KEYS - set(value)
            if absent:
                raise UserError(
                    f"{path} lacks {', '.join(sorted(absent))}: restore it, "
                    "or make the records again"
                )

    @classmethod
    def open(cls, patterns):
        """Finds record files.

        Args:
          patterns: comma-separated globs, or a list of them. JSON files that
            a glob also matches are left out.

        Raises:
          UserError: a pattern matches nothing, or the JSON beside a file
            describes something else.
        """
        files = [f for f in expand_files(patterns) if not f.endswith(".json")]
        if not files:
            raise UserError(f"no record file matches {patterns!r}")
        return cls(files)

    @functools.cached_property
    def objectives(self):
        """dict from objective to a file that was made for it.

        Files without a JSON are the original's, whose objective is "sop".
        """
        return {
            found[1].get("settings", {}).get("objective", "sop")
            if found
            else "sop": file
            for file, found in zip(self.files, self._found, strict=True)
        }

    @functools.cached_property
    def schema(self):
        """The ``PretrainingSchema`` of the first file."""
        return self._schema_of(0)

    def count(self):
        """Number of records: from the JSON, else by a scan of the headers.

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
        """Path of the SentencePiece model that made the records.

        Returns:
          str, or None where no JSON names it or it is no longer there. The
          file may have changed since: `check` compares fingerprints.
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

    def check(
        self,
        max_seq_length,
        max_predictions_per_seq,
        vocabulary_size,
        vocabulary_fingerprint=None,
    ):
        """Refuses records that do not fit the run.

        Args:
          max_seq_length: S of the run.
          max_predictions_per_seq: P of the run.
          vocabulary_size: rows of the model's embedding table.
          vocabulary_fingerprint: ``Tokenizer.fingerprint`` of the run's
            tokenizer, or None where it is not known.

        Raises:
          UserError: other lengths, another vocabulary, or a file that has
            another size than when it was written.
        """
        wanted = schema_lib.PretrainingSchema(
            max_seq_length, max_predictions_per_seq
        )
        self._warn_of_absent_files()
        for index, file in enumerate(self.files):
            self._check_size(index)
            made = self._schema_of(index)
            if made != wanted:
                raise UserError(
                    f"{file} was made with "
                    f"max_seq_length {made.max_seq_length} and "
                    f"max_predictions_per_seq {made.max_predictions_per_seq}, "
                    f"this run has {wanted.max_seq_length} and "
                    f"{wanted.max_predictions_per_seq}: change the run's "
                    "flags or make the records again"
                )
            self._check_vocabulary(
                index, vocabulary_size, vocabulary_fingerprint
            )

    def locate_damage(self):
        """Reads every byte and names the first damage.

        Returns:
          str naming file, record (0-based) and fault, or None where every
          file is whole.
        """
        damages = map(self._damage_of, range(len(self.files)))
        return next(filter(None, damages), None)

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

    @functools.cached_property
    def fingerprint(self):
        """SHA-256 of the files' names and sizes and of how they were made."""
        what = [
            [os.path.basename(file), os.path.getsize(file)]
            for file in self.files
        ]
        what += [
            [value["vocabulary"], value.get("settings")]
            for _, value in self._jsons()
        ]
        return hashlib.sha256(
            json.dumps(what, sort_keys=True).encode()
        ).hexdigest()

    @functools.cached_property
    def compressions(self):
        """ "GZIP" or "" for each file, found from its bytes."""
        return tuple("GZIP" if framing.is_gzip(f) else "" for f in self.files)

    @functools.cached_property
    def _entries(self):
        """What the JSON says of each file, or None."""
        entries = []
        for file, found in zip(self.files, self._found, strict=True):
            name = os.path.basename(file)
            listed = found[1]["files"] if found else []
            entries.append(next((e for e in listed if e["name"] == name), None))
        return entries

    def _jsons(self):
        """The distinct (path, value) of the JSONs beside the files."""
        return list({f[0]: f for f in self._found if f}.values())

    def _schema_of(self, index):
        found = self._found[index]
        if found:
            return schema_lib.PretrainingSchema(
                found[1]["max_seq_length"],
                found[1]["max_predictions_per_seq"],
            )
        file = self.files[index]
        for payload in self._first_records(index, 1):
            features = _features(file, payload)
            return schema_lib.PretrainingSchema(
                len(features["input_ids"].int64_list.value),
                len(features["masked_lm_positions"].int64_list.value),
            )
        raise UserError(f"{file} holds no record: leave it out")

    def _first_records(self, index, number):
        file = self.files[index]
        try:
            yield from itertools.islice(framing.iterate_records(file), number)
        except framing.FramingError as error:
            raise UserError(_damage_message(file, error)) from None

    def _check_size(self, index):
        entry = self._entries[index]
        if entry is None:
            return
        file = self.files[index]
        size = os.path.getsize(file)
        if size != entry["bytes"]:
            raise UserError(
                f"{self._damage_of(index) or file}; the file has {size} "
                f"bytes, {self._found[index][0]} says {entry['bytes']}: copy "
                "it again or make the records again"
            )

    def _check_vocabulary(self, index, vocabulary_size, fingerprint):
        file = self.files[index]
        if self._found[index]:
            vocabulary = self._found[index][1]["vocabulary"]
            if vocabulary["size"] > vocabulary_size:
                raise UserError(
                    f"{file} was made with a vocabulary of "
                    f"{vocabulary['size']} pieces, the model has "
                    f"{vocabulary_size}: set vocab_size to "
                    f"{vocabulary['size']} or make the records again"
                )
            if fingerprint not in (None, vocabulary["fingerprint"]):
                raise UserError(
                    f"{file} was made with another SentencePiece model or "
                    "other tokenizer settings (fingerprint "
                    f"{vocabulary['fingerprint'][:12]}, this run has "
                    f"{fingerprint[:12]}): give the one that made the "
                    "records or make them again"
                )
            return
        for number, payload in enumerate(
            self._first_records(index, _RECORDS_INSPECTED)
        ):
            features = _features(file, payload)
            largest = max(
                max(features[name].int64_list.value, default=0)
                for name in ("input_ids", "masked_lm_ids")
            )
            if largest >= vocabulary_size:
                raise UserError(
                    f"{file}, record {number} (0-based) holds the id "
                    f"{largest}, the model's vocabulary has "
                    f"{vocabulary_size} pieces: the records were made with "
                    "another vocabulary"
                )

    def _warn_of_absent_files(self):
        for path, value in self._jsons():
            names = {entry["name"] for entry in value["files"]}
            here = set(os.listdir(os.path.dirname(path) or "."))
            absent = sorted(names - here)
            if absent:
                logging.warning(
                    "%s lists %d files, %d of them are not there (%s, ...)",
                    path,
                    len(names),
                    len(absent),
                    absent[0],
                )


def _features(file, payload):
    try:
        features = tf.train.Example.FromString(payload).features.feature
    except DecodeError as error:
        raise UserError(
            f"{file} holds something else than tf.train.Example: {error}"
        ) from None
    absent = {"input_ids", "masked_lm_positions"} - set(features)
    if absent:
        raise UserError(
            f"{file} does not hold pretraining records: the feature "
            f"{min(absent)!r} is absent"
        )
    return features


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
