# SPDX-License-Identifier: Apache-2.0
"""Splits a paragraph of prose into sentences by rule.

A sentence ends at a run of ``. ! ? …``, with the quotes and brackets that
close on it, and with marks of notes (``[1]``, ``¹``), before a space. It does
not end there when

* the next letter is lower-case (``"Stop!" he cried``, ``« Quoi ? » dit-il``),
  unless the whole paragraph is written without capitals;
* the next character is a dash, a comma or another stop;
* a single ``.`` follows a title or an abbreviation (``Mr.``, ``St.``,
  ``e.g.``, ``z. B.``), an initial (``J. S. Mill``, ``А. С. Пушкин``; but the
  word ``I`` may end a sentence), an abbreviation that takes a number
  (``No. 7``), a number that opens the sentence (``1. The first``), or an
  ordinal of German (``am 3. Oktober``, ``im 2. Stock``);
* an ellipsis, also a spaced one, is followed by the word ``I``;
* a quotation that ends in ``!`` or ``?`` is followed by who said it
  (``"Who?" Mrs. Reed asked``).

The stops of other scripts (``。 ！ । ۔ ؟ ։ ። ။ ។`` and more) end a sentence
with or without a space. A point inside a number or a word has no space after
it, so it never ends one. Thai, Lao and Tibetan write no stops that tell: a
line of theirs stays as it is.
"""

import re

_SPACED_STOPS = ".!?…;\u037e"  # the last two ask, in Greek
# Of Chinese and Japanese; of Hindi and its neighbours; of Urdu, Arabic,
# Armenian, Ethiopic, Burmese, Khmer and Mongolian.
_UNSPACED_STOPS = "。！？｡।॥۔؟։።፧။។៕᠃"
# These close in German, after a stop. After the stops above they open.
_LEFT_CLOSERS = "‘“«‹"
_RIGHT_CLOSERS = "\"'’”)]}»›_*」』）】》〉"
_CLOSERS = _LEFT_CLOSERS + _RIGHT_CLOSERS
_OPENERS = "\"'‘“„‚«»‹›¿¡([{_*"

# Of notes, as in articles of Wikipedia, behind the stop.
_SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹"
_NOTES = rf"(?:\[(?:\d{{1,3}}|[a-z])\]|[{_SUPERSCRIPTS}])*"

_STOPS = f"[{_SPACED_STOPS}{_UNSPACED_STOPS}]"
_CLOSING = f"[{re.escape(_CLOSERS)}]*"
_OPENING = re.escape(_OPENERS)
# Beginning with a set of characters, the search skips what is none of them.
# French writes a space before », and some texts one before a quote.
_STOP = re.compile(
    rf'(?P<stop>{_STOPS}{_STOPS}*)(?P<closers>{_CLOSING}(?: [»"](?= ))?)'
    rf"{_NOTES}(?P<space> ?)"
)
_CLOSING_RIGHT = re.compile(f"[{re.escape(_RIGHT_CLOSERS)}]*{_NOTES} ?")
_ENDED = re.compile(rf"{_STOPS} ?{_CLOSING}(?<!;){_NOTES}$")
_LAST = frozenset(_SPACED_STOPS + _UNSPACED_STOPS + _CLOSERS + _SUPERSCRIPTS)
# Of a line, where its end is looked for: closers, and several notes.
_LAST_CHARACTERS = 24
_NEXT = re.compile(rf"[{_OPENING} ]*([^{_OPENING} ])")
_NOT_A_START = frozenset(".!?…,;:-–—،؛，、")
_PRONOUN_I = re.compile(rf"[{_OPENING}]*I\b(?!\.)")
_INITIAL = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")
_INITIAL_AHEAD = re.compile(r"[^\W\d_]\.")
_PRONOUNS = ("I", "Я")  # which end a sentence, as no initial does
_ROMAN = re.compile(r"[IVXLC]+")
_GREEK = re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]")
_SPEAKER = re.compile(
    r"(?:I|He|She|They|We|(?:M(?:rs?|iss|aster)|Dr|Sir|Lady|Lord)\.? \w+"
    r"|[A-Z][a-z]+(?: [A-Z][a-z]+)?)"
    r" (?:said|asked|cried|answered|replied|exclaimed|shouted|whispered"
    r"|returned|repeated|demanded|muttered|murmured|inquired|called|began"
    r"|thought)\b"
)
_GERMAN_AFTER_ORDINAL = re.compile(
    r"(?:Januar|Jänner|Februar|März|April|Mai|Jun[iy]|Jul[iy]|Junius|Julius"
    r"|August|September|Oktober|November|Dezember|Jahrhundert|Jahrtausend"
    r"|Weltkrieg|Kapitel)(?:e?s|e?n)?\b"
)

_LONGEST_WORDS_BEFORE = 40  # of two words before an ordinal

