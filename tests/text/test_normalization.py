# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/text/normalization.py."""

import itertools
import random
import sys
import types
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albert.text import normalization
from albert.text.normalization import normalize
from albert.text.normalization import normalize_batch


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  The\tcat \n sat ", "the cat sat"),
        ("Café Ångström", "cafe angstrom"),
        ("a\x1cb\x85c\u2028d\u00a0e\u3000f", "a b c d e f"),
        ("ﬁve ½ Ⅳ ①", "five 1⁄2 iv 1"),
        ("İstanbul", "istanbul"),
        ("ΣΑΣ", "σας"),
        ("x\u0301\u0327y", "xy"),
        ("`` quoted ''", "`` quoted ''"),
        ("\x00", "\x00"),
        ("", ""),
    ],
)
def test_normalize(text, expected):
    assert normalize(text) == expected


def test_case_is_kept_when_asked():
    assert normalize("Émile ZOLA", lower_case=False) == "Emile ZOLA"


def test_decomposes_before_lower_casing():
    # Lower-casing first would leave the dot above as a mark of its own.
    assert normalize("\u0130") == "i"


@given(st.text(), st.booleans())
def test_is_the_rule_applied_to_each_character(text, lower_case):
    joined = " ".join(text.strip().split())
    kept = [
        char
        for char in unicodedata.normalize("NFKD", joined)
        if not unicodedata.combining(char)
    ]
    expected = "".join(kept)
    if lower_case:
        expected = expected.lower()
    assert normalize(text, lower_case) == expected


@given(st.text(alphabet=st.characters(max_codepoint=0x2FFF)))
def test_a_second_pass_changes_only_spaces(text):
    # Some characters decompose into a space and a mark, and some only after
    # they were lower-cased.
    once = normalize(text, lower_case=False)
    assert normalize(once, lower_case=False) == " ".join(once.split())


@given(st.lists(st.text()), st.booleans())
def test_batch_is_each_in_turn(texts, lower_case):
    assert normalize_batch(texts, lower_case) == [
        normalize(text, lower_case) for text in texts
    ]


# Marks of two classes in the wrong order, and characters that become marks.
MARKS = "\u0301\u0323\u0344\u0f73\u0f75\u0f81\uff9e\uff9f"


def test_no_long_run_of_marks_is_sorted(monkeypatch):
    # NFKD sorts a run of marks in quadratic time: 32,000 took seconds.
    decomposed = []

    def decompose(form, text):
        decomposed.append(text)
        return unicodedata.normalize(form, text)

    monkeypatch.setattr(
        normalization,
        "unicodedata",
        types.SimpleNamespace(
            normalize=decompose, combining=unicodedata.combining
        ),
    )
    for marks in (MARKS, *MARKS):
        assert normalize(f"e{marks * 2000}f") == "ef"
    for text in decomposed:
        letters = unicodedata.normalize("NFKD", text)
        for is_mark, run in itertools.groupby(letters, unicodedata.combining):
            assert not is_mark or len([*run]) <= normalization._SHORT


def test_long_texts_are_as_short_ones():
    generator = random.Random(3)
    for _ in range(97):
        text = "".join(generator.choices(MARKS + "aé각ﷺΣ 9", k=599))
        assert (
            normalize(text)
            == "".join(
                char
                for char in unicodedata.normalize(
                    "NFKD", " ".join(text.split())
                )
                if not unicodedata.combining(char)
            ).lower()
        )


def test_all_characters_that_become_marks_are_known():
    assert {
        char
        for char in map(chr, range(sys.maxunicode + 1))
        if not unicodedata.combining(char)
        and all(map(unicodedata.combining, unicodedata.normalize("NFKD", char)))
    } == normalization._MARKS_IN_DISGUISE
