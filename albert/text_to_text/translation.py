# SPDX-License-Identifier: Apache-2.0
"""Writes the target of each source text with a trained model."""

import dataclasses
import itertools
import re
import typing

import numpy as np
from absl import logging

from albert.errors import UserError
from albert.records.corpus_counts import MOST_UNKNOWN
from albert.tasks.features import PAD_ID
from albert.text_to_text.decoding import BeamSearch
from albert.text_to_text.pair_features import encode_sources

# They would end a line or a column. The pieces of a vocabulary that falls back
# to bytes can spell them.
_BREAKS = re.compile(r"[\t-\r]")
# Sources are padded to a multiple, as in training.
_LENGTH_MULTIPLE = 8
# Of a stream, batches that are read before the first is translated, so that
# texts of like length can share one.
_BATCHES_READ = 16


class Translation(typing.NamedTuple):
    """Text that a model wrote, on one line and without tabs, and its score."""

    text: str
    score: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class SearchSettings:
    """Settings of how targets are searched for.

    Attributes:
      max_seq_length: int, pieces of a source with [CLS] and [SEP]; longer
        ones are cut.
      max_target_length: int, pieces of a target with [SEP].
      beam_size, length_penalty, num_best: as of ``BeamSearch``.
      batch_size: int, sources that are searched for at a time.
    """

    max_seq_length: int
    max_target_length: int
    beam_size: int
    length_penalty: float
    num_best: int = 1
    batch_size: int


@dataclasses.dataclass
class TranslationCounts:
    """Counts over texts that were translated.

    Attributes:
      texts: all of them.
      blank: those without a piece, which have no target.
      cut: those that were longer than they may be.
      full: those whose best target is as long as it may be, and was ended
        there.
      empty: those with a piece whose best target has no text all the same.
      pieces, unknown: pieces of the texts, and those that the vocabulary does
        not know.
      target_pieces, target_unknown: likewise of the best targets.
    """

    texts: int = 0
    blank: int = 0
    cut: int = 0
    full: int = 0
    empty: int = 0
    pieces: int = 0
    unknown: int = 0
    target_pieces: int = 0
    target_unknown: int = 0

    @property
    def target_unknown_share(self):
        """float, of the pieces of the best targets."""
        return self.target_unknown / max(self.target_pieces, 1)

    def length_warnings(self, settings):
        """Returns what was longer than the settings allow: list of str."""
        warnings = []
        if self.cut:
            warnings.append(
                f"{self.cut:,} texts were longer than "
                f"{settings.max_seq_length} pieces, and cut: raise "
                "--max_seq_length if the model has more positions"
            )
        if self.full:
            warnings.append(
                f"{self.full:,} targets were ended at "
                f"{settings.max_target_length} pieces, as long as they may be: "
                "raise --max_target_length if the model has more positions; a "
                "model that repeats itself needs more training"
            )
        return warnings

    def target_warnings(self):
        """Returns what is odd about what was written: list of str."""
        warnings = []
        if self.empty:
            warnings.append(
                f"{self.empty:,} of {self.texts - self.blank:,} texts with "
                "pieces have an empty target: the model has not learnt to "
                "write these; train it longer, or on texts like them, or give "
                "a larger --length_penalty"
            )
        if self.target_unknown_share > MOST_UNKNOWN:
            warnings.append(
                f"{self.target_unknown_share:.1%} of the pieces of the targets "
                "are the unknown one, which is no text: the vocabulary lacks "
                "characters of the targets that the model was trained on; make "
                "one of the texts of both sides"
            )
        return warnings

    def text_warnings(self):
        """Returns what is odd about the texts themselves: list of str."""
        warnings = []
        if self.blank == self.texts:
            warnings.append(f"none of {self.texts:,} texts has a piece")
        elif self.blank:
            warnings.append(
                f"{self.blank:,} of {self.texts:,} texts have no piece, and "
                "an empty target"
            )
        if self.unknown > MOST_UNKNOWN * self.pieces:
            warnings.append(
                f"{self.unknown / self.pieces:.1%} of the pieces of the texts "
                "are unknown to the vocabulary, and the targets guessed "
                "without them: are they of the language of the model's sources?"
            )
        return warnings


