# SPDX-License-Identifier: Apache-2.0
"""Reads text files as a stream of documents, each a list of sentences.

Lines become sentences by their layout (``albert.text.layouts``), which may
change inside a file; a document does not go on over a change.

``lines``: one sentence a line. This is the format of the original's
``create_pretraining_data.py``.

``prose``: running text. Either hard-wrapped, with a blank line or an indented
line where a paragraph begins, or one paragraph a line, where a line that was
broken inside a sentence is joined to the next one. Paragraphs are split into
sentences (``albert.text.sentences``).

Documents end at article marks: WikiExtractor's ``<doc …>`` and ``</doc>``,
which are no text, and before WikiText's `` = Title = ``. What else ends them
is the document separator:

``blank_line``: blank lines. In prose, less than two sentences with a stop, of
at most 200 characters, are a title and stay with what follows them; so does
what ends in a colon, and the items of a list stay together. Chapters end
documents too.

``chapter``: a heading ("CHAPTER IV", "XII.", "第三回"), or three or more blank
lines, provided that the document before has 2,000 characters (title pages and
short scenes stay with what follows them).

``line``: each line; none is joined to the next.

``file``: nothing; a document goes on to the end of the file.

``auto`` means what the layout tells: blank lines or chapters, and nothing
but the marks in articles that have them.

Files of rows, JSON lines and Parquet, hold an article a row.

Memory does not grow with the file: a line longer than 65,536 characters is
cut at a space, and a document is cut after 65,536 characters of prose, or
1,048,576 of ``lines``.
"""

import collections
import functools
import itertools
import types

from absl import logging

from albert.errors import UserError
from albert.text import layouts
from albert.text import paragraphs
from albert.text.row_files import read_rows
from albert.text.sentence_splitters import RULES
from albert.text.sentence_splitters import find_splitter
from albert.text.sentences import is_ended
from albert.text.text_files import read_line_blocks
from albert.text.text_files import split_lines

SENTENCE_SPLITTINGS = ("auto", "lines", "prose")
DOCUMENT_SEPARATORS = ("auto", "line", "blank_line", "chapter", "file")

MAX_LINES_DOCUMENT_CHARACTERS = 1 << 20
MAX_PROSE_DOCUMENT_CHARACTERS = 1 << 16
MIN_PROSE_DOCUMENT_CHARACTERS = 2000
BLANK_LINES_BETWEEN_DOCUMENTS = 3
# How paragraphs end that a list follows, and how its items begin.
_ANNOUNCING = (":", ";", ",", "：", "；")
_ITEM_MARKS = ("-", "–", "—", "•", "*")
_LONGEST_TITLE = 200

# Stands for bytes that another program could not decode.
_LOST_CHARACTER = "\ufffd"
# More of a text is refused.
_MOST_LOST = 0.01
# More text without a border is worth a warning.
_CHARACTERS_WITHOUT_BORDER = 1 << 20
_LOGGED_CHANGES = 3
_LOGGED_FILES = 100
_ROW_BLOCK_CHARACTERS = 1 << 18

# What ends documents of a layout, unless it is told.
_SEPARATORS = {
    "lines": "blank_line",
    "paragraphs": "chapter",
    "articles": "blank_line",
    "wrapped": "chapter",
}
_DESCRIPTIONS = {
    "lines": "one sentence a line",
    "paragraphs": "prose, one paragraph a line",
    "articles": "prose, one paragraph a line",
    "wrapped": "prose, hard-wrapped",
    "line": "lines are documents",
    "blank_line": "blank lines end documents",
    "chapter": "chapters are documents",
    "file": "only article marks and files end documents",
}


