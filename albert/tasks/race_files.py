# SPDX-License-Identifier: Apache-2.0
"""Reading of RACE: questions with four options.

``{train,dev,test}/{high,middle}/N.txt``, each file one article in JSON with
its questions. (The original wants the articles of a folder joined in one
``all.txt``; such files are not read.)
"""

import dataclasses
import os
import re

from albert import json_files
from albert.errors import UserError
from albert.inputs import list_directory
from albert.inputs import read_file
from albert.tasks.bad_rows import BadRows
from albert.tasks.line_files import find_file
from albert.tasks.line_files import shorten

LEVELS = ("high", "middle")

_ARTICLE_FILE = re.compile(r"(\d+)\.txt")


@dataclasses.dataclass(frozen=True, eq=False)
class QuestionExamples:
    """Questions about articles, each with the same number of options.

    Attributes:
      ids: list of N str, the article's id and the question's number from 0:
        "high19.txt-2".
      levels: list of N str, "high" or "middle".
      articles: list of str, each article once.
      article_numbers: list of N int, the article of each question.
      questions: list of N str.
      options: list of N lists of str.
      labels: list of N str ("A", "B", …), or None where none are known.
      bad_rows: int, questions or articles that were left out.
    """

    ids: list
    levels: list
    articles: list
    article_numbers: list
    questions: list
    options: list
    labels: list | None = None
    bad_rows: int = 0

    def __len__(self):
        return len(self.questions)


@dataclasses.dataclass(frozen=True)
class RaceFolder:
    """One split of RACE.

    Attributes:
      name: str, the split's folder.
      levels: tuple of the levels to read.
    """

    name: str
    levels: tuple = LEVELS

    def read(self, task, data_dir, split, skip_bad_rows=False):
        """Reads all articles of the split, in the order of their numbers.

        Args:
          task: ``Task``; its labels are the names of the options.
          data_dir: str, the folder that holds RACE, or RACE itself.
          split: str, for messages.
          skip_bad_rows: leave out what cannot be used instead of raising.

        Returns:
          ``QuestionExamples``.

        Raises:
          UserError: a folder is missing or holds no article, or an article
            cannot be used.
        """
        examples = QuestionExamples([], [], [], [], [], [], [])
        folders = [
            find_file(
                data_dir,
                task.folder,
                (os.path.join(self.name, level),),
                f"{split} data of {task.name}",
            )
            for level in self.levels
        ]
        folder = os.path.dirname(folders[0])
        bad_rows = BadRows(folder, skip_bad_rows)
        for level, inner in zip(self.levels, folders, strict=True):
            for path in _article_files(inner):
                _read_article(path, level, task.labels, examples, bad_rows)
        bad_rows.report(len(examples))
        if not len(examples):
            raise UserError(
                f"{folder}: no questions that can be used: put RACE there as "
                "it is published"
            )
        known = sum(label is not None for label in examples.labels)
        if 0 < known < len(examples):
            raise UserError(
                f"{folder}: {len(examples) - known} of {len(examples)} "
                "questions have no answer: add the answers, or remove them all"
            )
        return dataclasses.replace(
            examples,
            labels=examples.labels if known else None,
            bad_rows=bad_rows.count,
        )


def _article_files(folder):
    names = list_directory(folder, "it should be a folder of articles")
    numbered = sorted(
        (int(match[1]), name)
        for name in names
        if (match := _ARTICLE_FILE.fullmatch(name))
    )
    if not numbered:
        raise UserError(
            f"{folder}: no articles in it (1.txt, 2.txt, …): put RACE there "
            "as it is published"
        )
    return [os.path.join(folder, name) for _, name in numbered]


def _read_article(path, level, labels, examples, bad_rows):
    """Appends the questions of one article to the lists of ``examples``."""
    try:
        entry = json_files.parse(read_file(path))
        article, questions, options, answers = _take_apart(entry)
    except (ValueError, KeyError, TypeError) as error:
        bad_rows.add(
            getattr(error, "lineno", 1),
            f"not an article of RACE ({_explain(error)})",
            "restore the file",
            path,
        )
        return
    article_id = entry.get("id", f"{level}{os.path.basename(path)}")
    examples.articles.append(article)
    for number, (question, choices, answer) in enumerate(
        zip(questions, options, answers, strict=True)
    ):
        wrong = _find_fault(question, choices, answer, labels)
        if wrong:
            bad_rows.add(
                1, f"question {number + 1}: {wrong}", "restore the file", path
            )
            continue
        examples.ids.append(f"{article_id}-{number}")
        examples.levels.append(level)
        examples.article_numbers.append(len(examples.articles) - 1)
        examples.questions.append(question)
        examples.options.append(choices)
        examples.labels.append(answer)


def _take_apart(entry):
    article, questions, options = (
        entry[name] for name in ("article", "questions", "options")
    )
    answers = entry.get("answers") or [None] * len(questions)
    if not isinstance(article, str):
        raise ValueError("the article is not a text")
    if not len(questions) == len(options) == len(answers):
        raise ValueError(
            f"{len(questions)} questions, {len(options)} lists of options, "
            f"{len(answers)} answers"
        )
    return article, questions, options, answers


def _explain(error):
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    if isinstance(error, KeyError):
        return f"no {error}"
    if isinstance(error, TypeError):
        return "not a JSON object of article, questions, options, answers"
    return str(error)


def _find_fault(question, choices, answer, labels):
    """Returns what is wrong with a question, or None."""
    if not isinstance(question, str):
        return "not a text"
    if not isinstance(choices, list) or len(choices) != len(labels):
        return f"it needs {len(labels)} options"
    if not all(isinstance(choice, str) for choice in choices):
        return "an option is not a text"
    if answer is not None and answer not in labels:
        return (
            f"answer {shorten(str(answer))!r} is not one of {', '.join(labels)}"
        )
    return None