class Translator:
    """Writer of the targets of texts.

    What it writes does not depend on which texts come together, but for
    rounding, see ``BeamSearch``.

    Args:
      model: ``AlbertEncoderDecoder``.
      tokenizer: ``albert.text.tokenizers.TokenizerInterface``.
      settings: ``SearchSettings``.

    Attributes:
      settings: ``SearchSettings``.
    """

    def __init__(self, model, tokenizer, settings):
        self._tokenizer = tokenizer
        self.settings = settings
        self._search = BeamSearch(
            model,
            tokenizer,
            beam_size=settings.beam_size,
            length_penalty=settings.length_penalty,
            max_target_length=settings.max_target_length,
            num_best=settings.num_best,
        )

    def translate(self, texts, counts=None, advance=None):
        """Translates texts.

        Args:
          texts: list of N str.
          counts: ``TranslationCounts`` that they are added to, or None.
          advance: function that is told how many more are done, or None.

        Returns:
          list of N lists of ``Translation``, the best first: as many as there
          are, at most ``num_best``; one without a text where there is no piece
          to translate.

        Raises:
          UserError: the model's outputs are not finite.
        """
        counts = TranslationCounts() if counts is None else counts
        nothing = [Translation("", 0.0)]
        results = [nothing] * len(texts)
        rows = self._encode(texts, counts)
        # Others have nothing between [CLS] and [SEP].
        real = [i for i, row in enumerate(rows) if len(row) > 2]
        if advance:
            advance(len(rows) - len(real))
        # The longest first: a batch too large for the memory fails at once.
        order = sorted(real, key=lambda i: -len(rows[i]))
        for begin in range(0, len(order), self.settings.batch_size):
            batch = order[begin : begin + self.settings.batch_size]
            found = self._search_batch([rows[i] for i in batch], counts)
            for i, translations in zip(batch, found, strict=True):
                results[i] = translations
            if advance:
                advance(len(batch))
        return results

    def translate_stream(self, texts, advance=None):
        """Yields what ``translate`` returns for each of any number of texts.

        What was odd about them is logged at the end.

        Args:
          texts: iterable of str, of which some are read ahead.
          advance: as of ``translate``.
        """
        texts, counts = iter(texts), TranslationCounts()
        count = _BATCHES_READ * self.settings.batch_size
        while block := list(itertools.islice(texts, count)):
            yield from self.translate(block, counts, advance)
        self._warn(counts)

    def search_ids(self, text):
        """Returns the ids of a text, and of its best target: lists of int.

        Raises:
          UserError: as of ``translate``.
        """
        counts = TranslationCounts()
        (row,) = self._encode([text], counts)
        ids, _ = self._search_rows([row], counts)
        self._warn(counts)
        return row, self._real_ids(ids[0, 0])

    def _warn(self, counts):
        for warning in (
            *counts.length_warnings(self.settings),
            *counts.target_warnings(),
            *counts.text_warnings(),
        ):
            logging.warning("%s", warning)

    def _encode(self, texts, counts):
        """Returns the ids of texts, [CLS] … [SEP], and counts them."""
        rows, cut = encode_sources(
            texts, self._tokenizer, self.settings.max_seq_length
        )
        counts.texts += len(rows)
        counts.cut += cut
        for row in rows:
            counts.blank += len(row) == 2
            counts.pieces += len(row) - 2
            counts.unknown += row.count(self._tokenizer.unknown_id)
        return rows

    def _search_batch(self, rows, counts):
        ids, scores = self._search_rows(rows, counts)
        return [
            [
                Translation(self._decode(target), float(score))
                for target, score in zip(targets, row_scores, strict=True)
                if np.isfinite(score)
            ]
            for targets, row_scores in zip(ids, scores, strict=True)
        ]

    def _search_rows(self, rows, counts):
        """Returns what the search finds, as arrays of finite scores."""
        length = max(map(len, rows))
        length += -length % _LENGTH_MULTIPLE
        length = min(length, self.settings.max_seq_length)
        input_ids = np.full((len(rows), length), PAD_ID, np.int32)
        input_mask = np.zeros_like(input_ids)
        for index, row in enumerate(rows):
            input_ids[index, : len(row)] = row
            input_mask[index, : len(row)] = 1
        ids, scores = (
            found.numpy() for found in self._search(input_ids, input_mask)
        )
        if not np.isfinite(scores[:, 0]).all():
            raise UserError(
                "the model's outputs are not finite: use other weights, or "
                "train it again with a smaller --learning_rate"
            )
        counts.full += int((ids[:, 0, -1] == self._tokenizer.sep_id).sum())
        for best in ids[:, 0]:
            written = self._real_ids(best)[:-1]
            counts.empty += not self._decode(best)
            counts.target_pieces += len(written)
            counts.target_unknown += written.count(self._tokenizer.unknown_id)
        return ids, scores

    def _real_ids(self, target):
        """Returns the ids up to [SEP], which is the last."""
        target = target.tolist()
        return target[: target.index(self._tokenizer.sep_id) + 1]

    def _decode(self, target):
        text = self._tokenizer.decode(self._real_ids(target)[:-1])
        return _BREAKS.sub(" ", text).strip()
