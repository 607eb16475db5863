# SPDX-License-Identifier: Apache-2.0
"""Turns pairs of texts into ids, and counts what is odd about them."""

import dataclasses
import itertools

import numpy as np
from absl import logging

from albert.errors import UserError
from albert.records.corpus_counts import CorpusCounts
from albert.records.corpus_counts import describe_unknown
from albert.text.hash_set import HashSet
from albert.text_to_text.pair_counts import PairCounts
from albert.text_to_text.parallel_text import read_blocks
from albert.text_to_text.piece_balance import describe_imbalance
from albert.text_to_text.piece_balance import piece_rates
from albert.text_to_text.text_metrics import SPACELESS

# Of the pairs: more that are left out, or whose target is the source, are
# warned of.
_MANY_LEFT_OUT = 0.01
_MANY_EQUAL = 0.1
_MANY_DUPLICATES = 0.1

_SPACE_MARK = "\u2581"  # of SentencePiece


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairSettings:
    """Settings of how pairs become ids.

    Attributes:
      max_seq_length: int, pieces of a source with [CLS] and [SEP], at most.
      max_target_length: int, pieces of a target with [SEP], at most.
      cut_long_sources: bool, cut a source that is longer, instead of leaving
        the pair out.
      max_left_out_share: float; more pairs that cannot be used are refused.
      max_unknown_share: float; more unknown pieces on a side are refused.
    """

    max_seq_length: int
    max_target_length: int
    cut_long_sources: bool = False
    max_left_out_share: float = 0.2
    max_unknown_share: float = 0.2


@dataclasses.dataclass(frozen=True, eq=False)
class PairFeatures:
    """Ids of N pairs.

    Attributes:
      source_ids: int32, the sources one after the other: [CLS] … [SEP].
      source_splits: int64 [N + 1], where each begins, and the end.
      target_ids: int32, the targets: … [SEP].
      target_splits: int64 [N + 1], likewise.
    """

    source_ids: np.ndarray
    source_splits: np.ndarray
    target_ids: np.ndarray
    target_splits: np.ndarray

    @property
    def num_examples(self):
        """N, the number of pairs."""
        return len(self.source_splits) - 1

    @property
    def source_lengths(self):
        """Number of pieces of each source: int64 [N]."""
        return np.diff(self.source_splits)

    @property
    def target_lengths(self):
        """Number of pieces of each target: int64 [N]."""
        return np.diff(self.target_splits)


@dataclasses.dataclass(frozen=True, eq=False)
class EncodedPairs:
    """Pairs of a split with their ids.

    Attributes:
      features: ``PairFeatures``.
      counts: ``PairCounts``.
      sources, targets: lists of str, of all pairs as they were read, those
        that are left out too; None where they are not kept.
      has_texts: list of bool, which of these have a piece on both sides.
    """

    features: PairFeatures
    counts: PairCounts
    sources: list | None = None
    targets: list | None = None
    has_texts: list | None = None


def encode_pairs(pairs, tokenizer, settings, *, split, keep_texts=False):
    """Reads and encodes the pairs of a split.

    Args:
      pairs: ``ParallelFiles`` or ``PairTable``.
      tokenizer: ``albert.text.tokenizers.TokenizerInterface``.
      settings: ``PairSettings``.
      split: str, for messages, such as "training".
      keep_texts: bool, keep the texts too, to compare translations with.

    Returns:
      ``EncodedPairs``.

    Raises:
      UserError: a file cannot be read or used, too many pairs cannot be used,
        or too much is unknown to the vocabulary.
    """
    encoder = _PairEncoder(pairs, tokenizer, settings, keep_texts)
    for block in read_blocks(pairs):
        encoder.add(block)
    encoded = encoder.finish()
    logging.info("%s: %s", split, encoded.counts.describe())
    for warning in encoder.warnings():
        logging.warning("%s: %s", pairs.path, warning)
    return encoded


