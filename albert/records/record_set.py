# SPDX-License-Identifier: Apache-2.0
"""Checks whether files of pretraining records fit a run."""

import dataclasses
import functools
import hashlib
import json

from absl import logging

from albert.errors import UserError
from albert.records import framing
from albert.records.pretraining_warnings import describe_few_predictions
from albert.records.record_files import RecordFiles
from albert.records.schema import PretrainingSchema
from albert.records.schema import unmasked_fields
from albert.records.unmasked_pairs import DYNAMIC
from albert.records.unmasked_pairs import UnmaskedPairs
from albert.text.masking import ORIGINAL_REPLACEMENT


class RecordSet(RecordFiles):
    """Files of pretraining records, and what is known about them.

    Use ``RecordSet.open``. Files are ours (with a JSON beside them) or the
    original's (without); both kinds can be mixed as long as their lengths
    agree. Records that are masked while training cannot be mixed with others.

    Args:
      files: paths of record files.
      max_predictions_per_seq, masked_lm_prob, mask_replacement: settings of
        masks that are made while training; None for those that the records
        were written with.
    """

    kind = PretrainingSchema.kind
    required_keys = frozenset(
        {"max_seq_length", "max_predictions_per_seq", "vocabulary"}
    )
    id_features = ("input_ids", "masked_lm_ids")
    purpose = "pretraining"
    recipe = "`albert create-pretraining-data`"

    def __init__(
        self,
        files,
        max_predictions_per_seq=None,
        masked_lm_prob=None,
        mask_replacement=None,
    ):
        super().__init__(files)
        self._other_settings = {
            name: value
            for name, value in (
                ("max_predictions_per_seq", max_predictions_per_seq),
                ("masked_lm_prob", masked_lm_prob),
                ("mask_replacement", mask_replacement),
            )
            if value is not None
        }

    @functools.cached_property
    def unmasked(self):
        """``UnmaskedPairs``; None where the records are masked already.

        With the settings of masks that are used, if others are given.
        """
        if self._written is None:
            return None
        return dataclasses.replace(
            self._written,
            masking=dataclasses.replace(
                self._written.masking, **self._other_settings
            ),
        )

    @property
    def given_slots(self):
        """int, the slots for masks that were asked for; None: the records'."""
        return self._other_settings.get("max_predictions_per_seq")

    @property
    def fingerprint(self):
        """As of ``RecordFiles``, also with other settings of masks."""
        files = super().fingerprint
        if self.unmasked == self._written:
            return files
        masking = dataclasses.asdict(self.unmasked.masking)
        if masking["mask_replacement"] == ORIGINAL_REPLACEMENT:
            # What is hashed of it is as before there was a choice.
            del masking["mask_replacement"]
        changed = json.dumps([files, list(masking.values())])
        return hashlib.sha256(changed.encode()).hexdigest()

    @functools.cached_property
    def _written(self):
        """``UnmaskedPairs`` as the JSON has it, or None.

        Raises:
          UserError: some are and some are not, or they differ in the settings
            of masks, or in what their JSON says of the vocabulary.
        """
        kinds = [
            found and UnmaskedPairs.from_metadata(*found)
            for found in self._found
        ]
        first = kinds[0]
        for file, kind in zip(self.files, kinds, strict=True):
            if (kind is None) != (first is None):
                count = sum(kind is not None for kind in kinds)
                raise UserError(
                    f"of {len(kinds)} record files, {count} hold unmasked "
                    f"segment pairs (--masking={DYNAMIC}) and the others "
                    f"masked records, or have no JSON: {self.files[0]} and "
                    f"{file} differ in that. Give files of one kind"
                )
            if kind != first:
                raise UserError(
                    f"{self.files[0]} and {file} were made with different "
                    "settings or vocabularies, so that they cannot be masked "
                    "together: make both with the same ones"
                )
        return first and dataclasses.replace(
            first, single_sentences=any(kind.single_sentences for kind in kinds)
        )

    @property
    def required_features(self):
        """Features that a record must have: frozenset of str."""
        if self.unmasked is None:
            return frozenset({"input_ids", "masked_lm_positions"})
        return frozenset(
            field.name for field in unmasked_fields(self.unmasked.objective)
        )

    @functools.cached_property
    def objectives(self):
        """Objectives of the records: dict to a file that was made for each.

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
        wanted = PretrainingSchema(max_seq_length, max_predictions_per_seq)
        self._warn_of_absent_files()
        self._warn_of_unknown_vocabulary()
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
            if self.unmasked is None:
                self._check_lengths(
                    index,
                    {
                        "input_ids": made.max_seq_length,
                        "masked_lm_positions": made.max_predictions_per_seq,
                    },
                )
            else:
                self._check_first_pair(index)
            self._check_vocabulary(
                index, vocabulary_size, vocabulary_fingerprint
            )

    def _check_first_pair(self, index):
        entry = self._entries[index]
        if not entry["records"]:
            return
        (features,) = self._first_examples(index, 1)
        fault = self._fault_of_pair(features)
        if fault:
            raise UserError(
                f"{self.files[index]}, record 0 (0-based): {fault}, as "
                f"{self._found[index][0]} has it: restore it, or make the "
                "records again"
            )

    def _damage_of(self, index):
        """As of ``RecordFiles``; names lengths that cannot be, too."""
        damage = super()._damage_of(index)
        if damage or self.unmasked is None:
            return damage
        file = self.files[index]
        for record, payload in enumerate(framing.iterate_records(file)):
            fault = self._fault_of_pair(self._parse_example(file, payload))
            if fault:
                return f"{file}, record {record} (0-based): {fault}"
        return None

    def _fault_of_pair(self, features):
        """Returns what is wrong with the lengths of a pair, or None."""
        lengths = features["segment_lengths"].int64_list.value
        total = sum(lengths)
        size = sum(map(len, features["tokens"].bytes_list.value))
        if (
            len(lengths) != 2
            or size != total * self.unmasked.token_dtype.itemsize
        ):
            return (
                f"{size} bytes of tokens for segments of {list(lengths)} tokens"
            )
        length = self.schema.max_seq_length
        if not self.unmasked.fits(*lengths, length):
            return (
                f"segments of {list(lengths)} tokens, where "
                f"{self.unmasked.max_tokens(length)} have room and "
                f"--objective={self.unmasked.objective} needs "
                f"{self.unmasked.segments_needed}"
            )
        return None

    def _describe_absence(self, file, features, absent):
        if "tokens" in features:
            return (
                f"{file} holds segment pairs that are masked while training "
                f"(--masking={DYNAMIC}), but no JSON beside it says how: "
                "restore it, or make the records again"
            )
        return super()._describe_absence(file, features, absent)

    def _schema_of(self, index):
        metadata = self._metadata_of(index)
        if metadata:
            predictions = metadata["max_predictions_per_seq"]
            if self.unmasked is not None:
                predictions = self.unmasked.masking.max_predictions_per_seq
            return PretrainingSchema(metadata["max_seq_length"], predictions)
        (features,) = self._first_examples(index, 1)
        return PretrainingSchema(
            len(features["input_ids"].int64_list.value),
            len(features["masked_lm_positions"].int64_list.value),
        )


def find_objective(record_sets):
    """Returns the objective, "sop", "nsp" or "none", of all the records.

    Args:
      record_sets: list of ``RecordSet``; the original's records are "sop".

    Raises:
      UserError: they were made for different objectives.
    """
    found = {}
    for records in record_sets:
        found |= records.objectives
    if len(found) > 1:
        (one, file), (other, other_file) = list(found.items())[:2]
        raise UserError(
            f"{file} was made with --objective={one}, {other_file} with "
            f"--objective={other}: make both with the same one"
        )
    return next(iter(found))


def check_masking(record_sets, settings):
    """Checks whether tokens can be masked otherwise than the records say.

    Args:
      record_sets: list of ``RecordSet``, those to train on before those to
        evaluate on. Of the latter some that are masked already are warned of.
      settings: dict from a flag to its value, or None, of what is changed.

    Raises:
      UserError: the tokens of the first are masked already.
    """
    first, *others = record_sets
    remedy = "make records with --masking=dynamic"
    for name, value in settings.items():
        if value is None:
            continue
        unchanged = (
            f"holds masked records, in which --{name}={value} changes nothing"
        )
        if first.unmasked is None:
            raise UserError(
                f"{first.files[0]} {unchanged}: leave it out, or {remedy}"
            )
        for records in others:
            if records.unmasked is None:
                logging.warning(
                    "%s %s, so that it is evaluated with other masks than it "
                    "is trained with: %s to evaluate on, too",
                    records.files[0],
                    unchanged,
                    remedy,
                )
    prob = settings.get("masked_lm_prob")
    few = prob and describe_few_predictions(
        first.schema.max_seq_length,
        first.schema.max_predictions_per_seq,
        prob,
    )
    if few:
        logging.warning("%s", few)


def check_record_sets(
    record_sets,
    config,
    tokenizer,
    max_seq_length=None,
    max_predictions_per_seq=None,
):
    """Refuses records that do not fit the model, or one another.

    Args:
      record_sets: list of ``RecordSet``.
      config: ``AlbertConfig``.
      tokenizer: ``Tokenizer``, or None where it is not known.
      max_seq_length: int, length of the records; None for that of the first.
      max_predictions_per_seq: int, slots of the first; None for what it has.
        Others, which are evaluated on, may have any number.

    Raises:
      UserError: as ``RecordSet.check``, and sequences that are longer than
        the model has positions for.
    """
    first = record_sets[0]
    # Without the vocabulary they must at least be of the same one.
    named = (each.vocabulary_fingerprint for each in record_sets)
    fingerprint = next(filter(None, named), None)
    if tokenizer:
        fingerprint = tokenizer.fingerprint
    max_seq_length = max_seq_length or first.schema.max_seq_length
    for record_set in record_sets:
        slots = record_set.schema.max_predictions_per_seq
        wanted = max_predictions_per_seq or slots
        if record_set is not first and slots != wanted:
            logging.warning(
                "%s holds masked records with %d slots, which "
                "--max_predictions_per_seq=%d does not change",
                record_set.files[0],
                slots,
                wanted,
            )
            wanted = slots
        record_set.check(
            max_seq_length,
            wanted,
            config.vocab_size,
            fingerprint,
        )
    if max_seq_length > config.longest_sequence:
        raise UserError(
            f"{first.files[0]} holds sequences of {max_seq_length} pieces, "
            "the model has max_position_embeddings "
            f"{config.longest_sequence}: use shorter records or "
            "another configuration"
        )
