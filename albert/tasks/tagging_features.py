# SPDX-License-Identifier: Apache-2.0
"""Ids of sentences of words; a word's label is at its first piece."""

import numpy as np

from albert.tasks import sequences
from albert.tasks import truncation
from albert.tasks.features import PER_TOKEN_PADDING
from albert.tasks.features import Features
from albert.tasks.featurization import Featurized
from albert.tasks.featurization import WordPositions
from albert.tasks.label_types import LABEL_TYPES

_NOT_SCORED = PER_TOKEN_PADDING["label_ids"]


def featurize(task, examples, tokenizer, max_seq_length):
    """Encodes words one by one and joins them to sequences.

    A sentence that is too long becomes several sequences, cut between words,
    so that each word has its place. A word longer than a sequence keeps the
    pieces that fit.

    Args:
      task: ``Task`` with labels.
      examples: ``TaggedSentences``.
      tokenizer: ``Tokenizer``.
      max_seq_length: int, [CLS] and [SEP] counted.

    Returns:
      ``Featurized`` with ``word_positions``; per_token has "label_ids", -1
      where no word begins, or where tags are not known.

    Raises:
      UserError: ``max_seq_length`` is too small.
    """
    truncation.check_max_seq_length(max_seq_length)
    room = max_seq_length - 2
    words = [word for sentence in examples.sentences for word in sentence]
    sizes = np.fromiter(
        map(len, examples.sentences), np.int64, len(examples.sentences)
    )
    splits = np.concatenate([[0], np.cumsum(sizes)])
    pieces = _encode_words(tokenizer, words)
    whole = np.diff(np.concatenate([[0], np.cumsum(pieces.lengths)])[splits])
    pieces = pieces.first(np.minimum(pieces.lengths, room))
    first_words = _cut_sentences(pieces.lengths, splits, room)
    # Row r holds the words first_words[r] to first_words[r + 1] - 1.
    ends = np.cumsum(pieces.lengths)
    begins = ends - pieces.lengths
    row_of_word = (
        np.searchsorted(first_words, np.arange(len(words)), side="right") - 1
    )
    row_begins = begins[first_words[:-1]]
    row_lengths = ends[first_words[1:] - 1] - row_begins
    joined = pieces.ids[sequences.ranges(pieces.starts, pieces.lengths)]
    input_ids, row_splits, segment_starts = sequences.assemble(
        tokenizer, sequences.Spans(joined, row_begins, row_lengths)
    )
    has_pieces = pieces.lengths > 0
    columns = 1 + begins - row_begins[row_of_word]
    labels = np.full(len(input_ids), _NOT_SCORED, np.int32)
    if examples.labels is not None:
        positions = row_splits[row_of_word] + columns
        labels[positions[has_pieces]] = LABEL_TYPES[
            task.label_type
        ].class_numbers(task, examples.labels)[has_pieces]
    return Featurized(
        Features(
            input_ids,
            row_splits,
            segment_starts,
            per_token={"label_ids": labels},
        ),
        truncated=int((whole > room).sum()),
        longest=int(whole.max(initial=0)) + 2,
        empty=int((~has_pieces).sum()),
        word_positions=WordPositions(
            rows=row_of_word,
            columns=np.where(has_pieces, columns, 0),
            splits=splits,
        ),
        lower_cased=sum(word != word.lower() for word in words)
        if tokenizer.lower_case
        else 0,
    )


def labelled_words(features):
    """Finds the words in features: the positions that have a label.

    Records that do not say where their words are have no more than that.

    Args:
      features: ``Features`` of tagging.

    Returns:
      (``WordPositions``, int32 [words] numbers of labels); a sentence there
      is a sequence here.
    """
    labels = features.per_token["label_ids"]
    positions = np.flatnonzero(labels != _NOT_SCORED)
    splits = np.searchsorted(positions, features.row_splits)
    rows = np.repeat(np.arange(len(splits) - 1), np.diff(splits))
    return WordPositions(
        rows=rows,
        columns=positions - features.row_splits[rows],
        splits=splits,
    ), labels[positions]


def _encode_words(tokenizer, words):
    """Encodes words, each different one once; returns ``Spans``."""
    numbers = {}
    which = np.fromiter(
        (numbers.setdefault(word, len(numbers)) for word in words),
        np.int64,
        len(words),
    )
    return sequences.encode(tokenizer, list(numbers)).take(which)


def _cut_sentences(lengths, splits, room):
    """Finds the words that a sequence begins with.

    Args:
      lengths: int64 [words], pieces of each word, none above ``room``.
      splits: int64 [N + 1], the words of each sentence.
      room: int, the most pieces of a sequence.

    Returns:
      int64 [R + 1], ends with the number of words.
    """
    before = np.concatenate([[0], np.cumsum(lengths)])
    firsts = [splits]
    for sentence in np.flatnonzero(np.diff(before[splits]) > room):
        first, end = splits[sentence], splits[sentence + 1]
        while before[end] - before[first] > room:
            # The first word that ends behind what fits begins the next.
            limit = before[first] + room
            first = np.searchsorted(before, limit, side="right") - 1
            firsts.append([first])
    return np.unique(np.concatenate(firsts))