def encode_sources(texts, tokenizer, max_seq_length):
    """Encodes texts that are to be translated.

    Args:
      texts: list of str.
      tokenizer: as of ``encode_pairs``.
      max_seq_length: int, pieces with [CLS] and [SEP]; longer texts are cut.

    Returns:
      (rows, cut): list of lists of int, [CLS] … [SEP]; int, texts cut.
    """
    most = max_seq_length - 2
    rows = tokenizer.encode_batch(texts)
    cut = sum(len(row) > most for row in rows)
    return [
        [tokenizer.cls_id, *row[:most], tokenizer.sep_id] for row in rows
    ], cut


class _PairEncoder:
    """Collector of the ids of pairs, block by block."""

    def __init__(self, pairs, tokenizer, settings, keep_texts):
        self._pairs = pairs
        self._tokenizer = tokenizer
        self._settings = settings
        self._counts = PairCounts()
        self._seen_pairs, self._seen_sources = HashSet(), HashSet()
        self._first_left_out = None
        # Of the sources, and of the targets.
        self._ids = ([], [])
        self._lengths = ([], [])
        self._texts = ([], [])
        self._has_texts = []
        self._known = (CorpusCounts(), CorpusCounts())
        self._keep_texts = keep_texts
        # Letters of scripts without spaces, of each side.
        self._wide = [0, 0]

    def add(self, block):
        """Adds a list of (line, source, target)."""
        numbers, *texts = map(list, zip(*block, strict=True))
        encoded = map(self._tokenizer.encode_batch, texts)
        rows = list(zip(numbers, *texts, *encoded, strict=True))
        has_texts = [self._is_whole(row[0], *row[3:]) for row in rows]
        if self._keep_texts:
            for kept, side in zip(self._texts, texts, strict=True):
                kept += side
            self._has_texts += has_texts
        rows = list(itertools.compress(rows, has_texts))
        for side in (0, 1):
            for row in rows:
                self._count_unknown(side, row[1 + side], row[3 + side])
        fitting = [
            (*pair, *ids)
            for number, *pair, source, target in rows
            if (ids := self._fit(number, source, target))
        ]
        for source, target, *ids in fitting:
            self._count(source, target)
            for side in (0, 1):
                self._lengths[side].append(len(ids[side]))
        for side in (0, 1):
            block = [id_ for pair in fitting for id_ in pair[2 + side]]
            self._ids[side].append(np.array(block, np.int32))

    def finish(self):
        """Returns the ``EncodedPairs``; refuses what cannot be trained on."""
        for known, name in zip(self._known, self._pairs.names, strict=True):
            known.refuse_unknown(
                self._settings.max_unknown_share,
                name,
                self._tokenizer.model_file,
            )
        counts = self._counts
        rates = piece_rates(self._known)
        counts.source_pieces_per_character = rates[0]
        counts.target_pieces_per_character = rates[1]
        share = counts.left_out_share()
        if share > self._settings.max_left_out_share or not counts.pairs:
            raise UserError(
                f"{self._pairs.path}: {share:.0%} of the pairs cannot be used "
                f"({counts.describe()}), the first in line "
                f"{self._first_left_out}: correct the files, "
                f"{self._explain_length()}or give a larger "
                "--max_left_out_share"
                if counts.left_out
                else f"{self._pairs.path}: holds no text: put the texts there"
            )
        features = PairFeatures(
            *(
                part
                for ids, lengths in zip(self._ids, self._lengths, strict=True)
                for part in (
                    np.concatenate(ids),
                    np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
                )
            )
        )
        if not self._keep_texts:
            return EncodedPairs(features, counts)
        return EncodedPairs(features, counts, *self._texts, self._has_texts)

    def warnings(self):
        """Returns what the user should know about the pairs: list of str."""
        counts = self._counts
        warnings = []
        if counts.left_out_share() > _MANY_LEFT_OUT:
            warnings.append(
                f"{counts.left_out_share():.1%} of the pairs are left out, the "
                f"first in line {self._first_left_out}: correct the files"
                f"{self._explain_length(', or ')}"
            )
        if counts.equal > _MANY_EQUAL * counts.pairs:
            warnings.append(
                f"of {counts.equal / counts.pairs:.0%} of the pairs the target "
                "is the source, so that copying is learnt: leave them out"
            )
        if counts.duplicates > _MANY_DUPLICATES * counts.pairs:
            warnings.append(
                f"{counts.duplicates / counts.pairs:.0%} of the pairs came "
                "before: leave them out, as they count more than others"
            )
        for known, name in zip(self._known, self._pairs.names, strict=True):
            figures = known.as_dict(self._tokenizer)
            unknown = describe_unknown(
                figures["unknown_share"], figures["unknown_characters_share"]
            )
            if unknown:
                warnings.append(f"{name}: {unknown}")
        unbalanced = describe_imbalance(
            piece_rates(self._known), self._wide_shares(), self._pairs.names
        )
        return warnings + list(filter(None, [unbalanced]))

    def _wide_shares(self):
        """Returns the share of each side's characters that is spaceless."""
        return [
            wide / max(1, known.characters)
            for wide, known in zip(self._wide, self._known, strict=True)
        ]

    def _is_whole(self, number, source, target):
        """Whether both texts of a pair have a piece; counts it if not.

        A space of no width, for example, is a character without a piece.
        """
        has_source, has_target = bool(source), bool(target)
        if has_source and has_target:
            return True
        if has_source:
            self._leave_out(number, "without_target")
        elif has_target:
            self._leave_out(number, "without_source")
        else:
            self._counts.blank += 1
        return False

    def _leave_out(self, number, reason):
        setattr(self._counts, reason, getattr(self._counts, reason) + 1)
        if self._first_left_out is None:
            self._first_left_out = number

    def _count_unknown(self, side, text, row):
        """Counts what is unknown in a text, whose ids are a row."""
        known, unknown_id = self._known[side], self._tokenizer.unknown_id
        known.tokens += len(row)
        known.characters += len(text) - text.count(" ")
        if not text.isascii():
            self._wide[side] += len(SPACELESS.findall(text))
        if unknown_id in row:
            pieces = self._tokenizer.tokenize(text)
            unknown = [
                piece.strip(_SPACE_MARK)
                for piece, id_ in zip(pieces, row, strict=True)
                if id_ == unknown_id
            ]
            known.unknown += len(unknown)
            known.unknown_characters += sum(map(len, unknown))

    def _fit(self, number, source, target):
        """Returns the ids of a pair with control pieces, or None if too long.

        Args:
          number: int, its line.
          source, target: lists of int.
        """
        settings = self._settings
        most = settings.max_seq_length - 2
        if len(target) + 1 > settings.max_target_length:
            return self._leave_out(number, "long_target")
        if len(source) > most:
            if not settings.cut_long_sources:
                return self._leave_out(number, "long_source")
            self._counts.cut_source += 1
        tokenizer = self._tokenizer
        return (
            [tokenizer.cls_id, *source[:most], tokenizer.sep_id],
            [*target, tokenizer.sep_id],
        )

    def _count(self, source, target):
        counts = self._counts
        counts.pairs += 1
        counts.equal += source == target
        # No line has an end of a line in it.
        if not self._seen_pairs.add(f"{source}\n{target}"):
            counts.duplicates += 1
        elif not self._seen_sources.add(source):
            counts.repeated_source += 1

    def _explain_length(self, before=""):
        """Returns what helps against texts that are too long, if there are."""
        counts, after = self._counts, "" if before else ", "
        if counts.long_source + counts.long_target == 0:
            return ""
        flags = ["raise --max_target_length"] if counts.long_target else []
        if counts.long_source:
            flags.append("raise --max_seq_length or give --cut_long_sources")
        return f"{before}{', '.join(flags)}{after}"
