# SPDX-License-Identifier: Apache-2.0
"""Finds the pieces of answers, and the windows that show them.

Letters: Q questions, N windows, A answers.
"""

import dataclasses

import numpy as np

# As a piece of an answer.
NO_ANSWER = -1
UNALIGNED = -2


@dataclasses.dataclass(frozen=True, eq=False)
class AnswerPieces:
    """Table of the answers that pieces stand for, those of a question in order.

    Attributes:
      questions: int64 [A], position in ``SquadData.questions``; ascending.
      numbers: int64 [A], position among the answers of the question.
      first, last: int64 [A], pieces of the context, both inclusive.
    """

    questions: np.ndarray
    numbers: np.ndarray
    first: np.ndarray
    last: np.ndarray

    def select(self, chosen):
        """Returns the answers that an index stands for."""
        return AnswerPieces(
            *(
                getattr(self, field.name)[chosen]
                for field in dataclasses.fields(self)
            )
        )

    def choose(self):
        """Returns the answers that are trained on, one of each question.

        It is the first that pieces stand for.
        """
        return self.select(np.unique(self.questions, return_index=True)[1])

    def spread(self, data):
        """Returns the pieces of answers by question, of which each has one.

        Args:
          data: ``SquadData``.

        Returns:
          first, last: int64 [Q]; ``NO_ANSWER`` for a question that has none,
          ``UNALIGNED`` for one of whose answers none is among these.
        """
        first = np.array(
            [
                UNALIGNED if each.answers else NO_ANSWER
                for each in data.questions
            ]
        )
        last = first.copy()
        first[self.questions] = self.first
        last[self.questions] = self.last
        return first, last

    def held(self, windows, is_training):
        """Tells of each answer whether a window holds it: bool [A].

        In training any window that shows it whole does. In prediction only
        one may give it: that with the most context around its start.

        Args:
          windows: dict of arrays [N], as the attributes of ``Windows``.
          is_training: bool.
        """
        # Of the windows that begin before an answer, the last shows most of
        # what follows.
        name = "first_pieces" if is_training else "max_context_starts"
        begins = windows[name].astype(np.int64)
        # One search for all: pieces are counted over all questions.
        size = 1 + max(begins.max(initial=0), self.first.max(initial=0))
        window = np.searchsorted(
            windows["question_index"].astype(np.int64) * size + begins,
            self.questions * size + self.first,
            "right",
        )
        ends = windows["first_pieces"] + windows["num_pieces"]
        return self.last < ends[window - 1]

    def questions_without(self, good):
        """Returns the questions of whose answers none is a good one.

        Args:
          good: bool [A].

        Returns:
          int64 array, ascending; none of a question without answers.
        """
        return np.setdiff1d(self.questions, self.questions[good])


def align(data, pieces):
    """Finds the pieces of all answers of a file.

    Args:
      data: ``SquadData``.
      pieces: ``PieceSpans`` of the contexts.

    Returns:
      ``AnswerPieces``; not of answers that no piece stands for, or that are
      not in the context.
    """
    counts = np.array([len(each.answers) for each in data.questions], np.int64)
    questions = np.repeat(np.arange(len(counts)), counts)
    numbers = np.arange(len(questions)) - np.repeat(
        np.cumsum(counts) - counts, counts
    )
    answers = [each for question in data.questions for each in question.answers]
    starts = np.array([each.start for each in answers], np.int64)
    ends = starts + np.array([len(each.text) for each in answers], np.int64)
    contexts = np.array(
        [question.context_index for question in data.questions], np.int64
    )[questions]
    lengths = np.array([len(context) for context in data.contexts], np.int64)
    inside = (starts >= 0) & (ends <= lengths[contexts])
    # One search for all: characters are counted over all contexts.
    bases = np.cumsum(lengths + 1) - (lengths + 1)
    of_piece = np.repeat(bases, np.diff(pieces.row_splits))
    base = bases[contexts]
    first = np.searchsorted(pieces.ends + of_piece, starts + base, "right")
    last = np.searchsorted(pieces.starts + of_piece, ends + base) - 1
    return AnswerPieces(
        questions,
        numbers,
        first - pieces.row_splits[contexts],
        last - pieces.row_splits[contexts],
    ).select(inside & (first <= last))
