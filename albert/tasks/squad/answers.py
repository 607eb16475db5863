# SPDX-License-Identifier: Apache-2.0
"""Holds the answers that a model considers, and chooses between them.

Letter: Q questions.
"""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class SpanAnswer:
    """An answer that a model considers.

    Attributes:
      text: str, exactly ``context[start:end]``; "" is "no answer".
      start, end: int, characters of the context.
      start_score, end_score: float, logits (v1) or log probabilities (v2).
      probability: float, among the n best of the question.
    """

    text: str
    start: int
    end: int
    start_score: float
    end_score: float
    probability: float


@dataclasses.dataclass(frozen=True, eq=False)
class Decoded:
    """The answers of a model to every question of a file.

    Attributes:
      ids: list of Q str.
      n_best: list of Q lists of ``SpanAnswer``, best first; empty where a
        question has no span at all.
      null_scores: float64 [Q], larger where "no answer" is likelier; None
        where the file knows no "no answer".
    """

    ids: list
    n_best: list
    null_scores: np.ndarray | None

    def best_texts(self):
        """Returns the best answer with a text, or "": list of Q str."""
        return [
            next((answer.text for answer in answers if answer.text), "")
            for answers in self.n_best
        ]

    def predictions(self, null_score_diff_threshold=0.0):
        """Chooses the answers.

        Args:
          null_score_diff_threshold: a question whose null score is above it
            gets "". Without null scores it is not used.

        Returns:
          dict from question id to str, in the order of the file.
        """
        texts = self.best_texts()
        if self.null_scores is not None:
            answered = self.null_scores <= null_score_diff_threshold
            texts = [
                text if is_answered else ""
                for text, is_answered in zip(texts, answered, strict=True)
            ]
        return dict(zip(self.ids, texts, strict=True))
