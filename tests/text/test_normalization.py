# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/text/normalization.py."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
