# SPDX-License-Identifier: Apache-2.0
"""Words that ROUGE compares."""

import pytest

from albert.text_to_text.text_metrics import _Words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't snake_case 3.14, x²!", "don t snake case 3 14 x²"),
        ("", ""),
        # Vowel signs, virama and nukta are parts of words.
        ("हिन्दी में, ज़रूर।", "हिन्दी में ज़रूर"),
        ("Cafe\u0301s Große", "cafés große"),
        # No code for it is there: the mark stays behind its letter.
        ("n\u0308a İl", "n\u0308a i\u0307l"),
        ("北京2008年", "北 京 2008 年"),
        ("カタカナとabc語", "カ タ カ ナ と abc 語"),
        ("か\u3099く", "が く"),
        ("ที่นี่ดี", "ที่ นี่ ดี"),
        ("한국어 문장", "한국어 문장"),
        # A mark alone.
        ("\u0301 a", "\u0301 a"),
    ],
)
def test_words(text, words):
    assert _Words().tokenize(text) == words.split()
