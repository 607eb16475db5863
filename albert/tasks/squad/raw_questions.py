# SPDX-License-Identifier: Apache-2.0
"""Reads questions and answers as the objects of a file give them.

Files differ in how they write ids, "no answer", lists of answers and their
version; the forms that are met are read alike.
"""

import dataclasses
import pathlib

IGNORED = "questions with is_impossible and with answers, which are ignored"
REPEATED = "repeated questions, read once"
BLANK_CONTEXT = "questions on an empty context"
BLANK_QUESTION = "questions without a text"
NO_QUESTIONS = "paragraphs without questions"
HARMLESS = (NO_QUESTIONS,)  # Counted, but no reason for a warning.

_VERSIONS_2 = ("2.0", "v2.0", "2", "v2")
_TRUTH = {"true": True, "1": True, "false": False, "0": False}
_LISTED = 5  # Ids in a message.


@dataclasses.dataclass(frozen=True)
class RawQuestion:
    """A question as the file has it, its answers not yet looked for.

    Attributes:
      id: str.
      text: str.
      context_index: int.
      answers: tuple of (str, int or None), text and answer_start.
      where: str, article and id, for messages.
    """

    id: str
    text: str
    context_index: int
    answers: tuple
    where: str


class QuestionReader:
    """The questions of one file, collected one by one.

    Args:
      fields: ``Fields`` of the file.

    Attributes:
      contexts, titles: lists of str, as in ``SquadData``.
      questions: dict from id to ``RawQuestion``, in the order of the file.
      findings: dict, as in ``SquadData``.
      reading: list of str, as in ``SquadData``.
    """

    def __init__(self, fields):
        self.fields = fields
        self.contexts = []
        self.titles = []
        self.questions = {}
        self.findings = {}
        self.reading = []
        # Of the questions that the file calls impossible, of those that say
        # whether they are, and of those with a list of answers, be it empty.
        self._impossible = set()
        self._with_is_impossible = set()
        self._with_answers = set()
        # Ids of different questions to the places of both.
        self._clashes = {}

    def read(self, layout):
        """Reads all questions of a ``Layout``."""
        if layout.name:
            self.reading.append(f"layout: {layout.name}")
        for where in layout.without_questions:
            self.note(NO_QUESTIONS, where)
        ids = self._find_ids(layout.paragraphs)
        for paragraph in layout.paragraphs:
            self.contexts.append(paragraph.context)
            self.titles.append(paragraph.title)
            for question in paragraph.questions:
                self._read_question(question, next(ids), paragraph)
        if self._clashes:
            more = ", …" if len(self._clashes) > _LISTED else ""
            self.fields.refuse(
                f"{len(self._clashes)} ids stand for several questions each: "
                f"{', '.join(list(self._clashes)[:_LISTED])}{more} (the "
                f"first: {next(iter(self._clashes.values()))})",
                "ids must be unique",
            )
        if not self.questions:
            self.fields.refuse("there are no questions", "give another file")
        if self.questions.keys() == set(self.findings.get(IGNORED, [])):
            self.fields.refuse(
                "every question has is_impossible, and answers beside it",
                "remove one of the two",
            )

    def note(self, name, what):
        """Adds to what is odd about the file."""
        self.findings.setdefault(name, []).append(what)

    def _find_ids(self, paragraphs):
        """Yields the id of every question: a number where none has one."""
        ids, missing = [], []
        for paragraph in paragraphs:
            for number, question in enumerate(paragraph.questions, start=1):
                where = f"{paragraph.where}, question {number}"
                self.fields.check_object(
                    question, where, 'it must hold "question"'
                )
                id_ = question.get("id")
                if id_ is None or id_ == "":
                    missing.append(where)
                elif type(id_) is int:
                    id_ = str(id_)  # as the keys of predictions.json are
                else:
                    id_ = self.fields.get(question, "id", str, where)
                ids.append(id_)
        if missing and len(missing) < len(ids):
            self.fields.refuse(
                f'{missing[0]}: there is no "id"; {len(missing)} of '
                f"{len(ids)} questions have none",
                "give every question one",
            )
        if missing:
            stem = pathlib.Path(self.fields.file).stem
            ids = [f"{stem}-{number + 1}" for number in range(len(ids))]
            self.reading.append(
                f"no question has an id, they are named {ids[0]} to {ids[-1]}"
            )
        yield from ids

    def _read_question(self, question, id_, paragraph):
        where = f"{paragraph.article}, question {id_}"
        asked = RawQuestion(
            id_,
            self.fields.get(question, "question", str, where),
            len(self.contexts) - 1,
            self._read_answers(question, id_, where),
            where,
        )
        # A mark of no answer is an answer with nothing in it.
        answers = tuple(each for each in asked.answers if each[0])
        is_impossible = self._read_is_impossible(question, where)
        if len(answers) < len(asked.answers):
            if not answers:
                is_impossible = True
            elif not is_impossible:
                self.fields.refuse(
                    f"{where}: an answer is empty, others are not", "remove it"
                )
        before = self.questions.get(id_)
        if before:
            kept = () if is_impossible else answers
            same = (
                (before.text, self.contexts[before.context_index])
                == (asked.text, paragraph.context)
                and before.answers == kept
                and (id_ in self._impossible) is bool(is_impossible)
            )
            if same:
                self.note(REPEATED, id_)
            else:
                self._clashes.setdefault(
                    id_, f"{before.where}, and {paragraph.article}"
                )
            return
        if is_impossible is not None:
            self._with_is_impossible.add(id_)
        if question.get("answers") is not None:
            self._with_answers.add(id_)
        if is_impossible:
            self._impossible.add(id_)
            if answers:
                self.note(IGNORED, id_)
            answers = ()
        if not paragraph.context.strip():
            self.note(BLANK_CONTEXT, id_)
        if not asked.text.strip():
            self.note(BLANK_QUESTION, id_)
        self.questions[id_] = dataclasses.replace(asked, answers=answers)

    def _read_is_impossible(self, question, where):
        """Returns a bool, or None where the question does not say it."""
        value = question.get("is_impossible")
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str | int):
            truth = _TRUTH.get(str(value).strip().lower())
            if truth is not None:
                return truth
        self.fields.refuse_value(
            value, "is_impossible", "it must be true or false", where
        )

    def _read_answers(self, question, id_, where):
        answers = question.get("answers")
        if answers is None:
            return ()
        if isinstance(answers, dict):  # of lists, as Hugging Face has them
            texts = self.fields.get(answers, "text", list, where)
            starts = [None] * len(texts)
            if answers.get("answer_start") is not None:
                starts = self.fields.get(answers, "answer_start", list, where)
            if len(texts) != len(starts):
                self.fields.refuse(
                    f"{where}: {len(texts)} texts of answers and "
                    f"{len(starts)} answer_start",
                    "each text needs one",
                )
            answers = [
                {"text": text, "answer_start": start}
                for text, start in zip(texts, starts, strict=True)
            ]
        elif not isinstance(answers, list):
            self.fields.refuse_value(
                answers, "answers", "it must be a list", where
            )
        return tuple(
            self._read_answer(answer, question, where) for answer in answers
        )

    def _read_answer(self, answer, question, where):
        """Returns (text, answer_start); text "" says "no answer"."""
        text = self.fields.get(answer, "text", str, where)
        start = self._read_start(answer.get("answer_start"), where)
        if text.strip():
            return text, start
        if start in (None, -1) or self._read_is_impossible(question, where):
            return "", None
        self.fields.refuse(f"{where}: an answer is empty", "remove it")

    def _read_start(self, start, where):
        if start is None or type(start) is int:
            return start
        if isinstance(start, float) and start.is_integer():
            return int(start)
        if isinstance(start, str):
            try:
                return int(start)
            except ValueError:
                pass
        self.fields.refuse_value(
            start, "answer_start", "it must be a number", where
        )

    @property
    def labelled(self):
        """bool, an answer is given, or a question is said to have none."""
        return bool(self._impossible) or any(
            asked.answers for asked in self.questions.values()
        )

    def find_version(self, version):
        """Returns whether the file is of version 2.0, and why: (bool, str).

        Args:
          version: the file's "version", or None.
        """
        says = "no version" if version is None else f"version {version!r:.40}"
        if str(version).strip().lower() in _VERSIONS_2:
            return True, says
        if self._with_is_impossible:
            return True, (
                f"{len(self._with_is_impossible)} questions say whether they "
                "have an answer"
            )
        return False, f"{says}, and no question has is_impossible"

    def check_answers(self, has_impossible):
        """Refuses questions without the answer that they should have."""
        if not has_impossible and self._impossible:
            first = next(
                asked
                for id_, asked in self.questions.items()
                if id_ in self._impossible
            )
            self.fields.refuse(
                f"{len(self._impossible)} questions have no answer (the "
                f"first: {first.where})",
                "this is a file of version 2.0, use --version_2_with_negative",
            )
        if not self.labelled:
            return
        # An empty context has no answers.
        allowed = set(self.findings.get(BLANK_CONTEXT, []))
        if has_impossible:
            # Version 2.0 takes an empty list for "no answer", as its
            # official evaluation does.
            allowed |= self._with_answers | self._impossible
        for id_, asked in self.questions.items():
            if not asked.answers and id_ not in allowed:
                self.fields.refuse(
                    f'{asked.where}: there are no "answers", though other '
                    "questions have them",
                    "add them, or remove them everywhere to predict only; or "
                    'use --version_2_with_negative if "answers": [] means '
                    "that there is none",
                )
