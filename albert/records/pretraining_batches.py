# SPDX-License-Identifier: Apache-2.0
"""Makes batches of pretraining records from their files.

Records that hold no masks are masked here, many at once whatever B is: the
work for some hundred records takes little more time than that for one.

Letters: B records in a batch, S tokens in a sequence, P masked-token slots.
"""

import functools

import tensorflow as tf

from albert.records import draws
from albert.records import dynamic_masking
from albert.records import record_stream
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
    masking_schedule=None,
    shuffle_buffer=8192,
    interleaved_files=8,
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
      masking_schedule: with ``probabilities`` and ``ends`` as
        ``albert.training.masking_schedule.MaskingSchedule`` has them: other
        shares of the tokens to mask, and the batch at which each ends; or
        None. For training on records without masks alone.
      shuffle_buffer: records permuted together; they are in memory at once.
      interleaved_files: files open at once.

    Returns:
      ``tf.data.Dataset`` of dicts: input_ids, input_mask, segment_ids int32
      [B, S]; masked_lm_positions, masked_lm_ids int32 [B, P];
      masked_lm_weights float32 [B, P]; next_sentence_labels int32 [B, 1];
      example_weights float32 [B], 1 for a record and 0 for filling.

    Raises:
      UserError: no records. While it is iterated, ``tf.errors.DataLossError``
        or ``tf.errors.InvalidArgumentError`` at a damaged record (see
        ``RecordSet.locate_damage``).
    """
    if record_set.unmasked is None:
        together = batch_size
        make_rows = functools.partial(_parse, record_set.schema)
    else:
        together = batch_size * -(-_MASKED_TOGETHER // batch_size)
        make_rows = functools.partial(
            _mask,
            record_set.unmasked,
            record_set.schema.max_seq_length,
            seed if training else _EVALUATION_SEED,
        )
    if masking_schedule and not (training and record_set.unmasked):
        raise ValueError("masking_schedule is for training, masking anew")
    if training:
        stream = record_stream.training_stream(
            record_set,
            together,
            seed=seed,
            start_record=start_record,
            shuffle_buffer=shuffle_buffer,
            interleaved_files=interleaved_files,
        )
    elif start_record:
        raise ValueError("start_record is for training")
    else:
        stream = record_stream.evaluation_stream(record_set, together)

    def make_batch(index, records):
        numbers, serialized = records
        epochs = numbers if training else tf.zeros_like(numbers)
        more = {}
        if masking_schedule:
            places = (
                start_record
                + index * together
                + tf.range(together, dtype=tf.int64)
            )
            more["masked_lm_prob"] = _scheduled(
                masking_schedule, places // batch_size
            )
        rows = make_rows(epochs, serialized, **more)
        batches = _fill_up(rows, record_set.schema, batch_size)
        if together > batch_size:
            return batches
        return {
            name: tf.ensure_shape(value, [batch_size, *value.shape[1:]])
            for name, value in batches.items()
        }

    batches = map_ahead(stream.enumerate(), make_batch)
    if together > batch_size:
        batches = batches.rebatch(batch_size, drop_remainder=True)
    return batches


def _scheduled(schedule, steps):
    """Returns the share of the tokens to mask in steps, int64 [N]: float64."""
    phase = tf.searchsorted(
        tf.constant(schedule.ends[:-1], tf.int64), steps, side="right"
    )
    return tf.gather(tf.constant(schedule.probabilities, tf.float64), phase)


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


def _mask(
    unmasked, max_seq_length, seed, epochs, serialized, masked_lm_prob=None
):
    """Parses serialised segment pairs [N], and masks them."""
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
    fits = unmasked.fits(lengths[:, 0], lengths[:, 1], max_seq_length)
    sizes = tf.cast(tf.strings.length(tokens), tf.int64)
    with tf.control_dependencies(
        [
            tf.debugging.assert_equal(fits, True),
            tf.debugging.assert_equal(sizes, num_tokens * dtype.itemsize),
        ]
    ):
        tokens = tf.io.decode_raw(
            tokens, dtype.type, fixed_length=max_seq_length * dtype.itemsize
        )
    keys = draws.record_keys(seed, epochs, serialized)
    labels = parsed.get("next_sentence_labels")
    rows = dynamic_masking.assemble(
        tf.cast(tokens, tf.int32),
        tf.cast(lengths, tf.int32),
        None if labels is None else tf.cast(labels[:, 0], tf.int32),
        keys,
        unmasked,
        max_seq_length,
    )
    return dynamic_masking.mask_rows(rows, keys, unmasked, masked_lm_prob)


def _fill_up(rows, schema, batch_size):
    """Adds rows of zeros, so that the rows [N] make whole batches."""
    count = tf.shape(rows["input_ids"])[0]
    filling = -count % batch_size
    batch = {}
    for field in schema.model_fields:
        value = tf.pad(rows[field.name], [[0, filling], [0, 0]])
        batch[field.name] = tf.ensure_shape(value, [None, field.length])
    batch["example_weights"] = tf.pad(tf.ones(count), [[0, filling]])
    return batch
