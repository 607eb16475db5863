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

# How the pieces of a word are masked: the one that is predicted with those
# behind it in its word, or alone.
METHODS = ("word_l2r", "original")
# What becomes of texts that are longer than the model reads.
LONG_TEXTS = ("refuse", "window")
# Positions that are computed together, with their padding.
BATCH_POSITIONS = 8192


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
        self._limit = model.config.longest_sequence
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
        sequences = {}
        queries = []  # (number of the sequence, piece to predict)
        ends = [0]
        rows = self._tokenizer.encode_batch(texts)
        for ids, name in zip(rows, names, strict=True):
            ids = np.asarray(ids, np.int32)
            for masked, id_ in zip(self._mask(ids, name), ids, strict=True):
                number = sequences.setdefault(masked.tobytes(), len(sequences))
                queries.append((number, id_))
            ends.append(len(queries))
        values = self._compute(
            [np.frombuffer(each, np.int32) for each in sequences],
            np.array(queries, np.int32).reshape(-1, 2),
        )
        self.num_sequences += len(sequences)
        unknown = self._tokenizer.unknown_id
        return [
            Score(float(values[start:end].sum()), len(ids), ids.count(unknown))
            for start, end, ids in zip(ends, ends[1:], rows, strict=False)
        ]

    def _mask(self, ids, name):
        """Returns a sequence for each piece of a text: int32 [N, S].

        The piece to predict is the first one that is masked.
        """
        if not len(ids):
            raise UserError(
                f"{name}: no text, or none that the vocabulary has pieces for: "
                "leave it out"
            )
        pieces = np.arange(len(ids))
        last = pieces
        if self._masks_whole_words:
            starts = self._starts[ids]
            starts[0] = True
            words = np.cumsum(starts)
            last = np.searchsorted(words, words, side="right") - 1
        tokenizer = self._tokenizer
        is_masked = (pieces >= pieces[:, np.newaxis]) & (
            pieces <= last[:, np.newaxis]
        )
        masked = np.where(is_masked, np.int32(tokenizer.mask_id), ids)
        room = self._limit - 2
        if len(ids) > room:
            masked = self._cut(masked, room, name)
        edge = np.ones((len(ids), 1), np.int32)
        return np.concatenate(
            [edge * tokenizer.cls_id, masked, edge * tokenizer.sep_id],
            axis=1,
            dtype=np.int32,
        )

    def _cut(self, masked, room, name):
        """Returns the window of each sequence with its piece in the middle."""
        length = len(masked)
        if not self._windows:
            raise UserError(
                f"{name}: {length:,} pieces, and the model reads at most "
                f"{room:,}: cut it, or give --long_texts=window"
            )
        self.num_windowed += 1
        starts = np.clip(np.arange(length) - room // 2, 0, length - room)
        columns = starts[:, np.newaxis] + np.arange(room)
        return np.take_along_axis(masked, columns, axis=1)

    def _compute(self, sequences, queries):
        """Returns the log-probability of each query: float64 [Q].

        Args:
          sequences: list of int32 [S].
          queries: int32 [Q, 2], the number of a sequence, and the id of what
            is predicted at its first mask.
        """
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
                places[queries[chosen, 0]] - start,
                queries[chosen, 1],
            )
            start = end
        return values

    def _compute_batch(self, rows, owners, targets):
        lengths = np.array([len(row) for row in rows], np.int32)
        ids = np.zeros((len(rows), lengths.max()), np.int32)
        for padded, row in zip(ids, rows, strict=True):
            padded[: len(row)] = row
        positions = np.argmax(ids == self._tokenizer.mask_id, axis=1)
        return self._log_probabilities(
            ids,
            lengths,
            positions.astype(np.int32)[:, np.newaxis],
            owners.astype(np.int32),
            targets,
        ).numpy()


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
