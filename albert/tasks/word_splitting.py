# SPDX-License-Identifier: Apache-2.0
"""Splits texts into words, for models that tag words."""

import unicodedata


def split_words(text):
    """Splits a text into words.

    At white space; and a punctuation mark is a word of its own unless it
    stands between two characters that are neither that nor space: "(U.S.)" is
    "(", "U.S", ".", ")". ``albert.export.serving_tagging`` does the same.

    Args:
      text: str.

    Returns:
      list of str, none empty.
    """
    kinds = [_kind(character) for character in text]
    words, open_word = [], False
    for place, (character, kind) in enumerate(zip(text, kinds, strict=True)):
        neighbours = kinds[max(place - 1, 0) : place + 2]
        alone = kind == "mark" and neighbours != ["inner", "mark", "inner"]
        if kind == "space":
            open_word = False
        elif alone or not open_word:
            words.append(character)
            open_word = not alone
        else:
            words[-1] += character
    return words


def _kind(character):
    if character.isspace():
        return "space"
    return "mark" if unicodedata.category(character)[0] == "P" else "inner"
