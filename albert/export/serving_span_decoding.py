# SPDX-License-Identifier: Apache-2.0
"""Decodes the outputs of the span heads to answers in TensorFlow ops.

As ``albert.tasks.squad.decoding``. Letters: N questions, W windows, S
positions, A spans that may be answers.
"""

import typing

import numpy as np
import tensorflow as tf

from albert.export.serving_sequences import rows_from
from albert.tasks.squad.decoding import NO_SPAN_NULL_SCORE

# Score of a question without any span, as in the original's
# write_predictions_v2.
_NO_SPAN_SCORE = -1e6


class _Spans(typing.NamedTuple):
    """Spans of tokens that may be answers: [A] each."""

    windows: tf.Tensor
    starts: tf.Tensor
    ends: tf.Tensor
    start_scores: tf.Tensor
    end_scores: tf.Tensor

    def apply(self, change):
        return _Spans(*map(change, self))


class Decoder:
    """Decoder of the outputs of a span head to the best answers.

    Args:
      head: "span_v1" or "span_v2".
      with_negative: bool, whether a question may have no answer.
      n_best_size, max_answer_length: ints, as in
        ``albert.tasks.squad.decoding``.
      null_score_diff_threshold: float, as in ``Decoded.predictions``.
    """

    def __init__(
        self,
        head,
        with_negative,
        n_best_size,
        max_answer_length,
        null_score_diff_threshold,
    ):
        self._head = head
        self._with_negative = with_negative
        self._n_best_size = n_best_size
        self._max_answer_length = max_answer_length
        self._threshold = null_score_diff_threshold

    def decode(self, windows, inputs, outputs, pieces, characters, white):
        """Finds the best answer to each question.

        Args:
          windows: ``Windows``.
          inputs, outputs: of the model, dicts of tensors [W, …].
          pieces: (ids, starts, ends) of the contexts, ragged [N, None].
          characters: int32 ragged [N, None], the contexts.
          white: bool [all characters of them], what is white space.

        Returns:
          dict of answer: string [N]; start, end: int32 [N], characters of
          the context; score, probability: float32 [N]; where a question may
          have no answer also null_score: float32 [N], best_answer: string
          [N].
        """
        nulls = None
        num_questions = tf.size(pieces[0].row_starts(), tf.int64)
        if self._head == "span_v1":
            spans, nulls = self._pair(windows, inputs, outputs, num_questions)
        else:
            spans = self._beams(windows, outputs)
        questions = tf.gather(windows.questions, spans.windows)
        spans, questions = _sort(spans, questions)
        first, end = _characters(
            windows.gather(spans.windows), spans, pieces, characters, white
        )
        starts_of_texts = tf.gather(characters.row_starts(), questions)
        texts = tf.strings.unicode_encode(
            rows_from(characters.flat_values, first, end - first), "UTF-8"
        )
        kept = self._distinct(questions, texts)
        questions, texts, first, end, start_scores, end_scores = (
            tf.gather(values, kept)
            for values in (
                questions,
                texts,
                first - starts_of_texts,
                end - starts_of_texts,
                spans.start_scores,
                spans.end_scores,
            )
        )
        scores = tf.cast(start_scores, tf.float64) + tf.cast(
            end_scores, tf.float64
        )
        n_best = tf.RaggedTensor.from_value_rowids(
            tf.range(tf.size(questions)),
            questions,
            nrows=num_questions,
            validate=False,
        )
        found = n_best.row_lengths() > 0

        def of_best(values, otherwise):
            # One more, for the questions that have none.
            padded = tf.concat(
                [values, tf.constant([otherwise], values.dtype)], 0
            )
            nowhere = tf.size(values)
            best = n_best[:, :1].to_tensor(nowhere, shape=(None, 1))[:, 0]
            return tf.gather(padded, tf.where(found, best, nowhere))

        best_scores = of_best(scores, _NO_SPAN_SCORE)
        probability = _probability(
            n_best.with_values(scores), best_scores, found, nulls
        )
        answer = {
            "answer": of_best(texts, ""),
            "start": tf.cast(of_best(first, 0), tf.int32),
            "end": tf.cast(of_best(end, 0), tf.int32),
            "score": tf.cast(best_scores, tf.float32),
            "probability": tf.cast(probability, tf.float32),
        }
        if not self._with_negative:
            return answer
        null_scores = self._null_scores(
            windows, outputs, num_questions, nulls, found, best_scores
        )
        answered = null_scores <= self._threshold
        return answer | {
            "answer": tf.where(answered, answer["answer"], ""),
            "start": tf.where(answered, answer["start"], 0),
            "end": tf.where(answered, answer["end"], 0),
            "null_score": tf.cast(null_scores, tf.float32),
            "best_answer": answer["answer"],
        }

    # ------------------------------------------------------------ candidates

    def _pair(self, windows, inputs, outputs, num_questions):
        """Pairs the best starts with the best ends of each window (v1).

        Returns:
          ``_Spans``, and the scores of no answer, float64 [N], or None.
        """
        real = inputs["input_mask"] > 0
        start_logits, end_logits = (
            tf.where(real, outputs[name], -np.inf)
            for name in ("start_logits", "end_logits")
        )
        size = tf.minimum(self._n_best_size, tf.shape(start_logits)[1])
        start_scores, starts = tf.math.top_k(start_logits, size)
        end_scores, ends = tf.math.top_k(end_logits, size)
        chosen = tf.where(
            self._is_allowed(
                windows,
                starts[:, :, tf.newaxis],
                ends[:, tf.newaxis, :],
            )
        )
        of_start, of_end = chosen[:, :2], tf.gather(chosen, [0, 2], axis=1)
        spans = _Spans(
            chosen[:, 0],
            tf.cast(tf.gather_nd(starts, of_start), tf.int64),
            tf.cast(tf.gather_nd(ends, of_end), tf.int64),
            tf.gather_nd(start_scores, of_start),
            tf.gather_nd(end_scores, of_end),
        )
        paired = tf.gather(windows.questions, spans.windows)
        counts = tf.math.unsorted_segment_sum(
            tf.ones_like(paired), paired, num_questions
        )
        lost = tf.gather(counts, windows.questions) == 0
        rest = tf.cond(
            tf.reduce_any(lost),
            lambda: self._try_all(windows, lost, start_logits, end_logits),
            lambda: spans.apply(lambda values: values[:0]),
        )
        spans = _Spans(
            *(tf.concat(pair, 0) for pair in zip(spans, rest, strict=True))
        )
        nulls = None
        if self._with_negative:
            nulls = tf.math.unsorted_segment_min(
                tf.cast(start_logits[:, 0], tf.float64)
                + tf.cast(end_logits[:, 0], tf.float64),
                windows.questions,
                num_questions,
            )
        return spans, nulls

    def _try_all(self, windows, lost, start_logits, end_logits):
        """Returns all spans of windows whose question has no candidate (v1)."""
        which = tf.where(lost)[:, 0]
        positions = tf.range(tf.shape(start_logits)[1])
        starts = positions[tf.newaxis, :, tf.newaxis]
        ends = starts + tf.range(self._max_answer_length)
        chosen = tf.where(self._is_allowed(windows.gather(which), starts, ends))
        window = tf.gather(which, chosen[:, 0])
        first, last = chosen[:, 1], chosen[:, 1] + chosen[:, 2]
        return _Spans(
            window,
            first,
            last,
            tf.gather_nd(start_logits, tf.stack([window, first], 1)),
            tf.gather_nd(end_logits, tf.stack([window, last], 1)),
        )

    def _beams(self, windows, outputs):
        """Returns the spans of the beams (v2)."""
        ends = outputs["end_top_index"]
        starts = outputs["start_top_index"]
        of_each = tf.shape(ends)[1] // tf.shape(starts)[1]
        starts = tf.repeat(starts, of_each, axis=1)
        chosen = tf.where(self._is_allowed(windows, starts, ends))
        return _Spans(
            chosen[:, 0],
            tf.cast(tf.gather_nd(starts, chosen), tf.int64),
            tf.cast(tf.gather_nd(ends, chosen), tf.int64),
            tf.gather_nd(
                tf.repeat(outputs["start_top_log_probs"], of_each, axis=1),
                chosen,
            ),
            tf.gather_nd(outputs["end_top_log_probs"], chosen),
        )

    def _is_allowed(self, windows, starts, ends):
        """Returns which spans may be answers: bool [W, …]; see ``decoding``."""
        starts, ends = tf.cast(starts, tf.int64), tf.cast(ends, tf.int64)

        def spread(values):
            dimensions = starts.shape.rank - 1
            return tf.reshape(values, [-1] + [1] * dimensions)

        shift = spread(windows.first_pieces - windows.offsets)
        return (
            (starts + shift >= spread(windows.max_context_starts))
            & (starts + shift < spread(windows.max_context_ends))
            & (ends < spread(windows.offsets + windows.num_pieces))
            & (ends >= starts)
            & (ends - starts < self._max_answer_length)
        )

    # --------------------------------------------------------------- answers

    def _distinct(self, questions, texts):
        """Returns each question's n best spans, of distinct texts: int64."""
        kept = tf.where(texts != "")[:, 0]
        kept_questions = tf.gather(questions, kept)
        _, text_indices = tf.unique(
            tf.strings.join(
                [tf.strings.as_string(kept_questions), tf.gather(texts, kept)],
                separator=" ",
            )
        )
        # Indices count up, so that these are in order again.
        firsts = tf.math.unsorted_segment_min(
            tf.range(tf.size(text_indices, tf.int64)),
            text_indices,
            1 + tf.reduce_max(tf.concat([[-1], text_indices], 0)),
        )
        kept = tf.gather(kept, firsts)
        kept_questions = tf.gather(kept_questions, firsts)
        rank = tf.range(tf.size(kept, tf.int64)) - tf.searchsorted(
            kept_questions, kept_questions, out_type=tf.int64
        )
        return tf.boolean_mask(kept, rank < self._n_best_size)

    def _null_scores(self, windows, outputs, num_questions, nulls, found, best):
        if self._head == "span_v1":
            return tf.where(found, nulls - best, NO_SPAN_NULL_SCORE)
        lowest = tf.math.unsorted_segment_min(
            tf.cast(outputs["cls_logits"], tf.float64),
            windows.questions,
            num_questions,
        )
        return tf.minimum(lowest, NO_SPAN_NULL_SCORE)


