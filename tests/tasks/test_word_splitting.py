# SPDX-License-Identifier: Apache-2.0
"""Words of texts: at white space, and punctuation by itself."""

import pytest

from albert.tasks.word_splitting import split_words

SPLIT = {
    "": [],
    " \t\u3000\n": [],
    "Anna lives here.": ["Anna", "lives", "here", "."],
    "(U.S.)": ["(", "U.S", ".", ")"],
    "a--b": ["a", "-", "-", "b"],
    "well-known, isn't it?": ["well-known", ",", "isn't", "it", "?"],
    "1,000.5 $3": ["1,000.5", "$3"],
    "\u00abja\u00bb \u2026": ["\u00ab", "ja", "\u00bb", "\u2026"],
    "'t": ["'", "t"],
    "a. b": ["a", ".", "b"],
}


@pytest.mark.parametrize("text", SPLIT)
def test_words(text):
    assert split_words(text) == SPLIT[text]
