# SPDX-License-Identifier: Apache-2.0
"""Defines what a fine-tuned model answers, one class for each type of label."""

import dataclasses

from albert.tasks import tag_schemes
from albert.tasks.label_types import LABEL_TYPES
from albert.tasks.label_types import shortest


@dataclasses.dataclass(frozen=True)
class Classification:
    """Class of a text or a pair of texts.

    Attributes:
      label: str, the likeliest.
      probabilities: dict from each label to float; they sum to 1.
    """

    label: str
    probabilities: dict[str, float]


@dataclasses.dataclass(frozen=True)
class MultiLabelClassification:
    """Labels of a text, of which it may have any number.

    Attributes:
      labels: list of str, those whose probability reaches their threshold.
      probabilities: dict from each label to float; each is one by itself.
    """

    labels: list[str]
    probabilities: dict[str, float]


@dataclasses.dataclass(frozen=True)
class Regression:
    """Number that a model gives a text or a pair of texts.

    Attributes:
      value: float.
    """

    value: float


@dataclasses.dataclass(frozen=True)
class Choice:
    """Option that answers a question.

    Attributes:
      option: str, the likeliest.
      index: int, its place among the options, from 0.
      probabilities: list of float, one for each option; they sum to 1.
    """

    option: str
    index: int
    probabilities: list[float]


@dataclasses.dataclass(frozen=True)
class Entity:
    """Words that are one entity together.

    Attributes:
      type: str, such as "PER".
      words: list of str.
      first_word: int, the place of the first of them in the sentence, from 0.
    """

    type: str
    words: list[str]
    first_word: int


@dataclasses.dataclass(frozen=True)
class TaggedSentence:
    """Words of a sentence with their tags.

    Attributes:
      words: list of str.
      tags: list of str, one for each word: BIO tags of entities, or plain.
    """

    words: list[str]
    tags: list[str]

    @property
    def entities(self) -> list[Entity]:
        """The entities that the tags are of; none of plain tags."""
        found = []
        for place, (word, tag) in enumerate(
            zip(self.words, self.tags, strict=True)
        ):
            type_ = tag_schemes.entity_type(tag)
            if type_ is None:
                continue
            if tag.startswith("B-"):
                found.append(Entity(type_, [], place))
            found[-1].words.append(word)
        return found


@dataclasses.dataclass(frozen=True)
class Answer:
    """Part of a text that answers a question.

    Attributes:
      text: str, "" where the text has no answer.
      start: int, its first character in the text; None of no answer.
      probability: float, among the best answers; None where nothing was read.
      null_score: float, higher where there is less of an answer; None of
        models that always give one.
    """

    text: str
    start: int | None
    probability: float | None
    null_score: float | None = None


def make_answers(task, examples, predictions):
    """Returns the answers that predictions are: list of N.

    Args:
      task: ``Task``, of any type of label but "span".
      examples: what they are of, see ``RowKind.gather``.
      predictions: ``Predictions`` of the N examples.
    """
    return _MAKERS[task.label_type](task, examples, predictions)


def make_columns(task, answer):
    """Returns an answer as the columns of a table: dict.

    Args:
      task: ``Task``.
      answer: of ``make_answers``, or ``Answer``.
    """
    return _COLUMNS[type(answer)](task, answer)


def rounded(value):
    """Returns a number that has the digits of a float32 and no more."""
    return float(shortest(value))


def _by_label(task, row):
    return dict(zip(task.labels, map(rounded, row), strict=True))


def _make_classes(task, examples, predictions):
    texts = LABEL_TYPES["class"].texts(task, predictions.values)
    return [
        Classification(label, _by_label(task, row))
        for label, row in zip(texts, predictions.probabilities, strict=True)
    ]


def _make_several(task, examples, predictions):
    return [
        MultiLabelClassification(
            [
                label
                for label, is_there in zip(task.labels, values, strict=True)
                if is_there
            ],
            _by_label(task, row),
        )
        for values, row in zip(
            predictions.values, predictions.probabilities, strict=True
        )
    ]


def _make_numbers(task, examples, predictions):
    return [Regression(rounded(value)) for value in predictions.values]


def _make_choices(task, examples, predictions):
    return [
        Choice(
            options[index],
            int(index),
            [rounded(each) for each in row[: len(options)]],
        )
        for options, index, row in zip(
            examples.options,
            predictions.values,
            predictions.probabilities,
            strict=True,
        )
    ]


def _make_tags(task, examples, predictions):
    return list(map(TaggedSentence, examples.sentences, predictions.values))


_MAKERS = {
    "class": _make_classes,
    "classes": _make_several,
    "number": _make_numbers,
    "choice": _make_choices,
    "tag": _make_tags,
}


def _choice_columns(task, choice):
    # The options that a question lacks have no probability.
    lacking = len(task.labels) - len(choice.probabilities)
    row = [*choice.probabilities, *[0.0] * lacking]
    return {
        "prediction": task.labels[choice.index],
        "probability": dict(zip(task.labels, row, strict=True)),
    }


def _answer_columns(task, answer):
    return {
        "prediction": answer.text,
        "start": answer.start,
        "probability": answer.probability,
    }


_COLUMNS = {
    Classification: lambda task, answer: {
        "prediction": answer.label,
        "probability": answer.probabilities,
    },
    MultiLabelClassification: lambda task, answer: {
        "prediction": task.label_separator.join(answer.labels),
        "probability": answer.probabilities,
    },
    Regression: lambda task, answer: {"prediction": answer.value},
    Choice: _choice_columns,
    TaggedSentence: lambda task, answer: {
        "words": answer.words,
        "tags": answer.tags,
    },
    Answer: _answer_columns,
}
