# SPDX-License-Identifier: Apache-2.0
"""Lines of CoNLL files that hold a word, without comments."""

import collections
import dataclasses
import re

from absl import logging

from albert.errors import UserError

_DOCUMENT_START = "-DOCSTART-"
# CoNLL-U counts words, ranges of them ("3-4") and words that are not written
# ("8.1"); the words of the ranges follow one by one.
_COUNTER = re.compile(r"\d+([-.]\d+)?")
_NOT_A_WORD = re.compile(r"\d+[-.]\d+")
_FIRST = re.compile(r"[01](-\d+|\.\d+)?")
_KEY_AND_VALUE = re.compile(r"#\s*\S+ = ")
# CoNLL-U Plus names its columns in its first line.
_COLUMN_NAMES = re.compile(r"#\s*global\.columns\s*=\s*(.+)")
_CONLL_U = (
    *("ID", "FORM", "LEMMA", "UPOS", "XPOS"),
    *("FEATS", "HEAD", "DEPREL", "DEPS", "MISC"),
)
# What a header holds above words, and above tags.
_WORD_NAMES = {"token", "tokens", "word", "words", "form", "text"}
_TAG_NAMES = {
    *("tag", "tags", "label", "labels", "bio", "iob", "ner", "ner_tag"),
    *("ner_tags", "pos", "pos_tag", "pos_tags", "upos", "xpos"),
}
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
      names: tuple of str, the names of the columns in small letters; empty
        where nothing says them.
    """

    sentences: list
    has_counters: bool
    width: int
    names: tuple = ()

    def names_column(self, column):
        """Tells whether a column is none of names, or one of these.

        Args:
          column: str; what is no text is not a name.
        """
        return not isinstance(column, str) or column.casefold() in self.names


def read_words(path, lines, wanted=(), earlier=None):
    """Finds the lines of words, and logs how many others were left out.

    A line that begins with "# " before the first word of a sentence is a
    comment if it reads as one ("# text = …"), or has not as many fields as
    the words; of a file with counters, each line that begins with "#" is one.

    Args:
      path: str, for the log.
      lines: list of (int, str) of ``read_lines``; None for a bad line.
      wanted: tuple of str, names of columns. A first line of words that holds
        them all is a header.
      earlier: ``WordLines`` of earlier lines of the file, whose columns and
        counters these have too; None of the first lines.

    Returns:
      ``WordLines``.

    Raises:
      UserError: the first line looks like a header, and no name is wanted.
    """
    names = ()
    if earlier is None:
        lines, names = _take_names(path, lines, wanted)
    sentences = [
        [(number, split(line), line) for number, line in sentence]
        for sentence in _group(lines)
    ]
    words = [
        [fields for _, fields, line in sentence if line and line[0] != "#"]
        for sentence in sentences
    ]
    if earlier is None:
        width = _find_width(fields for each in words for fields in each)
        has_counters = _have_counters(words, width)
    else:
        width, has_counters = earlier.width, earlier.has_counters
    kept = []
    comments = ranges = unwritten = 0
    for sentence in sentences:
        rows = []
        for number, fields, line in sentence:
            if line is not None:
                if _is_comment(line, fields, has_counters, width, not rows):
                    comments += 1
                    continue
                if has_counters and _NOT_A_WORD.fullmatch(fields[0]):
                    ranges += "-" in fields[0]
                    unwritten += "." in fields[0]
                    continue
            rows.append((number, fields))
        if rows:
            kept.append(rows)
    if comments or ranges or unwritten:
        logging.info(
            "%s: left out: lines of comments: %d; ranges, whose words follow "
            "one by one (3-4): %d; words that are not written (8.1): %d",
            path,
            comments,
            ranges,
            unwritten,
        )
    if earlier is not None:
        return dataclasses.replace(earlier, sentences=kept)
    # Without comments, but with words that begin with "#".
    width = _find_width(fields for rows in kept for _, fields in rows if fields)
    if not names and has_counters and width == len(_CONLL_U):
        names = tuple(map(str.casefold, _CONLL_U))
    return WordLines(kept, has_counters, width, names)


def explain_width(number, width):
    """Returns (what, remedy) of a line with another number of fields.

    Args:
      number: int, its fields.
      width: int, those of the other lines.
    """
    return (
        f"{number} columns where other lines have {width}",
        "put tabs between the columns, and the same columns in all lines"
        if width > 1
        else "put one word a line",
    )


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


def _take_names(path, lines, wanted):
    """Finds the names of the columns, and takes a header out of the lines.

    Returns:
      (list of lines without the header, tuple of names).
    """
    for place, (number, line) in enumerate(lines):
        if line is None or not line.strip():
            continue
        comment = _COLUMN_NAMES.fullmatch(line)
        if comment:
            return lines, tuple(comment[1].casefold().split())
        if line.startswith(("# ", "#\t", _DOCUMENT_START)):
            continue
        names = tuple(name.strip().casefold() for name in split(line))
        if wanted and set(wanted) <= set(names):
            return [*lines[:place], *lines[place + 1 :]], names
        if not wanted and len(names) > 1:
            _check_no_header(path, number, names)
        break
    return lines, ()


def _check_no_header(path, number, names):
    """Refuses a first line that names a column of words and one of tags."""
    word = next((name for name in names if name in _WORD_NAMES), None)
    tag = next((name for name in names if name in _TAG_NAMES), None)
    if word and tag:
        raise UserError(
            f"{path}:{number}: looks like a header: name the columns with "
            f"--token_column={word} --tag_column={tag}, or remove the line"
        )


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