def _sort(spans, questions):
    """Orders spans by question, the best ones first.

    Equal scores stay in the order of windows, starts and ends.
    """
    scores = tf.cast(spans.start_scores, tf.float64) + tf.cast(
        spans.end_scores, tf.float64
    )
    order = tf.argsort(-scores, stable=True)
    order = tf.gather(
        order, tf.argsort(tf.gather(questions, order), stable=True)
    )
    return spans.apply(lambda values: tf.gather(values, order)), tf.gather(
        questions, order
    )


def _characters(windows, spans, pieces, characters, white):
    """Returns the bounds of spans in characters, without white space around.

    Args:
      windows: ``Windows`` of the spans, [A].
      spans: ``_Spans``.
      pieces, characters, white: of ``Decoder.decode``.

    Returns:
      (first, end): int64 [A], equal where nothing is left.
    """
    ids, starts, ends = pieces
    place = (
        tf.gather(ids.row_starts(), windows.questions)
        + windows.first_pieces
        - windows.offsets
    )
    text = tf.gather(characters.row_starts(), windows.questions)
    first = text + tf.cast(
        tf.gather(starts.flat_values, place + spans.starts), tf.int64
    )
    end = text + tf.cast(
        tf.gather(ends.flat_values, place + spans.ends), tf.int64
    )
    # A span may end in a piece that stands for white space alone.
    words = tf.where(~white)[:, 0]
    following = tf.gather(
        tf.concat([words, [tf.int64.max]], 0),
        tf.searchsorted(words, first, out_type=tf.int64),
    )
    before = tf.gather(
        tf.concat([[tf.constant(-1, tf.int64)], words], 0),
        tf.searchsorted(words, end, out_type=tf.int64),
    )
    is_text = following < end
    return tf.where(is_text, following, end), tf.where(is_text, before + 1, end)


def _probability(n_best, best, found, nulls):
    """Returns the probability of the best answer among the n best: float64 [N].

    Args:
      n_best: float64 ragged [N, None], scores.
      best: float64 [N], the highest of them.
      found: bool [N], whether there is any.
      nulls: float64 [N], the score of no answer, or None where that is not
        among them.
    """
    highest = best if nulls is None else tf.maximum(best, nulls)
    rows = n_best.value_rowids()
    weights = tf.math.unsorted_segment_sum(
        tf.exp(n_best.flat_values - tf.gather(highest, rows)),
        rows,
        tf.size(best),
    )
    if nulls is not None:
        weights += tf.exp(nulls - highest)
    probability = tf.exp(best - highest) / weights
    return tf.where(found, probability, tf.zeros_like(probability))
