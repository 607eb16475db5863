# SPDX-License-Identifier: Apache-2.0
"""Questions with options, as the rest of the package takes them."""

import dataclasses
import string

# The names of options, in their order; a question has no more than these.
OPTION_NAMES = tuple(string.ascii_uppercase)
FEWEST_OPTIONS = 2


@dataclasses.dataclass(frozen=True, eq=False)
class QuestionExamples:
    """Questions about articles, each with options of its own.

    Attributes:
      ids: list of N str, no two the same: of the file, or the number of the
        row in it; of several questions about one article, the article's id
        and the question's number from 0: "high19.txt-2".
      levels: list of N str, "high" or "middle"; None for other than RACE.
      articles: list of str.
      article_numbers: list of N int, the article of each question.
      questions: list of N str.
      options: list of N lists of str, at least ``FEWEST_OPTIONS`` each.
      labels: list of N str of ``OPTION_NAMES``, or None where none are known.
      bad_rows: int, questions or articles that were left out.
      files: tuple of dict, of ``describe_files`` when they were read.
    """

    ids: list
    levels: list | None
    articles: list
    article_numbers: list
    questions: list
    options: list
    labels: list | None = None
    bad_rows: int = 0
    files: tuple = ()

    def __len__(self):
        return len(self.questions)
