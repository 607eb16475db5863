# SPDX-License-Identifier: Apache-2.0
"""Turns lines into paragraphs, and knows headings and marks of articles."""

import itertools
import re

from albert.text.line_evidence import is_article_tag
from albert.text.sentences import is_small
from albert.text.sentences import split_sentences
from albert.text.text_files import MAX_LINE_CHARACTERS
from albert.text.word_starts import is_of_script_without_spaces

# Stand before a paragraph in the place of the number of blank lines: what
# follows is an article that a mark begins, or is outside of any.
ARTICLE_BEGINS = 1 << 20
ARTICLE_ENDED = 1 << 21

# A paragraph of a wrapped file without paragraph marks is worked off in
# parts of about this size.
_MAX_PARAGRAPH_CHARACTERS = 1 << 14
# A shorter line may be a heading, and is not joined to the next one.
_SHORTEST_BROKEN_LINE = 40

# Chinese has these in common with scripts that write spaces.
_MARKS_OF_ANY_SCRIPT = frozenset("“”‘’—…")

# How the next line begins where a hyphen at the end divides no word: "Vor- und
# Nachname", "two- and threefold".
_OTHER_PART = re.compile(r"(?:and|or|to|und|oder|bis|et|ou|y|e|o)\b")
_SOFT_HYPHEN = "\u00ad"
_HYPHENS = ("-", "\u2010", _SOFT_HYPHEN)

_WIKITEXT_TITLE = re.compile(r"= +[^= ].*[^= ] +=|= +[^= ] +=")
_NUMBER_WORDS = (
    "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|first"
    "|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|last"
)
_HEADING = re.compile(
    r"(?:chapter|book|part|volume|vol|act|scene|canto|letter|stave|section"
    rf"|phase)\b\.? +(?:the +)?(?:[ivxlcdm]+|\d+|{_NUMBER_WORDS})\b.{{0,60}}"
    r"|(?:prologue|epilogue|preface|introduction|conclusion)\W*"
    r"|(?:[^\W\d]+|\d+\.) kapitel\b.{0,60}|kapitel \d+.{0,60}"
    r"|第 ?[\d一二三四五六七八九十百千零〇两]+ ?[章回节節卷部].{0,60}",
    re.IGNORECASE,
)
_NUMERAL = re.compile(r"(?:[IVXLCDM]+|\d{1,3})\.?")


def is_heading(paragraph):
    """Returns whether a paragraph is the heading of a chapter."""
    if len(paragraph) > 100:
        return False
    paragraph = paragraph.strip()
    return bool(_NUMERAL.fullmatch(paragraph) or _HEADING.fullmatch(paragraph))


def line_paragraphs(lines, join):
    """Yields (blank lines before, paragraph) of lines.

    Args:
      lines: iterable of str.
      join: whether to join lines that were broken inside a sentence.
    """
    blank_lines = 0
    held = None
    # Nothing stands before the first line.
    was_blank = True
    for line, following in itertools.pairwise(itertools.chain(lines, ("",))):
        line = line.strip()
        stands_alone = was_blank and not following.strip()
        was_blank = not line
        if not line:
            blank_lines += 1
            continue
        if line[0] == "<" and is_article_tag(line):
            blank_lines = _border_of(line)
            continue
        # Others are text: "= 3 + 4 =".
        if line[0] == "=" and stands_alone and _WIKITEXT_TITLE.fullmatch(line):
            blank_lines = ARTICLE_BEGINS
            line = line.strip("= ")
        if held and join and blank_lines <= 1 and _goes_on(held[1], line):
            held = held[0], join_lines([held[1], line])
        else:
            if held:
                yield held
            held = blank_lines, line
        blank_lines = 0
    if held:
        yield held


def _border_of(tag):
    return ARTICLE_ENDED if "/doc" in tag else ARTICLE_BEGINS


def _goes_on(paragraph, line):
    """Returns whether a line, broken off inside a sentence, goes on in it."""
    return (
        is_small(line[0])
        and (paragraph[-1].isalnum() or paragraph[-1] in ",-")
        and _SHORTEST_BROKEN_LINE <= len(paragraph) < MAX_LINE_CHARACTERS
        # Text without capitals does not tell.
        and not paragraph.islower()
    )


def join_lines(lines):
    """Returns the lines of a hard-wrapped paragraph as one text: str.

    Scripts without spaces break anywhere, so that no space joins their lines;
    nor does one stand within a word that a hyphen divides, which stays, as
    nothing tells "well-known" from a division.

    Args:
      lines: list of str, at least one.
    """
    text = " ".join(lines)
    if text.isascii() and "- " not in text:
        return text
    parts = lines[:1]
    for before, line in itertools.pairwise(lines):
        ends = {before.rstrip()[-1:], line.lstrip()[:1]} - _MARKS_OF_ANY_SCRIPT
        if (ends and all(map(_is_unspaced, ends))) or _divides(before, line):
            parts[-1] = parts[-1].rstrip().rstrip(_SOFT_HYPHEN)
            parts.append(line.lstrip())
        else:
            parts.append(f" {line}")
    return "".join(parts)


def _divides(before, line):
    """Returns whether lines break inside a word."""
    before, line = before.rstrip(), line.lstrip()
    return (
        before.endswith(_HYPHENS)
        and before[-2:-1].isalpha()
        and is_small(line[:1])
        and _OTHER_PART.match(line) is None
    )


def _is_unspaced(character):
    """Returns whether no space stands beside a character where lines break."""
    return is_of_script_without_spaces(character) or (
        "\u3000" < character <= "\u303f" or "\uff01" <= character <= "\uff5e"
    )


def wrapped_paragraphs(lines):
    """Yields (blank lines before, paragraph) of hard-wrapped lines."""
    paragraph = []
    characters = 0
    blank_lines = 0
    indented = False
    for line in lines:
        if not line or line.isspace() or is_article_tag(line):
            if paragraph:
                yield blank_lines, join_lines(paragraph)
                paragraph = []
                characters = 0
                blank_lines = 0
            blank_lines += 1
            if is_article_tag(line):
                blank_lines = _border_of(line)
            continue
        # Extracted pages begin with form feeds, inside sentences, too.
        line = line.lstrip("\f")
        was_indented, indented = indented, line[0].isspace()
        if paragraph and indented and not was_indented:
            yield blank_lines, join_lines(paragraph)
            paragraph = []
            characters = 0
            blank_lines = 0
        paragraph.append(line)
        characters += len(line)
        if characters > _MAX_PARAGRAPH_CHARACTERS:
            # The last sentence may go on in the next line.
            *complete, last = split_sentences(join_lines(paragraph))
            if not complete and characters < MAX_LINE_CHARACTERS:
                continue
            yield blank_lines, " ".join(complete or [last])
            paragraph = [last] if complete else []
            characters = len(last) if complete else 0
            blank_lines = 0
    if paragraph:
        yield blank_lines, join_lines(paragraph)
