# SPDX-License-Identifier: Apache-2.0
"""Makes batches of pretraining records from their files.

Records that hold no masks are masked here, many at once whatever B is: the
work for some hundred records takes little more time than that for one.

Letters: B records in a batch, S tokens in a sequence, P masked-token slots.
"""

import dataclasses
import functools

import tensorflow as tf

from albert.records import draws
from albert.records import dynamic_masking
from albert.records import record_stream
from albert.records.batch_plan import padded_lengths
from albert.records.prefetching import map_ahead
from albert.records.schema import unmasked_fields

# Records that are masked together, at least.
_MASKED_TOGETHER = 1024
# Of the masks that a model is evaluated on, which never change.
_EVALUATION_SEED = 0


def pretraining_dataset(
    record_set,
    batch_size,
    *,
    training,
    seed,
    start_record=0,
    shuffle_buffer=None,
    interleaved_files=8,
    max_seq_length=None,
    masked_lm_prob=None,
    bucket_shapes=None,
):
    """Returns a dataset of batches of pretraining records.

    In training the dataset is endless; its order and how it is continued:
    ``record_stream.training_stream``. In evaluation it is one pass in file
    order; the last batch is filled up with rows of zeros. Masks that are made
    here are a function of the record and, in training, of ``seed`` and the
    epoch.

    Args:
      record_set: a ``RecordSet``, checked.
      batch_size: B.
      training: bool, as above.
      seed: int of at most 63 bits; not used in evaluation.
      start_record: number of records consumed since the start of training;
        must be 0 in evaluation.
      shuffle_buffer: as of ``record_stream.training_stream``.
      interleaved_files: files open at once.
      max_seq_length: S, less than that of the records: pairs that are masked
        here are shortened, see ``dynamic_masking.shorten``, and P with them;
        their text stands anywhere in the length of the records, see
        ``dynamic_masking.place_text``. None for the length of the records.
      masked_lm_prob: float, the share of the tokens to mask here, with as many
        slots as that needs; None for share and slots of the record set.
      bucket_shapes: str, in training alone: records of similar length come
        together, within a buffer, and each batch has the least of the
        ``batch_plan.padded_lengths`` of S and of these shapes that holds its
        longest sequence, and where masks are made here the slots for that.
        None: every batch has the length S.

    Returns:
      ``tf.data.Dataset`` of dicts: input_ids, input_mask, segment_ids int32
      [B, S]; masked_lm_positions, masked_lm_ids int32 [B, P], where masks are
      made here with no more slots than the share of a full sequence needs;
      masked_lm_weights float32 [B, P]; next_sentence_labels int32 [B, 1];
      example_weights float32 [B], 1 for a record and 0 for filling; where
      pairs are shortened, position_ids int32 [B, S].

    Raises:
      UserError: no records. While it is iterated, ``tf.errors.DataLossError``
        or ``tf.errors.InvalidArgumentError`` at a damaged record (see
        ``RecordSet.locate_damage``).
    """
    schema = record_set.schema
    if record_set.unmasked is None:
        if masked_lm_prob or max_seq_length not in (
            None,
            schema.max_seq_length,
        ):
            raise ValueError("masked records stay as they are")
        batches_together, masking = 1, None
        make_rows = functools.partial(_parse, schema)
    else:
        batches_together = -(-_MASKED_TOGETHER // batch_size)
        schema = schema.shortened(max_seq_length or schema.max_seq_length)
        unmasked = _with_masking(record_set.unmasked, schema, masked_lm_prob)
        masking = unmasked.masking
        make_rows = functools.partial(
            _mask,
            unmasked,
            record_set.schema.max_seq_length,
            schema.max_seq_length,
            seed if training else _EVALUATION_SEED,
        )
    if training:
        lengths_of = None
        if bucket_shapes:
            lengths_of = functools.partial(_lengths, record_set)
        stream = record_stream.training_stream(
            record_set,
            batch_size,
            seed=seed,
            start_record=start_record,
            shuffle_buffer=shuffle_buffer,
            interleaved_files=interleaved_files,
            lengths_of=lengths_of,
            batches_together=batches_together,
        )
    elif start_record or bucket_shapes:
        raise ValueError("start_record and bucket_shapes are for training")
    else:
        stream = record_stream.evaluation_stream(
            record_set, batch_size * batches_together
        )

    def make_batch(numbers, serialized):
        epochs = numbers if training else tf.zeros_like(numbers)
        rows = make_rows(epochs, serialized)
        batches = _fill_up(rows, batch_size)
        if batches_together > 1:
            return batches
        return {
            name: tf.ensure_shape(value, [batch_size, *value.shape[1:]])
            for name, value in batches.items()
        }

    batches = map_ahead(stream, make_batch)
    if batches_together > 1:
        batches = batches.rebatch(batch_size, drop_remainder=True)
    if bucket_shapes:
        lengths = padded_lengths(schema.max_seq_length, bucket_shapes)
        batches = map_ahead(batches, functools.partial(_trim, lengths, masking))
    return batches


def _lengths(record_set, serialized):
    """Returns the lengths of serialised records [N] as sequences: int64 [N].

    They are those of whole records, also where sequences are shortened: else
    the order would change with the length, and records be lost at the change.
    """
    if record_set.unmasked is None:
        name, size = "input_mask", record_set.schema.max_seq_length
    else:
        name, size = "segment_lengths", 2
    parsed = tf.io.parse_example(
        serialized, {name: tf.io.FixedLenFeature([size], tf.int64)}
    )[name]
    lengths = tf.reduce_sum(parsed, axis=1)
    if record_set.unmasked is not None:
        # [CLS], and a [SEP] for each segment.
        lengths += 1 + tf.math.count_nonzero(parsed, axis=1)
    return lengths


def _trim(lengths, masking, batch):
    """Cuts off positions and slots that are empty in all rows of a batch.

    Args:
      lengths: list of int, those that a batch may have, increasing.
      masking: ``MaskingSettings`` of masks that were made here; None where
        nothing is known of the slots, which then stay.
      batch: dict of ``pretraining_dataset``.
    """
    longest = tf.reduce_max(tf.reduce_sum(batch["input_mask"], axis=1))
    place = tf.searchsorted(lengths, longest[tf.newaxis])[0]
    sizes = dict.fromkeys(
        ("input_ids", "input_mask", "segment_ids", "position_ids"), lengths
    )
    if masking is not None:
        sizes |= dict.fromkeys(
            ("masked_lm_positions", "masked_lm_ids", "masked_lm_weights"),
            masking.budgets(lengths),
        )
    rows = batch["input_ids"].shape[0]
    trimmed = {
        name: tf.ensure_shape(
            batch[name][:, : tf.constant(size, tf.int32)[place]], [rows, None]
        )
        for name, size in sizes.items()
        if name in batch
    }
    return batch | trimmed


def _parse(schema, epochs, serialized):
    """Parses serialised records [N] that are masked already."""
    del epochs  # Their masks are the same in all of them.
    parsed = tf.io.parse_example(
        serialized,
        {
            field.name: tf.io.FixedLenFeature([field.length], field.dtype)
            for field in schema.model_fields
        },
    )
    return {
        field.name: tf.cast(parsed[field.name], field.model_dtype)
        for field in schema.model_fields
    }


def _with_masking(unmasked, schema, masked_lm_prob):
    """Returns ``UnmaskedPairs`` with the masks of some batches.

    Args:
      unmasked: ``UnmaskedPairs``.
      schema: ``PretrainingSchema`` of the batches.
      masked_lm_prob: float, or None: as it is, and no more than the slots.
    """
    changes = {"max_predictions_per_seq": schema.max_predictions_per_seq}
    if masked_lm_prob:
        changes = {
            "max_predictions_per_seq": schema.max_seq_length,
            "masked_lm_prob": masked_lm_prob,
        }
    masking = dataclasses.replace(unmasked.masking, **changes)
    # Slots that no row can fill would be predicted all the same.
    slots = int(masking.budgets(schema.max_seq_length))
    masking = dataclasses.replace(masking, max_predictions_per_seq=slots)
    return dataclasses.replace(unmasked, masking=masking)


def _mask(unmasked, record_length, max_seq_length, seed, epochs, serialized):
    """Parses serialised segment pairs [N], shortens and masks them."""
    parsed = tf.io.parse_example(
        serialized,
        {
            field.name: tf.io.FixedLenFeature(
                [field.length] if field.dtype != "bytes" else [],
                tf.string if field.dtype == "bytes" else field.dtype,
            )
            for field in unmasked_fields(unmasked.objective)
        },
    )
    lengths, tokens = parsed["segment_lengths"], parsed["tokens"]
    dtype = unmasked.token_dtype
    num_tokens = tf.reduce_sum(lengths, axis=1)
    fits = unmasked.fits(lengths[:, 0], lengths[:, 1], record_length)
    sizes = tf.cast(tf.strings.length(tokens), tf.int64)
    with tf.control_dependencies(
        [
            tf.debugging.assert_equal(fits, True),
            tf.debugging.assert_equal(sizes, num_tokens * dtype.itemsize),
        ]
    ):
        tokens = tf.io.decode_raw(
            tokens, dtype.type, fixed_length=record_length * dtype.itemsize
        )
    keys = draws.record_keys(seed, epochs, serialized)
    labels = parsed.get("next_sentence_labels")
    tokens, lengths = tf.cast(tokens, tf.int32), tf.cast(lengths, tf.int32)
    position_ids = {}
    if max_seq_length < record_length:
        position_ids["position_ids"] = dynamic_masking.place_text(
            keys, max_seq_length, record_length
        )
        tokens, lengths = dynamic_masking.shorten(
            tokens, lengths, keys, unmasked.max_tokens(max_seq_length)
        )
    rows = dynamic_masking.assemble(
        tokens,
        lengths,
        None if labels is None else tf.cast(labels[:, 0], tf.int32),
        keys,
        unmasked,
        max_seq_length,
    )
    return dynamic_masking.mask_rows(rows, keys, unmasked) | position_ids


def _fill_up(rows, batch_size):
    """Adds rows of zeros, so that the rows [N] make whole batches."""
    count = tf.shape(rows["input_ids"])[0]
    filling = -count % batch_size
    batch = {}
    for name, value in rows.items():
        value = tf.pad(value, [[0, filling], [0, 0]])
        batch[name] = tf.ensure_shape(value, [None, rows[name].shape[1]])
    batch["example_weights"] = tf.pad(tf.ones(count), [[0, filling]])
    return batch
