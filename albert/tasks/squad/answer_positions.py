# SPDX-License-Identifier: Apache-2.0
"""Finds where in its context an answer stands.

What files give as ``answer_start`` is often off: counted in other units, by
a blank, or in a text that was changed since. Training on the characters at
such a place would teach wrong answers, so an answer is looked for.
"""

import dataclasses
import enum
import unicodedata

from albert.tasks.squad.questions import NOWHERE

CHARACTERS = "characters"
# What else positions are counted in: in JavaScript and Java, and in programs
# that work on bytes. Name to (encoding, bytes of a unit).
_UNITS = {"UTF-16 units": ("utf-16-le", 2), "UTF-8 bytes": ("utf-8", 1)}
# Vowels and final consonants of Hangul that go on with a syllable; the
# combining class of these is 0.
_HANGUL_PARTS = ("\u1160", "\u11ff")


class How(enum.Enum):
    """How an answer and its answer_start go together."""

    THERE = "it stands there"
    UNICODE = "it stands there, composed or decomposed"
    BLANKS = "off by white space at its ends"
    MOVED = "it stands elsewhere"
    NOWHERE = "it stands nowhere"


@dataclasses.dataclass(frozen=True)
class Place:
    """Where an answer stands.

    Attributes:
      text: str, the characters of the context, or the file's if nowhere.
      start: int, or ``NOWHERE``.
      how: ``How``.
      several: bool, it stands at several places, and one was chosen.
    """

    text: str
    start: int
    how: How
    several: bool = False


def find_unit(answers):
    """Finds what a file counts its positions in.

    Args:
      answers: list of (context, text, answer_start).

    Returns:
      str: "UTF-16 units" or "UTF-8 bytes" if all answers stand where the
      file says when it is counted in them, and not all do when counted in
      characters; "characters" otherwise.
    """
    for unit in (CHARACTERS, *_UNITS):
        if all(
            _look_there(context, text, to_characters(context, start, unit))
            for context, text, start in answers
        ):
            return unit
    return CHARACTERS


def to_characters(context, start, unit):
    """Returns a position, counted in a unit, as a number of characters.

    It is -1 where it falls inside a character.
    """
    if unit == CHARACTERS or start < 0 or context.isascii():
        return start
    encoding, width = _UNITS[unit]
    try:
        return len(context.encode(encoding)[: width * start].decode(encoding))
    except UnicodeDecodeError:
        return -1


def find_place(context, text, start):
    """Finds an answer: at its place, or else where it stands.

    An answer that stands several times is taken where it overlaps the place
    that the file gives; else the nearest one of those that are whole words;
    without a place, the first of those.

    Args:
      context: str.
      text: str, not blank.
      start: int, characters, or None where the file does not say.

    Returns:
      ``Place``.
    """
    if start is not None:
        place = _look_there(context, text, start)
        if place:
            return place
    places = _exact_places(context, text)
    stripped = text.strip()
    if not places and stripped != text:
        places = _exact_places(context, stripped)
    if not places:
        places = _canonical_places(context, stripped)
    if not places:
        return Place(text, NOWHERE, How.NOWHERE)
    first, end = _choose(context, places, start)
    return Place(context[first:end], first, How.MOVED, len(places) > 1)


def _look_there(context, text, start):
    """Returns the ``Place`` of an answer that is where the file says."""
    if not 0 <= start < len(context):
        return None
    if context.startswith(text, start):
        return Place(text, start, How.THERE)
    for first, end in _canonical_places(context, text):
        if first == start:
            return Place(context[first:end], first, How.UNICODE)
    stripped = text.strip()
    while start < len(context) and context[start].isspace():
        start += 1
    if context.startswith(stripped, start):
        return Place(stripped, start, How.BLANKS)
    return None


def _exact_places(context, text):
    """Returns the (start, end) of all occurrences."""
    places = []
    start = context.find(text)
    while start >= 0:
        places.append((start, start + len(text)))
        start = context.find(text, start + 1)
    return places


def _canonical_places(context, text):
    """Returns the (start, end) of all that is canonically equal to a text."""
    if context.isascii() or not text:
        return []
    wanted = unicodedata.normalize("NFD", text)
    decomposed = unicodedata.normalize("NFD", context)
    if wanted not in decomposed or (wanted, decomposed) == (text, context):
        return []
    # Decomposition works character by character, but for the order of marks.
    positions = {0: 0}
    length = 0
    for index, character in enumerate(context):
        length += len(unicodedata.normalize("NFD", character))
        positions[length] = index + 1
    places = []
    for first, last in _exact_places(decomposed, wanted):
        start, end = positions.get(first), positions.get(last)
        if start is None or end is None or _goes_on(context[end : end + 1]):
            continue  # it would cut a letter
        if unicodedata.normalize("NFD", context[start:end]) == wanted:
            places.append((start, end))
    return places


def _goes_on(character):
    """Tells whether a character belongs to the letter in front of it."""
    if not character:
        return False
    first, last = _HANGUL_PARTS
    return bool(unicodedata.combining(character)) or (
        first <= character <= last
    )


def _choose(context, places, start):
    if start is not None:
        length = places[0][1] - places[0][0]
        touching = [
            place for place in places if abs(place[0] - start) <= length
        ]
        if touching:
            return min(touching, key=lambda place: abs(place[0] - start))
    words = [place for place in places if not _cuts_word(context, *place)]
    return min(words or places, key=lambda place: abs(place[0] - (start or 0)))


def _cuts_word(context, start, end):
    return _joins(context[start - 1 : start], context[start]) or _joins(
        context[end - 1], context[end : end + 1]
    )


def _joins(left, right):
    """Tells whether two characters are inside a word of a script with blanks.

    Letters with two cases are such; Chinese and Korean words, and the
    endings of Korean, are not told apart by their characters.
    """
    return all(
        each.isdigit() or each.lower() != each.upper() for each in (left, right)
    )
