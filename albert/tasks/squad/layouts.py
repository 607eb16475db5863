# SPDX-License-Identifier: Apache-2.0
"""Reads the layouts that questions with contexts are published in.

Each becomes a list of ``Paragraph``:

- SQuAD's: {"version", "data": [{"title", "paragraphs": [{"context", "qas"}]}]},
  also as the list of articles alone;
- rows, as Hugging Face's datasets write them: {"id", "title", "context",
  "question", "answers": {"text": […], "answer_start": […]}}, in a list, in
  "data" or one a line;
- MRQA's JSON lines: a header, then {"context", "qas"} with
  "detected_answers";
- CMRC 2018's own: {"context_text", "title", "qas": [{"query_id", "query_text",
  "answers": ["…"]}]}, without the places of answers.

Files may be compressed with gzip. KorQuAD 2 is recognised and refused.
"""

import dataclasses

from albert.errors import UserError
from albert.tasks import json_items

_FORMAT = "give a file in the format of SQuAD"


@dataclasses.dataclass(frozen=True)
class Paragraph:
    """A context and what is asked about it, not yet checked.

    Attributes:
      title: str, of its article.
      context: str.
      questions: list of values, objects with "id", "question", "answers" if
        the file is right.
      article: str, the place of its article in the file, for messages.
      where: str, its own.
    """

    title: str
    context: str
    questions: list
    article: str
    where: str


@dataclasses.dataclass(frozen=True)
class Layout:
    """What a file holds.

    Attributes:
      paragraphs: list of ``Paragraph``.
      version: what the file says of its version; None if nothing.
      name: str, the layout, for people; "" for SQuAD's.
      without_questions: list of str, paragraphs that were passed over.
    """

    paragraphs: list
    version: object
    name: str
    without_questions: list


def read_layout(file, fields):
    """Reads a file of any of the layouts.

    Args:
      file: path.
      fields: ``Fields`` of the file.

    Returns:
      ``Layout``.

    Raises:
      UserError: the file cannot be read, or is in none of the layouts.
    """

    def refuse(line, what, remedy):
        raise UserError(f"{file}:{line}: {what}: {remedy}")

    found, is_lines = json_items.read_json(
        file, refuse, _FORMAT, allow_pipe=True
    )
    values = [item.value for item in found]
    content = values if is_lines else values[0]
    version = None
    noun = "line" if is_lines else "row"
    items = content
    if isinstance(content, dict):
        version = content.get("version")
        is_item = (
            _is_row(content)
            or "paragraphs" in content
            or "context_text" in content
        )
        items = content.get("data", [content] if is_item else None)
    if not isinstance(items, list):
        fields.refuse(
            'not in the format of SQuAD, there is no "data" with a list of '
            "articles",
            "give another file",
        )
    _refuse_relatives(items, fields)
    reader = _LayoutReader(fields)
    for index, item in enumerate(items):
        reader.read_item(item, index + 1, noun)
    return Layout(
        reader.paragraphs, version, reader.name, reader.without_questions
    )


def _is_row(item):
    return isinstance(item, dict) and "context" in item


def _refuse_relatives(items, fields):
    """Refuses a layout that is called SQuAD's and is not."""
    for item in items:
        if not isinstance(item, dict):
            continue
        questions = item.get("qas")
        is_html = "raw_html" in item or (
            isinstance(questions, list)
            and any(
                isinstance(question, dict)
                and isinstance(question.get("answer"), dict)
                and "html_answer_start" in question["answer"]
                for question in questions
            )
        )
        if is_html:
            fields.refuse(
                "KorQuAD 2's layout, whose contexts are pages of HTML",
                "use KorQuAD 1.0, or write the text of the pages with its "
                "answers in the layout of SQuAD",
            )


