# SPDX-License-Identifier: Apache-2.0
"""Loads the data of a task from its own files.

``TextData``, and ``RecordData`` of ``record_data``, offer the same: batches to
train on and to evaluate with, what logits predict, how good that is, and files
of it.
"""

import functools

import numpy as np
from absl import logging

from albert import evaluation_results
from albert.errors import UserError
from albert.tasks import contents
from albert.tasks import interface
from albert.tasks import prediction_files
from albert.tasks.featurization import name_data
from albert.tasks.label_types import LABEL_TYPES
from albert.training.feature_data import FeatureData

# More is warned of.
_MOST_SHARED = 0.01


class TextData(FeatureData):
    """A split that was read from the task's own files.

    Args:
      task: ``Task`` with labels.
      split: str, its name.
      path: str, what the user gave: the folder.
      examples: of ``interface.load``.
      featurized: ``Featurized`` of them.
      lengths: the lengths that batches may have, see ``batch_plan``.

    Raises:
      UserError: as ``Featurized.check``.
    """

    def __init__(self, task, split, path, examples, featurized, lengths):
        super().__init__(featurized.features, lengths)
        self.task = task
        self.split = split
        self.path = path
        self.examples = examples
        self._featurized = featurized
        logging.info("%s: %s", split, featurized.summary())
        featurized.check(name_data(examples, split))

    @property
    def labelled(self):
        """Whether there are labels to compare predictions with."""
        return self.examples.labels is not None

    @functools.cached_property
    def description(self):
        """dict, of ``evaluation_results.describe_data``."""
        return evaluation_results.describe_data(
            self.split,
            self.path,
            self.num_examples,
            self.fingerprint,
            self.examples.files,
            self.examples.bad_rows,
        )

    @functools.cached_property
    def gold(self):
        """Labels in the form that the metrics take."""
        return interface.gold_labels(self.task, self.examples)

    def label_ids(self):
        """Yields arrays of the labels, as the model reads them."""
        kept = self.features.per_token or self.features.per_example
        yield kept["label_ids"]

    @property
    def label_counts(self):
        """dict, of the ``count`` of the type of label."""
        return LABEL_TYPES[self.task.label_type].count(self.task, self.gold)

    def predict(self, logits):
        """Returns ``Predictions`` of logits in the order of the examples."""
        return interface.predict(self.task, self._featurized, logits)

    def evaluate(self, predictions):
        """Returns the task's metrics."""
        return interface.evaluate(self.task, self.examples, predictions)

    def format_predictions(self, predictions):
        """Returns all files of predictions: dict from name to bytes."""
        return prediction_files.format_predictions(
            self.task, self.split, self.examples, predictions
        )


def featurize(task, data_dir, texts, tokenizer, lengths, max_qa_length):
    """Turns the texts of several splits into ids.

    Args:
      task: ``Task`` with labels.
      data_dir: str, the folder that they were read from.
      texts: dict from split to examples, of ``interface.load``.
      tokenizer: ``Tokenizer``.
      lengths: the lengths that batches may have, see ``batch_plan``; the last
        of them is that of the longest sequence.
      max_qa_length: int, see ``interface.featurize``.

    Returns:
      dict from split to ``TextData``.

    Raises:
      UserError: most texts of a split have no pieces.
    """
    for split in sorted(texts.keys() - {"train"}):
        _warn_of_shared(split, texts[split], texts.get("train"))
    return {
        split: TextData(
            task,
            split,
            data_dir,
            examples,
            interface.featurize(
                task, examples, tokenizer, lengths[-1], max_qa_length
            ),
            lengths,
        )
        for split, examples in texts.items()
    }


def count_labels(task, data):
    """Returns how often each label occurs in a split: int64 [L].

    Args:
      task: ``Task`` with labels that are classes or tags.
      data: ``TextData`` or ``RecordData``; of tagging, one label a word.

    Raises:
      UserError: there are others; of records only the first ones were
        checked when they were opened.
    """
    counts = np.zeros(len(task.labels), np.int64)
    for ids in data.label_ids():
        found = np.bincount(ids[ids >= 0], minlength=len(counts))
        if len(found) > len(counts):
            raise UserError(
                f"{data.path} has the label {len(found) - 1}, this run has "
                f"{len(counts)} labels: give records of the same task"
            )
        counts += found
    return counts


def _warn_of_shared(split, examples, training):
    """Warns where many texts to evaluate on are trained on, if any are."""
    shared = contents.count_shared(examples, training) if training else 0
    if shared > _MOST_SHARED * len(examples):
        logging.warning(
            "%s: %d of %d examples (%.1f%%) have a text that the training "
            "data have, too, so that results are too good: take them out of "
            "one of the two",
            split,
            shared,
            len(examples),
            100 * shared / len(examples),
        )
