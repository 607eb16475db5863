# SPDX-License-Identifier: Apache-2.0
"""Holds questions about contexts with their answers, however they were read."""

import dataclasses

NOWHERE = -1  # As ``Answer.start``: the answer is not in the context.


@dataclasses.dataclass(frozen=True)
class Answer:
    """An answer and where it stands in the context.

    Attributes:
      text: str, ``context[start : start + len(text)]`` unless it is nowhere.
      start: int, its first character; ``NOWHERE`` if the context does not
        hold it. Such an answer is compared with, but not trained on.
    """

    text: str
    start: int


@dataclasses.dataclass(frozen=True)
class Question:
    """A question about a context.

    Attributes:
      id: str, unique in the file.
      text: str.
      context_index: int, position in ``SquadData.contexts``.
      answers: tuple of ``Answer``; empty where there is none, or where the
        file is not labelled. Training takes the first that is in the context.
    """

    id: str
    text: str
    context_index: int
    answers: tuple


@dataclasses.dataclass(frozen=True)
class SquadData:
    """The questions of a file.

    Attributes:
      file: str, its path.
      has_impossible: bool, the rules of version 2.0 hold: a question may
        have no answer, and no answer may be predicted.
      labelled: bool, the file gives answers. Without them there is nothing
        to train on or to compare with, but predicting is possible.
      contexts: list of str, one a paragraph.
      titles: list of str, the title of each context's article.
      questions: list of ``Question``, in the order of the file.
      findings: dict from what is odd about the file, such as "answers
        moved", to a list of str, one for each time.
      version_reason: str, why the rules are those of 1.1 or 2.0.
      reading: list of str, what else was decided about the whole file.
      files: tuple of dict, of ``describe_files`` when they were read.
    """

    file: str
    has_impossible: bool
    labelled: bool
    contexts: list
    titles: list
    questions: list
    findings: dict
    version_reason: str = ""
    reading: list = dataclasses.field(default_factory=list)
    files: tuple = ()

    def how_it_was_read(self):
        """Returns a line on the rules that hold and on what was decided."""
        version = "2.0" if self.has_impossible else "1.1"
        reason = f" ({self.version_reason})" if self.version_reason else ""
        return "; ".join([f"rules of SQuAD {version}{reason}", *self.reading])
