# SPDX-License-Identifier: Apache-2.0
"""Lines of CoNLL files that hold a word, without comments."""

import collections
import dataclasses
import re

from absl import logging

_DOCUMENT_START = "-DOCSTART-"
# CoNLL-U counts words, ranges of them ("3-4") and words that are not written
# ("8.1"); the words of the ranges follow one by one.
_COUNTER = re.compile(r"\d+([-.]\d+)?")
_NOT_A_WORD = re.compile(r"\d+[-.]\d+")
_FIRST = re.compile(r"[01](-\d+|\.\d+)?")
_KEY_AND_VALUE = re.compile(r"#\s*\S+ = ")
# A file with counters may hold some bad lines.
_MOST = 0.9


@dataclasses.dataclass(frozen=True, eq=False)
class WordLines:
    """The lines of words, sentence by sentence.

    Attributes:
      sentences: list of lists of (int, list of str): number of the line, and
        its fields; None for a line that could not be read.
      has_counters: bool, whether the first field counts the words.
      width: int, the number of fields that most lines have.
    """

    sentences: list
    has_counters: bool
    width: int


def read_words(path, lines):
    """Finds the lines of words, and logs how many others were left out.

    A line that begins with "# " before the first word of a sentence is a
    comment if it reads as one ("# text = …"), or has not as many fields as
    the words; of a file with counters, each line that begins with "#" is one.

    Args:
      path: str, for the log.
      lines: list of (int, str) of ``read_lines``; None for a bad line.

    Returns:
      ``WordLines``.
    """
    sentences = [
        [(number, split(line), line) for number, line in sentence]
        for sentence in _group(lines)
    ]
    words = [
        [fields for _, fields, line in sentence if line and line[0] != "#"]
        for sentence in sentences
    ]
    width = _find_width(fields for sentence in words for fields in sentence)
    has_counters = _have_counters(words, width)
    kept = []
    comments = others = 0
    for sentence in sentences:
        rows = []
        for number, fields, line in sentence:
            if line is not None:
                if _is_comment(line, fields, has_counters, width, not rows):
                    comments += 1
                    continue
                if has_counters and _NOT_A_WORD.fullmatch(fields[0]):
                    others += 1
                    continue
            rows.append((number, fields))
        if rows:
            kept.append(rows)
    if comments or others:
        logging.info(
            "%s: %d lines of comments left out, %d of ranges and of words "
            "that are not written",
            path,
            comments,
            others,
        )
    # Without comments, but with words that begin with "#".
    width = _find_width(fields for rows in kept for _, fields in rows if fields)
    return WordLines(kept, has_counters, width)


def split(line):
    """Splits a line at tabs if it has one, else at spaces; None stays."""
    if line is None:
        return None
    if "\t" in line:
        return line.split("\t")
    # Not at every kind of space: a word may hold a no-break space.
    return [field for field in line.split(" ") if field]


def is_counter(field):
    """Tells whether a field can count the words of a sentence."""
    return _COUNTER.fullmatch(field) is not None


def _group(lines):
    """Groups numbered lines to sentences."""
    sentences = [[]]
    for number, line in lines:
        ends = line is not None and (
            not line.strip(" \t") or line.startswith(_DOCUMENT_START)
        )
        if ends:
            sentences.append([])
        else:
            sentences[-1].append((number, line))
    return [sentence for sentence in sentences if sentence]


def _find_width(lines):
    """Returns the number of fields that most lines have, 0 without any."""
    widths = collections.Counter(map(len, lines)).most_common(1)
    return widths[0][0] if widths else 0


def _have_counters(sentences, width):
    """Tells whether the first fields of words count them."""
    sentences = [sentence for sentence in sentences if sentence]
    words = [fields for sentence in sentences for fields in sentence]
    if width < 2 or len(words) <= len(sentences):
        return False
    counted = sum(is_counter(fields[0]) for fields in words)
    begun = sum(
        _FIRST.fullmatch(sentence[0][0]) is not None for sentence in sentences
    )
    return counted >= _MOST * len(words) and begun >= _MOST * len(sentences)


def _is_comment(line, fields, has_counters, width, is_first):
    if has_counters:
        return line.startswith("#")
    if not is_first or not line.startswith(("# ", "#\t")):
        return False
    return bool(_KEY_AND_VALUE.match(line)) or len(fields) != width
