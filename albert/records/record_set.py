# SPDX-License-Identifier: Apache-2.0
"""Checks whether files of pretraining records fit a run."""

import functools

from albert.errors import UserError
from albert.records.record_files import RecordFiles
from albert.records.schema import PretrainingSchema


class RecordSet(RecordFiles):
    """Files of pretraining records, and what is known about them.

    Use ``RecordSet.open``. Files are ours (with a JSON beside them) or the
    original's (without); both kinds can be mixed as long as their lengths
    agree.
    """

    kind = PretrainingSchema.kind
    required_keys = frozenset(
        {"max_seq_length", "max_predictions_per_seq", "vocabulary"}
    )
    required_features = frozenset({"input_ids", "masked_lm_positions"})
    id_features = ("input_ids", "masked_lm_ids")
    purpose = "pretraining"
    recipe = "`albert create-pretraining-data`"

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
            self._check_lengths(
                index,
                {
                    "input_ids": made.max_seq_length,
                    "masked_lm_positions": made.max_predictions_per_seq,
                },
            )
            self._check_vocabulary(
                index, vocabulary_size, vocabulary_fingerprint
            )

    def _schema_of(self, index):
        metadata = self._metadata_of(index)
        if metadata:
            return PretrainingSchema(
                metadata["max_seq_length"],
                metadata["max_predictions_per_seq"],
            )
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
      max_seq_length, max_predictions_per_seq: int, lengths of the records;
        None for those of the first.

    Raises:
      UserError: as ``RecordSet.check``, and sequences that are longer than
        the model has positions for.
    """
    first = record_sets[0]
    max_seq_length = max_seq_length or first.schema.max_seq_length
    for record_set in record_sets:
        record_set.check(
            max_seq_length,
            max_predictions_per_seq or first.schema.max_predictions_per_seq,
            config.vocab_size,
            tokenizer and tokenizer.fingerprint,
        )
    if max_seq_length > config.longest_sequence:
        raise UserError(
            f"{first.files[0]} holds sequences of {max_seq_length} pieces, "
            "the model has max_position_embeddings "
            f"{config.longest_sequence}: use shorter records or "
            "another configuration"
        )
