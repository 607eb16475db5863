# SPDX-License-Identifier: Apache-2.0
"""Makes sequences of questions and windows of their contexts.

    [CLS] question [SEP] window of the context [SEP]

A context that is too long for one sequence is read through several windows.
Windows, positions and maximum context are those of
``convert_examples_to_features`` in the original's ``squad_utils.py``; the
characters of a piece are exact here (``albert/text/offsets.py``), where the
original matches piece and text by a longest common subsequence and leaves out
contexts in which that fails.

Letters: Q questions, N windows, T tokens of all sequences, P pieces of all
contexts.
"""

import dataclasses

import numpy as np

from albert.errors import UserError
from albert.tasks.features import Features
from albert.tasks.squad import answer_pieces
from albert.tasks.squad.answer_pieces import NO_ANSWER
from albert.tasks.squad.answer_pieces import UNALIGNED
from albert.text.offsets import PieceSpans

_SPECIAL_PIECES = 3  # [CLS], [SEP], [SEP]
# Of [CLS], question, [SEP], window, [SEP]: 0 where an answer may be.
_P_MASK = (0, 1, 1, 0, 1)
# Bounds the memory of joining them.
_WINDOWS_AT_A_TIME = 4096


@dataclasses.dataclass(frozen=True, eq=False)
class Windows:
    """Table of the part of a context that each sequence shows.

    Pieces are counted from the beginning of their context.

    Attributes:
      question_index: int32 [N], position in ``SquadData.questions``;
        ascending.
      context_index: int32 [N], position in ``SquadData.contexts``.
      first_pieces: int32 [N], the first piece that the window shows.
      num_pieces: int32 [N], how many it shows.
      offsets: int32 [N], position of its first piece in the sequence.
      max_context_starts, max_context_ends: int32 [N]; the window shows the
        pieces of this range with more context around them than any other
        window of the question does. The ranges of a question's windows are
        its context, cut.
      pieces: ``PieceSpans`` of the contexts.
      cut_ids: list of str, the questions that were longer than
        ``max_query_length`` and were cut.
      crowded_ids: list of str, the questions with several windows that are no
        longer than ``doc_stride``; these begin half a window apart.
      hidden_ids: list of str, the questions whose answers no window holds,
        see ``AnswerPieces.held``.
      long_ids: list of str, the questions whose answers are all longer than
        ``max_answer_length``: they cannot be predicted.
      later_ids: list of str, the questions whose first answer no piece stands
        for, but another. That one is trained on.
      unaligned_ids: list of str, the questions for none of whose answers any
        piece stands. They are not trained on.
    """

    question_index: np.ndarray
    context_index: np.ndarray
    first_pieces: np.ndarray
    num_pieces: np.ndarray
    offsets: np.ndarray
    max_context_starts: np.ndarray
    max_context_ends: np.ndarray
    pieces: PieceSpans
    cut_ids: list
    crowded_ids: list
    hidden_ids: list
    long_ids: list
    later_ids: list
    unaligned_ids: list

    def __len__(self):
        return len(self.question_index)

    def character_spans(self, windows, starts, ends):
        """Finds the characters of the context that tokens stand for.

        Args:
          windows: int array [n], positions in these arrays.
          starts, ends: int arrays [n], positions in the sequences of the
            first and the last token, both in the part from the context.

        Returns:
          (first, end): int32 [n]; ``context[first:end]`` is the text.
        """
        piece = (
            self.pieces.row_splits[self.context_index[windows]]
            + self.first_pieces[windows]
            - self.offsets[windows]
        )
        return self.pieces.starts[piece + starts], self.pieces.ends[
            piece + ends
        ]


