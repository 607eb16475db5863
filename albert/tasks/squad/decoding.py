# SPDX-License-Identifier: Apache-2.0
"""Turns the outputs of the span heads into answers.

Rules of ``accumulate_predictions_v1``, ``write_predictions_v1`` and their v2
forms in the original's ``squad_utils.py``; the null answer of the v1 head is
that of BERT's ``run_squad.py``. Differences:

- Answers are cut out of the context by exact character spans, and an empty
  text is no answer.
- A question whose n best starts and n best ends do not make one answer has
  all its spans looked through, instead of the answer "empty".
- A question is answered if its null score is at most the threshold, as the
  search for the best threshold counts it (there: below it).

Letters: N windows, S positions, Q questions, K starts of the beam, J ends of
each start.
"""

import dataclasses

import numpy as np

from albert.tasks.squad.answers import Decoded
from albert.tasks.squad.answers import SpanAnswer

# Null score of a question without any span to answer with; as the original,
# large and finite, because JSON has no infinity.
NO_SPAN_NULL_SCORE = 1e6
_WINDOWS_AT_A_TIME = 1024


@dataclasses.dataclass(frozen=True, eq=False)
class _Candidates:
    """Spans of tokens that may be answers: five arrays of one length."""

    windows: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    start_scores: np.ndarray
    end_scores: np.ndarray

    def select(self, chosen):
        return _Candidates(
            *(
                getattr(self, field.name)[chosen]
                for field in dataclasses.fields(self)
            )
        )


def decode_logits(
    data,
    windows,
    start_logits,
    end_logits,
    n_best_size=20,
    max_answer_length=30,
):
    """Turns the outputs of the v1 head into answers.

    Args:
      data: ``SquadData``.
      windows: ``Windows`` of all its windows, made with is_training false.
      start_logits, end_logits: float [N, S] in the order of the windows, S
        at least the longest sequence.
      n_best_size: int, starts and ends that are tried in a window, and
        answers that are kept of a question.
      max_answer_length: int, pieces of an answer at most.

    Returns:
      ``Decoded``. With ``data.has_impossible``, the null score of a question
      is the smallest start + end logit of [CLS] in its windows less that of
      its best answer, and "no answer" is among the n best.
    """
    start_logits = np.asarray(start_logits)
    end_logits = np.asarray(end_logits)
    _check_rows(windows, start_logits=start_logits, end_logits=end_logits)
    found = []
    for begin in range(0, len(windows), _WINDOWS_AT_A_TIME):
        part = np.arange(begin, min(begin + _WINDOWS_AT_A_TIME, len(windows)))
        found.append(
            _pair_best(
                windows,
                part,
                start_logits,
                end_logits,
                n_best_size,
                max_answer_length,
            )
        )
    lost = np.ones(len(data.questions), bool)
    for candidates in found:
        lost[windows.question_index[candidates.windows]] = False
    for window in np.flatnonzero(lost[windows.question_index]):
        found.append(
            _try_all(
                windows,
                window,
                start_logits[window],
                end_logits[window],
                max_answer_length,
            )
        )
    nulls = None
    if data.has_impossible:
        nulls = _null_windows(
            windows, start_logits[:, 0], end_logits[:, 0], len(data.questions)
        )
    n_best = _keep_best(data, windows, _concatenate(found), n_best_size, nulls)
    null_scores = None
    if data.has_impossible:
        null_scores = np.full(len(data.questions), NO_SPAN_NULL_SCORE)
        for index, (answers, null) in enumerate(
            zip(n_best, nulls, strict=True)
        ):
            best = next((answer for answer in answers if answer.text), None)
            if best is not None:
                null_scores[index] = sum(null) - (
                    best.start_score + best.end_score
                )
    return Decoded(_ids(data), n_best, null_scores)


def decode_beams(
    data,
    windows,
    start_top_log_probs,
    start_top_index,
    end_top_log_probs,
    end_top_index,
    cls_logits,
    n_best_size=20,
    max_answer_length=30,
):
    """Turns the outputs of the v2 head into answers.

    Args:
      data: ``SquadData``.
      windows: ``Windows`` of all its windows, made with is_training false.
      start_top_log_probs: float [N, K]; start_top_index: int [N, K].
      end_top_log_probs: float [N, K * J], the ends of the first start first;
        end_top_index: int [N, K * J].
      cls_logits: float [N], larger where there is no answer.
      n_best_size: int, answers that are kept of a question.
      max_answer_length: int, pieces of an answer at most.

    Returns:
      ``Decoded``. With ``data.has_impossible``, the null score of a question
      is the smallest ``cls_logits`` of its windows.
    """
    outputs = {
        "start_top_log_probs": np.asarray(start_top_log_probs),
        "start_top_index": np.asarray(start_top_index),
        "end_top_log_probs": np.asarray(end_top_log_probs),
        "end_top_index": np.asarray(end_top_index),
        "cls_logits": np.asarray(cls_logits),
    }
    _check_rows(windows, **outputs)
    ends_of_start = (
        outputs["end_top_index"].shape[1] // outputs["start_top_index"].shape[1]
    )
    window = np.arange(len(windows))[:, None]
    starts = np.repeat(outputs["start_top_index"], ends_of_start, axis=1)
    ends = outputs["end_top_index"]
    allowed = _is_allowed(windows, window, starts, ends, max_answer_length)
    candidates = _Candidates(
        np.broadcast_to(window, ends.shape)[allowed],
        starts[allowed],
        ends[allowed],
        np.repeat(outputs["start_top_log_probs"], ends_of_start, axis=1)[
            allowed
        ],
        outputs["end_top_log_probs"][allowed],
    )
    n_best = _keep_best(data, windows, candidates, n_best_size, None)
    null_scores = None
    if data.has_impossible:
        null_scores = np.full(len(data.questions), NO_SPAN_NULL_SCORE)
        np.minimum.at(
            null_scores, windows.question_index, outputs["cls_logits"]
        )
    return Decoded(_ids(data), n_best, null_scores)


