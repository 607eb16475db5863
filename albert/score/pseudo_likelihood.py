# SPDX-License-Identifier: Apache-2.0
"""Computes pseudo-log-likelihoods of texts with a masked language model.

The score of a text is the sum of the log-probabilities of its pieces, each
predicted from the text around it with the piece itself masked (Salazar et al.
2020, arXiv 1910.14659). Where a word has several pieces, the later ones give
an earlier one away, so that rare words score too well: by default those behind
a piece in its word are masked with it (PLL-word-l2r of Kauf and Ivanova 2023,
arXiv 2305.10588).
"""

import dataclasses

import numpy as np
import tensorflow as tf

from albert.errors import UserError
from albert.tasks import metrics

# How the pieces of a word are masked: the one that is predicted with those
# behind it in its word, or alone.
METHODS = ("word_l2r", "original")
# What becomes of texts that are longer than the model reads.
LONG_TEXTS = ("refuse", "window")
# Positions that are computed together, with their padding.
BATCH_POSITIONS = 8192
# Positions of sequences that are held at a time, 4 bytes each.
_MOST_POSITIONS = 1 << 25


@dataclasses.dataclass(frozen=True)
class Score:
    """Score of a text.

    Attributes:
      log_likelihood: float, the pseudo-log-likelihood, natural.
      num_pieces: int, pieces that were predicted.
      num_unknown: int, those that the vocabulary does not know.
    """

    log_likelihood: float
    num_pieces: int
    num_unknown: int