def read_documents(
    files,
    sentence_splitting="auto",
    document_separator="auto",
    sentence_splitter=RULES,
    text_field=None,
    selection=None,
):
    """Yields the documents of ``files`` one after the other.

    Args:
      files: list of paths (``expand_files``), which may be compressed. A
        document never spans two files.
      sentence_splitting: "auto", "lines" or "prose"; see the module.
      document_separator: "auto", "line", "blank_line", "chapter" or "file";
        see the module.
      sentence_splitter: see ``albert.text.sentence_splitters``; of prose.
      text_field: str, the field that holds the text, where the files are JSON
        lines or Parquet; None for plain text.
      selection: ``albert.text.selection.Selection``, which leaves out some;
        None for all.

    Yields:
      list of str: the sentences of one document, none of them blank.

    Raises:
      UserError: a file cannot be read, is not UTF-8 (naming file and line),
        is damaged, the files hold no text at all, more than 1% of it was lost
        (U+FFFD), or there is no such splitter.
      ValueError: one of the settings is none of those.
    """
    for name, value, choices in (
        ("sentence_splitting", sentence_splitting, SENTENCE_SPLITTINGS),
        ("document_separator", document_separator, DOCUMENT_SEPARATORS),
    ):
        if value not in choices:
            raise ValueError(
                f"{name} must be one of {', '.join(choices)}; received "
                f"{value!r}"
            )
    split = find_splitter(sentence_splitter)
    files = list(files)
    empty = True
    without_border, unbordered = [], 0
    total, lost = 0, collections.Counter()
    for number, path in enumerate(files):
        tell = _log_once if number < _LOGGED_FILES else logging.debug
        if number == _LOGGED_FILES:
            _log_once(
                f"how the other {len(files) - number:,} files are read is not "
                "listed"
            )
        characters = borders = 0
        found = _read_file(
            path,
            _read_blocks(path, text_field, selection),
            sentence_splitting,
            document_separator,
            split,
            tell,
        )
        if selection:
            found = selection.keep_documents(found, path)
        for document, is_whole in found:
            empty = False
            characters += sum(map(len, document))
            borders += is_whole
            for sentence in document:
                if not sentence.isascii() and _LOST_CHARACTER in sentence:
                    lost[path] += sentence.count(_LOST_CHARACTER)
            yield document
        total += characters
        if borders <= 1 and characters > MAX_PROSE_DOCUMENT_CHARACTERS:
            without_border.append(path)
            unbordered += characters
    named = files[0] if len(files) == 1 else f"{len(files)} input files"
    if empty:
        if selection and selection.counts:
            raise UserError(
                f"{named}: all text was left out "
                f"({'; '.join(selection.summarize())}): loosen what refuses it"
            )
        raise UserError(f"{named}: no text found; name files that hold text")
    _tell_lost_characters(lost, total)
    if unbordered > _CHARACTERS_WITHOUT_BORDER and document_separator != "file":
        _log_once(
            f"{without_border[0]}: no border between documents was found in "
            f"{unbordered:,} characters"
            + f" ({len(without_border)} files are like that)"
            * (len(without_border) > 1)
            + "; documents are cut by their length. Where it holds several, "
            "put blank lines between them and give "
            "--document_separator=blank_line, or --document_separator=line if "
            "each line is one",
            logging.WARNING,
        )


def _tell_lost_characters(lost, total):
    """Warns of characters that were lost before; refuses many.

    Args:
      lost: ``collections.Counter`` of them by file.
      total: int, the characters of all files.
    """
    if not lost:
        return
    path, _ = lost.most_common(1)[0]
    share = lost.total() / total
    told = (
        f"{path}: {lost.total():,} characters, {share:.2%} of the text, are "
        "U+FFFD, which stands for what was lost when it was decoded in a wrong "
        "way: decode it again from its source"
    )
    if share > _MOST_LOST:
        raise UserError(f"{told}, or take these characters out")
    _log_once(told, logging.WARNING)


def _read_blocks(path, text_field, selection):
    """Yields blocks of the lines of a file.

    A row of a file of rows is an article, with its marks.
    """
    if text_field is None:
        blocks = read_line_blocks(path)
        yield from selection.keep_lines(blocks, path) if selection else blocks
        return
    gathered = []
    characters = 0
    for row in read_rows(path, text_field):
        blocks = [split_lines(row)]
        if selection:
            blocks = selection.keep_lines(blocks, path)
        gathered += ["<doc>", *itertools.chain.from_iterable(blocks), "</doc>"]
        characters += len(row)
        if characters >= _ROW_BLOCK_CHARACTERS:
            yield gathered
            gathered = []
            characters = 0
    yield gathered


