# SPDX-License-Identifier: Apache-2.0
"""Record files → batches.

Letters: B records in a batch, S tokens in a sequence, P masked-token slots.
"""

import functools

import tensorflow as tf

from albert.errors import UserError

_READ_BUFFER_BYTES = 1 << 20


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
    """Batches of pretraining records.

    In training the dataset is endless, and batches run across the ends of
    epochs. The order of an epoch is a function of ``seed`` and the epoch's
    number alone (not of TensorFlow's global seed): the files are permuted,
    ``interleaved_files`` of them are read in turn, and each
    ``shuffle_buffer`` records that follow one another are permuted. So a
    dataset with ``start_record`` k goes on exactly where another one stood
    after k records.

    In evaluation it is one pass in file order; the last batch is filled up
    with rows of zeros.

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
    if record_set.count() == 0:
        raise UserError(f"{record_set.files[0]} holds no record")
    if training:
        dataset = _endless_records(
            record_set, seed, start_record, shuffle_buffer, interleaved_files
        ).rebatch(batch_size, drop_remainder=True)
    else:
        if start_record:
            raise ValueError("start_record is for training")
        dataset = (
            tf.data.Dataset.from_tensor_slices(
                (list(record_set.files), list(record_set.compressions))
            )
            .flat_map(_records_of_file)
            .batch(batch_size)
        )
    parse = functools.partial(_parse, record_set.schema, batch_size)
    dataset = dataset.map(parse, num_parallel_calls=tf.data.AUTOTUNE)
    options = tf.data.Options()
    options.deterministic = True
    return dataset.with_options(options).prefetch(tf.data.AUTOTUNE)


def _records_of_file(file, compression):
    return tf.data.TFRecordDataset(
        file, compression_type=compression, buffer_size=_READ_BUFFER_BYTES
    )


def _endless_records(
    record_set, seed, start_record, shuffle_buffer, interleaved_files
):
    """Shuffled serialised records, in vectors of up to shuffle_buffer."""
    files = tf.constant(record_set.files)
    compressions = tf.constant(record_set.compressions)
    cycle_length = min(interleaved_files, len(record_set.files))
    first_epoch, consumed = divmod(start_record, record_set.count())
    first_buffer, consumed_of_buffer = divmod(consumed, shuffle_buffer)

    def permute(values, epoch, stream):
        # Stateless operations, because Dataset.shuffle mixes the global
        # seed of the process into the one that it is given.
        key = tf.random.experimental.stateless_fold_in(
            tf.stack([tf.constant(seed, tf.int64), epoch]), stream
        )
        return tf.random.experimental.stateless_shuffle(values, key)

    def epoch_buffers(epoch):
        order = permute(
            tf.range(len(record_set.files)), epoch, tf.constant(-1, tf.int64)
        )
        resumed = tf.cast(tf.equal(epoch, first_epoch), tf.int64)

        def shuffle(index, buffer):
            # Raw records are skipped: none of them is parsed.
            consumed_here = tf.where(
                tf.equal(index, 0), resumed * consumed_of_buffer, 0
            )
            number = index + resumed * first_buffer
            return permute(buffer, epoch, number)[consumed_here:]

        return (
            tf.data.Dataset.from_tensor_slices(
                (tf.gather(files, order), tf.gather(compressions, order))
            )
            .interleave(
                _records_of_file,
                cycle_length=cycle_length,
                block_length=16,
                num_parallel_calls=cycle_length,
                deterministic=True,
            )
            .skip(resumed * first_buffer * shuffle_buffer)
            .batch(shuffle_buffer)
            .enumerate()
            .map(shuffle)
            .prefetch(1)
        )

    return tf.data.Dataset.range(first_epoch, tf.int64.max).flat_map(
        epoch_buffers
    )


def _parse(schema, batch_size, serialized):
    """Serialised records [b <= B] → dict of tensors with B rows."""
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