class Scorer:
    """Scores texts with a model.

    Attributes:
      num_sequences: int, masked sequences that were computed so far.
      num_windowed: int, texts that were longer than the model reads.
    """

    def __init__(
        self,
        model,
        tokenizer,
        method="word_l2r",
        long_texts="refuse",
        batch_positions=BATCH_POSITIONS,
    ):
        """Makes a scorer.

        Args:
          model: ``AlbertPretrainer``.
          tokenizer: its tokenizer.
          method: str of ``METHODS``.
          long_texts: str of ``LONG_TEXTS``; "window": each piece is predicted
            from as many pieces around it as the model reads.
          batch_positions: int, positions of a batch, with their padding. It
            changes scores by rounding alone.

        Raises:
          ValueError: the method, or what to do with long texts, is neither.
        """
        if method not in METHODS or long_texts not in LONG_TEXTS:
            raise ValueError(f"{method}, {long_texts}: no such choice")
        self.num_sequences = 0
        self.num_windowed = 0
        self._tokenizer = tokenizer
        self._starts = tokenizer.word_start_table()
        self._masks_whole_words = method == "word_l2r"
        self._windows = long_texts == "window"
        # Without [CLS] and [SEP].
        self._room = model.config.longest_sequence - 2
        self._batch_positions = batch_positions
        self._log_probabilities = _compile(model)

    def score(self, texts, names):
        """Scores texts, sequences of like length together.

        A sequence that several texts share, such as two that differ in one
        piece, with that piece masked, is computed once.

        Args:
          texts: list of str.
          names: list of str, what messages call each of them.

        Returns:
          list of ``Score``.

        Raises:
          UserError: a text has no piece, or is longer than the model reads.
        """
        rows = self.check(texts, names)
        values = []
        sequences, queries = {}, []  # (number of the sequence, piece)
        num_positions = 0
        for ids in rows:
            for (masked, position), id_ in zip(
                self._mask(ids), ids, strict=True
            ):
                number = sequences.setdefault(
                    (masked.tobytes(), position), len(sequences)
                )
                queries.append((number, id_))
                num_positions += len(masked)
                if num_positions >= _MOST_POSITIONS:
                    values.append(self._compute(sequences, queries))
                    sequences, queries = {}, []
                    num_positions = 0
        values.append(self._compute(sequences, queries))
        of_texts = np.split(
            np.concatenate(values), np.cumsum([len(ids) for ids in rows])
        )
        unknown = self._tokenizer.unknown_id
        self.num_windowed += sum(len(ids) > self._room for ids in rows)
        return [
            Score(float(found.sum()), len(ids), int((ids == unknown).sum()))
            for ids, found in zip(rows, of_texts, strict=False)
        ]

    def check(self, texts, names):
        """Refuses what ``score`` would refuse, without computing anything.

        Args:
          texts, names: as of ``score``.

        Returns:
          list of int32 [N], the ids of each text.

        Raises:
          UserError: as of ``score``.
        """
        rows = self._tokenizer.encode_batch(texts)
        for ids, name in zip(rows, names, strict=True):
            if not ids:
                raise UserError(
                    f"{name}: no text, or none that the vocabulary has pieces "
                    "for: leave it out"
                )
            if len(ids) > self._room and not self._windows:
                raise UserError(
                    f"{name}: {len(ids):,} pieces, and the model reads at most "
                    f"{self._room:,}: cut it, or give --long_texts=window"
                )
        return [np.asarray(ids, np.int32) for ids in rows]

    def _mask(self, ids):
        """Yields a sequence for each piece of a text, each in place.

        Of a text that is longer than the model reads, the piece is in the
        middle of its window.

        Yields:
          (int32 [S], int, the position of the piece to predict: masks may be
          pieces of the text, too).
        """
        length = len(ids)
        last = np.arange(length)
        if self._masks_whole_words:
            starts = self._starts[ids]
            starts[0] = True
            words = np.cumsum(starts)
            last = np.searchsorted(words, words, side="right") - 1
        width = min(length, self._room)
        sequence = np.empty(width + 2, np.int32)
        sequence[0] = self._tokenizer.cls_id
        sequence[-1] = self._tokenizer.sep_id
        for piece in range(length):
            start = min(max(piece - width // 2, 0), length - width)
            sequence[1:-1] = ids[start : start + width]
            # The end of its word may be outside of the window.
            end = min(last[piece], start + width - 1)
            sequence[1 + piece - start : 2 + end - start] = (
                self._tokenizer.mask_id
            )
            yield sequence, 1 + piece - start

    def _compute(self, sequences, queries):
        """Returns the log-probability of each query: float64 [Q].

        Args:
          sequences: iterable of different pairs, the bytes of int32 [S] and
            the position that is predicted.
          queries: list of Q pairs of int, the number of a sequence, and the id
            of what is predicted there.
        """
        self.num_sequences += len(sequences)
        positions = np.array([each for _, each in sequences], np.int32)
        sequences = [np.frombuffer(each, np.int32) for each, _ in sequences]
        queries = np.array(queries, np.int32).reshape(-1, 2)
        values = np.zeros(len(queries))
        lengths = np.array([len(each) for each in sequences], np.int64)
        by_length = np.argsort(lengths, kind="stable")
        places = np.empty_like(by_length)
        places[by_length] = np.arange(len(by_length))
        by_place = np.argsort(places[queries[:, 0]], kind="stable")
        found = places[queries[by_place, 0]]
        start = 0
        while start < len(by_length):
            # The longest one that is taken decides, and so fewer are.
            end = start + 1
            most = self._batch_positions
            while (
                end < len(by_length)
                and (end + 1 - start) * lengths[by_length[end]] <= most
            ):
                end += 1
            chosen = by_place[
                np.searchsorted(found, start) : np.searchsorted(found, end)
            ]
            values[chosen] = self._compute_batch(
                [sequences[number] for number in by_length[start:end]],
                positions[by_length[start:end], np.newaxis],
                places[queries[chosen, 0]] - start,
                queries[chosen, 1],
            )
            start = end
        return values

    def _compute_batch(self, rows, positions, owners, targets):
        lengths = np.array([len(row) for row in rows], np.int32)
        ids = np.zeros((len(rows), lengths.max()), np.int32)
        for padded, row in zip(ids, rows, strict=True):
            padded[: len(row)] = row
        found = self._log_probabilities(
            ids, lengths, positions, owners.astype(np.int32), targets
        ).numpy()
        metrics.check_finite(found)
        return found


def _compile(model):
    """Returns the function that computes a batch.

    Letters: B sequences, S positions, Q queries.

    Returns:
      function of ids int32 [B, S], lengths int32 [B], positions int32 [B, 1],
      owners int32 [Q], which of the sequences each query is of, and targets
      int32 [Q], to float32 [Q].
    """
    vector = tf.TensorSpec((None,), tf.int32)
    matrix = tf.TensorSpec((None, None), tf.int32)

    # Of any shape, so that it is traced once.
    @tf.function(
        input_signature=[
            matrix,
            vector,
            tf.TensorSpec((None, 1), tf.int32),
            vector,
            vector,
        ],
        autograph=False,
    )
    def log_probabilities(ids, lengths, positions, owners, targets):
        outputs = model(
            {
                "input_ids": ids,
                "input_mask": tf.sequence_mask(
                    lengths, tf.shape(ids)[1], tf.int32
                ),
                "masked_lm_positions": positions,
            }
        )
        logits = outputs["masked_lm_logits"][:, 0]
        cells = tf.stack([owners, targets], axis=1)
        return tf.gather_nd(logits, cells) - tf.gather(
            tf.reduce_logsumexp(logits, axis=1), owners
        )

    return log_probabilities
