# SPDX-License-Identifier: Apache-2.0
"""Says what the rows of each type of label hold, and makes examples of them."""

import dataclasses

from albert.errors import UserError
from albert.prediction import row_files
from albert.tasks import conll_lines
from albert.tasks import line_files
from albert.tasks.conll_files import TaggedSentences
from albert.tasks.multiple_choice import layouts
from albert.tasks.multiple_choice import own_rows
from albert.tasks.multiple_choice.questions import QuestionExamples
from albert.tasks.multiple_choice.raw_questions import as_id
from albert.tasks.multiple_choice.split_reading import find_fault
from albert.tasks.squad.questions import Question
from albert.tasks.squad.questions import SquadData
from albert.tasks.table import reads_pairs
from albert.tasks.tsv_files import TextExamples
from albert.text.encodings import has_half_pair

# Rows that are held at once, whatever their length.
_MOST_ROWS = 16_384
# The same of tagging, whose outputs are those of all pieces.
_MOST_SENTENCES = 2_048
# Of the texts that are held at once; a page has some thousand.
_MOST_CHARACTERS = 1 << 22

_ID = "id"
_WORDS = (row_files.WORDS, "tokens", row_files.TEXT)
_REMEDY = "correct it, or name the columns, as with --text_column"


@dataclasses.dataclass(frozen=True)
class Columns:
    """The columns of rows, as flags name them; None: the usual one.

    Attributes:
      text, text_b, id: str or None.
      options: tuple of str or None, of multiple choice.
    """

    text: str | None = None
    text_b: str | None = None
    id: str | None = None
    options: tuple | None = None


class RowKind:
    """What rows of a type of label hold.

    Args:
      columns: ``Columns``.
      description: dict, what the model says of its task.

    Attributes:
      most_rows: int, rows that are held at once.
    """

    most_rows = _MOST_ROWS

    def __init__(self, columns, description):
        self.columns = columns
        self.description = description

    def read(self, item):
        """Returns the examples of a row: list of (id, example).

        Args:
          item: ``Item``.

        Raises:
          ValueError: it has none, or a value of another type.
        """
        return [(self._find_id(item), self._read_example(item))]

    def size(self, example):
        """Returns the number of characters of an example."""
        return sum(map(len, example))

    def _find_id(self, item):
        # The column of an id that nobody named need not be there.
        if self.columns.id:
            self._value(item, self.columns.id)
        return as_id(item.value.get(self.columns.id or _ID), str(item.number))

    def _text(self, item, name):
        value = self._value(item, name)
        if not isinstance(value, str):
            raise ValueError(f"{name!r} holds no text")
        if has_half_pair(value):
            raise ValueError(f"{name!r} has half a surrogate pair in it")
        return value

    def _value(self, item, name):
        if name not in item.value:
            raise ValueError(f"no column {name!r} among {_columns(item)}")
        return item.value[name]


class TextRows(RowKind):
    """A text, or a pair of texts."""

    def __init__(self, columns, description):
        super().__init__(columns, description)
        self._text_b = columns.text_b
        pairs = reads_pairs(description)
        self._may_lack_text_b = pairs is None and not columns.text_b
        if pairs and not columns.text_b:
            self._text_b = "text_b"
        if pairs is False and columns.text_b:
            raise UserError(
                "the model was trained on single texts: leave out "
                "--text_b_column"
            )
        if self._text_b == (columns.text or row_files.TEXT):
            raise UserError(
                f"column {self._text_b!r} is given as both texts of a pair: "
                "correct --text_column or --text_b_column"
            )

    def _read_example(self, item):
        if self._may_lack_text_b and "text_b" in item.value:
            raise UserError(
                "nothing says whether the model was trained on pairs, and the "
                "rows have a column 'text_b': give --text_b_column=text_b, or "
                "leave the column out"
            )
        names = [self.columns.text or row_files.TEXT, self._text_b]
        return [self._text(item, name) for name in names if name]

    def gather(self, ids, examples):
        """Returns ``TextExamples``."""
        texts, *others = map(list, zip(*examples, strict=True))
        return TextExamples(ids, texts, *others)