def _check_rows(windows, **outputs):
    for name, values in outputs.items():
        if len(values) != len(windows):
            raise ValueError(
                f"{name} has {len(values)} rows for {len(windows)} windows"
            )


def _ids(data):
    return [question.id for question in data.questions]


def _is_allowed(windows, window, starts, ends, max_answer_length):
    """Tells whether spans may be answers: in the context, of this window.

    A span belongs to the window that shows its start with the most context.
    """
    shift = windows.first_pieces[window] - windows.offsets[window]
    end_of_window = windows.offsets[window] + windows.num_pieces[window]
    return (
        (starts + shift >= windows.max_context_starts[window])
        & (starts + shift < windows.max_context_ends[window])
        & (ends < end_of_window)
        & (ends >= starts)
        & (ends - starts < max_answer_length)
    )


def _pair_best(windows, part, start_logits, end_logits, size, max_length):
    """Pairs the best starts with the best ends of the windows ``part``."""
    start_scores, starts = _top(start_logits[part], size)
    end_scores, ends = _top(end_logits[part], size)
    shape = (len(part), starts.shape[1], ends.shape[1])
    allowed = _is_allowed(
        windows,
        part[:, None, None],
        starts[:, :, None],
        ends[:, None, :],
        max_length,
    )

    def spread(values, axis):
        return np.broadcast_to(np.expand_dims(values, axis), shape)[allowed]

    return _Candidates(
        np.broadcast_to(part[:, None, None], shape)[allowed],
        spread(starts, 2),
        spread(ends, 1),
        spread(start_scores, 2),
        spread(end_scores, 1),
    )


def _top(scores, size):
    """Finds the highest scores of each row; of equal ones the first."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :size]
    return np.take_along_axis(scores, order, axis=1), order


def _try_all(windows, window, start_logits, end_logits, max_answer_length):
    """Returns all spans that may be answers in one window."""
    positions = np.arange(len(start_logits))
    starts = np.repeat(positions, max_answer_length)
    ends = starts + np.tile(np.arange(max_answer_length), len(positions))
    allowed = _is_allowed(
        windows, np.array(window), starts, ends, max_answer_length
    )
    starts, ends = starts[allowed], ends[allowed]
    return _Candidates(
        np.full(len(starts), window),
        starts,
        ends,
        start_logits[starts],
        end_logits[ends],
    )


def _concatenate(parts):
    if not parts:
        return _Candidates(*np.zeros((5, 0), np.int64))
    return _Candidates(
        *(
            np.concatenate([getattr(part, field.name) for part in parts])
            for field in dataclasses.fields(_Candidates)
        )
    )


def _null_windows(windows, start_scores, end_scores, num_questions):
    """Finds the lowest score of [CLS] among each question's windows.

    Returns:
      list of Q pairs of float, or of None for a question without windows.
    """
    nulls = [None] * num_questions
    totals = start_scores.astype(np.float64) + end_scores
    order = np.lexsort((totals, windows.question_index))
    questions, first = np.unique(
        windows.question_index[order], return_index=True
    )
    for question, window in zip(questions, order[first], strict=True):
        nulls[question] = float(start_scores[window]), float(end_scores[window])
    return nulls


def _keep_best(data, windows, candidates, n_best_size, nulls):
    """Keeps the n best answers with different texts of each question.

    Args:
      nulls: None, or the scores of "no answer", which is then among them.

    Returns:
      list of Q lists of ``SpanAnswer``.
    """
    start_scores = candidates.start_scores.astype(np.float64)
    end_scores = candidates.end_scores.astype(np.float64)
    question = windows.question_index[candidates.windows]
    # Stable: equal scores stay in the order of windows, starts and ends.
    order = np.lexsort((-(start_scores + end_scores), question))
    candidates = candidates.select(order)
    first, end = windows.character_spans(
        candidates.windows, candidates.starts, candidates.ends
    )
    borders = np.searchsorted(
        question[order], np.arange(len(data.questions) + 1)
    )
    columns = (first, end, start_scores[order], end_scores[order])
    n_best = []
    for index, item in enumerate(data.questions):
        part = slice(borders[index], borders[index + 1])
        n_best.append(
            _distinct(
                data.contexts[item.context_index],
                zip(
                    *(column[part].tolist() for column in columns), strict=True
                ),
                n_best_size,
                nulls[index] if nulls else None,
            )
        )
    return n_best


def _distinct(context, spans, n_best_size, null):
    """Returns a question's answers of different texts, with probabilities."""
    chosen = {}
    for first, end, start_score, end_score in spans:
        if len(chosen) >= n_best_size:
            break
        # A span may end in a piece that stands for white space alone.
        text = context[first:end].strip()
        if text and text not in chosen:
            first = context.index(text, first)
            chosen[text] = (first, first + len(text), start_score, end_score)
    answers = [(text, *rest) for text, rest in chosen.items()]
    if null is not None:
        answers.append(("", 0, 0, *null))
        answers.sort(key=lambda answer: -(answer[3] + answer[4]))
    if not answers:
        return []
    scores = np.array([answer[3] + answer[4] for answer in answers])
    weights = np.exp(scores - scores.max())
    return [
        SpanAnswer(*answer, probability)
        for answer, probability in zip(
            answers, (weights / weights.sum()).tolist(), strict=True
        )
    ]
