# SPDX-License-Identifier: Apache-2.0
"""Reads text files as a stream of documents, each a list of sentences.

Two kinds of file are understood.

``lines``: one sentence a line, blank lines between documents. This is the
format of the original's ``create_pretraining_data.py``.

``prose``: running text. Either hard-wrapped, with a blank line or an indented
line where a paragraph begins, or one paragraph a line. Paragraphs are split
into sentences (``albert.text.sentences``). A document is a chapter: it begins
at a heading ("CHAPTER IV", "XII.", "第三回") or after three or more blank
lines, provided that the document before it has 2,000 characters (title pages
and short scenes stay with what follows them), and it ends at the latest
after 65,536 characters.

``auto`` decides for each file from its beginning (``detect_layout``).

Files of rows, JSON lines and Parquet, hold a document a row, of either kind:
its blank lines and headings do not divide it.

Memory does not grow with the file: a line longer than 65,536 characters is
cut at a space, and in ``lines`` files a document is cut after 1,048,576.
"""

import dataclasses
import functools
import glob
import itertools
import os
import re

from absl import logging

from albert.errors import UserError
from albert.inputs import check_file
from albert.paths import split_paths
from albert.text.row_files import read_rows
from albert.text.sentences import split_sentences
from albert.text.text_files import MAX_LINE_CHARACTERS
from albert.text.text_files import read_line_blocks
from albert.text.text_files import split_lines

SENTENCE_SPLITTINGS = ("auto", "lines", "prose")

MAX_LINES_DOCUMENT_CHARACTERS = 1 << 20
MAX_PROSE_DOCUMENT_CHARACTERS = 1 << 16
MIN_PROSE_DOCUMENT_CHARACTERS = 2000
BLANK_LINES_BETWEEN_DOCUMENTS = 3

_PROBE_LINES = 1000
_NARROWEST_WRAP, _WIDEST_WRAP = 40, 120
# A paragraph of a wrapped file without paragraph marks is worked off in
# parts of about this size.
_MAX_PARAGRAPH_CHARACTERS = 1 << 14

_SENTENCE_END = re.compile(r"[.!?…。！？][\"'’”)\]»_*」』）]*$")
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


@dataclasses.dataclass(frozen=True)
class Layout:
    """Layout of the sentences in a file.

    Attributes:
      kind: "lines" (a sentence a line), "paragraphs" (a paragraph a line) or
        "wrapped" (a paragraph over several lines).
      reason: str, the figures that decided it, for the log.
    """

    kind: str
    reason: str = ""


def expand_files(patterns):
    """Turns file names and patterns into a sorted list of files.

    Args:
      patterns: str of comma-separated names or globs, or a list of them. The
        name of a file that is there may hold commas.

    Returns:
      list of str, sorted, each file once.

    Raises:
      UserError: nothing is named, a pattern matches nothing, or a name is a
        directory.
    """
    if isinstance(patterns, str | os.PathLike):
        patterns = [patterns]
    names = [
        name for pattern in patterns for name in split_paths(os.fspath(pattern))
    ]
    if not names:
        raise UserError("no input file is named: give at least one")
    files = set()
    for name in names:
        if os.path.isdir(name):
            raise UserError(
                f"{name}: is a directory; name the files in it, such as "
                f"{os.path.join(name, '*.txt')}"
            )
        if os.path.exists(name):
            files.add(name)
            continue
        found = [
            path
            for path in glob.glob(name, recursive=True)
            if not os.path.isdir(path)
        ]
        if not found:
            _refuse_missing(name)
        files.update(found)
    return sorted(files)


def _refuse_missing(name):
    """Raises ``UserError``: a name or pattern is that of no file."""
    if not glob.has_magic(name):
        check_file(name)
    raise UserError(
        f"{name}: no such file matches the pattern; check it, and the path"
    )


