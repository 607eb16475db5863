# SPDX-License-Identifier: Apache-2.0
"""Writes the target of each source text with a trained model."""

import dataclasses
import itertools
import re
import typing

import numpy as np
from absl import logging

from albert.errors import UserError
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
      cut: int, texts that were longer than they may be, so far.
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
        self.cut = 0

    def translate(self, texts):
        """Translates texts.

        Args:
          texts: list of N str.

        Returns:
          list of N lists of ``Translation``, the best first: as many as there
          are, at most ``num_best``; one without a text where there is no piece
          to translate.

        Raises:
          UserError: the model's outputs are not finite.
        """
        nothing = [Translation("", 0.0)]
        results = [nothing] * len(texts)
        rows, cut = encode_sources(
            texts, self._tokenizer, self.settings.max_seq_length
        )
        # Others have nothing between [CLS] and [SEP].
        real = [i for i, row in enumerate(rows) if len(row) > 2]
        self.cut += cut
        # The longest first: a batch too large for the memory fails at once.
        order = sorted(real, key=lambda i: -len(rows[i]))
        for begin in range(0, len(order), self.settings.batch_size):
            batch = order[begin : begin + self.settings.batch_size]
            found = self._search_batch([rows[i] for i in batch])
            for i, translations in zip(batch, found, strict=True):
                results[i] = translations
        return results

    def translate_stream(self, texts):
        """Yields what ``translate`` returns for each of any number of texts.

        Args:
          texts: iterable of str, of which some are read ahead.
        """
        texts, cut_before = iter(texts), self.cut
        count = _BATCHES_READ * self.settings.batch_size
        while block := list(itertools.islice(texts, count)):
            yield from self.translate(block)
        self.warn_of_cut(self.cut - cut_before)

    def search_ids(self, text):
        """Returns the ids of a text, and of its best target: lists of int.

        Raises:
          UserError: as of ``translate``.
        """
        (row,), cut = encode_sources(
            [text], self._tokenizer, self.settings.max_seq_length
        )
        self.cut += cut
        self.warn_of_cut(cut)
        ids, _ = self._search_rows([row])
        return row, self._real_ids(ids[0, 0])

    def warn_of_cut(self, count):
        """Warns of a number of texts that were cut, if there are any."""
        if count:
            logging.warning(
                "%s texts were longer than %d pieces, and cut: raise "
                "--max_seq_length if the model has more positions",
                f"{count:,}",
                self.settings.max_seq_length,
            )

    def _search_batch(self, rows):
        ids, scores = self._search_rows(rows)
        return [
            [
                Translation(self._decode(target), float(score))
                for target, score in zip(targets, row_scores, strict=True)
                if np.isfinite(score)
            ]
            for targets, row_scores in zip(ids, scores, strict=True)
        ]

    def _search_rows(self, rows):
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
        return ids, scores

    def _real_ids(self, target):
        """Returns the ids up to [SEP], which is the last."""
        target = target.tolist()
        return target[: target.index(self._tokenizer.sep_id) + 1]

    def _decode(self, target):
        text = self._tokenizer.decode(self._real_ids(target)[:-1])
        return _BREAKS.sub(" ", text).strip()
