# SPDX-License-Identifier: Apache-2.0
"""Loads the data of a task from records.

``RecordData`` offers what ``task_data.TextData`` does.
"""

import functools

import numpy as np
from absl import logging

from albert import evaluation_results
from albert.errors import UserError
from albert.file_fingerprints import describe_files
from albert.records.feature_batches import finetuning_dataset
from albert.records.finetuning_files import FinetuningRecords
from albert.records.finetuning_files import finetuning_record_dataset
from albert.records.record_stream import explained_damage
from albert.tasks import metrics
from albert.tasks import prediction_files
from albert.tasks import sequence_words
from albert.tasks import tag_schemes
from albert.tasks import tagging_features
from albert.tasks.features import Features
from albert.tasks.predictions import predict
from albert.training.feature_data import checksum
from albert.training.feature_data import features_checksum
from albert.training.feature_data import training_settings

# Records that are parsed together.
_READ_AT_ONCE = 256


class RecordData:
    """A split in the files of data/create_finetuning_data.py.

    Those to train on are streamed. Others, which fit the memory by far, are
    read whole, and at once: damage shows before the training.

    Args:
      task: ``Task`` with labels.
      split: str, its name.
      path: str, what the user gave: globs.
      records: ``FinetuningRecords``, checked.
      lengths: the lengths that batches may have, see ``batch_plan``.

    Raises:
      UserError: records to evaluate or predict are damaged, or cannot be
        predicted.
    """

    def __init__(self, task, split, path, records, lengths):
        self.task = task
        self.split = split
        self.path = path
        self.records = records
        self.lengths = lengths
        # As they are now, and not after a training.
        self._files = [] if split == "train" else describe_files(records.files)
        logging.info(
            "%s: %d records of %d pieces",
            split,
            records.count(),
            records.schema.max_seq_length,
        )
        if split != "train":
            with explained_damage(self.locate_damage):
                self.features, texts = self._read_features()
            self._words, self._tags = self._find_words(texts)

    @property
    def num_examples(self):
        """Number of records."""
        return self.records.count()

    @property
    def fingerprint(self):
        """A checksum that tells whether the records are the same."""
        texts = (self.records.metadata or {}).get("examples_sha256", "")
        return checksum(self.records.fingerprint.encode(), texts.encode())

    @property
    def content_checksum(self):
        """A checksum of all that must be the same in every worker."""
        return self.records.content_fingerprint

    @property
    def settings(self):
        """dict, the settings of data that a continued run must repeat."""
        return training_settings(self)

    def training_batches(
        self, batch_size, *, seed, num_steps, start_step, bucket_by_length
    ):
        """Returns ``finetuning_record_dataset`` for training."""
        del num_steps  # It is endless.
        return finetuning_record_dataset(
            self.records,
            batch_size,
            self.lengths,
            training=True,
            seed=seed,
            start_record=start_step * batch_size,
            bucket_by_length=bucket_by_length,
        )

    def evaluation_batches(self, batch_size):
        """Returns ``finetuning_dataset`` of one pass."""
        return finetuning_dataset(
            self.features, batch_size, self.lengths, training=False
        )

    @property
    def labelled(self):
        """Whether there are labels to compare predictions with."""
        return self.records.labelled

    # Those to train on are not looked at as a whole.
    label_counts = None

    @functools.cached_property
    def description(self):
        """dict, of ``evaluation_results.describe_data``."""
        if self.split == "train":
            return evaluation_results.describe_data(
                self.split, self.path, self.num_examples, self.fingerprint
            )
        return evaluation_results.describe_data(
            self.split,
            self.path,
            self.num_examples,
            features_checksum(self.features),
            self._files,
        )

    @functools.cached_property
    def gold(self):
        """Labels in the form that the metrics take."""
        if self.task.label_type != "tag":
            return self.features.per_example["label_ids"]
        return self._tags

    def label_ids(self):
        """Yields arrays of the labels, as the model reads them."""
        with explained_damage(self.locate_damage):
            for batch in self._batches():
                yield batch["label_ids"][batch["example_weights"] > 0]

    def predict(self, logits):
        """Returns ``Predictions`` of logits in the order of the records."""
        return predict(self.task, logits, self._words)

    def evaluate(self, predictions):
        """Returns the task's metrics."""
        return metrics.compute(
            self.task, self.gold, predictions.values, predictions.probabilities
        )

    def format_predictions(self, predictions):
        """Returns the file of predictions: dict from name to bytes.

        Their numbers are those of the records, or of the sentences.
        """
        return prediction_files.format_numbered(
            self.task, self.split, predictions
        )

    def locate_damage(self):
        """Returns a line that names the damaged file, or None."""
        return self.records.locate_damage()

    def _batches(self):
        """Returns an iterator of the batches of one pass."""
        return finetuning_record_dataset(
            self.records, _READ_AT_ONCE, self.lengths, training=False
        ).as_numpy_iterator()

    def _read_features(self):
        """Returns (``Features``, words) of the records, see ``_features_of``.

        They are in the order of the files.
        """
        features, words = _features_of(
            self._batches(), self.task.label_type == "tag"
        )
        if features.num_examples != self.records.count():
            # Rows that only fill up a batch, or a JSON that counts wrongly.
            damage = self.locate_damage()
            if damage:
                raise UserError(f"{damage}: make the records again")
        return features, words

    def _find_words(self, texts):
        """Returns the words of tagging and their tags, else two None.

        Args:
          texts: list of bytes, of ``sequence_words``, or empty ones.
        """
        if self.task.label_type != "tag":
            return None, None
        file = self.records.files[0]
        if all(texts):
            try:
                return sequence_words.from_texts(texts, self.features.lengths())
            except ValueError as error:
                raise UserError(
                    f"{file}: {error}: make the records again"
                ) from None
        words, labels = tagging_features.labelled_words(self.features)
        if not len(labels):
            raise UserError(
                f"{file} was made of sentences without tags, and does not say "
                "where their words begin: make the records again, or give the "
                "sentences themselves, with --data_dir"
            )
        logging.warning(
            "%s: the records do not say where words are: of sentences that are "
            "several sequences each is counted alone, and words without pieces "
            "are not counted; `albert create-finetuning-data` makes records of "
            "a dev or test set that do",
            file,
        )
        return words, [
            tag_schemes.to_bio(self.task.labels[index] for index in row)
            for row in np.split(labels, words.splits[1:-1])
        ]