def _read_file(
    path, blocks, sentence_splitting, document_separator, split, tell
):
    """Yields (document, whether it was not cut by its length) of a file."""
    if sentence_splitting == "lines" or document_separator == "line":
        kind = "lines" if sentence_splitting == "lines" else "paragraphs"
        lines = itertools.chain.from_iterable(blocks)
        stretches = [layouts.Stretch(kind, 1, "as told", lines)]
    else:
        kinds = layouts.KINDS[sentence_splitting == "prose" :]
        stretches = layouts.divide(blocks, kinds)
    article = types.SimpleNamespace(is_open=False)
    for number, stretch in enumerate(stretches):
        separator = document_separator
        if separator == "auto":
            separator = _SEPARATORS[stretch.kind]
        if number <= _LOGGED_CHANGES:
            place = f" from line {stretch.first_line:,} on" * (number > 0)
            tell(
                f"{path}:{place} read as {_DESCRIPTIONS[stretch.kind]}; "
                f"{_DESCRIPTIONS[separator]} ({stretch.reason})"
                + "; further changes are not listed"
                * (number == _LOGGED_CHANGES)
            )
        if stretch.kind == "wrapped":
            found = paragraphs.wrapped_paragraphs(stretch.lines)
        else:
            found = paragraphs.line_paragraphs(
                stretch.lines,
                join=stretch.kind != "lines" and separator != "line",
            )
        if document_separator == "auto":
            found = _heed_marks(path, found, tell, article)
        is_prose = stretch.kind != "lines"
        yield from _documents(found, separator, split if is_prose else None)


def _heed_marks(path, found, tell, article):
    """Leaves out what could end an article but for its mark.

    Args:
      path: str, of the file.
      found: iterable of (blank lines before, paragraph).
      tell: function of a line for the log.
      article: namespace with ``is_open``, which goes on over a change of the
        layout.

    Yields:
      the same, with None in place of the blank lines inside an article.
    """
    for blank_lines, paragraph in found:
        if blank_lines >= paragraphs.ARTICLE_BEGINS:
            article.is_open = blank_lines < paragraphs.ARTICLE_ENDED
            if article.is_open:
                tell(f"{path}: its articles are marked, and are documents")
        elif article.is_open:
            blank_lines = None
        yield blank_lines, paragraph


@functools.cache
def _log_once(message, level=logging.INFO):
    """Logs a line once, because some programs read a file twice."""
    logging.log(level, message)


def _documents(found, separator, split):
    """Groups paragraphs into documents.

    Args:
      found: iterable of (blank lines before, paragraph); None for a paragraph
        that goes on with the document whatever it is.
      separator: one of DOCUMENT_SEPARATORS, but for auto.
      split: what splits paragraphs of prose; None for sentences.

    Yields:
      (list of str, whether it ended at a border and not by its length).
    """
    is_prose = split is not None
    limit = (
        MAX_PROSE_DOCUMENT_CHARACTERS
        if is_prose
        else MAX_LINES_DOCUMENT_CHARACTERS
    )
    document = []
    # Of the document or, where it is cut, of this part; of the whole.
    characters = length = 0
    for blank_lines, paragraph in found:
        if document and _is_border(
            blank_lines, paragraph, document, length, separator, is_prose
        ):
            yield document, True
            document = []
            characters = length = 0
        for sentence in split(paragraph) if is_prose else [paragraph]:
            if characters >= limit:
                yield document, False
                document = []
                characters = 0
            document.append(sentence)
            characters += len(sentence)
            length += len(sentence)
    if document:
        yield document, True


def _is_border(
    blank_lines, paragraph, document, characters, separator, is_prose
):
    """Returns whether a document ends before a paragraph."""
    if blank_lines is None:
        return False
    if blank_lines >= paragraphs.ARTICLE_BEGINS or separator == "line":
        return True
    if separator == "blank_line":
        if not is_prose:
            return blank_lines > 0
        if (
            blank_lines
            and not _is_in_list(document[-1], paragraph)
            and (
                characters > _LONGEST_TITLE
                or _has_two_ended_sentences(document)
            )
        ):
            return True
    return (
        separator != "file"
        and characters >= MIN_PROSE_DOCUMENT_CHARACTERS
        and (
            blank_lines >= BLANK_LINES_BETWEEN_DOCUMENTS
            or paragraphs.is_heading(paragraph)
        )
    )


def _is_in_list(sentence, paragraph):
    """Returns whether a paragraph is an item of what a sentence announces."""
    return sentence.endswith(_ANNOUNCING) or paragraph.startswith(_ITEM_MARKS)


def _has_two_ended_sentences(document):
    ended = (
        sentence
        for sentence in document
        # A heading in capitals has a stop, but is no sentence.
        if is_ended(sentence) and not sentence.isupper()
    )
    return len(list(itertools.islice(ended, 2))) == 2
