# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/text/normalization_losses.py."""

import pathlib

import pytest

from albert.text.normalization_losses import count_marked_letters
from albert.text.normalization_losses import describe_lost_marks
from albert.text.normalization_losses import describe_turkish_case
from albert.text.normalization_losses import describe_unreachable_pieces
from albert.text.tokenizer import Tokenizer

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
MODEL = GOLDEN / "tokenization" / "spm2000.model"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (0, 0)),
        ("plain text", (0, 9)),
        ("mạ é", (2, 3)),
        ("ma\u0323 e\u0301", (2, 3)),
        # Two marks on one letter.
        ("ế ệ\u0301", (2, 2)),
        ("が か", (1, 2)),
        # Taken apart, but no mark is lost.
        ("한 ﬁ ½", (0, 3)),
    ],
)
def test_count_marked_letters(text, expected):
    assert count_marked_letters([text]) == expected
    assert count_marked_letters([text, text]) == tuple(
        2 * each for each in expected
    )


def test_marks_of_wordpiece():
    # Vowel signs are marks there, and no compatibility character is changed.
    assert count_marked_letters(["कुछ ｶﾞ"], "wordpiece") == (1, 4)
    assert count_marked_letters(["कुछ ｶﾞ"]) == (1, 5)


def test_few_lost_marks_are_not_mentioned():
    assert describe_lost_marks(0.0049) is None
    assert describe_lost_marks(0.25).startswith("25.0% of the characters lost")


def test_case_of_turkish():
    assert describe_turkish_case(0.0049) is None
    assert describe_turkish_case(0.04).startswith(
        "4.0% of the characters are ı"
    )


def test_pieces_that_cannot_occur():
    warning = describe_unreachable_pieces(Tokenizer(MODEL))
    assert (
        "spm2000.model: 10% of its pieces can never occur, such as ▁" in warning
    )
    assert "--do_lower_case=true --strip_accents=true" in warning
    assert describe_unreachable_pieces(Tokenizer(MODEL, False)) is None
    # Pieces such as ▁2010, cannot occur either, whatever the flags.
    released = GOLDEN / "released_vocabulary" / "30k-clean.model"
    assert describe_unreachable_pieces(Tokenizer(released)) is None
