# SPDX-License-Identifier: Apache-2.0
"""Files in the format of SQuAD 1.1 and 2.0.

{"version": "v2.0", "data": [
  {"title": "…", "paragraphs": [
    {"context": "…", "qas": [
      {"id": "…", "question": "…", "is_impossible": false,
       "answers": [{"text": "…", "answer_start": 17}]}]}]}]}
"""

import dataclasses
import json

from albert.errors import UserError

_KINDS = {str: "text", int: "a number", list: "a list", dict: "an object"}


@dataclasses.dataclass(frozen=True)
class Answer:
    """An answer and its first character in the context, as the file says."""

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
        file is not labelled. Training takes the first.
    """

    id: str
    text: str
    context_index: int
    answers: tuple


@dataclasses.dataclass(frozen=True)
class Mismatch:
    """An answer that is not at the place which the file gives.

    Attributes:
      question_id: str.
      answer: ``Answer``.
      found: str, the characters of the context at that place.
    """

    question_id: str
    answer: Answer
    found: str

    def __str__(self):
        return (
            f"question {self.question_id}: {self.answer.text!r} is not at "
            f"answer_start {self.answer.start}, there is {self.found!r}"
        )


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
      mismatches: list of ``Mismatch``.
    """

    file: str
    has_impossible: bool
    labelled: bool
    contexts: list
    titles: list
    questions: list
    mismatches: list


def read_squad(file, has_impossible=None, stop_at_mismatch=False):
    """Reads a file of version 1.1 or 2.0, labelled or not.

    Args:
      file: path.
      has_impossible: bool, the version: 2.0 if true. None finds it from the
        file: 2.0 if its "version" says so or any question has
        "is_impossible".
      stop_at_mismatch: refuse a file in which an answer is not at its
        answer_start. Otherwise such answers are listed in ``mismatches``;
        training then takes the place that the file gives, as the original
        does, and evaluation the text.

    Raises:
      UserError: the file cannot be read, is not in this format, or
        contradicts itself; article and question are named.
    """
    content = _load(file)
    reader = _Reader(str(file))
    reader.read(content)
    if has_impossible is None:
        has_impossible = reader.says_version_2
    reader.check_answers(has_impossible)
    if stop_at_mismatch and reader.mismatches:
        raise UserError(
            f"{file}: {len(reader.mismatches)} answers are not where the file "
            f"says; the first: {reader.mismatches[0]}; mend the file, or "
            "allow mismatches"
        )
    return SquadData(
        file=str(file),
        has_impossible=has_impossible,
        labelled=reader.labelled,
        contexts=reader.contexts,
        titles=reader.titles,
        questions=reader.questions,
        mismatches=reader.mismatches,
    )


def read_files(files, has_impossible=None, stop_at_mismatch=False):
    """Reads several files as if they were one.

    Args:
      files: list of paths, at least one.
      has_impossible, stop_at_mismatch: as in ``read_squad``. With None, the
        rules of version 2.0 hold if they do in one of the files.

    Returns:
      ``SquadData``, labelled if all files are.

    Raises:
      UserError: as ``read_squad``; or a question id is in two files.
    """
    parts = [
        read_squad(file, has_impossible, stop_at_mismatch) for file in files
    ]
    file_of_id = {}
    questions, first_context = [], 0
    for part in parts:
        for question in part.questions:
            other = file_of_id.setdefault(question.id, part.file)
            if other != part.file:
                raise UserError(
                    f"{part.file}: question id {question.id} is in {other} "
                    "too: ids must be unique"
                )
            index = first_context + question.context_index
            questions.append(dataclasses.replace(question, context_index=index))
        first_context += len(part.contexts)
    return SquadData(
        file=", ".join(part.file for part in parts),
        has_impossible=any(part.has_impossible for part in parts),
        labelled=all(part.labelled for part in parts),
        contexts=[context for part in parts for context in part.contexts],
        titles=[title for part in parts for title in part.titles],
        questions=questions,
        mismatches=[each for part in parts for each in part.mismatches],
    )


def _load(file):
    try:
        with open(file, encoding="utf-8-sig") as stream:
            return json.load(stream)
    except OSError as error:
        raise UserError(
            f"{file}: cannot be read ({error.strerror}): give a file in the "
            "format of SQuAD"
        ) from None
    except UnicodeDecodeError:
        raise UserError(
            f"{file}: not UTF-8: give a JSON file in the format of SQuAD"
        ) from None
    except json.JSONDecodeError as error:
        raise UserError(
            f"{file}:{error.lineno}: not valid JSON ({error.msg}): give a "
            "file in the format of SQuAD"
        ) from None


