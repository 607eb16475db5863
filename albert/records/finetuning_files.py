# SPDX-License-Identifier: Apache-2.0
"""Checks whether fine-tuning records fit a run, and makes their batches.

Letters: B records in a batch, C choices, S positions of a batch's sequences.
"""

import functools

import tensorflow as tf

from albert.errors import UserError
from albert.heads import HEADS
from albert.heads import find
from albert.records import record_stream
from albert.records.feature_batches import padded_length
from albert.records.prefetching import map_ahead
from albert.records.record_files import RecordFiles
from albert.records.schema import FinetuningSchema
from albert.tasks.features import PER_TOKEN_PADDING


class FinetuningRecords(RecordFiles):
    """Files of fine-tuning records, and what is known about them.

    Use ``FinetuningRecords.open(patterns, head=..., choices=...)``.
    Files are ours (with a JSON beside them) or the original's (without),
    which do not say what task they are of: the head and its number of
    choices are the run's.

    Attributes:
      schema: ``FinetuningSchema`` of the files.
    """

    kind = FinetuningSchema.kind
    required_keys = frozenset(
        {
            "task",
            "task_kind",
            "labels",
            "labeled",
            "max_seq_length",
            "choices",
            "vocabulary",
        }
    )
    required_features = frozenset(
        {"input_ids", "input_mask", "segment_ids", "label_ids"}
    )
    id_features = ("input_ids",)
    purpose = "fine-tuning"
    recipe = "`albert create-finetuning-data`"

    def __init__(self, files, head, choices=1):
        """Reads what the files hold; ``open`` finds them.

        Args:
          files: list of paths.
          head: str, the head of the run's task.
          choices: C of the task.

        Raises:
          UserError: the files hold records of another kind of task, or of
            different lengths.
        """
        super().__init__(files)
        self._head = head
        self._choices = choices
        schemas = [self._schema_of(index) for index in range(len(self.files))]
        self.schema = schemas[0]
        for file, schema in zip(self.files, schemas, strict=True):
            if schema != self.schema:
                raise UserError(
                    f"{self.files[0]} has sequences of "
                    f"{self.schema.max_seq_length} tokens and {file} of "
                    f"{schema.max_seq_length}, or they have other labels: "
                    "make them with the same --max_seq_length and --labels"
                )

    @property
    def labelled(self):
        """Whether every file says that its examples have labels."""
        jsons = self._jsons()
        return all(self._found) and all(value["labeled"] for _, value in jsons)

    def check(
        self,
        vocabulary_size,
        vocabulary_fingerprint=None,
        *,
        task_name=None,
        labels=None,
        need_labels=False,
    ):
        """Refuses records that do not fit the run.

        Args:
          vocabulary_size: rows of the model's embedding table.
          vocabulary_fingerprint: ``Tokenizer.fingerprint`` of the run's
            tokenizer, or None where it is not known.
          task_name: name of the run's task, or None for any.
          labels: list of str, the run's labels in their order, or None where
            they are those of the records.
          need_labels: bool, whether records of unlabelled examples are
            refused.

        Raises:
          UserError: another vocabulary, task or labels, or a file that has
            another size than when it was written.
        """
        self._warn_of_absent_files()
        self._warn_of_unknown_vocabulary()
        for index, file in enumerate(self.files):
            self._check_size(index)
            tokens = self.schema.max_seq_length * self.schema.choices
            self._check_lengths(index, {"input_ids": tokens})
            self._check_vocabulary(
                index, vocabulary_size, vocabulary_fingerprint
            )
            metadata = self._metadata_of(index)
            if metadata is None:
                self._check_classes(index, labels)
                continue
            if task_name not in (None, metadata["task"]):
                raise UserError(
                    f"{file} holds examples of {metadata['task']}, and the "
                    f"task of this run is {task_name}: give --task_name="
                    f"{metadata['task']} or records of {task_name}"
                )
            if labels is not None and list(labels) != metadata["labels"]:
                raise UserError(
                    f"{file} was made with the labels "
                    f"{', '.join(metadata['labels'])}, this run has "
                    f"{', '.join(labels)}: make the records again"
                )
            if need_labels and not metadata["labeled"]:
                raise UserError(
                    f"{file} was made from examples without labels, which "
                    "cannot be trained or evaluated on: give it as "
                    "--predict_file"
                )

    def _schema_of(self, index):
        metadata = self._metadata_of(index)
        if metadata:
            length = metadata["max_seq_length"]
            found = (metadata["task_kind"], metadata["choices"])
        else:
            (features,) = self._first_examples(index, 1)
            tokens = len(features["input_ids"].int64_list.value)
            length = tokens // self._choices
            found = self._found_kind(features)
        num_labels = 1
        if HEADS[self._head].label_type == "classes":
            num_labels = (
                len(metadata["labels"])
                if metadata
                else len(features["label_ids"].int64_list.value)
            )
        schema = FinetuningSchema(self._head, length, self._choices, num_labels)
        right = (schema.task_kind, schema.choices)
        if found != right:
            raise UserError(
                f"{self.files[index]} holds records of {_describe(*found)}, "
                f"and this run needs {_describe(*right)}: give another "
                "--task_name or other records"
            )
        return schema

    def _found_kind(self, features):
        """Returns (task kind, choices) of a record without a JSON.

        Where a record can be of several kinds, it is of the run's.
        """
        tokens = len(features["input_ids"].int64_list.value)
        right = HEADS[self._head]
        if features["label_ids"].WhichOneof("kind") == "float_list":
            label_type = "number"
        elif "label_mask" in features:
            label_type = "tag"
        elif len(features["label_ids"].int64_list.value) > 1:
            label_type = "classes"
        elif right.label_type == "choice" and tokens % self._choices == 0:
            return right.task_kind, self._choices
        else:
            label_type = "class"
        (head, *_) = find(label_type=label_type)
        return HEADS[head].task_kind, 1

    def _check_classes(self, index, labels):
        """Refuses numbers of labels that the run's labels do not have."""
        label_type = HEADS[self._head].label_type
        if labels is None or label_type not in _NUMBERS_OF_LABELS:
            return
        remedy = (
            f"this run has {len(labels)} labels: give records of the same task"
        )
        number = self.schema.num_labels
        if label_type == "classes" and number != len(labels):
            raise UserError(
                f"{self.files[index]} was made for {number} labels, {remedy}"
            )
        allowed = range(2 if label_type == "classes" else len(labels))
        for record, features in enumerate(self._inspected_examples(index)):
            numbers = _NUMBERS_OF_LABELS[label_type](features)
            wrong = next((n for n in numbers if n not in allowed), None)
            if wrong is not None:
                raise UserError(
                    f"{self.files[index]}, record {record} (0-based) has the "
                    f"label {wrong}, which is none of "
                    f"{allowed[0]} to {allowed[-1]}; {remedy}"
                )