def build_features(
    data,
    tokenizer,
    *,
    is_training,
    max_seq_length=384,
    doc_stride=128,
    max_query_length=64,
    max_answer_length=30,
    keep_windows_without_answer=True,
):
    """Makes the sequences of a file's questions.

    Args:
      data: ``SquadData``.
      tokenizer: ``Tokenizer``.
      is_training: add the positions of each question's first answer that
        stands in the context, and leave out the questions of
        ``Windows.unaligned_ids``. Otherwise every window of every question is
        there, and no labels.
      max_seq_length: int, tokens of a sequence at most.
      doc_stride: int, pieces from the beginning of a window to that of the
        next one; half a window's length where windows are no longer than it,
        so that they overlap.
      max_query_length: int, pieces of the question at most; the rest is cut.
      max_answer_length: int, pieces of an answer that is predicted at most.
        Longer ones are trained on all the same.
      keep_windows_without_answer: bool; in training, a window that does not
        show the whole answer has [CLS] for an answer (as in the original),
        or is left out. Windows of questions without any answer always stay.

    Returns:
      (``Features``, ``Windows``), N sequences. Of ``Features``: per_token
      "p_mask", 0 where an answer may be ([CLS] and the context); per_example,
      in training, "start_positions", "end_positions" and "is_impossible",
      int32.

    Raises:
      UserError: a limit that leaves no room, or training on a file without
        answers.
    """
    _check_limits(
        data, is_training, max_seq_length, doc_stride, max_query_length
    )
    ids = np.array([question.id for question in data.questions], object)
    rows = tokenizer.encode_batch(
        [question.text for question in data.questions]
    )
    is_cut = np.array([len(row) > max_query_length for row in rows])
    rows = [row[:max_query_length] for row in rows]
    pieces = tokenizer.encode_with_offsets(data.contexts)
    table, is_crowded = _window_table(
        data, pieces, rows, max_seq_length, doc_stride
    )
    labels = {}
    answers = answer_pieces.align(data, pieces)
    chosen = answers.choose()
    first, last = chosen.spread(data)
    wanted = chosen if is_training else answers
    is_held = wanted.held(table, is_training)
    is_short = wanted.last - wanted.first < max_answer_length
    if is_training:
        labels, keep = _label(data, table, first, last)
        if keep_windows_without_answer:
            keep = first[table["question_index"]] != UNALIGNED
        table = {name: values[keep] for name, values in table.items()}
        labels = {name: values[keep] for name, values in labels.items()}
    windows = Windows(
        **table,
        pieces=pieces,
        cut_ids=ids[is_cut].tolist(),
        crowded_ids=ids[is_crowded].tolist(),
        hidden_ids=ids[wanted.questions_without(is_held)].tolist(),
        long_ids=ids[wanted.questions_without(is_short)].tolist(),
        later_ids=ids[chosen.questions[chosen.numbers > 0]].tolist(),
        unaligned_ids=ids[first == UNALIGNED].tolist(),
    )
    return _join(tokenizer, rows, windows, labels), windows


def _check_limits(
    data, is_training, max_seq_length, doc_stride, max_query_length
):
    if is_training and not data.labelled:
        raise UserError(
            f"{data.file}: there are no answers to train on: give a labelled "
            "file, or only predict"
        )
    for name, value in (
        ("doc_stride", doc_stride),
        ("max_query_length", max_query_length),
    ):
        if value < 1:
            raise UserError(f"--{name} {value}: it must be at least 1")
    if max_seq_length <= _SPECIAL_PIECES:
        raise UserError(
            f"--max_seq_length {max_seq_length}: [CLS] and two [SEP] leave no "
            "room for a context: give more"
        )


