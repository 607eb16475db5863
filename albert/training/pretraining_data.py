# SPDX-License-Identifier: Apache-2.0
"""Makes batches of pretraining records, and evaluates a model on them."""

from absl import logging

from albert import evaluation_results
from albert.records.pretraining_batches import pretraining_dataset
from albert.records.record_set import RecordSet
from albert.records.record_stream import explained_damage


class PretrainingData:
    """Batches of pretraining records, with a checksum that identifies them.

    Args:
      patterns: str, comma-separated paths or globs.
      shapes: str, of ``batch_plan.padded_lengths``: what lengths batches of
        records of similar length may have.
      **masking: other settings of masks that are made while training; see
        ``RecordSet``.

    Attributes:
      records: ``RecordSet``; to be checked before a batch is made.

    Raises:
      UserError: no such records.
    """

    def __init__(self, patterns, shapes="many", **masking):
        self.patterns = patterns
        self.shapes = shapes
        self.records = RecordSet.open(patterns, **masking)

    @property
    def num_examples(self):
        """Number of records."""
        return self.records.count()

    @property
    def fingerprint(self):
        """A checksum that tells whether the records are the same."""
        return self.records.fingerprint

    @property
    def content_checksum(self):
        """A checksum of all that must be the same in every worker."""
        return self.records.content_fingerprint

    @property
    def settings(self):
        """dict, the settings of data that a continued run must repeat."""
        schema = self.records.schema
        unmasked = self.records.unmasked
        masking = {}
        if unmasked is not None:
            for name in ("masked_lm_prob", "mask_replacement"):
                masking[name] = getattr(unmasked.masking, name)
        return {
            **masking,
            "max_seq_length": schema.max_seq_length,
            "max_predictions_per_seq": schema.max_predictions_per_seq,
            "records": self.num_examples,
            "records_fingerprint": self.fingerprint,
            "input_file": self.patterns,
        }

    def training_batches(
        self,
        batch_size,
        *,
        seed,
        num_steps,
        start_step,
        bucket_by_length,
        start_record=None,
        max_seq_length=None,
        masked_lm_prob=None,
    ):
        """Returns ``pretraining_dataset`` for training."""
        del num_steps  # It is endless.
        if start_record is None:
            start_record = start_step * batch_size
        return pretraining_dataset(
            self.records,
            batch_size,
            training=True,
            seed=seed,
            start_record=start_record,
            max_seq_length=max_seq_length,
            masked_lm_prob=masked_lm_prob,
            bucket_shapes=self.shapes if bucket_by_length else None,
        )

    def evaluation_batches(self, batch_size):
        """Returns ``pretraining_dataset`` of one pass."""
        return pretraining_dataset(
            self.records, batch_size, training=False, seed=None
        )

    def first_batches(self, batch_size, count):
        """Yields the first batches of a pass as dicts of ``np.ndarray``.

        It warns where none of them holds a pair whose order is to be told.

        Raises:
          UserError: a record is damaged.
        """
        batches = self.evaluation_batches(batch_size).take(count)
        pairs = 0
        with explained_damage(self.locate_damage):
            for batch in batches.as_numpy_iterator():
                pairs += int(batch["segment_ids"].any(axis=1).sum())
                yield batch
        if not pairs and {*self.records.objectives} != {"none"}:
            logging.warning(
                "%s: the first %s records have one segment each, and no "
                "order: where that is so of all, nothing is learnt or measured "
                "of sentence order, whose loss and accuracy are given as 0",
                self.patterns,
                f"{min(self.num_examples, batch_size * count):,}",
            )

    def locate_damage(self):
        """Returns a line that names the damaged file, or None."""
        return self.records.locate_damage()


class PretrainingEvaluation:
    """Evaluation of the masked-LM and sentence-order metrics on records.

    Args:
      data: ``PretrainingData``.
      batch_size: int, records in a batch over all devices.
      max_steps: int, batches at most.
    """

    best_metric = "masked_lm_accuracy"

    def __init__(self, data, batch_size, max_steps):
        self.data = data
        self.batch_size = batch_size
        self.max_steps = max_steps
        if data.num_examples > max_steps * batch_size:
            logging.warning(
                "evaluating on the first %d of %d records: raise "
                "--max_eval_steps for more of them",
                max_steps * batch_size,
                data.num_examples,
            )

    @property
    def evaluated_on(self):
        """str, identifies the records."""
        return f"{self._num_covered} records of {self.data.fingerprint}"

    @property
    def description(self):
        """dict, of ``evaluation_results.describe_data``."""
        return evaluation_results.describe_data(
            "eval",
            self.data.patterns,
            self._num_covered,
            self.data.fingerprint,
        )

    @property
    def _num_covered(self):
        return min(self.max_steps * self.batch_size, self.data.num_examples)

    def first_batches(self):
        """Yields the evaluated batches as dicts of ``np.ndarray``."""
        return self.data.first_batches(self.batch_size, self.max_steps)

    def metrics(self, loop, num_layers=None):
        """Returns a dict of float for the model of an ``InferenceLoop``.

        Args:
          loop: ``InferenceLoop``.
          num_layers: int, the layers that the encoder applies, or None: all.

        Raises:
          UserError: a record is damaged.
        """
        batches = self.data.evaluation_batches(self.batch_size)
        with explained_damage(self.data.locate_damage):
            return loop.evaluate(
                loop.distribute(batches.take(self.max_steps)), num_layers
            )
