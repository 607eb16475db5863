# SPDX-License-Identifier: Apache-2.0
"""Finds what each line of a file tells of how lines hold sentences.

How the layouts weigh it is in ``albert.text.layouts``.
"""

import itertools
import re

import numpy as np

from albert.text.sentences import has_several_sentences
from albert.text.sentences import is_ended
from albert.text.sentences import is_small

# WikiExtractor's tags stand around an article and are not text.
_ARTICLE_TAG = re.compile(r"\s*(?:<doc(?: [^<>]*)?>|</doc>)\s*")

_NARROWEST_WRAP, _WIDEST_WRAP = 40, 120
# The width is the third longest line of so many before, or after.
WINDOW_LINES = 32
_LINES_THAT_MAY_STICK_OUT = 2
_LONGEST_WORD = 24
_PROBED_CHARACTERS = 300
# What a line may tell.
EVIDENCE = (
    "runs on",
    *(
        sentences + followed + width
        for sentences in ("several", "single")
        for followed in (
            "",
            ", ended",
            ", broken off",
            ", followed",
            ", ended, followed",
        )
        for width in ("", ", too wide")
    ),
)


def is_article_tag(line):
    """Returns whether a line is WikiExtractor's ``<doc …>`` or ``</doc>``."""
    return "doc" in line and _ARTICLE_TAG.fullmatch(line) is not None


def weigh(lines, past, count):
    """Weighs lines.

    Args:
      lines: list of str, those to weigh and some that follow them.
      past: list of int, lengths of the lines before them.
      count: how many of them to weigh.

    Returns:
      (list of str, what each tells: a key of ``EVIDENCE`` or, of lines
      without text, None; and lengths of the last lines weighed).
    """
    texts = [
        "" if is_article_tag(line) else line.strip()
        for line in itertools.chain(lines, ["", ""])
    ]
    lengths = past + [
        length if length <= _WIDEST_WRAP else 0
        for length in map(len, texts)
        if length
    ]
    widths = iter(_widths(lengths)[len(past) :])
    evidence = []
    for i, text in enumerate(itertools.islice(texts, count)):
        following = texts[i + 1]
        if not text:
            evidence.append(None)
        elif following and _runs_on(text, following, next(widths)):
            evidence.append("runs on")
        else:
            if not following:
                next(widths)
            several = has_several_sentences(text[:_PROBED_CHARACTERS])
            if is_ended(text):
                end = ", ended"
            elif (
                not following
                and is_small(texts[i + 2][:1])
                and not text.islower()
            ):
                end = ", broken off"
            else:
                end = ""
            evidence.append(
                ("several" if several else "single")
                + end
                + (", followed" if following else "")
                + (", too wide" if len(text) > _WIDEST_WRAP else "")
            )
    weighed = len(past) + len(evidence) - evidence.count(None)
    return evidence, lengths[:weighed][-WINDOW_LINES:]


def _widths(lengths):
    """Returns for each line the smaller width of those before and after it."""
    if not lengths:
        return []
    padded = np.pad(
        np.array(lengths, np.int16), WINDOW_LINES - 1, mode="symmetric"
    )
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW_LINES)
    place = WINDOW_LINES - 1 - _LINES_THAT_MAY_STICK_OUT
    width = np.partition(windows, place, axis=1)[:, place]
    before, after = width[: len(lengths)], width[WINDOW_LINES - 1 :]
    before = np.where(before < _NARROWEST_WRAP, after, before)
    after = np.where(after < _NARROWEST_WRAP, before, after)
    return np.minimum(before, after).tolist()


def _runs_on(text, following, width):
    """Returns whether a line breaks because the next word did not fit."""
    length = len(text)
    if width < _NARROWEST_WRAP or length > _WIDEST_WRAP:
        return False
    word = following.find(" ")
    # Scripts without spaces break anywhere.
    room = 1 + word if 0 < word <= _LONGEST_WORD else 2
    return length + room > width and not is_ended(text)
