# SPDX-License-Identifier: Apache-2.0
"""Finds which option an answer means: a letter, a number, a name or a text."""

import collections.abc
import dataclasses
import re

from albert.tasks.label_spelling import PLACEHOLDERS
from albert.tasks.multiple_choice.questions import OPTION_NAMES

# pandas writes whole numbers with ".0" where one of the column is missing.
_NUMBER = re.compile(r"(\d{1,3})(\.0)?", re.ASCII)


@dataclasses.dataclass(frozen=True)
class Reading:
    """A way to read answers.

    Attributes:
      name: str, for messages: "as letters".
      find: function of (answer: str, options: list of str, names: list of
        str) to the number of the option that is meant, from 0; None or a
        number that no option has where there is none.
      is_text: bool, whether an answer that looks like a placeholder, such as
        "-1", may be an option.
    """

    name: str
    find: collections.abc.Callable
    is_text: bool = False


def _by_letter(answer, options, names):
    letter = answer.upper()
    return OPTION_NAMES.index(letter) if letter in OPTION_NAMES else None


def _number(answer):
    match = _NUMBER.fullmatch(answer)
    return int(match[1]) if match else None


def _from_1(answer, options, names):
    number = _number(answer)
    return number - 1 if number else None


def _by_text(answer, options, names):
    texts = [option.strip() for option in options]
    # Of equal options the first: nothing tells them apart.
    return texts.index(answer) if answer in texts else None


BY_LETTER = Reading("as letters (A, B, …)", _by_letter)
FROM_0 = Reading(
    "as numbers from 0", lambda answer, options, names: _number(answer)
)
FROM_1 = Reading("as numbers from 1", _from_1)
BY_TEXT = Reading("as the text of an option", _by_text, is_text=True)
BY_NAME = Reading(
    "as the labels of the choices",
    lambda answer, options, names: (
        names.index(answer) if answer in names else None
    ),
)

# Those that answers of one's own may be given in.
READINGS = (BY_LETTER, FROM_0, FROM_1, BY_TEXT)


def as_text(answer):
    """Returns an answer, a value of any type, as text: str."""
    return str(answer).strip()


def is_unknown(answer, options, readings):
    """Tells whether an answer says that it is not known.

    Args:
      answer: value of the file.
      options: list of str.
      readings: tuple of ``Reading``.
    """
    if answer is None:
        return True
    text = as_text(answer)
    if text not in PLACEHOLDERS:
        return False
    # -1 may be the result of a sum.
    texts = [option.strip() for option in options]
    return not (text in texts and any(each.is_text for each in readings))


def read_answers(questions, readings):
    """Finds the reading that fits most answers of a file, and what it gives.

    Args:
      questions: list of (answer, options, names): str, list of str, list of
        str.
      readings: tuple of ``Reading``.

    Returns:
      (reading, list of the number of an option, or None where the answer is
      not among the options).

    Raises:
      ValueError: two readings fit equally well and give other options; it
        names both.
    """
    found = {}
    for reading in readings:
        numbers = (reading.find(*question) for question in questions)
        found[reading] = [
            number if number is not None and number < len(options) else None
            for number, (_, options, _) in zip(numbers, questions, strict=True)
        ]
    right = {
        reading: sum(number is not None for number in numbers)
        for reading, numbers in found.items()
    }
    best, *others = (
        reading for reading in found if right[reading] == max(right.values())
    )
    for other in others if right[best] else ():
        if found[other] != found[best]:
            raise ValueError(f"{best.name} or {other.name}")
    return best, found[best]
