# SPDX-License-Identifier: Apache-2.0
"""Makes batches of features in memory, for training and evaluation."""

import functools
import zlib

import numpy as np

from albert.records.feature_batches import finetuning_dataset


class FeatureData:
    """Batches of ``Features``, with a fingerprint that identifies the data.

    Args:
      features: ``albert.tasks.features.Features``.
      lengths: the lengths that batches may have, see ``batch_plan``.
    """

    def __init__(self, features, lengths):
        self.features = features
        self.lengths = lengths

    @property
    def num_examples(self):
        """Number of sequences, or of groups of choices."""
        return self.features.num_examples

    @functools.cached_property
    def fingerprint(self):
        """A checksum that tells whether ids and labels are the same."""
        return features_checksum(self.features)

    @property
    def content_checksum(self):
        """A checksum of all that must be the same in every worker."""
        return self.fingerprint

    @property
    def settings(self):
        """dict, the settings of data that a continued run must repeat."""
        return training_settings(self)

    def training_batches(
        self, batch_size, *, seed, num_steps, start_step, bucket_by_length
    ):
        """Returns ``finetuning_dataset`` for training."""
        return finetuning_dataset(
            self.features,
            batch_size,
            self.lengths,
            training=True,
            seed=seed,
            num_steps=num_steps,
            start_step=start_step,
            bucket_by_length=bucket_by_length,
        )

    def evaluation_batches(self, batch_size):
        """Returns ``finetuning_dataset`` of one pass."""
        return finetuning_dataset(
            self.features, batch_size, self.lengths, training=False
        )

    def only_batch(self):
        """Returns all examples as one batch, as those of a dataset are.

        Returns:
          dict of arrays, see ``Features.padded``.
        """
        longest = self.features.max_length()
        place = np.searchsorted(self.lengths, longest)
        return self.features.padded(self.lengths[place])

    def locate_damage(self):
        """Returns None: features in memory were checked when they were made."""


def training_settings(data):
    """Returns the settings of data that a continued run must repeat: dict.

    Args:
      data: with ``num_examples`` and ``fingerprint``.
    """
    return {
        "training_data": f"{data.num_examples} examples, {data.fingerprint}"
    }


def features_checksum(features):
    """Returns a checksum of the ids and labels of ``Features``."""
    return checksum(
        *map(
            np.ascontiguousarray,
            (
                features.input_ids,
                features.row_splits,
                features.segment_starts,
                *features.per_example.values(),
                *features.per_token.values(),
            ),
        )
    )


def checksum(*parts):
    """Returns a checksum of buffers, short enough for messages."""
    value = 0
    for part in parts:
        value = zlib.crc32(part, value)
    return f"checksum {value:08x}"