def read_documents(
    files, sentence_splitting="auto", text_field=None, selection=None
):
    """Yields the documents of ``files`` one after the other.

    Args:
      files: list of paths (``expand_files``), which may be compressed. A
        document never spans two files.
      sentence_splitting: "auto", "lines" or "prose"; see the module.
      text_field: str, the field that holds the text, where the files are JSON
        lines or Parquet; None for plain text.
      selection: ``albert.text.selection.Selection``, which leaves out some;
        None for all.

    Yields:
      list of str: the sentences of one document, none of them blank.

    Raises:
      UserError: a file cannot be read, is not UTF-8 (naming file and line),
        is damaged, or the files hold no text at all.
      ValueError: ``sentence_splitting`` is not one of the three.
    """
    if sentence_splitting not in SENTENCE_SPLITTINGS:
        raise ValueError(
            "sentence_splitting must be one of "
            f"{', '.join(SENTENCE_SPLITTINGS)}; received "
            f"{sentence_splitting!r}"
        )
    files = list(files)
    empty = True
    for path in files:
        keep_lines, keep_documents = iter, iter
        if selection:
            keep_lines = functools.partial(selection.keep_lines, path=path)
            keep_documents = functools.partial(
                selection.keep_documents, path=path
            )
        if text_field is None:
            found = _read_file(path, sentence_splitting, keep_lines)
        else:
            found = _read_rows(path, sentence_splitting, text_field, keep_lines)
        for document in keep_documents(found):
            empty = False
            yield document
    if empty:
        named = files[0] if len(files) == 1 else f"{len(files)} input files"
        if selection and selection.counts:
            raise UserError(
                f"{named}: all text was left out "
                f"({'; '.join(selection.summarize())}): loosen what refuses it"
            )
        raise UserError(f"{named}: no text found; name files that hold text")


def detect_layout(lines, allow_lines=True):
    """Judges how a file holds its sentences from its first lines.

    Wrapped: the width (the 95th percentile of the line lengths) is between
    40 and 120 characters, at least 60% of the lines with another one below
    them reach 70% of it, and at most half of those end like a sentence.
    Otherwise paragraphs when at least 20% of the lines hold two or more
    sentences, else lines.

    Args:
      lines: list of str; the first 1,000 that are not blank count.
      allow_lines: False for a file that is known to be prose.

    Returns:
      Layout.
    """
    probe = []
    continued = []
    previous = ""
    for line in lines:
        line = line.strip()
        if line:
            probe.append(line)
            if previous:
                continued.append(previous)
        previous = line
        if len(probe) == _PROBE_LINES:
            break
    if not probe:
        return Layout("lines" if allow_lines else "paragraphs", "no text")
    width = sorted(map(len, probe))[int(0.95 * (len(probe) - 1))]
    if continued and _NARROWEST_WRAP <= width <= _WIDEST_WRAP:
        full = sum(len(line) >= 0.7 * width for line in continued)
        ended = sum(bool(_SENTENCE_END.search(line)) for line in continued)
        full_share = full / len(continued)
        if full_share >= 0.6 and ended <= 0.5 * len(continued):
            return Layout(
                "wrapped",
                f"{full_share:.0%} of the lines are filled to about "
                f"{width} characters",
            )
    several = sum(len(split_sentences(line)) > 1 for line in probe)
    share = several / len(probe)
    reason = f"{share:.0%} of the lines hold several sentences"
    if share >= 0.2 or not allow_lines:
        return Layout("paragraphs", reason)
    return Layout("lines", reason)


_DESCRIPTIONS = {
    "lines": "one sentence a line",
    "paragraphs": "prose, one paragraph a line",
    "wrapped": "prose, hard-wrapped",
}


def _read_file(path, sentence_splitting, keep_lines):
    """Yields the documents of one file."""
    layout = Layout("lines") if sentence_splitting == "lines" else None
    blocks = keep_lines(read_line_blocks(path))
    first = next(blocks, [])
    if layout is None:
        layout = detect_layout(first, sentence_splitting == "auto")
        _log_once(
            f"{path}: read as {_DESCRIPTIONS[layout.kind]} ({layout.reason})"
        )
    yield from _split_blocks(_prepend(first, blocks), layout)


