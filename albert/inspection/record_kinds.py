# SPDX-License-Identifier: Apache-2.0
"""Says of each kind of records how it is parsed, checked and looked at.

A kind is one class; ``albert.inspection.opening`` finds that of files.
Letters: R records, C choices, S tokens, P masked-token slots.
"""

import numpy as np
import tensorflow as tf

from albert.heads import find
from albert.inspection.checks import Check
from albert.inspection.checks import check_ids
from albert.inspection.checks import check_sequences
from albert.inspection.checks import check_values
from albert.inspection.first_records import guess_head
from albert.inspection.instance_text import printable
from albert.inspection.instances import Instances
from albert.records import draws
from albert.records import dynamic_masking
from albert.records.finetuning_files import FinetuningRecords
from albert.records.metadata import find_metadata
from albert.records.record_set import RecordSet
from albert.records.schema import unmasked_fields

# What labels mean, by the objective.
_ORDERS = {
    "sop": ("in order", "swapped"),
    "nsp": ("B follows A", "B from another document"),
    "none": ("one segment",),
}
# Without a list of labels, more classes than this are no labels.
_MOST_CLASSES = 100_000


class PretrainingKind:
    """Pretraining records with their masks.

    Attributes:
      records: ``RecordSet``.
      schema: ``PretrainingSchema``.
      metadata: dict, the JSON beside the first file that has one, or None.
      num_without: int, files without one.
      settings: dict, "settings" in the JSON.
      label_type: as of ``albert.heads.Head``.
      label_names: tuple of str, by class.
      labelled: bool.
      objective: str, "sop", "nsp" or "none"; None of a task.
      has_masks: bool.
      checked: tuple of str, what of its own ``--verify`` looks at.
      note_of_masks: str, what people must know of masks, or "".
      choices: int, sequences of a record.
      name: str, for people.
    """

    label_type = "class"
    labelled = True
    has_masks = True
    checked = ("positions", "weights")
    note_of_masks = ""
    choices = 1

    def __init__(self, files):
        self.records = RecordSet(files)
        self.schema = self.records.schema
        self.metadata, self.num_without = _find_json(files)
        self.settings = (self.metadata or {}).get("settings", {})
        self.objective = self.settings.get("objective", "sop")
        self.label_names = _ORDERS[self.objective]
        self.name = "pretraining records"

    def formats(self):
        """Returns what ``tf.io.parse_example`` is told."""
        formats = _formats(self.schema)
        # BERT's records have none.
        formats["token_boundary"] = _with_default(self.schema.max_seq_length)
        return formats

    def checks(self, columns, vocabulary_size):
        """Yields the ``Check`` of parsed records, the fatal ones first."""
        schema = self.schema
        used = columns["masked_lm_weights"] > 0
        positions = columns["masked_lm_positions"]
        for name in ("input_ids", "masked_lm_ids"):
            yield check_ids(name, columns[name], vocabulary_size)
        outside = used & (
            (positions < 0) | (positions >= schema.max_seq_length)
        )
        yield Check(
            outside.any(axis=1),
            lambda row: (
                f"the position {positions[row][outside[row]][0]} in "
                "'masked_lm_positions' is outside the sequence of "
                f"{schema.max_seq_length} pieces"
            ),
            fatal=True,
        )
        yield from check_sequences(columns, 1)
        yield check_values("token_boundary", columns, (-1, 0, 1))
        yield check_values("masked_lm_weights", columns, (0, 1))
        yield check_values("next_sentence_labels", columns, (0, 1))
        length = columns["input_mask"].sum(axis=1)[:, None]
        # Distinct numbers below all positions, for free slots.
        free = -1 - np.arange(positions.shape[1])
        ordered = np.sort(np.where(used, positions, free), axis=1)
        yield Check(
            (used & (positions >= length)).any(axis=1),
            lambda row: "'masked_lm_positions' names padding",
        )
        yield Check(
            (ordered[:, 1:] == ordered[:, :-1]).any(axis=1),
            lambda row: "'masked_lm_positions' names a position twice",
        )

    def instances(self, columns):
        """Returns the ``Instances`` of parsed records."""
        boundary = columns["token_boundary"]
        labels = columns["next_sentence_labels"][:, 0]
        if self.objective != "none":
            # A single sentence among pairs has no order.
            is_pair = (columns["segment_ids"] > 0).any(axis=1)
            labels = np.where(is_pair, labels, -1)
        true_ids = columns["input_ids"].copy()
        is_masked = np.zeros(true_ids.shape, bool)
        rows, slots = np.nonzero(columns["masked_lm_weights"] > 0)
        places = rows, columns["masked_lm_positions"][rows, slots]
        is_masked[places] = True
        true_ids[places] = columns["masked_lm_ids"][rows, slots]
        return Instances(
            input_ids=columns["input_ids"],
            true_ids=true_ids,
            lengths=columns["input_mask"].sum(axis=1),
            segment_ids=columns["segment_ids"],
            word_starts=None if (boundary < 0).any() else boundary > 0,
            is_masked=is_masked,
            labels=labels,
            records=np.arange(len(true_ids)),
        )


