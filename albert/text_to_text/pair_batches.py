# SPDX-License-Identifier: Apache-2.0
"""Makes batches of pairs in memory, to train on and to evaluate with.

Letters: N pairs, B rows of a batch, S and T positions of its sources and
targets.
"""

import numpy as np
import tensorflow as tf

from albert.records import batch_plan
from albert.records.prefetching import map_ahead
from albert.tasks.features import PAD_ID
from albert.text_to_text.token_batches import TokenBatches


def pair_dataset(features, batches, start_step=0, static_shapes=False):
    """Returns a dataset of batches of pairs.

    Args:
      features: ``PairFeatures``.
      batches: ``TokenBatches`` of them.
      start_step: int, how many of the batches are left out: it continues
        exactly where another dataset stopped.
      static_shapes: bool; True where all batches are of one shape: the
        dataset says so, as devices want it that compile for it.

    Returns:
      ``tf.data.Dataset`` of dicts: input_ids, input_mask int32 [B, S];
      target_input_ids, target_ids int32 [B, T]: the target behind the start
      piece, and the piece that follows each; target_weights float32 [B, T],
      0 at padding; example_weights float32 [B], 0 for a row that only fills
      up its batch; example_index int32 [B].
    """
    # Not on a GPU, where eager tensors would be put.
    with tf.device("CPU:0"):
        gather = _BatchGatherer(features, batches, static_shapes)
        return map_ahead(
            tf.data.Dataset.range(start_step, len(batches)), gather
        )


def evaluation_batches(features, limits, batch_size):
    """Plans the batches of one pass over all pairs, the longest first.

    Args:
      features: ``PairFeatures``.
      limits: ``BatchLimits``, for the lengths alone.
      batch_size: int, B.

    Returns:
      ``TokenBatches``.
    """
    lengths = features.source_lengths, features.target_lengths
    padded = limits.padded(*lengths)
    plan, weights = batch_plan.evaluation_plan(
        sum(lengths), batch_size, bucket_by_length=True
    )
    return TokenBatches.of(
        [
            (
                members[real > 0],
                batch_size,
                *(int(np.max(each[members])) for each in padded),
            )
            for members, real in zip(plan, weights, strict=True)
        ]
    )


class _BatchGatherer:
    """Function of the number of a batch to its arrays."""

    def __init__(self, features, batches, static_shapes):
        self._sources = _Rows(features.source_ids, features.source_splits)
        self._targets = _Rows(features.target_ids, features.target_splits)
        # All rows begin with it.
        self._start_id = int(features.source_ids[0])
        self._examples = tf.constant(batches.examples)
        self._weights = tf.constant(batches.weights)
        self._row_splits = tf.constant(batches.row_splits)
        self._lengths = tf.constant(
            np.stack([batches.source_lengths, batches.target_lengths], axis=1)
        )
        self._shape = (None, None, None)
        if static_shapes and len(batches):
            self._shape = (
                int(batches.row_splits[1]),
                int(batches.source_lengths[0]),
                int(batches.target_lengths[0]),
            )

    def __call__(self, step):
        begin, end = self._row_splits[step], self._row_splits[step + 1]
        examples = self._examples[begin:end]
        weights = self._weights[begin:end]
        sources, source_mask = self._sources(examples, self._lengths[step, 0])
        targets, target_mask = self._targets(examples, self._lengths[step, 1])
        # What follows a target is padding, in front of its end too.
        start = tf.fill([tf.shape(targets)[0], 1], self._start_id)
        inputs = tf.concat([start, targets[:, :-1]], axis=1)
        rows, source_length, target_length = self._shape
        batch = {
            "input_ids": sources,
            "input_mask": tf.cast(source_mask, tf.int32),
            "target_input_ids": tf.where(target_mask, inputs, PAD_ID),
            "target_ids": targets,
            "target_weights": tf.cast(target_mask, tf.float32),
            "example_weights": weights,
            "example_index": examples,
        }
        shapes = {
            name: [rows, source_length]
            if name.startswith("input")
            else [rows, target_length]
            if name.startswith("target")
            else [rows]
            for name in batch
        }
        return {
            name: tf.ensure_shape(value, shapes[name])
            for name, value in batch.items()
        }


class _Rows:
    """Rows of ids that lie one after the other, cut out and filled up."""

    def __init__(self, ids, splits):
        self._ids = tf.constant(ids)
        self._splits = tf.constant(splits)

    def __call__(self, examples, length):
        """Returns int32 and bool [B, length]: ids, and where there are any."""
        begins = tf.gather(self._splits, examples)
        lengths = tf.gather(self._splits, examples + 1) - begins
        position = tf.range(tf.cast(length, tf.int64))
        real = position < lengths[:, tf.newaxis]
        places = tf.where(real, begins[:, tf.newaxis] + position, 0)
        return tf.where(real, tf.gather(self._ids, places), PAD_ID), real