def _label_ids(features):
    return features["label_ids"].int64_list.value


def _scored_label_ids(features):
    """Returns the labels of the positions that are scored: list of int."""
    scored = features["label_mask"].int64_list.value
    return [
        label
        for label, is_scored in zip(_label_ids(features), scored, strict=False)
        if is_scored
    ]


# By label type: finds the numbers in a record that stand for labels.
_NUMBERS_OF_LABELS = {
    "class": _label_ids,
    "choice": _label_ids,
    "classes": _label_ids,
    "tag": _scored_label_ids,
}


def _describe(task_kind, choices):
    return f"{task_kind} with {choices} choices" if choices != 1 else task_kind


def finetuning_record_dataset(
    records,
    batch_size,
    lengths,
    *,
    training,
    seed=0,
    start_record=0,
    shuffle_buffer=None,
    bucket_by_length=True,
):
    """Returns a dataset of batches of fine-tuning records in files.

    In training it is endless, and continues exactly where another one stopped
    after ``start_record`` records (``record_stream.training_stream``).
    Otherwise it is one pass, and the last batch is filled up with rows of
    padding.

    Args:
      records: ``FinetuningRecords``, checked.
      batch_size: B, over all devices.
      lengths: the values that S may have, increasing (see
        ``batch_plan.padded_lengths``), the last of them that of the records:
        S is the least that holds the batch's longest sequence.
      training: bool, as above.
      seed: int of at most 63 bits; not used in evaluation.
      start_record: records consumed since the start of training; must be 0
        in evaluation.
      shuffle_buffer: as of ``record_stream.training_stream``.
      bucket_by_length: bool; records of similar length come together, within
        a buffer. Otherwise they are shuffled, or in the order of the files.

    Returns:
      ``tf.data.Dataset`` of dicts: input_ids, input_mask, segment_ids int32
      [B, S], or [B, C, S] where C is above 1; label_ids int32 [B] (float32
      of a regression; [B, labels] of several labels a text; [B, S] of tagging,
      -1 where not scored);
      example_weights float32 [B]: 0 for rows that only fill up a batch, in
      the file or here; in evaluation, example_index int32 [B]: the record's
      index in the order of the files, and of tagging words string [B] of
      ``sequence_words``, empty where the records have none.

    Raises:
      UserError: no records. While it is iterated, ``tf.errors.DataLossError``
        or ``tf.errors.InvalidArgumentError`` at a damaged record (see
        ``RecordFiles.locate_damage``).
    """
    if lengths[-1] != records.schema.max_seq_length:
        raise ValueError(
            f"the largest length is {lengths[-1]}, that of the records "
            f"{records.schema.max_seq_length}"
        )
    parse = functools.partial(_parse, records.schema, batch_size, lengths)
    lengths_of = None
    if bucket_by_length:
        lengths_of = functools.partial(_lengths, records.schema)
    if training:
        stream = record_stream.training_stream(
            records,
            batch_size,
            seed=seed,
            start_record=start_record,
            shuffle_buffer=shuffle_buffer,
            lengths_of=lengths_of,
        )
        return map_ahead(stream, lambda _, serialized: parse(serialized))
    if start_record:
        raise ValueError("start_record is for training")

    def parse_with_index(indices, serialized):
        batch = parse(serialized)
        filling = batch_size - tf.shape(indices)[0]
        indices = tf.pad(tf.cast(indices, tf.int32), [[0, filling]])
        batch["example_index"] = tf.ensure_shape(indices, [batch_size])
        if records.schema.label_type == "tag":
            words = tf.pad(_parse_words(serialized), [[0, filling]])
            batch["words"] = tf.ensure_shape(words, [batch_size])
        return batch

    stream = record_stream.evaluation_stream(
        records, batch_size, lengths_of=lengths_of
    )
    return map_ahead(stream, parse_with_index)


