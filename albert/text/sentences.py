# SPDX-License-Identifier: Apache-2.0
"""Splits a paragraph of prose into sentences by rule.

A sentence ends at a run of ``. ! ? …``, with the quotes and brackets that
close on it, before a space. It does not end there when

* the next letter is lower-case (``"Stop!" he cried``), unless the whole
  paragraph is written without capitals;
* the next character is a dash, a comma or another stop;
* a single ``.`` follows a title or an abbreviation (``Mr.``, ``St.``,
  ``e.g.``), an initial (``J. S. Mill``, ``U. S. Army``; but the word ``I``
  may end a sentence), an abbreviation that takes a number (``No. 7``), or a
  number that opens the sentence (``1. The first``);
* an ellipsis, also a spaced one, is followed by the word ``I``;
* a quotation that ends in ``!`` or ``?`` is followed by who said it
  (``"Who?" Mrs. Reed asked``).

Chinese and Japanese stops end a sentence without a space. A point inside a
number or a word has no space after it, so it never ends one.
"""

import re

_CLOSERS = "\"'\u2019\u201d)\\]}\u00bb_*\u300d\u300f\uff09\u3011\u300b\u3009"
_OPENERS = "\"'\u2018\u201c(\\[{\u00ab_*"

_STOP = re.compile(
    rf"(?P<stop>[.!?\u2026]+)(?P<closers>[{_CLOSERS}]*)\s+"
    rf"|[\u3002\uff01\uff1f\uff61]+[{_CLOSERS}]*\s*"
)
_NEXT = re.compile(rf"[{_OPENERS}]*(?P<first>[^\s{_OPENERS}])")
_NOT_A_START = frozenset(".!?\u2026,;:-\u2013\u2014")
_PRONOUN_I = re.compile(rf"[{_OPENERS}]*I\b(?!\.)")
_INITIAL = re.compile(r"(?:[^\W\d_]\.)*[A-Z]")
_ENUMERATOR = re.compile(r"\d+|[IVXLC]+")
_SPEAKER = re.compile(
    r"(?:I|He|She|They|We|(?:M(?:rs?|iss|aster)|Dr|Sir|Lady|Lord)\.? \w+"
    r"|[A-Z][a-z]+(?: [A-Z][a-z]+)?)"
    r" (?:said|asked|cried|answered|replied|exclaimed|shouted|whispered"
    r"|returned|repeated|demanded|muttered|murmured|inquired|called|began"
    r"|thought)\b"
)

# fmt: off
_ABBREVIATIONS = frozenset([
    "mr", "mrs", "ms", "messrs", "mme", "mmes", "mlle", "dr", "prof", "rev",
    "revd", "hon", "rt", "st", "ste", "mt", "ft", "capt", "captn", "col",
    "lt", "lieut", "gen", "maj", "sgt", "sergt", "corp", "cpl", "adm", "com",
    "gov", "sen", "rep", "pres", "supt", "viz", "vs", "cf", "i.e", "e.g",
    "ca", "approx", "bros", "hr", "hrn", "fr", "frl", "bzw", "z.b", "d.h",
    "u.a",
])
_ABBREVIATIONS_BEFORE_NUMBERS = frozenset([
    "no", "nos", "vol", "vols", "p", "pp", "fig", "figs", "ch", "chap", "sec",
    "art", "v", "vv", "l", "ll", "nr", "s", "bd", "jan", "feb", "mar", "apr",
    "jun", "jul", "aug", "sept", "sep", "oct", "nov", "dec",
])
# fmt: on


def split_sentences(paragraph):
    """Splits one paragraph into sentences.

    Args:
      paragraph: str. Line ends in it count as spaces.

    Returns:
      list of str without space at the ends, in order. Together they hold
      every character of the paragraph except whitespace between sentences;
      runs of whitespace inside a sentence become one space.
    """
    text = " ".join(paragraph.split())
    without_capitals = text.islower()
    sentences = []
    start = 0
    for match in _STOP.finditer(text):
        end = match.end()
        if end == len(text):
            break
        if match["stop"] is None or _ends_sentence(
            text, start, match, without_capitals
        ):
            sentences.append(text[start:end].rstrip())
            start = end
    if start < len(text):
        sentences.append(text[start:])
    return sentences


def _ends_sentence(text, start, match, without_capitals):
    """Returns whether the sentence from ``start`` ends with ``match``."""
    following = _NEXT.match(text, match.end())
    if following is None:
        return False
    first = following["first"]
    stop, closers = match["stop"], match["closers"]
    if first in _NOT_A_START:
        return False
    if first.islower():
        return without_capitals and not closers
    if stop == "." and not closers:
        return not _is_abbreviating(text, start, match, first)
    if closers and stop[-1] in "!?":
        return _SPEAKER.match(text, match.end()) is None
    if stop[-1] == "\u2026" or stop.endswith(".."):
        return _PRONOUN_I.match(text, match.end()) is None
    return True


def _is_abbreviating(text, start, match, first):
    """Returns whether the point of ``match`` belongs to the word before it."""
    point = match.start()
    word_start = text.rfind(" ", start, point) + 1 or start
    word = text[word_start:point].lstrip("\"'\u2018\u201c([{\u00ab_*")
    if not word:  # the last point of a spaced ellipsis
        return _PRONOUN_I.match(text, match.end()) is not None
    folded = word.lower()
    if folded in _ABBREVIATIONS:
        return True
    if first.isdigit() and folded in _ABBREVIATIONS_BEFORE_NUMBERS:
        return True
    if word_start == start and _ENUMERATOR.fullmatch(word):
        return True
    return word != "I" and _INITIAL.fullmatch(word) is not None