# fmt: off
_GERMAN_BEFORE_ORDINAL = frozenset([
    "am", "im", "vom", "zum", "zur", "beim", "ins", "der", "die", "das", "des",
    "dem", "den", "eine", "einem", "einen", "einer", "eines",
])
_ABBREVIATIONS = frozenset([
    "mr", "mrs", "ms", "messrs", "mme", "mmes", "mlle", "dr", "prof", "rev",
    "revd", "hon", "rt", "st", "ste", "mt", "ft", "capt", "captn", "col",
    "lt", "lieut", "gen", "maj", "sgt", "sergt", "corp", "cpl", "adm", "com",
    "gov", "sen", "rep", "pres", "supt", "viz", "vs", "cf", "i.e", "e.g",
    "ca", "approx", "bros", "hr", "hrn", "fr", "frl", "bzw", "z.b", "d.h",
    "u.a", "vgl", "evtl", "ggf", "sog", "geb", "gest", "inkl", "bspw", "hrsg",
    "mm", "mgr", "éd", "env", "av", "sr", "sra", "srta", "srs", "sres", "dra",
    "ud", "uds", "dña", "ee", "sig", "dott", "doç", "bkz", "г", "ул", "им",
    "пл", "проф", "акад", "гр", "см", "св", "тов", "напр",
])
_BEFORE_NUMBERS = frozenset([
    "no", "nos", "vol", "vols", "p", "pp", "fig", "figs", "ch", "chap", "sec",
    "art", "v", "vv", "l", "ll", "nr", "s", "bd", "jan", "feb", "mar", "apr",
    "jun", "jul", "aug", "sept", "sep", "oct", "nov", "dec", "abs", "kap",
    "núm", "pág", "págs", "рис", "стр", "табл",
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
    sentences = []
    start = 0
    for end in _inner_ends(text):
        sentences.append(text[start:end].rstrip())
        start = end
    if start < len(text):
        sentences.append(text[start:])
    return sentences


def has_several_sentences(line):
    """Returns whether a line holds more than one sentence."""
    first = _STOP.search(line)
    return (
        first is not None
        and first.end() < len(line)
        and next(_inner_ends(line), None) is not None
    )


def is_ended(line):
    """Returns whether a line ends with a stop, and what closes on it."""
    return line[-1:] in _LAST and (
        _ENDED.search(line[-_LAST_CHARACTERS:]) is not None
    )


def is_small(character):
    """Tells whether a letter is small where a sentence begins with another.

    Georgian letters are small ones by Unicode, and begin sentences.

    Args:
      character: str, one or none.
    """
    return character.islower() and not "\u10d0" <= character <= "\u10ff"


def _inner_ends(text):
    """Yields where the sentences of a text end, but for the last."""
    capitals = not text.islower()
    start = 0
    for match in _STOP.finditer(text):
        end = match.end()
        if end == len(text):
            break
        stop, closers = match["stop"], match["closers"]
        if stop.strip(_SPACED_STOPS):
            # An ellipsis after them opens the next sentence.
            end = match.start() + len(stop.rstrip(".…?;"))
            end = _CLOSING_RIGHT.match(text, end).end()
        else:
            if closers.endswith(' "') and text.count('"', 0, end) % 2:
                # The quote does not close, it opens what follows.
                closers = closers[:-2]
                end = match.end("closers") - 1
            elif not match["space"]:
                continue
            if not _ends_sentence(
                text, start, match.start(), end, stop, closers, capitals
            ):
                continue
        yield end
        start = end


def _ends_sentence(text, start, point, end, stop, closers, capitals):
    """Returns whether a sentence ends with a stop.

    Args:
      text: str.
      start: where the sentence begins.
      point: where the stop is.
      end: where the next sentence would begin.
      stop, closers: str.
      capitals: whether the text has capitals.
    """
    following = _NEXT.match(text, end)
    if following is None:
        return False
    if stop[-1] == ";" and _GREEK.match(text, point - 1) is None:
        return False
    first = following[1]
    if first in _NOT_A_START:
        return False
    if is_small(first):
        return not capitals and not closers
    if stop == "." and not closers:
        return not _is_abbreviating(text, start, point, following.start(1))
    if closers and stop[-1] in "!?":
        return _SPEAKER.match(text, end) is None
    if stop[-1] == "…" or stop.endswith(".."):
        return _PRONOUN_I.match(text, end) is None
    return True


def _is_abbreviating(text, start, point, following):
    """Returns whether a point belongs to the word before it.

    Args:
      text: str.
      start: where the sentence begins.
      point: where the point is.
      following: where the next word begins.
    """
    word_start = text.rfind(" ", start, point) + 1 or start
    token = text[word_start:point]
    word = token.lstrip(_OPENERS)
    if not word:  # the last point of a spaced ellipsis
        return _PRONOUN_I.match(text, point + 2) is not None
    if word.isdecimal() or _ROMAN.fullmatch(word):
        # Numbers that open the sentence or a bracket, or ordinals.
        return (
            word_start == start
            or token.startswith("(")
            or _is_german_ordinal(text, start, word_start, following)
            or (not word.isdecimal() and _is_initial(word))
        )
    folded = word.lower()
    if folded in _ABBREVIATIONS:
        # г. is a city before its name, and a year after its number.
        return folded != "г" or not text[:word_start].rstrip()[-1:].isdecimal()
    if text[following].isdecimal() and folded in _BEFORE_NUMBERS:
        return True
    if len(word) == 1 and word.islower():  # z. B., a. C.
        return _INITIAL_AHEAD.match(text, following) is not None
    return _is_initial(word)


def _is_initial(word):
    return (
        word not in _PRONOUNS
        and word[-1].isupper()
        and _INITIAL.fullmatch(word) is not None
    )


def _is_german_ordinal(text, start, word_start, following):
    """Returns whether a number before a point counts, as in ``3. Oktober``."""
    if _GERMAN_AFTER_ORDINAL.match(text, following):
        return True
    number = text[word_start:following].rstrip(". ")
    if len(number) > 3 or number == "I":
        return False
    near = max(start, word_start - _LONGEST_WORDS_BEFORE)
    before = text[near:word_start].lower().split()[-2:]
    if not before or before == ["i", "am"]:
        return False
    # Die 2., 3. und 4. Zeitachse.
    return before[-1] in _GERMAN_BEFORE_ORDINAL or (
        before[-1] in ("und", "oder", "bis")
        and before[0][-1] == "."
        and before[0][:-1].isdecimal()
    )
