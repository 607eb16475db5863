# SPDX-License-Identifier: Apache-2.0
"""Collects the questions of a split, checked, from the items of its files."""

import collections
import dataclasses

from absl import logging

from albert.errors import UserError
from albert.file_fingerprints import describe_files
from albert.tasks.line_files import shorten
from albert.tasks.multiple_choice import answers
from albert.tasks.multiple_choice import layouts
from albert.tasks.multiple_choice.questions import FEWEST_OPTIONS
from albert.tasks.multiple_choice.questions import OPTION_NAMES
from albert.tasks.multiple_choice.questions import QuestionExamples
from albert.text.encodings import has_half_pair

_REMEDY = "correct it"
_LAYOUT_REMEDY = "see docs/finetuning.md for the layouts that are read"


class SplitReader:
    """The questions of one split, collected file by file.

    Args:
      task: ``Task``; a question has at most as many options as it has labels.
      bad_rows: ``BadRows``.
      columns: ``Columns`` of a table.
    """

    def __init__(self, task, bad_rows, columns):
        self.bad_rows = bad_rows
        self._task = task
        self._columns = columns
        self._examples = QuestionExamples([], [], [], [], [], [], [])
        self._paths = []
        self._places = {}  # id to where it stands
        self._layouts = {}  # name to the columns that were read
        self._equal_options = self._without_questions = 0

    def add_file(self, path, items, level=None, name=None):
        """Adds the questions of one file.

        Args:
          path: str.
          items: list of ``json_items.Item``.
          level: str, of RACE; None for other questions.
          name: str, the id of the file's one article, where it says none;
            None: the items are numbered.

        Raises:
          UserError: bad rows are not skipped, or the answers of the file can
            be read in two ways.
        """
        self._paths.append(str(path))
        layout, raw = self._read_layout(path, items, name)
        if layout is None:
            return
        columns = self._layouts.setdefault(layout.name, {})
        usable = []
        for line, question in raw:
            columns.update(dict.fromkeys(question.columns))
            fault = find_fault(question)
            what = (fault, _REMEDY) if fault else self._find_surplus(question)
            if what:
                self._refuse(path, line, question, *what)
            else:
                usable.append((line, question))
        for line, question, label in self._read_answers(path, usable, layout):
            if question.id in self._places:
                self._refuse(
                    path,
                    line,
                    question,
                    "its id is that of a question in "
                    f"{self._places[question.id]} too",
                    "give each question its own, or none",
                )
                continue
            self._places[question.id] = f"{path}:{line}"
            self._append(question, label, level)

    def finish(self):
        """Returns ``QuestionExamples``, and logs what was read.

        Raises:
          UserError: there are no questions, or only some have answers.
        """
        examples, path = self._examples, self.bad_rows.path
        self.bad_rows.report(len(examples))
        if not len(examples):
            raise UserError(
                f"{path}: no questions that can be used: {_LAYOUT_REMEDY}"
            )
        known = sum(label is not None for label in examples.labels)
        if 0 < known < len(examples):
            raise UserError(
                f"{path}: {len(examples) - known} of {len(examples)} "
                "questions have no answer: add the answers, or remove them all"
            )
        self._log()
        return dataclasses.replace(
            examples,
            levels=None if None in examples.levels else examples.levels,
            labels=examples.labels if known else None,
            bad_rows=self.bad_rows.count,
            files=tuple(describe_files(self._paths)),
        )

    def _read_layout(self, path, items, name):
        """Returns the layout of a file, and its (line, ``RawQuestion``)."""
        layout, questions = None, []
        asked = collections.Counter()  # by the id of an article
        for item in items:
            found = layouts.find_layout(item.value, self._columns)
            layout = layout or found
            if found is None or found.name != layout.name:
                what = f"in no layout that is known ({_describe(item.value)})"
                if found:
                    what = f"{found.name}, and above are {layout.name}"
                self.bad_rows.add(item.line, what, _LAYOUT_REMEDY, path)
                continue
            id_ = str(item.number)
            if name:
                id_ = name + f"-{item.number}" * (item.number > 0)
            try:
                read = layout.read(item.value, id_)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                reason = error
                if isinstance(error, KeyError):
                    reason = f"no {error}"
                elif not isinstance(error, ValueError):
                    reason = "a value of another type"
                self.bad_rows.add(
                    item.line,
                    f"not of {layout.name} ({reason})",
                    "restore the file",
                    path,
                )
                continue
            self._without_questions += not read
            for question in read:
                if question.is_of_article:
                    number = asked[question.id]
                    asked[question.id] += 1
                    question = dataclasses.replace(
                        question, id=f"{question.id}-{number}"
                    )
                questions.append((item.line, question))
        return layout, questions

    def _find_surplus(self, question):
        """Returns (what, remedy) for more options than there may be."""
        size = len(question.options)
        if size > len(OPTION_NAMES):
            return (
                f"{size} options, and {len(OPTION_NAMES)} are the most",
                "leave some out",
            )
        labels = self._task.labels or OPTION_NAMES
        if size <= len(labels):
            return None
        names = ",".join(OPTION_NAMES[:size])
        return (
            f"{size} options, and {self._task.name} has {len(labels)} here",
            f"train with --task_name=multiple-choice --labels={names}",
        )

    def _read_answers(self, path, questions, layout):
        """Yields (line, question, name of its right option or None)."""
        known = [
            not answers.is_unknown(
                question.answer, question.options, layout.readings
            )
            for _, question in questions
        ]
        asked = [
            (
                answers.as_text(question.answer),
                question.options,
                list(map(str, question.names or ())),
            )
            for (_, question), is_known in zip(questions, known, strict=True)
            if is_known
        ]
        try:
            reading, numbers = answers.read_answers(asked, layout.readings)
        except ValueError as error:
            raise UserError(
                f"{path}: the answers can be read {error}, which gives other "
                "options: write them as letters (A for the first option)"
            ) from None
        numbers = iter(numbers)
        for (line, question), is_known in zip(questions, known, strict=True):
            number = next(numbers) if is_known else None
            if is_known and number is None:
                self._refuse(
                    path,
                    line,
                    question,
                    f"answer {shorten(answers.as_text(question.answer))!r} is "
                    f"not one of its {len(question.options)} options, read "
                    f"{reading.name}",
                    _REMEDY,
                )
                continue
            yield line, question, OPTION_NAMES[number] if is_known else None

    def _refuse(self, path, line, question, what, remedy):
        name = shorten(" ".join(question.id.split()))
        self.bad_rows.add(
            line, f"{question.place}{what} (id {name})", remedy, path
        )

    def _append(self, question, label, level):
        examples = self._examples
        context = question.context or ""
        if isinstance(context, list):
            context = "\n".join(context)
        # Each article once, where its questions follow one another.
        if not examples.articles or examples.articles[-1] != context:
            examples.articles.append(context)
        options = [option.strip() for option in question.options]
        self._equal_options += len(set(options)) < len(options)
        examples.ids.append(question.id)
        examples.levels.append(level)
        examples.article_numbers.append(len(examples.articles) - 1)
        examples.questions.append(question.question)
        examples.options.append(question.options)
        examples.labels.append(label)

    def _log(self):
        examples, path = self._examples, self.bad_rows.path
        sizes = collections.Counter(map(len, examples.options))
        counts = (f"{sizes[size]} with {size}" for size in sorted(sizes))
        logging.info(
            "%s: %s: %d questions%s options",
            path,
            ", ".join(
                f"{name} ({', '.join(columns)})" if columns else name
                for name, columns in self._layouts.items()
            ),
            len(examples),
            f" with {next(iter(sizes))}"
            if len(sizes) == 1
            else f": {', '.join(counts)}",
        )
        if self._without_questions:
            logging.info(
                "%s: articles without questions, passed over: %d",
                path,
                self._without_questions,
            )
        empty = sum(
            not examples.articles[number].strip()
            for number in examples.article_numbers
        )
        if empty and any(article.strip() for article in examples.articles):
            logging.warning(
                "%s: %d of %d questions have an empty context",
                path,
                empty,
                len(examples),
            )
        if self._equal_options:
            logging.warning(
                "%s: questions with two options that are the same, which "
                "cannot be told apart: %d",
                path,
                self._equal_options,
            )


def find_fault(question):
    """Returns what is wrong with the values of a question: str, or None.

    Args:
      question: ``RawQuestion``.
    """
    context, options = question.context, question.options
    if isinstance(context, list) and all(
        isinstance(line, str) for line in context
    ):
        context = "\n".join(context)
    if not isinstance(context, str | None):
        return "its article is not a text"
    if not isinstance(question.question, str):
        return "not a text"
    if not isinstance(options, list):
        return "it has no list of options"
    if not all(isinstance(option, str) for option in options):
        return "an option is not a text"
    for text in (question.id, context or "", question.question, *options):
        if has_half_pair(text):
            return "half a surrogate pair in it"
    for number, option in enumerate(options):
        if not option.strip():
            return f"option {OPTION_NAMES[number % 26]} is empty"
    names = list(map(str, question.names or ()))
    if len(set(names)) < len(names):
        return "two of its choices have the same label"
    if len(options) < FEWEST_OPTIONS:
        return f"fewer than {FEWEST_OPTIONS} options"
    return None


def _describe(value):
    """Returns what an item looks like, for messages."""
    if isinstance(value, dict):
        keys = ", ".join(map(str, value)) or "none"
        return f"its keys: {shorten(' '.join(keys.split()))}"
    return "not an object"
