# SPDX-License-Identifier: Apache-2.0
"""Reads serialised records in an order that can be continued.

Letters: B records in a batch.
"""

import contextlib

import tensorflow as tf

from albert.errors import UserError
from albert.records.batch_plan import BATCHES_IN_WINDOW
from albert.records.batch_plan import WINDOWS_IN_EPOCH

_READ_BUFFER_BYTES = 1 << 20
_SHUFFLE_BUFFER = 8192


@contextlib.contextmanager
def explained_damage(locate_damage):
    """Turns TensorFlow's error about damaged records into a ``UserError``.

    Args:
      locate_damage: function without arguments to a line that names the
        damaged file and record, or None where none is damaged.

    Raises:
      UserError: with that line and the remedy.
    """
    try:
        yield
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError) as error:
        damage = locate_damage()
        if not damage:
            raise
        raise UserError(
            f"{damage}: copy the file again or make the records again"
        ) from error


def training_stream(
    record_files,
    batch_size,
    *,
    seed,
    start_record=0,
    shuffle_buffer=None,
    interleaved_files=8,
    lengths_of=None,
    batches_together=1,
):
    """Returns an endless dataset of batches of serialised records, with epochs.

    The order of an epoch is a function of ``seed`` and the epoch's index
    (and of B, with ``lengths_of``), not of TensorFlow's global seed: the
    files are permuted, ``interleaved_files`` of them are read in turn, and
    each ``shuffle_buffer`` records that follow one another are permuted. So a
    stream with ``start_record`` k continues exactly where another one stopped
    after k records.

    Args:
      record_files: ``RecordFiles``.
      batch_size: B; batches run across the ends of epochs.
      seed: int of at most 63 bits.
      start_record: number of records consumed since the start of training.
      shuffle_buffer: records permuted together; they are in memory at once.
        None: 8,192, and with ``lengths_of`` no fewer than 50 batches.
      interleaved_files: files open at once.
      lengths_of: function of serialised records, str [N], to their lengths,
        int64 [N]: batches are of records of similar length. As
        ``batch_plan.training_plan`` does it, but within each buffer. None
        leaves that out.
      batches_together: int, batches that are one element of the dataset.

    Returns:
      ``tf.data.Dataset`` of pairs (int64 [B], str [B]): the epoch that each
      record is read in, from 0, and the records; with ``batches_together``,
      those of so many batches, one after the other.

    Raises:
      UserError: no records.
    """
    _check_count(record_files)
    if shuffle_buffer is None:
        shuffle_buffer = _SHUFFLE_BUFFER
        if lengths_of is not None:
            # Of large batches few would fit, with records of all lengths.
            fewest = batch_size * BATCHES_IN_WINDOW
            shuffle_buffer = max(shuffle_buffer, fewest)
    files = tf.constant(record_files.files)
    compressions = tf.constant(record_files.compressions)
    count = record_files.count()
    cycle_length = min(interleaved_files, len(record_files.files))
    first_epoch, consumed = divmod(start_record, count)
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
            tf.range(len(record_files.files)), epoch, tf.constant(-1, tf.int64)
        )
        resumed = tf.cast(tf.equal(epoch, first_epoch), tf.int64)

        def shuffle(index, buffer):
            # Raw records are skipped: none of them is parsed.
            consumed_here = tf.where(
                tf.equal(index, 0), resumed * consumed_of_buffer, 0
            )
            # Of the epoch; ``index`` is of what is left of it.
            buffer_index = index + resumed * first_buffer
            buffer = permute(buffer, epoch, buffer_index)
            if lengths_of is not None:
                buffer = _bucket(
                    buffer,
                    lengths_of(buffer),
                    batch_size,
                    first=-(epoch * count + buffer_index * shuffle_buffer)
                    % batch_size,
                    permute=lambda values: permute(
                        values, epoch, -2 - buffer_index
                    ),
                )
            buffer = buffer[consumed_here:]
            return tf.fill(tf.shape(buffer), epoch), buffer

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

    return (
        tf.data.Dataset.range(first_epoch, tf.int64.max)
        .flat_map(epoch_buffers)
        .rebatch(batch_size * batches_together, drop_remainder=True)
    )


def evaluation_stream(record_files, batch_size, *, lengths_of=None):
    """Returns a dataset of batches of serialised records: one pass.

    Args:
      record_files: ``RecordFiles``.
      batch_size: B.
      lengths_of: as in ``training_stream``: what is read for some batches is
        sorted together, the longest first. None leaves the files' order.

    Returns:
      ``tf.data.Dataset`` of pairs (int64 [b], str [b]): indices of the
      records in the order of the files, and the records. b is B, and what is
      left in the last batch.

    Raises:
      UserError: no records.
    """
    _check_count(record_files)
    records = (
        tf.data.Dataset.from_tensor_slices(
            (list(record_files.files), list(record_files.compressions))
        )
        .flat_map(_records_of_file)
        .enumerate()
    )
    if lengths_of is None:
        return records.batch(batch_size)

    def sort(indices, serialized):
        order = tf.argsort(
            lengths_of(serialized), direction="DESCENDING", stable=True
        )
        return tf.gather(indices, order), tf.gather(serialized, order)

    window = batch_size * BATCHES_IN_WINDOW
    return records.batch(window).map(sort).rebatch(batch_size)


def _check_count(record_files):
    if record_files.count() == 0:
        raise UserError(
            f"{record_files.files[0]} holds no record: give files with records"
        )


def _records_of_file(file, compression):
    return tf.data.TFRecordDataset(
        file, compression_type=compression, buffer_size=_READ_BUFFER_BYTES
    )


def _bucket(buffer, lengths, batch_size, first, permute):
    """Puts records of similar length into the same batches.

    Args:
      buffer: str [N], in random order.
      lengths: int64 [N].
      batch_size: B.
      first: int64, what of the buffer completes a batch of the one before.
      permute: function that shuffles rows.

    Returns:
      str [N]; ``first`` records and those of the last incomplete batch stay
      where they are.
    """
    num_left = tf.maximum(tf.size(buffer, tf.int64) - first, 0)
    num_batches = num_left // batch_size
    end = first + num_batches * batch_size
    middle = buffer[first:end]
    windows = tf.maximum(
        -(-num_batches // BATCHES_IN_WINDOW),
        tf.minimum(num_batches, WINDOWS_IN_EPOCH),
    )
    window = tf.range(num_batches) * windows // tf.maximum(num_batches, 1)
    order = tf.argsort(
        tf.repeat(window, batch_size) * 2**32 + lengths[first:end], stable=True
    )
    batches = tf.reshape(tf.gather(middle, order), [num_batches, batch_size])
    batches = tf.reshape(permute(batches), [-1])
    return tf.concat([buffer[:first], batches, buffer[end:]], axis=0)