class UnmaskedKind(PretrainingKind):
    """Segment pairs that are masked while training, with a draw of masks.

    What is shown and counted is what training makes of them in some epoch.
    """

    checked = ("lengths",)
    note_of_masks = "; one draw, each epoch has another"

    def __init__(self, files):
        super().__init__(files)
        self._unmasked = self.records.unmasked
        self.name += " that training masks"
        # As a graph, in which many steps take little time.
        self._draw = tf.function(
            self._draw_masks,
            input_signature=(
                tf.TensorSpec([None, self.schema.max_seq_length], tf.int64),
                tf.TensorSpec([None, 2], tf.int64),
                tf.TensorSpec([None], tf.int64),
                tf.TensorSpec([None], tf.string),
            ),
        )

    def formats(self):
        """Returns what ``tf.io.parse_example`` is told."""
        return {
            field.name: tf.io.FixedLenFeature(
                [field.length],
                tf.string if field.dtype == "bytes" else field.dtype,
            )
            for field in unmasked_fields(self.objective)
        }

    def checks(self, columns, vocabulary_size):
        """Yields the ``Check`` of parsed records, the fatal ones first."""
        lengths = columns["segment_lengths"]
        length = self.schema.max_seq_length
        most = self._unmasked.max_tokens(length)
        sizes = np.array([len(text) for text in columns["tokens"][:, 0]])
        sizes = sizes / self._unmasked.token_dtype.itemsize
        wrong = sizes != lengths.sum(axis=1)
        wrong |= ~self._unmasked.fits(lengths[:, 0], lengths[:, 1], length)
        yield Check(
            wrong,
            lambda row: (
                f"'tokens' holds {sizes[row]:g}, 'segment_lengths' says "
                f"{lengths[row][0]} and {lengths[row][1]}, and a sequence "
                f"has room for {most} in {self._unmasked.segments_needed}"
            ),
            fatal=True,
        )
        # Where lengths are wrong, nothing says what are tokens.
        texts = np.where(wrong, b"", columns["tokens"][:, 0])
        # The sign bit says that a piece starts a word.
        ids = self._tokens(texts) & np.iinfo(self._unmasked.token_dtype).max
        yield check_ids("tokens", ids, self._unmasked.vocabulary_size)
        if self.objective == "nsp":
            yield check_values("next_sentence_labels", columns, (0, 1))

    def instances(self, columns):
        """Returns the ``Instances`` of parsed records, masked."""
        lengths = columns["segment_lengths"]
        drawn = self._draw(
            self._tokens(columns["tokens"][:, 0]),
            lengths,
            columns.get("next_sentence_labels", lengths)[:, 0],
            columns["tokens"][:, 0] + columns["identity"][:, 0],
        )
        return super().instances(
            {
                name: values.numpy().astype(
                    np.float32 if values.dtype == tf.float32 else np.int64
                )
                for name, values in drawn.items()
            }
        )

    def _draw_masks(self, tokens, lengths, labels, texts):
        """Returns the columns of masked records, with those of words.

        Labels are used with the objective "nsp" alone.
        """
        keys = draws.record_keys(0, tf.zeros_like(labels), texts)
        rows = dynamic_masking.assemble(
            tf.cast(tokens, tf.int32),
            tf.cast(lengths, tf.int32),
            tf.cast(labels, tf.int32),
            keys,
            self._unmasked,
            self.schema.max_seq_length,
        )
        masked = dynamic_masking.mask_rows(rows, keys, self._unmasked)
        return masked | {"token_boundary": rows.starts}

    def _tokens(self, texts):
        """Returns the tokens of both segments, then zeros: int64 [R, S]."""
        dtype = self._unmasked.token_dtype
        size = self.schema.max_seq_length * dtype.itemsize
        padded = [text.ljust(size, b"\0") for text in texts]
        flat = np.frombuffer(b"".join(padded), dtype).astype(np.int64)
        return flat.reshape(len(padded), -1)


