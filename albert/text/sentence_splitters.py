# SPDX-License-Identifier: Apache-2.0
"""Finds the function that splits paragraphs into sentences, by its name.

``rules`` are our own (``albert.text.sentences``). ``icu`` is the break iterator
of ICU, the Unicode consortium's library, for any language; ``icu:fr`` knows the
abbreviations of French too.
"""

import functools
import importlib

from albert.errors import UserError
from albert.text.sentences import split_sentences

RULES = "rules"
ICU = "icu"


def find_splitter(name):
    """Returns a function from a paragraph to its sentences.

    Args:
      name: str, ``rules``, ``icu``, or ``icu:`` and the code of a language.

    Returns:
      function of the form of ``split_sentences``.

    Raises:
      UserError: there is no such splitter, its library is not installed, or
        it does not know the language.
    """
    if name == RULES:
        return split_sentences
    library, colon, language = name.partition(":")
    if library != ICU or bool(colon) != bool(language):
        raise UserError(
            f"--sentence_splitter={name}: there is none of this name; give "
            "rules, icu, or icu: with a language, such as icu:fr"
        )
    try:
        icu = importlib.import_module("icu")
    except ImportError as error:
        raise UserError(
            f"--sentence_splitter={name} needs PyICU ({error}): pip install "
            "'albert-keras[icu]', with ICU and its headers on the machine "
            "(Debian: libicu-dev, pkg-config and g++)"
        ) from error
    known = {icu.Locale(each).getLanguage() for each in _locales(icu)}
    if language and icu.Locale(language).getLanguage() not in known:
        raise UserError(
            f"--sentence_splitter={name}: ICU {icu.ICU_VERSION} knows no "
            f"language {language!r}; give a code such as icu:fr, or icu"
        )
    iterator = icu.BreakIterator.createSentenceInstance(
        icu.Locale(f"{language or 'und'}@ss=standard")
    )
    return functools.partial(_split, icu, iterator)


def _locales(icu):
    return icu.Locale.getAvailableLocales()


def _split(icu, iterator, paragraph):
    """Splits a paragraph where an iterator breaks it."""
    # Its places count UTF-16, as its own strings do.
    text = icu.UnicodeString(" ".join(paragraph.split()))
    iterator.setText(text)
    sentences = []
    start = 0
    for end in iterator:
        sentences.append(str(text[start:end]).strip())
        start = end
    return [sentence for sentence in sentences if sentence]
