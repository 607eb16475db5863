# SPDX-License-Identifier: Apache-2.0
"""Makes batches of features in memory, as long as their longest sequence.

Letters: N examples, B examples in a batch, C choices, S positions of the
batch's sequences.
"""

import tensorflow as tf

from albert.records import batch_plan
from albert.records.prefetching import map_ahead
from albert.tasks.features import PAD_ID
from albert.tasks.features import PER_TOKEN_PADDING


def finetuning_dataset(
    features,
    batch_size,
    lengths,
    *,
    training,
    seed=0,
    num_steps=None,
    start_step=0,
    bucket_by_length=True,
):
    """Returns a dataset of batches, each of examples of similar length.

    What an example gives does not depend on the batch that it is in: padding
    is masked. So evaluation gives the same with any batch size, order and
    S. In training, the same batches padded otherwise give the same updates;
    which examples share a batch is random in both cases (see
    ``batch_plan.training_plan``), but ``bucket_by_length`` takes them from
    those of similar length.

    In training, the dataset has ``num_steps`` batches, over as many epochs
    as it takes, less the ``start_step`` first ones: it continues
    exactly where another one stopped. Otherwise it is one pass over all
    examples, the longest first; ``example_index`` gives the order back. The
    last batch is filled up with rows of weight 0, which repeat an example.

    Args:
      features: ``albert.tasks.features.Features``, N at least 1.
      batch_size: B, over all devices.
      lengths: the values that S may have, increasing (see
        ``batch_plan.padded_lengths``): S is the least of them that holds the
        batch's longest sequence.
      training: bool, as above.
      seed: int, at least 0; not used in evaluation.
      num_steps: int, batches from the start of training; for training only.
      start_step: int, batches consumed since the start of training; must be
        0 in evaluation.
      bucket_by_length: bool; False gives shuffled batches in training and
        the order of the examples in evaluation.

    Returns:
      ``tf.data.Dataset`` of dicts: input_ids, input_mask, segment_ids and
      the names of ``features.per_token``, int32 [B, S], or [B, C, S] where C
      is above 1; the names of ``features.per_example``, int32 or float32
      [B], or [B, labels]; example_weights float32 [B]; example_index int32 [B].

    Raises:
      ValueError: no example, a sequence above the largest of ``lengths``,
        or arguments that do not go together.
    """
    example_lengths = features.example_lengths()
    if not len(example_lengths):
        raise ValueError("there are no examples")
    if example_lengths.max() > lengths[-1]:
        raise ValueError(
            f"a sequence has {example_lengths.max()} tokens, more than "
            f"{lengths[-1]}"
        )
    if training:
        if num_steps is None:
            raise ValueError("training needs num_steps")
        plan = batch_plan.training_plan(
            example_lengths,
            batch_size,
            num_steps,
            seed=seed,
            bucket_by_length=bucket_by_length,
        )[start_step:]
        weights = None
    else:
        if num_steps is not None or start_step:
            raise ValueError("num_steps and start_step are for training")
        plan, weights = batch_plan.evaluation_plan(
            example_lengths, batch_size, bucket_by_length=bucket_by_length
        )
    # Not on a GPU, where eager tensors would be put.
    with tf.device("CPU:0"):
        gather = _BatchGatherer(features, lengths)
        examples = tf.data.Dataset.from_tensor_slices(plan.reshape(-1))
        if weights is not None:
            examples = tf.data.Dataset.zip(
                examples,
                tf.data.Dataset.from_tensor_slices(weights.reshape(-1)),
            )
        # A `batch` of single examples, which tf.distribute can cut over the
        # replicas; then one gather for each batch.
        return map_ahead(
            examples.batch(batch_size, drop_remainder=True), gather
        )


def padded_length(longest, lengths):
    """Returns S of a batch: the least length that holds its sequences.

    Args:
      longest: int64 [], tokens of the batch's longest sequence.
      lengths: see ``finetuning_dataset``.

    Returns:
      int64 [], constant where there is one length.
    """
    if len(lengths) == 1:
        return tf.constant(lengths[0], tf.int64)
    lengths = tf.constant(lengths, tf.int64)
    return lengths[tf.searchsorted(lengths, longest[tf.newaxis])[0]]


class _BatchGatherer:
    """Function of indices of examples to their rows, padded to one length."""

    def __init__(self, features, padded_lengths):
        self._choices = features.choices
        self._padded_lengths = padded_lengths
        self._row_splits = tf.constant(features.row_splits)
        self._segment_starts = tf.constant(features.segment_starts)
        self._per_example = {
            name: tf.constant(values)
            for name, values in features.per_example.items()
        }
        self._per_token = {
            "input_ids": (tf.constant(features.input_ids), PAD_ID)
        } | {
            name: (tf.constant(values), PER_TOKEN_PADDING[name])
            for name, values in features.per_token.items()
        }

    def __call__(self, examples, weights=None):
        batch_size = examples.shape[0]
        rows = examples[:, tf.newaxis] * self._choices
        rows = tf.reshape(rows + tf.range(self._choices), [-1])  # [B·C]
        begins = tf.gather(self._row_splits, rows)
        lengths = tf.gather(self._row_splits, rows + 1) - begins
        length = padded_length(tf.reduce_max(lengths), self._padded_lengths)
        position = tf.range(length)
        real = position < lengths[:, tf.newaxis]  # [B·C, S]
        tokens = tf.where(real, begins[:, tf.newaxis] + position, 0)
        starts = tf.cast(tf.gather(self._segment_starts, rows), tf.int64)
        second = real & (position >= starts[:, tf.newaxis])

        leading = [batch_size, self._choices][: 1 + (self._choices > 1)]
        static_length = tf.get_static_value(length)

        def rectangle(values):
            values = tf.reshape(values, [*leading, length])
            return tf.ensure_shape(values, [*leading, static_length])

        batch = {
            name: rectangle(tf.where(real, tf.gather(values, tokens), padding))
            for name, (values, padding) in self._per_token.items()
        }
        batch["input_mask"] = rectangle(tf.cast(real, tf.int32))
        batch["segment_ids"] = rectangle(tf.cast(second, tf.int32))
        for name, values in self._per_example.items():
            batch[name] = tf.gather(values, examples)
        if weights is None:
            weights = tf.ones(batch_size)
        batch["example_weights"] = weights
        batch["example_index"] = examples
        return batch