class _LayoutReader:
    """The paragraphs of a file, collected one by one."""

    def __init__(self, fields):
        self.fields = fields
        self.paragraphs = []
        self.without_questions = []
        self.name = ""

    def read_item(self, item, number, noun):
        """Reads an article, a paragraph, a row or a header.

        Args:
          item: the JSON value.
          number: int, which it is, from 1.
          noun: str, what an item is called that is no article.
        """
        if isinstance(item, dict) and "context_text" in item:
            where = f"{noun} {number}"
            self._read_row(self._convert_cmrc(item, where), where)
            self.name = "CMRC 2018's own, without the places of answers"
        elif _is_row(item):
            self._read_row(item, f"{noun} {number}")
        elif isinstance(item, dict) and isinstance(item.get("header"), dict):
            self.name = "MRQA's JSON lines"
        else:
            self._read_article(item, f"article {number}")

    def _read_article(self, article, where):
        title = where
        if isinstance(article, dict) and isinstance(article.get("title"), str):
            title = article["title"]
            self.fields.check_unicode(title, "title", where)
            where = f'{where} ("{title}")'
        paragraphs = self.fields.get(article, "paragraphs", list, where)
        for index, paragraph in enumerate(paragraphs):
            here = f"{where}, paragraph {index + 1}"
            context = self.fields.get(paragraph, "context", str, here)
            if paragraph.get("qas") is None:
                self.without_questions.append(here)
                continue
            questions = self.fields.get(paragraph, "qas", list, here)
            if not questions:
                self.without_questions.append(here)
            self.paragraphs.append(
                Paragraph(title, context, questions, where, here)
            )

    def _read_row(self, row, where):
        context = self.fields.get(row, "context", str, where)
        title = row.get("title")
        if isinstance(title, str):
            self.fields.check_unicode(title, "title", where)
        else:
            title = where
        if row.get("qas") is not None:
            questions = [
                self._convert_mrqa(question, context, where)
                for question in self.fields.get(row, "qas", list, where)
            ]
            self.name = self.name or "paragraphs without articles"
        elif "question" in row:
            questions = [row]
            self.name = self.name or "rows of one question each"
            last = self.paragraphs[-1] if self.paragraphs else None
            if (
                last
                and last.context == context
                and title
                in (
                    last.title,
                    where,
                )
            ):
                # One context for all its questions, tokenized once.
                last.questions.append(row)
                return
        else:
            self.without_questions.append(where)
            return
        self.paragraphs.append(
            Paragraph(title, context, questions, where, where)
        )

    def _convert_cmrc(self, item, where):
        """Returns a text of CMRC 2018 as a paragraph of SQuAD's names."""
        get = self.fields.get
        questions = []
        for index, question in enumerate(get(item, "qas", list, where)):
            here = f"{where}, question {index + 1}"
            converted = {
                "id": get(question, "query_id", str, here),
                "question": get(question, "query_text", str, here),
            }
            if question.get("answers") is not None:
                converted["answers"] = [
                    {"text": answer} if isinstance(answer, str) else answer
                    for answer in get(question, "answers", list, here)
                ]
            questions.append(converted)
        return {
            "title": item.get("title"),
            "context": get(item, "context_text", str, where),
            "qas": questions,
        }

    def _convert_mrqa(self, question, context, where):
        """Returns a question of MRQA as SQuAD has it, and others as they are.

        The detected answers are all places where an answer stands; the
        characters of a span include its last one. The answers themselves are
        texts, taken where none was detected.
        """
        if not isinstance(question, dict):
            return question
        if "qid" not in question and "detected_answers" not in question:
            return question
        converted = {**question}
        if question.get("id") in (None, ""):
            converted["id"] = question.get("qid")
        where = f"{where}, question {converted['id']}"
        detected = []
        if question.get("detected_answers") is not None:
            detected = self.fields.get(
                question, "detected_answers", list, where
            )
        answers = question.get("answers", [])
        if detected:
            converted["answers"] = [
                self._convert_span(answer, context, where)
                for answer in detected
            ]
        elif isinstance(answers, list):
            converted["answers"] = [
                {"text": each} if isinstance(each, str) else each
                for each in answers
            ]
        return converted

    def _convert_span(self, answer, context, where):
        spans = self.fields.get(answer, "char_spans", list, where)
        for span in spans[:1]:
            if (
                isinstance(span, list)
                and [type(each) for each in span] == [int, int]
                and 0 <= span[0] <= span[1] < len(context)
            ):
                return {
                    "text": context[span[0] : span[1] + 1],
                    "answer_start": span[0],
                }
        self.fields.refuse_value(
            spans[:1],
            "char_spans",
            "it must hold [first, last] characters of the context",
            where,
        )
