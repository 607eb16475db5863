# SPDX-License-Identifier: Apache-2.0
"""Lists the fields of each kind of record, for the writer and the reader.

Field names, order and types are those of the original's records
(google-research/albert: ``write_instance_to_example_files`` of
create_pretraining_data.py, ``file_based_convert_examples_to_features`` of
classifier_utils.py and race_utils.py), so records of either side are read by
the other.
"""

import dataclasses

from albert.heads import HEADS


@dataclasses.dataclass(frozen=True)
class Field:
    """Feature of a ``tf.train.Example``.

    Attributes:
      name: key of the feature in the record.
      dtype: type on disk, "int64", "float32" or "bytes".
      length: number of values.
      model_dtype: type of the tensor handed to the model, or None for a
        field that is written but that no model reads.
    """

    name: str
    dtype: str
    length: int
    model_dtype: str | None


@dataclasses.dataclass(frozen=True)
class PretrainingSchema:
    """Records for masked-LM and sentence-order pretraining.

    Attributes:
      max_seq_length: S, tokens in a sequence, padding included.
      max_predictions_per_seq: P, slots for masked tokens.
    """

    kind = "albert_pretraining"

    max_seq_length: int
    max_predictions_per_seq: int

    @property
    def fields(self):
        """The fields in the order in which they are written."""
        seq_length = self.max_seq_length
        predictions = self.max_predictions_per_seq
        return (
            Field("input_ids", "int64", seq_length, "int32"),
            Field("input_mask", "int64", seq_length, "int32"),
            Field("segment_ids", "int64", seq_length, "int32"),
            Field("token_boundary", "int64", seq_length, None),
            Field("masked_lm_positions", "int64", predictions, "int32"),
            Field("masked_lm_ids", "int64", predictions, "int32"),
            Field("masked_lm_weights", "float32", predictions, "float32"),
            Field("next_sentence_labels", "int64", 1, "int32"),
        )

    @property
    def model_fields(self):
        """The fields that a model reads."""
        return tuple(f for f in self.fields if f.model_dtype is not None)

    def shortened(self, max_seq_length):
        """Returns the schema of shorter sequences, P less in proportion."""
        wanted = self.max_predictions_per_seq * max_seq_length
        predictions = -(-wanted // self.max_seq_length)  # rounded up
        return PretrainingSchema(max_seq_length, predictions)


def unmasked_fields(objective):
    """Returns the fields of a segment pair that is masked while training.

    The original has no such records; see ``albert.records.unmasked_pairs``.

    Args:
      objective: one of ``albert.text.instances.OBJECTIVES``. With "nsp", what
        the second segment is was decided when the record was made.
    """
    return (
        Field("tokens", "bytes", 1, None),
        Field("segment_lengths", "int64", 2, None),
        Field("identity", "bytes", 1, None),
        *(
            (Field("next_sentence_labels", "int64", 1, "int32"),)
            if objective == "nsp"
            else ()
        ),
    )


@dataclasses.dataclass(frozen=True)
class FinetuningSchema:
    """Records for the tasks of run_classifier.py.

    Attributes:
      head: str, the head of the task, a key of ``albert.heads.HEADS``.
      max_seq_length: S, tokens in a sequence, padding included.
      choices: C, sequences of an example, one after the other in a record.
      num_labels: int, of several labels a text: how many the task has.
    """

    kind = "albert_finetuning"  # Of the records; not that of the task.

    head: str
    max_seq_length: int
    choices: int = 1
    num_labels: int = 1

    @property
    def label_type(self):
        """Type of the labels, see ``albert.heads.Head``."""
        return HEADS[self.head].label_type

    @property
    def task_kind(self):
        """Name of the head in the JSON beside records."""
        return HEADS[self.head].task_kind

    @property
    def fields(self):
        """The fields in the order in which they are written.

        Labels are class indices, numbers of a regression, or 1 and 0 for each
        of several labels a text. The original has no tagging: there, a
        position that is not scored has label_mask 0, because -1 takes ten
        bytes, and "words" is a text of ``albert.tasks.sequence_words``, empty
        in records for training.
        """
        tokens = self.choices * self.max_seq_length
        labels = (Field("label_ids", "int64", self.num_labels, "int32"),)
        if self.label_type == "number":
            labels = (Field("label_ids", "float32", 1, "float32"),)
        if self.label_type == "tag":
            labels = (
                Field("label_ids", "int64", tokens, "int32"),
                Field("label_mask", "int64", tokens, "int32"),
                Field("words", "bytes", 1, None),
            )
        return (
            Field("input_ids", "int64", tokens, "int32"),
            Field("input_mask", "int64", tokens, "int32"),
            Field("segment_ids", "int64", tokens, "int32"),
            *labels,
            Field("is_real_example", "int64", 1, "int32"),
        )
