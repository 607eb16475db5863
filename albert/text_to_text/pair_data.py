# SPDX-License-Identifier: Apache-2.0
"""Holds the pairs of a split: batches to train on, losses, what was counted."""

import dataclasses
import functools

from albert import evaluation_results
from albert.text_to_text.pair_batches import evaluation_batches
from albert.text_to_text.pair_batches import pair_dataset
from albert.text_to_text.token_batches import epoch_plan
from albert.text_to_text.token_batches import training_plan
from albert.training.feature_data import checksum


class PairData:
    """Pairs of a split, with a checksum that identifies them.

    Args:
      split: str, "train" or "dev".
      path: str, the files that they were read from.
      encoded: ``EncodedPairs``.
      limits: ``BatchLimits``.

    Attributes:
      features, counts, sources, targets, has_texts: as of ``EncodedPairs``.
    """

    def __init__(self, split, path, encoded, limits):
        self.split = split
        self.path = path
        self.features = encoded.features
        self.counts = encoded.counts
        self.sources = encoded.sources
        self.targets = encoded.targets
        self.has_texts = encoded.has_texts
        self.limits = limits

    @property
    def num_examples(self):
        """Number of pairs with ids, which losses are of."""
        return self.features.num_examples

    @functools.cached_property
    def fingerprint(self):
        """A checksum that tells whether the ids are the same."""
        features = self.features
        return checksum(
            features.source_ids,
            features.source_splits,
            features.target_ids,
            features.target_splits,
        )

    @property
    def content_checksum(self):
        """A checksum of all that must be the same in every worker."""
        return self.fingerprint

    @property
    def settings(self):
        """dict, the settings of data that a continued run must repeat."""
        limits = self.limits
        return {
            "training_data": f"{self.num_examples} pairs, {self.fingerprint}",
            "training_pairs": dataclasses.asdict(self.counts),
            "train_batch_tokens": limits.most_tokens,
            "batch_rows_multiple": limits.rows_multiple,
            "source_lengths": list(limits.source_lengths),
            "target_lengths": list(limits.target_lengths),
        }

    @property
    def description(self):
        """dict, of ``evaluation_results.describe_data``, and the counts."""
        return {
            **evaluation_results.describe_data(
                self.split, self.path, self.num_examples, self.fingerprint
            ),
            "pairs": dataclasses.asdict(self.counts),
        }

    def first_epoch(self, seed, bucket_by_length):
        """Returns the batches of the first epoch, as of ``epoch_plan``."""
        return epoch_plan(
            self.features.source_lengths,
            self.features.target_lengths,
            self.limits,
            seed=seed,
            epoch=0,
            bucket_by_length=bucket_by_length,
        )

    def training_batches(
        self, batch_size, *, seed, num_steps, start_step, bucket_by_length
    ):
        """Returns ``pair_dataset`` of ``training_plan``."""
        if batch_size != self.limits.most_rows:
            raise ValueError(f"the limits allow {self.limits.most_rows} rows")
        batches = training_plan(
            self.features.source_lengths,
            self.features.target_lengths,
            self.limits,
            num_steps,
            seed=seed,
            bucket_by_length=bucket_by_length,
        )
        return pair_dataset(
            self.features, batches, start_step, self.limits.one_shape
        )

    def evaluation_batches(self, batch_size):
        """Returns ``pair_dataset`` of one pass."""
        batches = evaluation_batches(self.features, self.limits, batch_size)
        return pair_dataset(
            self.features, batches, static_shapes=self.limits.one_shape
        )

    def locate_damage(self):
        """Returns None: the files were checked when they were read."""


class LossEvaluation:
    """Evaluation of how well each piece of a target is foretold.

    The model is given the pieces before it, as in training.

    Args:
      data: ``PairData``.
      batch_size: int, pairs in a batch over all devices.
    """

    best_metric = "target_accuracy"

    def __init__(self, data, batch_size):
        self.data = data
        self.batch_size = batch_size

    @property
    def evaluated_on(self):
        """str, identifies the pairs."""
        return self.data.fingerprint

    def metrics(self, loop):
        """Returns a dict of float for the model of an ``InferenceLoop``."""
        batches = self.data.evaluation_batches(self.batch_size)
        return loop.evaluate(loop.distribute(batches))