def open_records(patterns, task, config, tokenizer):
    """Opens the records of several splits, refusing those that do not fit.

    Args:
      patterns: dict from split to comma-separated globs.
      task: ``Task`` with labels.
      config: ``AlbertConfig``.
      tokenizer: ``Tokenizer``.

    Returns:
      dict from split to ``FinetuningRecords``.

    Raises:
      UserError: no such files, or records of something else.
    """
    records = {}
    for split, globs in patterns.items():
        records[split] = FinetuningRecords.open(
            globs, head=task.head, choices=task.choices
        )
        records[split].check(
            config.vocab_size,
            tokenizer.fingerprint,
            task_name=task.name,
            labels=list(task.labels),
            need_labels=split != "test",
        )
    return records


def read_records(task, patterns, records, lengths):
    """Returns dict from split to ``RecordData`` of the records opened.

    Args:
      task, patterns: as of ``open_records``.
      records: what it returned.
      lengths: the lengths that batches may have, see ``batch_plan``.
    """
    return {
        split: RecordData(task, split, patterns[split], files, lengths)
        for split, files in records.items()
    }


def _features_of(batches, per_token):
    """Removes the padding from the batches of one pass.

    Args:
      batches: iterable of dicts of arrays.
      per_token: bool, whether each token has a label.

    Returns:
      (``Features``, list of bytes): what records of tagging say of words.
    """
    sequences, starts, labels, indices, words = [], [], [], [], []
    choices = 1
    for batch in batches:
        real = batch["example_weights"] > 0
        ids = batch["input_ids"][real]
        choices = ids.shape[1] if ids.ndim == 3 else 1
        flat = (-1, ids.shape[-1])
        lengths = batch["input_mask"][real].reshape(flat).sum(axis=1)
        second = batch["segment_ids"][real].reshape(flat).sum(axis=1)
        rows = ids.reshape(flat)
        sequences += [row[:n] for row, n in zip(rows, lengths, strict=True)]
        starts.append(lengths - second)
        label_ids = batch["label_ids"][real]
        if per_token:
            words += batch["words"][real].tolist()
            labels += [
                row[:n] for row, n in zip(label_ids, lengths, strict=True)
            ]
        else:
            labels.append(label_ids)
        indices.append(batch["example_index"][real])
    if not sequences:
        raise UserError(
            "the records to evaluate on hold no real example: make them again "
            "with `albert create-finetuning-data`"
        )
    features = Features.from_sequences(
        sequences,
        np.concatenate(starts),
        choices=choices,
        per_token={"label_ids": labels} if per_token else None,
        per_example=None
        if per_token
        else {"label_ids": np.concatenate(labels)},
    )
    order = np.argsort(np.concatenate(indices))
    return features.select(order), [words[i] for i in order if words]