def _window_table(data, pieces, rows, max_seq_length, doc_stride):
    """Lays out the windows.

    Returns:
      table: dict of the first seven ``Windows`` arrays.
      is_crowded: bool [Q], of ``Windows.crowded_ids``.
    """
    contexts = np.array(
        [question.context_index for question in data.questions], np.int64
    )
    query_lengths = np.array([len(row) for row in rows], np.int64)
    document_lengths = np.diff(pieces.row_splits)[contexts]
    room = max_seq_length - query_lengths - _SPECIAL_PIECES
    if room.min() < 1:
        question = data.questions[int(room.argmin())]
        raise UserError(
            f"--max_seq_length {max_seq_length} leaves no room for a context "
            f"beside the {query_lengths.max()} pieces of question "
            f"{question.id}: raise it, or lower --max_query_length"
        )
    # An answer at the end of a window is whole in the next one only if they
    # overlap.
    stride = np.where(doc_stride < room, doc_stride, np.maximum(room // 2, 1))
    counts = 1 + np.maximum(0, -(-(document_lengths - room) // stride))
    counts[document_lengths == 0] = 0
    question_index = np.repeat(np.arange(len(rows)), counts)
    window = np.arange(len(question_index)) - np.repeat(
        np.cumsum(counts) - counts, counts
    )
    starts = window * stride[question_index]
    ends = np.minimum(
        starts + room[question_index], document_lengths[question_index]
    )
    context_starts, context_ends = _max_context(question_index, starts, ends)
    table = {
        "question_index": question_index,
        "context_index": contexts[question_index],
        "first_pieces": starts,
        "num_pieces": ends - starts,
        "offsets": query_lengths[question_index] + 2,
        "max_context_starts": context_starts,
        "max_context_ends": context_ends,
    }
    table = {name: values.astype(np.int32) for name, values in table.items()}
    return table, (counts > 1) & (doc_stride >= room)


def _max_context(question_index, starts, ends):
    """Finds the pieces that each window shows with the most context.

    The original scores a piece in a window by the smaller number of pieces on
    its two sides plus a hundredth of the window's length, and takes the first
    window with the highest score. Going along the pieces, two windows that
    overlap change places once, so each window wins one range, and the ranges
    border on each other. All is counted in hundredths here.

    Args:
      question_index, starts, ends: int64 [N], windows as ranges of pieces.

    Returns:
      starts, ends: int64 [N].
    """
    start, end = starts[:-1], ends[:-1]
    next_start, next_end = starts[1:], ends[1:]
    longer = (end - start) - (next_end - next_start)
    # Where both are limited on the right, the next window is better by this.
    lead = 100 * (next_end - end) - longer
    # Where this one is limited on the right and the next one on the left,
    # the next one is better from here on.
    crossing = (100 * (end - 1 + next_start) + longer) // 200 + 1
    border = np.where(lead > 0, np.clip(crossing, next_start, end), end)
    same = question_index[:-1] == question_index[1:]
    context_starts, context_ends = starts.copy(), ends.copy()
    context_ends[:-1][same] = border[same]
    context_starts[1:][same] = border[same]
    return context_starts, context_ends


def _label(data, table, first, last):
    """Finds the positions of the answers in the windows.

    Returns:
      labels: dict of int32 [N]; [CLS] is the answer of a window that does
        not show the whole answer, or whose question has none.
      keep: bool [N], false for windows of questions with an answer that do
        not show it.
    """
    question = table["question_index"]
    first, last = first[question], last[question]
    start = table["first_pieces"]
    shows = (first >= start) & (last < start + table["num_pieces"])
    to_position = table["offsets"] - start
    labels = {
        "start_positions": np.where(shows, first + to_position, 0),
        "end_positions": np.where(shows, last + to_position, 0),
        "is_impossible": ~shows,
    }
    labels = {name: values.astype(np.int32) for name, values in labels.items()}
    return labels, shows | (first == NO_ANSWER)


def _join(tokenizer, rows, windows, labels):
    """Puts the sequences together: ``Features``."""
    query_lengths = np.array([len(row) for row in rows], np.int64)
    # [CLS], [SEP], all questions, all contexts: every sequence is five
    # stretches of this.
    source = np.concatenate(
        [[tokenizer.cls_id, tokenizer.sep_id], *rows, windows.pieces.ids]
    ).astype(np.int32)
    query_starts = 2 + np.cumsum(query_lengths) - query_lengths
    document_starts = 2 + query_lengths.sum() + windows.pieces.row_splits
    question = windows.question_index
    one = np.ones(len(windows), np.int64)
    starts = np.stack(
        [
            0 * one,
            query_starts[question],
            one,
            document_starts[windows.context_index] + windows.first_pieces,
            one,
        ],
        axis=1,
    )
    lengths = np.stack(
        [one, query_lengths[question], one, windows.num_pieces, one], axis=1
    )
    row_splits = np.cumsum([0, *lengths.sum(axis=1)], dtype=np.int64)
    input_ids = np.empty(row_splits[-1], np.int32)
    p_mask = np.empty(row_splits[-1], np.int32)
    for begin in range(0, len(windows), _WINDOWS_AT_A_TIME):
        end = min(begin + _WINDOWS_AT_A_TIME, len(windows))
        part = slice(row_splits[begin], row_splits[end])
        input_ids[part] = source[_ranges(starts[begin:end], lengths[begin:end])]
        p_mask[part] = np.repeat(
            np.tile(_P_MASK, end - begin), lengths[begin:end].reshape(-1)
        )
    return Features(
        input_ids=input_ids,
        row_splits=row_splits,
        segment_starts=windows.offsets.copy(),
        per_example=labels,
        per_token={"p_mask": p_mask},
    )


def _ranges(starts, lengths):
    """Returns the integers of the ranges [start, start + length), joined."""
    starts, lengths = starts.reshape(-1), lengths.reshape(-1)
    shift = starts - (np.cumsum(lengths) - lengths)
    return np.arange(lengths.sum()) + np.repeat(shift, lengths)