def _lengths(schema, serialized):
    """Returns the lengths of serialised records [N]: int64 [N].

    Only the masks are parsed.
    """
    tokens = schema.choices * schema.max_seq_length
    parsed = tf.io.parse_example(
        serialized, {"input_mask": tf.io.FixedLenFeature([tokens], tf.int64)}
    )
    return _longest_sequences(schema, parsed["input_mask"])


def _parse_words(serialized):
    """Returns the words of serialised records of tagging: string [N]."""
    # Older records have none.
    formats = {"words": tf.io.FixedLenFeature([1], tf.string, [b""])}
    return tf.io.parse_example(serialized, formats)["words"][:, 0]


def _longest_sequences(schema, input_mask):
    """Returns the longest sequence of each record: int64 [N].

    Args:
      schema: ``FinetuningSchema``.
      input_mask: int64 [N, C·max_seq_length].
    """
    shape = [-1, schema.choices, schema.max_seq_length]
    tokens = tf.reduce_sum(tf.reshape(input_mask, shape), axis=2)
    return tf.reduce_max(tokens, axis=1)


def _parse(schema, batch_size, lengths, serialized):
    """Parses serialised records [b <= B] into a batch of B rows."""
    formats = {
        field.name: tf.io.FixedLenFeature([field.length], field.dtype)
        for field in schema.fields
        if field.model_dtype is not None
    }
    # Records that others than the original made may lack it.
    formats["is_real_example"] = tf.io.FixedLenFeature([1], tf.int64, [1])
    parsed = tf.io.parse_example(serialized, formats)
    longest = tf.reduce_max(_longest_sequences(schema, parsed["input_mask"]))
    length = padded_length(longest, lengths)
    filling = batch_size - tf.shape(serialized)[0]

    def trim(values):
        """Reshapes [b, C·max_seq_length] to [B, S], or [B, C, S]."""
        values = tf.cast(values, tf.int32)
        values = tf.reshape(
            values, [-1, schema.choices, schema.max_seq_length]
        )[:, :, :length]
        values = tf.pad(values, [[0, filling], [0, 0], [0, 0]])
        values = tf.ensure_shape(
            values, [batch_size, schema.choices, tf.get_static_value(length)]
        )
        return values if schema.choices > 1 else values[:, 0]

    def rows(values, dtype):
        """Fills [b, n] up to [B, n]."""
        values = tf.pad(tf.cast(values, dtype), [[0, filling], [0, 0]])
        return tf.ensure_shape(values, [batch_size, values.shape[1]])

    def column(values, dtype):
        """Reshapes [b, 1] to [B]."""
        return rows(values, dtype)[:, 0]

    batch = {
        name: trim(parsed[name])
        for name in ("input_ids", "input_mask", "segment_ids")
    }
    labels = parsed["label_ids"]
    if schema.label_type == "tag":
        batch["label_ids"] = tf.where(
            trim(parsed["label_mask"]) > 0,
            trim(labels),
            PER_TOKEN_PADDING["label_ids"],
        )
    elif schema.label_type == "classes":
        batch["label_ids"] = rows(labels, "int32")
    else:
        is_value = schema.label_type == "number"
        batch["label_ids"] = column(labels, "float32" if is_value else "int32")
    batch["example_weights"] = column(parsed["is_real_example"], "float32")
    return batch
