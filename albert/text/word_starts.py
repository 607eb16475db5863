# SPDX-License-Identifier: Apache-2.0
"""Decides which pieces start a word.

The original's rule knows English alone: any piece with a letter outside a-z
starts a word there, so that nearly every word of Greek or Korean is cut. Here
a letter of any script that writes spaces continues a word. In scripts that
write none, each piece may be hidden by itself.
"""

import functools
import string
import unicodedata

import numpy as np

WORD_START_RULES = ("scripts", "original")

_SPACE_MARK = "\u2581"
# The original's list of punctuation leaves these four out.
_PUNCTUATION = frozenset(string.punctuation) - frozenset("'<=>")
_ENGLISH = frozenset(string.ascii_lowercase)
# Unicode names a letter after its script, in the first word of the name.
_SCRIPTS_WITHOUT_ANY_SPACE = frozenset(
    {
        "BOPOMOFO",
        "CJK",
        "HIRAGANA",
        "IDEOGRAPHIC",
        "KATAKANA",
        "KATAKANA-HIRAGANA",
    }
)
# A text's words come again and again.
_REMEMBERED_WORDS = 1 << 16
# These put spaces between sentences alone, or phrases.
_SCRIPTS_WITHOUT_SPACES = _SCRIPTS_WITHOUT_ANY_SPACE | {
    "KHMER",
    "LAO",
    "MYANMAR",
    "THAI",
    "TIBETAN",
}
# Letters, marks, and the joiners between letters.
_CATEGORIES_IN_WORDS = ("L", "M", "Cf")


def find_word_starts(pieces, rule="scripts"):
    """Finds the pieces that start a word.

    Both rules: a piece starts a word when it begins with "▁" or "<", is a
    single punctuation mark, or holds a character that is neither punctuation
    nor a letter that continues words. Digits and the apostrophe are such
    characters. (The marks < = > are not in the original's list either.)

    Args:
      pieces: list of V str.
      rule: which letters continue words. "scripts": all, with their marks,
        but those of scripts without spaces (Chinese, Japanese, Thai, Lao,
        Khmer, Burmese, Tibetan). "original": a-z, as in
        ``_is_start_piece_sp`` of the original's
        ``create_pretraining_data.py``.

    Returns:
      bool array [V].
    """
    continues = {
        "scripts": _is_in_spaced_script,
        "original": _ENGLISH.__contains__,
    }[rule]
    inside = _PUNCTUATION | {
        char for char in set("".join(pieces)) if continues(char.lower())
    }
    return np.array(
        [
            piece.startswith((_SPACE_MARK, "<"))
            or piece in _PUNCTUATION
            or not inside.issuperset(piece)
            for piece in pieces
        ],
        bool,
    )


def is_without_space(sentence):
    """Whether no space stands before a sentence in running text.

    Args:
      sentence: str; its first letter decides. Chinese and Japanese put none
        there; Thai, Khmer and the like put them between sentences.

    Returns:
      bool.
    """
    letter = next(filter(str.isalpha, sentence), "a")
    script = unicodedata.name(letter, "").split(" ")[0]
    return script in _SCRIPTS_WITHOUT_ANY_SPACE


@functools.lru_cache(_REMEMBERED_WORDS)
def is_of_script_without_spaces(piece):
    """Whether a piece holds a letter of a script that writes no spaces."""
    return any(
        unicodedata.name(char, "").split(" ")[0] in _SCRIPTS_WITHOUT_SPACES
        for char in piece
    )


def _is_in_spaced_script(char):
    if not unicodedata.category(char[0]).startswith(_CATEGORIES_IN_WORDS):
        return False
    script = unicodedata.name(char[0], "").split(" ")[0]
    return script not in _SCRIPTS_WITHOUT_SPACES
