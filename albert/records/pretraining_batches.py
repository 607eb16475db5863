# SPDX-License-Identifier: Apache-2.0
"""Makes batches of pretraining records from their files.

Letters: B records in a batch, S tokens in a sequence, P masked-token slots.
"""

import functools

import tensorflow as tf

from albert.records import record_stream
from albert.records.prefetching import map_ahead


def pretraining_dataset(
    record_set,
    batch_size,
    *,
    training,
    seed,
    start_record=0,
    shuffle_buffer=8192,
    interleaved_files=8,
):
    """Returns a dataset of batches of pretraining records.

    In training the dataset is endless; its order and how it is continued:
    ``record_stream.training_stream``. In evaluation it is one pass in file
    order; the last batch is filled up with rows of zeros.

    Args:
      record_set: a ``RecordSet``, checked.
      batch_size: B.
      training: bool, as above.
      seed: int of at most 63 bits; not used in evaluation.
      start_record: number of records consumed since the start of training;
        must be 0 in evaluation.
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
    parse = functools.partial(_parse, record_set.schema, batch_size)
    if training:
        stream = record_stream.training_stream(
            record_set,
            batch_size,
            seed=seed,
            start_record=start_record,
            shuffle_buffer=shuffle_buffer,
            interleaved_files=interleaved_files,
        )
        return map_ahead(stream, parse)
    if start_record:
        raise ValueError("start_record is for training")
    stream = record_stream.evaluation_stream(record_set, batch_size)
    return map_ahead(stream, lambda _, serialized: parse(serialized))


def _parse(schema, batch_size, serialized):
    """Parses serialised records [b <= B] into a batch of B rows."""
    parsed = tf.io.parse_example(
        serialized,
        {
            field.name: tf.io.FixedLenFeature([field.length], field.dtype)
            for field in schema.model_fields
        },
    )
    filling = batch_size - tf.shape(serialized)[0]
    batch = {}
    for field in schema.model_fields:
        value = tf.cast(parsed[field.name], field.model_dtype)
        value = tf.pad(value, [[0, filling], [0, 0]])
        batch[field.name] = tf.ensure_shape(value, [batch_size, field.length])
    weights = tf.pad(tf.ones_like(serialized, tf.float32), [[0, filling]])
    batch["example_weights"] = tf.ensure_shape(weights, [batch_size])
    return batch