class _Reader:
    """Collects the questions of one file."""

    def __init__(self, file):
        self.file = file
        self.contexts = []
        self.titles = []
        self.questions = []
        self.mismatches = []
        self.says_version_2 = False
        # Of the questions that the file calls impossible, and of those with
        # a list of answers, be it empty.
        self._impossible = set()
        self._with_answers = set()
        # Question id to the article that it is in.
        self._articles = {}

    def read(self, content):
        if not isinstance(content, dict) or not isinstance(
            content.get("data"), list
        ):
            self._refuse(
                'not in the format of SQuAD, there is no "data" with a list '
                "of articles",
                "give another file",
            )
        version = str(content.get("version", ""))
        self.says_version_2 = version.lstrip("v").startswith("2")
        for index, article in enumerate(content["data"]):
            self._read_article(article, f"article {index + 1}")

    def _read_article(self, article, where):
        title = where
        if isinstance(article, dict) and isinstance(article.get("title"), str):
            title = article["title"]
            where = f'{where} ("{title}")'
        paragraphs = self._get(article, "paragraphs", list, where)
        for index, paragraph in enumerate(paragraphs):
            here = f"{where}, paragraph {index + 1}"
            context = self._get(paragraph, "context", str, here)
            questions = self._get(paragraph, "qas", list, here)
            self.contexts.append(context)
            self.titles.append(title)
            for number, question in enumerate(questions):
                self._read_question(
                    question, context, where, f"{here}, question {number + 1}"
                )

    def _read_question(self, question, context, article, where):
        id_ = self._get(question, "id", str, where)
        if id_ in self._articles:
            self._refuse(
                f"{article}: question id {id_} was used before, in "
                f"{self._articles[id_]}",
                "ids must be unique",
            )
        self._articles[id_] = article
        where = f"{article}, question {id_}"
        if not context.strip():
            self._refuse(
                f"{where}: its context is empty",
                "give it a text or remove its questions",
            )
        text = self._get(question, "question", str, where)
        if "is_impossible" in question:
            self.says_version_2 = True
            if self._get(question, "is_impossible", bool, where):
                self._impossible.add(id_)
        answers = ()
        if "answers" in question:
            self._with_answers.add(id_)
            answers = tuple(
                self._read_answer(answer, id_, context, where)
                for answer in self._get(question, "answers", list, where)
            )
        if answers and id_ in self._impossible:
            self._refuse(
                f"{where}: is_impossible is true, but there are answers",
                "remove one of the two",
            )
        self.questions.append(
            Question(id_, text, len(self.contexts) - 1, answers)
        )

    def _read_answer(self, answer, id_, context, where):
        text = self._get(answer, "text", str, where)
        start = self._get(answer, "answer_start", int, where)
        if not text.strip():
            self._refuse(f"{where}: an answer is empty", "remove it")
        answer = Answer(text, start)
        end = start + len(text)
        found = context[max(start, 0) : max(end, 0)]
        if found != text:
            self.mismatches.append(Mismatch(id_, answer, found))
        return answer

    @property
    def labelled(self):
        return bool(self._impossible) or any(
            question.answers for question in self.questions
        )

    def check_answers(self, has_impossible):
        """Refuses questions without the answer that they should have."""
        if not self.questions:
            self._refuse("there are no questions", "give another file")
        if not has_impossible and self._impossible:
            first = next(
                id_ for id_ in self._articles if id_ in self._impossible
            )
            self._refuse(
                f"{len(self._impossible)} questions have no answer (the "
                f"first: {self._articles[first]}, question {first})",
                "this is a file of version 2.0, use --version_2_with_negative",
            )
        if not self.labelled:
            return
        answered = {
            question.id for question in self.questions if question.answers
        }
        if has_impossible:
            # Version 2.0 takes an empty list for "no answer", as its
            # official evaluation does.
            answered |= self._with_answers | self._impossible
        for id_, article in self._articles.items():
            if id_ not in answered:
                self._refuse(
                    f'{article}, question {id_}: there are no "answers", '
                    "though other questions have them",
                    "add them, or remove them everywhere to predict only",
                )

    def _get(self, value, key, kind, where):
        if not isinstance(value, dict):
            self._refuse(
                f"{where}: not an object but {json.dumps(value)[:40]}",
                f'it must hold "{key}"',
            )
        if key not in value:
            self._refuse(
                f'{where}: there is no "{key}"', "give a file like SQuAD's"
            )
        found = value[key]
        right = isinstance(found, kind) and (
            kind is bool or not isinstance(found, bool)
        )
        if not right:
            self._refuse(
                f'{where}: "{key}" is {json.dumps(found)[:40]}',
                f"it must be {_KINDS.get(kind, 'true or false')}",
            )
        if kind is str:
            self._check_unicode(found, key, where)
        return found

    def _check_unicode(self, text, key, where):
        try:
            text.encode()
        except UnicodeEncodeError as error:
            self._refuse(
                f'{where}: "{key}" has half a surrogate pair, character '
                f"{error.start}",
                "mend the text",
            )

    def _refuse(self, what, remedy):
        raise UserError(f"{self.file}: {what}: {remedy}")
