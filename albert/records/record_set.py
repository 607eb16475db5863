# SPDX-License-Identifier: Apache-2.0
"""Files of pretraining records, and whether they fit a run."""

import functools

from albert.errors import UserError
from albert.records import schema as schema_lib
from albert.records.record_files import RecordFiles


class RecordSet(RecordFiles):
    """Files of pretraining records, and what is known about them.

    Use ``RecordSet.open``. Files are ours (with a JSON beside them) or the
    original's (without); both kinds can be mixed as long as their lengths
    agree.
    """

    kind = schema_lib.PretrainingSchema.kind
    required_keys = frozenset(
        {"max_seq_length", "max_predictions_per_seq", "vocabulary"}
    )
    required_features = frozenset({"input_ids", "masked_lm_positions"})
    id_features = ("input_ids", "masked_lm_ids")
    purpose = "pretraining"
    recipe = "`albert create-pretraining-data`"

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

    def _schema_of(self, index):
        metadata = self._metadata_of(index)
        if metadata:
            return schema_lib.PretrainingSchema(
                metadata["max_seq_length"],
                metadata["max_predictions_per_seq"],
            )
        (features,) = self._first_examples(index, 1)
        return schema_lib.PretrainingSchema(
            len(features["input_ids"].int64_list.value),
            len(features["masked_lm_positions"].int64_list.value),
        )
