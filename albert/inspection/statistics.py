# SPDX-License-Identifier: Apache-2.0
"""Counts over instances, in memory that does not grow with them."""

import collections
import math

import numpy as np

from albert.records.surface_features import SurfaceSample
from albert.text.instances import SegmentPairs

# Of each batch, to find out how many labels lengths and ends tell.
_SURFACE_SAMPLE = 256
# More different labels of a regression are rounded.
_MOST_NUMBERS = 4096


class RecordStatistics:
    """Counts over the instances of records.

    Histograms are int64 arrays that the value indexes.

    Attributes:
      records: int, those with an instance.
      sequences: int; as many for each record as it has choices.
      tokens, places: int, tokens without padding, and with it.
      full: int, sequences without padding.
      lengths: histogram of the tokens of sequences.
      segments: two histograms, of the tokens of A and B, special ones aside;
        the second of pairs alone.
      masked: histogram of the masked tokens of sequences; as what follows,
        nothing where the records hold no masks.
      masked_words: histogram of the words of runs of masked tokens.
      words_hit, words_hit_in_part: int, words with a masked token, and those
        of them with another one that is not.
      kept: int, masked tokens that the model sees as they are.
      pieces, masked_pieces: histogram of ids before masking: of all but
        special tokens, and of the masked ones.
      shown_pieces: histogram of what the model sees in the place of masked
        tokens, where that is another piece.
      first_pieces: histogram of the pieces that sequences begin with.
      labels: ``collections.Counter`` of labels; where they are numbers, and
        many different ones, rounded down to multiples of a power of two.
      label_sum, label_range: float and (float, float), the sum, the least and
        the largest of labels.
      surface: ``SurfaceSample`` of pairs.
    """

    def __init__(self, word_start=None, is_punctuation=None):
        """Counts nothing yet.

        Args:
          word_start, is_punctuation: bool [V], see ``SurfaceSample.of_pairs``;
            None where there are no pairs to look at, or no vocabulary.
        """
        self._tables = word_start, is_punctuation
        self.records = self.sequences = self.tokens = self.places = 0
        self.full = 0
        self.lengths = _nothing()
        self.segments = [_nothing(), _nothing()]
        self.masked = _nothing()
        self.masked_words = _nothing()
        self.words_hit = self.words_hit_in_part = self.kept = 0
        self.pieces = _nothing()
        self.masked_pieces = _nothing()
        self.shown_pieces = _nothing()
        self.first_pieces = _nothing()
        self.labels = collections.Counter()
        self.label_sum = 0.0
        self.label_range = (math.inf, -math.inf)
        self._label_width = 0.0
        self.surface = SurfaceSample()

    def add(self, instances):
        """Counts ``Instances``."""
        there = instances.lengths > 0
        lengths = instances.lengths[there]
        self.records += len(instances.labels)
        self.sequences += len(lengths)
        self.tokens += int(lengths.sum())
        self.places += len(lengths) * instances.input_ids.shape[1]
        self.full += int((lengths == instances.input_ids.shape[1]).sum())
        self.lengths = _sum(self.lengths, lengths)
        first, second = instances.segment_lengths[:, there]
        is_pair = (instances.segment_ids[there] == 1).any(axis=1)
        self.segments[0] = _sum(self.segments[0], first)
        self.segments[1] = _sum(self.segments[1], second[is_pair])
        text = instances.is_real & ~instances.is_special
        self.pieces = _sum(self.pieces, instances.true_ids[text])
        self.first_pieces = _sum(
            self.first_pieces, instances.true_ids[there, 0]
        )
        self._add_labels(instances.labels)
        if instances.is_masked is not None:
            self._add_masks(instances, there)
        if self._tables[0] is not None:
            self._add_surface(instances)

    @property
    def guessable(self):
        """What lengths and ends tell: ``SurfaceSample.guess_held_out``.

        With "pairs", how many of them were looked at.
        """
        guessed = self.surface.guess_held_out()
        return guessed and guessed | {"pairs": len(self.surface.labels)}

    def replacements(self, tokenizer):
        """Returns how many masked pieces became [MASK], and another piece.

        Args:
          tokenizer: ``TokenizerInterface``, or None: the most frequent id in
            their place is taken for [MASK].
        """
        shown = self.shown_pieces
        if tokenizer is None:
            masks = int(shown.max(initial=0))
        else:
            masks = int(shown[tokenizer.mask_id :][:1].sum())
        return masks, int(shown.sum()) - masks

    def _add_labels(self, labels):
        if labels.dtype.kind != "f":
            labels = labels[labels >= 0]
        values, counts = np.unique(labels, return_counts=True)
        if values.dtype.kind == "f" and len(values):
            values = values.astype(np.float64)
            low, high = self.label_range
            self.label_range = min(low, values[0]), max(high, values[-1])
            self.label_sum += float(values @ counts)
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            self.labels[self._rounded(value)] += count
        if values.dtype.kind == "f" and len(self.labels) > _MOST_NUMBERS:
            low, high = self.label_range
            exponent = math.ceil(math.log2((high - low) / _MOST_NUMBERS)) + 1
            self._label_width = 2.0**exponent
            exact, self.labels = self.labels, collections.Counter()
            for value, count in exact.items():
                self.labels[self._rounded(value)] += count

    def _rounded(self, label):
        width = self._label_width
        return math.floor(label / width) * width if width else label

    def _add_masks(self, instances, there):
        masked = instances.is_masked
        self.masked = _sum(self.masked, masked.sum(axis=1)[there])
        truth = instances.true_ids[masked]
        shown = instances.input_ids[masked]
        self.masked_pieces = _sum(self.masked_pieces, truth)
        self.shown_pieces = _sum(self.shown_pieces, shown[shown != truth])
        self.kept += int((shown == truth).sum())
        words = instances.words.reshape(-1)
        flat = masked.reshape(-1)
        size = np.bincount(words)
        hit = np.bincount(words[flat], minlength=len(size))
        self.words_hit += int((hit > 0).sum())
        self.words_hit_in_part += int(((hit > 0) & (hit < size)).sum())
        # A column that is never masked keeps rows apart.
        row_ends = np.zeros((len(masked), 1), bool)
        flat = np.hstack([masked, row_ends]).reshape(-1)
        begins = flat & ~np.append(False, flat[:-1])
        words = np.hstack([instances.words, -np.ones_like(row_ends, int)])
        words = words.reshape(-1)
        begins_word = begins | (words != np.append(-1, words[:-1]))
        runs = begins.cumsum() - 1
        self.masked_words = _sum(
            self.masked_words, np.bincount(runs[flat & begins_word])
        )

    def _add_surface(self, instances):
        first, second = instances.segment_lengths
        rows = np.flatnonzero((first > 0) & (second > 0))[:_SURFACE_SAMPLE]
        if not len(rows):
            return
        first, second = first[rows], second[rows]
        starts = rows * instances.true_ids.shape[1] + 1
        pairs = SegmentPairs(
            starts,
            first,
            starts + first + 1,
            second,
            np.asarray(instances.labels)[rows],
        )
        self.surface += SurfaceSample.of_pairs(
            pairs, instances.true_ids.reshape(-1), *self._tables
        )


def mean(histogram):
    """Returns the mean of the values that a histogram counts."""
    values = np.arange(len(histogram))
    return float((values * histogram).sum() / max(1, histogram.sum()))


def _nothing():
    return np.zeros(0, np.int64)


def _sum(histogram, values):
    """Returns a histogram with more values counted."""
    counts = np.bincount(values, minlength=len(histogram))
    counts[: len(histogram)] += histogram
    return counts