def _read_rows(path, sentence_splitting, text_field, keep_lines):
    """Yields the documents of a file of rows: one a row.

    What is longer than a document may be becomes several.
    """
    rows = read_rows(path, text_field)
    # The layout is that of all rows, judged by as many as it takes.
    probe, lines = [], []
    for row in rows:
        probe.append(row)
        lines += [*split_lines(row), ""]
        if len(lines) >= 2 * _PROBE_LINES:
            break
    layout = Layout("lines")
    if sentence_splitting != "lines":
        layout = detect_layout(lines, sentence_splitting == "auto")
        _log_once(
            f"{path}: rows read as {_DESCRIPTIONS[layout.kind]} "
            f"({layout.reason})"
        )
    for row in itertools.chain(probe, rows):
        document = []
        characters = 0
        for part in _split_blocks(keep_lines([split_lines(row)]), layout):
            document += part
            characters += sum(map(len, part))
            if characters >= MAX_LINES_DOCUMENT_CHARACTERS:
                yield document
                document = []
                characters = 0
        if document:
            yield document


def _split_blocks(blocks, layout):
    """Yields the documents in blocks of lines."""
    if layout.kind == "lines":
        yield from _lines_documents(blocks)
    elif layout.kind == "wrapped":
        yield from _prose_documents(_wrapped_paragraphs(blocks))
    else:
        yield from _prose_documents(_line_paragraphs(blocks))


@functools.cache
def _log_once(message):
    """Logs a line once, because some programs read a file twice."""
    logging.info(message)


def _prepend(first, rest):
    yield first
    yield from rest


def _lines_documents(blocks):
    document = []
    characters = 0
    for block in blocks:
        for line in block:
            line = line.strip()
            if line:
                document.append(line)
                characters += len(line)
                if characters < MAX_LINES_DOCUMENT_CHARACTERS:
                    continue
            if document:
                yield document
                document = []
                characters = 0
    if document:
        yield document


def _prose_documents(paragraphs):
    """Groups (blank lines before, paragraph) pairs into documents."""
    document = []
    characters = 0
    for blank_lines, paragraph in paragraphs:
        if characters >= MIN_PROSE_DOCUMENT_CHARACTERS and (
            blank_lines >= BLANK_LINES_BETWEEN_DOCUMENTS
            or is_heading(paragraph)
        ):
            yield document
            document = []
            characters = 0
        for sentence in split_sentences(paragraph):
            document.append(sentence)
            characters += len(sentence)
            if characters >= MAX_PROSE_DOCUMENT_CHARACTERS:
                yield document
                document = []
                characters = 0
    if document:
        yield document


def is_heading(paragraph):
    """Returns whether a paragraph is the heading of a chapter."""
    if len(paragraph) > 100:
        return False
    paragraph = paragraph.strip()
    return bool(_NUMERAL.fullmatch(paragraph) or _HEADING.fullmatch(paragraph))


def _line_paragraphs(blocks):
    blank_lines = 0
    for block in blocks:
        for line in block:
            if not line or line.isspace():
                blank_lines += 1
                continue
            yield blank_lines, line
            blank_lines = 0


def _wrapped_paragraphs(blocks):
    paragraph = []
    characters = 0
    blank_lines = 0
    indented = False
    for block in blocks:
        for line in block:
            if not line or line.isspace():
                if paragraph:
                    yield blank_lines, " ".join(paragraph)
                    paragraph = []
                    characters = 0
                    blank_lines = 0
                blank_lines += 1
                continue
            was_indented, indented = indented, line[0].isspace()
            if paragraph and indented and not was_indented:
                yield blank_lines, " ".join(paragraph)
                paragraph = []
                characters = 0
                blank_lines = 0
            paragraph.append(line)
            characters += len(line)
            if characters > _MAX_PARAGRAPH_CHARACTERS:
                # The last sentence may go on in the next line.
                *complete, last = split_sentences(" ".join(paragraph))
                if not complete and characters < MAX_LINE_CHARACTERS:
                    continue
                yield blank_lines, " ".join(complete or [last])
                paragraph = [last] if complete else []
                characters = len(last) if complete else 0
                blank_lines = 0
    if paragraph:
        yield blank_lines, " ".join(paragraph)