class FinetuningKind:
    """Fine-tuning records; the attributes are those of ``PretrainingKind``."""

    objective = None
    has_masks = False
    checked = ()

    def __init__(self, files):
        self.metadata, self.num_without = _find_json(files)
        known = self.metadata or {}
        if known:
            # Where it says none that is known, ``FinetuningRecords`` tells.
            heads = find(task_kind=known.get("task_kind"))
            head = heads[0] if heads else "classification"
            choices = known.get("choices", 1)
        else:
            head, choices = guess_head(files)
        self.records = FinetuningRecords(files, head, choices)
        self.schema = self.records.schema
        self.choices = self.schema.choices
        self.settings = known.get("settings", {})
        self.label_type = self.schema.label_type
        self.label_names = tuple(known.get("labels", ()))
        self.labelled = known.get("labeled", True)
        self.name = "fine-tuning records"
        if known:
            self.name += f" of {printable(known['task'])}"
        if self.choices > 1:
            self.name += f", {self.choices} options each"

    def formats(self):
        """Returns what ``tf.io.parse_example`` is told."""
        formats = _formats(self.schema)
        # As the reader for training has it.
        formats["is_real_example"] = tf.io.FixedLenFeature([1], tf.int64, [1])
        return formats

    def checks(self, columns, vocabulary_size):
        """Yields the ``Check`` of parsed records, the fatal ones first."""
        labels = columns["label_ids"]
        yield check_ids("input_ids", columns["input_ids"], vocabulary_size)
        if self.label_type == "number":
            bad = ~np.isfinite(labels)
            what = "no number"
        else:
            most = {"choice": self.choices}.get(
                self.label_type, len(self.label_names) or _MOST_CLASSES
            )
            what = f"none of the {most:,} classes"
            if self.label_type == "classes":
                most, what = 2, "neither 0 nor 1"
            bad = (labels < 0) | (labels >= most)
        if self.label_type == "tag":
            bad &= columns["label_mask"] > 0
        yield Check(
            bad.any(axis=1),
            lambda row: f"the label {labels[row][bad[row]][0]} is {what}",
            fatal=True,
        )
        yield from check_sequences(columns, self.choices)
        yield check_values("is_real_example", columns, (0, 1))
        if self.label_type == "tag":
            yield check_values("label_mask", columns, (0, 1))

    def instances(self, columns):
        """Returns the ``Instances`` of parsed records, without filling."""
        real = columns["is_real_example"][:, 0] > 0
        shape = (-1, self.schema.max_seq_length)
        input_ids, input_mask, segment_ids = (
            columns[name][real].reshape(shape)
            for name in ("input_ids", "input_mask", "segment_ids")
        )
        labels = columns["label_ids"][real]
        if self.label_type == "tag":
            labels = np.where(columns["label_mask"][real] > 0, labels, -1)
        elif self.label_type == "classes":
            labels = np.where(labels > 0, np.arange(labels.shape[1]), -1)
        else:
            labels = labels[:, 0]
        return Instances(
            input_ids=input_ids,
            true_ids=input_ids,
            lengths=input_mask.sum(axis=1),
            segment_ids=segment_ids,
            word_starts=None,
            is_masked=None,
            labels=labels,
            records=np.flatnonzero(real),
            choices=self.choices,
        )


def _find_json(files):
    """Returns (the JSON of the first file that has one, files without)."""
    values = [found and found[1] for found in find_metadata(files)]
    return next(filter(None, values), None), values.count(None)


def _formats(schema):
    return {
        field.name: tf.io.FixedLenFeature([field.length], field.dtype)
        for field in schema.fields
        if field.dtype != "bytes"
    }


def _with_default(length):
    return tf.io.FixedLenFeature([length], tf.int64, [-1] * length)
