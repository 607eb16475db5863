# SPDX-License-Identifier: Apache-2.0
"""Turns pieces into sequences and outputs, for the signatures of all tasks.

Letters: N texts or sequences, S positions of the longest of them.
"""

import tensorflow as tf

from albert.export.preprocessor import pack_segments

# What one call of the model takes where a text makes many sequences.
_SEQUENCES_AT_A_TIME = 32


def first_of_rows(ragged, lengths):
    """Returns the first values of each row.

    Args:
      ragged: [N, None].
      lengths: int64 [N], none above the row's length.
    """
    return rows_from(ragged.flat_values, ragged.row_starts(), lengths)


def rows_from(values, starts, lengths):
    """Returns ranges of an array as ragged rows; ranges may overlap.

    Args:
      values: [any].
      starts, lengths: int64 [N].

    Returns:
      ragged [N, None].
    """
    places = tf.ragged.range(starts, starts + lengths)
    return places.with_flat_values(tf.gather(values, places.flat_values))


def make_inputs(tokenizer, segments, max_seq_length):
    """Makes the model's inputs of segments, padded to the longest sequence.

    Args:
      tokenizer: ``GraphTokenizer``.
      segments: list of one or two int32 ragged [N, None]; what is too long
        is cut as by ``albert.tasks.classification_features``.
      max_seq_length: int.

    Returns:
      dict of int32 [N, S]: input_ids, input_mask, segment_ids.
    """
    packed = pack_segments(
        segments,
        max_seq_length,
        tokenizer.cls_id,
        tokenizer.sep_id,
        tokenizer.pad_id,
    )
    lengths = tf.reduce_sum(packed["input_mask"], axis=1)
    # Two positions in an empty batch: the model cannot do with none.
    longest = tf.maximum(tf.reduce_max(lengths), 2)
    return {
        name: packed[packed_name][:, :longest]
        for name, packed_name in (
            ("input_ids", "input_word_ids"),
            ("input_mask", "input_mask"),
            ("segment_ids", "input_type_ids"),
        )
    }


def are_truncated(segments, max_seq_length):
    """Returns whether ``make_inputs`` cuts something off: bool [N].

    Args:
      segments, max_seq_length: as there.
    """
    first, *more = (segment.row_lengths() for segment in segments)
    lengths = first + 2
    for second in more:
        # A second segment without pieces has no [SEP] either.
        lengths += tf.where(second > 0, second + 1, second)
    return lengths > max_seq_length


def call_in_parts(call, inputs):
    """Calls a model on a few sequences at a time, to bound its memory.

    Args:
      call: function of a dict of tensors to a dict of tensors.
      inputs: dict of tensors [N, S].

    Returns:
      dict of tensors [N, …].
    """
    total = tf.shape(inputs["input_ids"])[0]
    # The model cannot do with none.
    padding = [[0, tf.maximum(1 - total, 0)], [0, 0]]
    inputs = {name: tf.pad(value, padding) for name, value in inputs.items()}

    def part(begin):
        end = begin + _SEQUENCES_AT_A_TIME
        return call({name: value[begin:end] for name, value in inputs.items()})

    def body(begin, found):
        outputs = part(begin)
        return begin + _SEQUENCES_AT_A_TIME, {
            name: tf.concat([found[name], outputs[name]], 0) for name in found
        }

    first = part(0)
    shapes = {
        name: tf.TensorShape([None, *value.shape[1:]])
        for name, value in first.items()
    }
    _, outputs = tf.while_loop(
        lambda begin, found: begin < total,
        body,
        (tf.constant(_SEQUENCES_AT_A_TIME), first),
        shape_invariants=(tf.TensorShape([]), shapes),
    )
    return {name: value[:total] for name, value in outputs.items()}
