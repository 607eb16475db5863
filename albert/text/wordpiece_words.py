# SPDX-License-Identifier: Apache-2.0
"""Cleans a text and cuts it into words, before WordPiece cuts these.

The steps are those of ``BasicTokenizer`` in the original's
``tokenization.py``.
"""

import functools
import re
import unicodedata

_DROPPED = ("\0", "\ufffd")
_WHITE_SPACE_CONTROLS = "\t\n\r"
# The blocks that hold Chinese characters, which are words by themselves.
# Hangul and kana are not: Korean and Japanese are cut at spaces.
_CHINESE = (
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2A6DF),
    (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F),
    (0x2B820, 0x2CEAF),
    (0x2F800, 0x2FA1F),
)
# No character beyond has the category of punctuation.
_LAST_PUNCTUATION = 0x1FFFF


def normalize(text, lower_case=True, strip_accents=True):
    """Returns ``text`` as it is cut into words.

    White space becomes spaces; NUL, U+FFFD, and control and format characters
    are dropped. With ``lower_case`` letters are then lower-cased; and with
    ``strip_accents`` decomposed (NFD, which leaves compatibility characters as
    they are), and the marks that take no space (category Mn) are dropped.
    """
    text = text.translate(_CLEANING)
    if not lower_case:
        return text
    text = text.lower()
    if text.isascii() or not strip_accents:
        return text
    # Marks are dropped before as well: NFD sorts a run of them in quadratic
    # time.
    return _drop_marks(unicodedata.normalize("NFD", _drop_marks(text)))


def cut_words(normalized):
    """Returns the words of a normalised text: list of str.

    Words stand between spaces; a Chinese character or a mark of punctuation
    is a word by itself.
    """
    return _word_pattern().findall(normalized)


def find_words(normalized):
    """Returns these words with their places: list of ``re.Match``."""
    return list(_word_pattern().finditer(normalized))


def is_word_by_itself(character):
    """Returns whether a character is Chinese or punctuation."""
    return len(character) == 1 and bool(
        _word_pattern().fullmatch(character)
        and not _word_pattern().fullmatch(character * 2)
    )


class _Cleaning(dict):
    """Table of what ``str.translate`` puts in place of a code point."""

    def __missing__(self, code):
        character = chr(code)
        category = unicodedata.category(character)
        if character in _WHITE_SPACE_CONTROLS or category[0] == "Z":
            result = " "
        elif character in _DROPPED or category in ("Cc", "Cf"):
            result = None
        else:
            result = code
        self[code] = result
        return result


_CLEANING = _Cleaning()


@functools.cache
def _word_pattern():
    punctuation = "".join(
        re.escape(chr(code))
        for code in range(0x80, _LAST_PUNCTUATION + 1)
        if unicodedata.category(chr(code))[0] == "P"
    )
    chinese = "".join(f"{chr(first)}-{chr(last)}" for first, last in _CHINESE)
    # In ASCII all signs count, also "$+<=>^`|~", which Unicode does not take
    # for punctuation.
    alone = rf"!-/:-@\[-`{{-~{punctuation}{chinese}"
    return re.compile(f"[{alone}]|[^ {alone}]+")


@functools.cache
def normalize_character(code, lower_case, strip_accents):
    """Returns what ``normalize`` makes of a code point: str."""
    return normalize(chr(code), lower_case, strip_accents)


def is_mark(character):
    """Returns whether a character is a mark that lower-casing drops."""
    return unicodedata.category(character) == "Mn"


def _drop_marks(text):
    # A text has few distinct characters and rarely a mark.
    for mark in filter(is_mark, set(text)):
        text = text.replace(mark, "")
    return text
