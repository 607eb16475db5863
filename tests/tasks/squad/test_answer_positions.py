# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/tasks/squad/answer_positions.py."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albert.tasks.squad.answer_positions import How
from albert.tasks.squad.answer_positions import Place
from albert.tasks.squad.answer_positions import find_place
from albert.tasks.squad.answer_positions import find_unit
from albert.tasks.squad.answer_positions import to_characters
from albert.tasks.squad.questions import NOWHERE

HANGUL = "한국 사람"


@pytest.mark.parametrize(
    ("context", "text", "start", "expected"),
    [
        ("two cats", "cats", 4, Place("cats", 4, How.THERE)),
        # Stands once.
        ("two cats", "cats", 0, Place("cats", 4, How.MOVED)),
        ("two cats", "cats", 99, Place("cats", 4, How.MOVED)),
        ("two cats", "cats", -1, Place("cats", 4, How.MOVED)),
        ("two cats", " cats ", 0, Place("cats", 4, How.MOVED)),
        ("two cats", "cat s", 4, Place("cat s", NOWHERE, How.NOWHERE)),
        ("two cats", "Cats", 4, Place("Cats", NOWHERE, How.NOWHERE)),
        ("", "cats", 0, Place("cats", NOWHERE, How.NOWHERE)),
        # The nearest of several; the first of two that are as near.
        ("ab. . ab . ab", "ab", 7, Place("ab", 6, How.MOVED, True)),
        ("ab. . ab . ab", "ab", 12, Place("ab", 11, How.MOVED, True)),
        ("ab. . ab . ab", "ab", 40, Place("ab", 11, How.MOVED, True)),
        ("ab--ab", "ab", 2, Place("ab", 0, How.MOVED, True)),
        # Whole words, unless the file points at the part of a word.
        ("Marie is in here", "i", 9, Place("i", 9, How.THERE)),
        ("a network of two", "two", 0, Place("two", 13, How.MOVED, True)),
        ("a network of two", "two", 5, Place("two", 4, How.MOVED, True)),
        ("a network of two", "two", None, Place("two", 13, How.MOVED, True)),
        ("two and two", "two", None, Place("two", 0, How.MOVED, True)),
        ("21867 or 1867", "1867", None, Place("1867", 9, How.MOVED, True)),
        # Korean endings and Chinese neighbours do not make a part of a word.
        ("바르샤바에서", "바르샤바", 3, Place("바르샤바", 0, How.MOVED)),
        # White space.
        ("two cats", "cats", 3, Place("cats", 4, How.BLANKS)),
        ("two cats.", " cats ", 4, Place("cats", 4, How.BLANKS)),
        # Canonically equal.
        ("a e\u0301 o", "\u00e9", 2, Place("e\u0301", 2, How.UNICODE)),
        ("a \u00e9 o", "e\u0301", 2, Place("\u00e9", 2, How.UNICODE)),
        ("a e\u0301 o", "\u00e9", 0, Place("e\u0301", 2, How.MOVED)),
        # Part of a letter is not.
        ("a \u1e17 o", "\u00e9", 2, Place("\u00e9", NOWHERE, How.NOWHERE)),
        (
            unicodedata.normalize("NFD", HANGUL),
            "하",
            0,
            Place("하", NOWHERE, How.NOWHERE),
        ),
        (
            unicodedata.normalize("NFD", HANGUL),
            "사람",
            7,
            Place(unicodedata.normalize("NFD", "사람"), 7, How.UNICODE),
        ),
        (HANGUL, unicodedata.normalize("NFD", "국"), 1, None),
    ],
)
def test_places(context, text, start, expected):
    found = find_place(context, text, start)
    if expected is None:
        expected = Place("국", 1, How.UNICODE)
    assert found == expected


LETTERS = st.text(alphabet="ab e\u0301\u00e9한ᄒ\u1161\u11ab😀 ", max_size=12)


@given(LETTERS, LETTERS.filter(str.strip), st.none() | st.integers(-2, 14))
def test_what_is_found_stands_there(context, text, start):
    place = find_place(context, text, start)
    if place.how is How.NOWHERE:
        assert (place.text, place.start) == (text, NOWHERE)
        assert text.strip() not in context
        return
    assert place.text
    assert context.startswith(place.text, place.start)
    normal = [
        unicodedata.normalize("NFC", each).strip()
        for each in (place.text, text)
    ]
    assert normal[0] == normal[1]


def test_units():
    context = "é😀x"
    for unit, positions in (
        ("characters", (0, 1, 2)),
        ("UTF-16 units", (0, 1, 3)),
        ("UTF-8 bytes", (0, 2, 6)),
    ):
        for characters, position in enumerate(positions):
            assert to_characters(context, position, unit) == characters
    assert to_characters(context, 2, "UTF-16 units") == -1
    assert to_characters(context, 4, "UTF-8 bytes") == -1
    assert to_characters(context, 10**30, "UTF-8 bytes") == 3
    assert to_characters("abc", 10**30, "UTF-8 bytes") == 10**30


@pytest.mark.parametrize(
    ("starts", "unit"),
    [
        ((0, 2), "characters"),
        ((0, 3), "UTF-16 units"),
        ((0, 6), "UTF-8 bytes"),
        ((1, 3), "characters"),
        ((0, 4), "characters"),
        ((), "characters"),
    ],
)
def test_unit_of_a_file(starts, unit):
    answers = [
        ("é😀x", text, start) for text, start in zip("éx", starts, strict=False)
    ]
    assert find_unit(answers) == unit
