# SPDX-License-Identifier: Apache-2.0
"""Ids of texts and pairs, as ``convert_single_example`` of the original's
``classifier_utils.py``."""

import numpy as np

from albert.tasks import sequences
from albert.tasks import truncation
from albert.tasks.features import Features
from albert.tasks.featurization import Featurized
from albert.tasks.label_types import LABEL_TYPES


def featurize(task, examples, tokenizer, max_seq_length):
    """Encodes texts.

    A single text is cut at its end; a pair as ``truncate_pairs`` does it. A
    second text that is empty or gives no pieces makes a single.

    Args:
      task: ``Task`` of texts, with labels.
      examples: ``TextExamples``.
      tokenizer: ``Tokenizer``.
      max_seq_length: int, [CLS] and [SEP] counted.

    Returns:
      ``Featurized``; per_example has "label_ids" where labels are known,
      int32 [N], int32 [N, labels] of several labels a text, or float32 [N] of
      a regression.

    Raises:
      UserError: ``max_seq_length`` is too small.
    """
    truncation.check_max_seq_length(max_seq_length)
    first = sequences.encode(tokenizer, examples.texts)
    second = None
    empty_b = 0
    lengths_a = np.minimum(first.lengths, max_seq_length - 2)
    longest = first.lengths + 2
    cut = first.lengths > lengths_a
    if examples.texts_b is not None:
        second = sequences.encode(tokenizer, examples.texts_b)
        pairs = second.lengths > 0
        empty_b = _count_empty(tokenizer, second)
        total = first.lengths + second.lengths
        longest = longest + np.where(pairs, second.lengths + 1, 0)
        kept_a, kept_b = truncation.truncate_pairs(
            first.lengths, second.lengths, max_seq_length - 3
        )
        lengths_a = np.where(pairs, kept_a, lengths_a)
        cut = np.where(pairs, lengths_a + kept_b < total, cut)
        second = second.first(np.where(pairs, kept_b, 0))
    first = first.first(lengths_a)
    per_example = {}
    if examples.labels is not None:
        label_type = LABEL_TYPES[task.label_type]
        per_example["label_ids"] = label_type.ids(task, examples.labels)
    return Featurized(
        Features(
            *sequences.assemble(tokenizer, first, second),
            per_example=per_example,
        ),
        truncated=int(cut.sum()),
        longest=int(longest.max(initial=0)),
        empty=_count_empty(tokenizer, first),
        empty_b=empty_b,
    )


def _count_empty(tokenizer, spans):
    """Returns how many texts have no piece that the vocabulary knows: int."""
    return int((sequences.count_known(tokenizer, spans) == 0).sum())