class QuestionRows(RowKind):
    """A question with options, and what it is about."""

    def __init__(self, columns, description):
        super().__init__(columns, description)
        if not description.get("labels"):
            raise UserError(
                "the model does not say how many options a question has: give "
                "the model directory that `albert classify` wrote"
            )

    def read(self, item):
        """Returns the examples of a row: list of (id, ``RawQuestion``)."""
        columns = own_rows.Columns(
            text=self.columns.text,
            text_b=self.columns.text_b,
            options=self.columns.options,
            id=self.columns.id,
        )
        layout = layouts.find_layout(item.value, columns)
        if layout is None:
            raise ValueError(f"no question with options among {_columns(item)}")
        try:
            questions = layout.read(item.value, str(item.number))
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"not of {layout.name} ({error})") from None
        most = len(self.description["labels"])
        for question in questions:
            fault = find_fault(question)
            if not fault and len(question.options) > most:
                fault = f"{len(question.options)} options, and {most} are most"
            if fault:
                raise ValueError(f"{question.place}{fault}")
        return [(question.id, question) for question in questions]

    def size(self, example):
        """Returns the number of characters of a question."""
        return sum(map(len, (self._context(example), *example.options)))

    def gather(self, ids, examples):
        """Returns ``QuestionExamples``."""
        numbers = {}
        return QuestionExamples(
            ids=ids,
            levels=None,
            article_numbers=[
                numbers.setdefault(self._context(each), len(numbers))
                for each in examples
            ],
            articles=list(numbers),
            questions=[each.question for each in examples],
            options=[each.options for each in examples],
        )

    def _context(self, question):
        context = question.context or ""
        return context if isinstance(context, str) else "\n".join(context)


class SentenceRows(RowKind):
    """A sentence: a list of words, or a text with spaces between them."""

    most_rows = _MOST_SENTENCES

    def _read_example(self, item):
        name = self.columns.text
        if not name:
            known = filter(item.value.__contains__, _WORDS)
            name = next(known, row_files.WORDS)
        value = self._value(item, name)
        if isinstance(value, str):
            value = conll_lines.split(value.replace("\t", " "))
        if not isinstance(value, list) or not all(
            isinstance(word, str) for word in value
        ):
            raise ValueError(f"{name!r} holds no words")
        if not value or not all(map(str.strip, value)):
            raise ValueError(f"{name!r} holds no words, or an empty one")
        if any(character in word for word in value for character in "\t\n\r"):
            raise ValueError(f"{name!r} has a tab or a line end in a word")
        if any(map(has_half_pair, value)):
            raise ValueError(f"{name!r} has half a surrogate pair in it")
        return value

    def gather(self, ids, examples):
        """Returns ``TaggedSentences`` without tags."""
        return TaggedSentences(examples)


class SpanRows(RowKind):
    """A question and the context that it is answered from."""

    def _read_example(self, item):
        context, question = (
            self._text(item, name)
            for name in (
                self.columns.text or "context",
                self.columns.text_b or "question",
            )
        )
        if not context.strip():
            raise ValueError("an empty context")
        return context, question

    def gather(self, ids, examples):
        """Returns ``SquadData`` whose ids are numbers from 0."""
        numbers = {}
        questions = [
            Question(
                str(index),
                question,
                numbers.setdefault(context, len(numbers)),
                answers=(),
            )
            for index, (context, question) in enumerate(examples)
        ]
        return SquadData(
            file="",
            has_impossible=False,  # The model knows, see ``SpanPredictor``.
            labelled=False,
            contexts=list(numbers),
            titles=[""] * len(numbers),
            questions=questions,
            findings={},
        )


# By ``label_type`` of a head.
ROW_KINDS = {
    "class": TextRows,
    "classes": TextRows,
    "number": TextRows,
    "choice": QuestionRows,
    "tag": SentenceRows,
    "span": SpanRows,
}


def read_windows(items, kind, bad_rows):
    """Groups examples to windows that fit the memory.

    Args:
      items: iterable of ``Item``.
      kind: ``RowKind``.
      bad_rows: ``BadRows``.

    Yields:
      (ids, examples): lists of the same length, at least 1.

    Raises:
      UserError: a row cannot be used, and such are not left out.
    """
    ids, examples, size = [], [], 0
    for item in items:
        try:
            read = kind.read(item)
        except ValueError as error:
            bad_rows.add(item.line, str(error), _REMEDY)
            continue
        for id_, example in read:
            ids.append(id_)
            examples.append(example)
            size += kind.size(example)
        if len(ids) >= kind.most_rows or size >= _MOST_CHARACTERS:
            yield ids, examples
            ids, examples, size = [], [], 0
    if ids:
        yield ids, examples


def _columns(item):
    return line_files.shorten(", ".join(map(str, item.value)) or "none")
