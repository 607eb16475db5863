# SPDX-License-Identifier: Apache-2.0
"""Finds the columns of words and of tags in a CoNLL file."""

from absl import logging

from albert.errors import UserError
from albert.tasks import label_spelling
from albert.tasks import tag_schemes
from albert.tasks.line_files import shorten

_COLUMNS_OF_CONLL_U = 10
_PLACEHOLDERS = label_spelling.PLACEHOLDERS | {"_"}


def names_among(*columns):
    """Returns those of columns that are names, in small letters: tuple.

    Args:
      *columns: int, str or None.
    """
    return tuple(
        column.casefold() for column in columns if isinstance(column, str)
    )


def find_columns(path, words, text=None, label=None, label_may_lack=False):
    """Finds the columns of the word and of the tag, and logs what is guessed.

    Args:
      path: str, for messages.
      words: ``conll_lines.WordLines``.
      text: int, column of the word, from 0, or str, its name. None for the
        first, or the second where the first counts the words.
      label: the same of the tag. None for the last, or the one behind the
        word where the first counts the words.
      label_may_lack: bool, whether the file may be words without tags.

    Returns:
      (int, int): from 0; the second is None where there are no tags.

    Raises:
      UserError: there is no such column, or it is not clear which.
    """
    width = words.width
    counted = _counts_words(words, label_may_lack)
    text_given = text is not None
    text = _find_named(path, words, text, "--token_column")
    text = int(counted) if text is None else text
    if counted and text == 0:
        raise UserError(
            f"{path}: column 1 counts the words of each sentence: give "
            "--token_column=2, or the column of the words"
        )
    if label_may_lack and width == 1 + counted:
        return text, None
    if label_may_lack and words.names and not words.names_column(label):
        logging.warning("%s: no column %r: read without tags", path, label)
        return text, None
    label_given = label is not None
    label = _find_named(path, words, label, "--tag_column")
    if label is None and counted and width == _COLUMNS_OF_CONLL_U:
        raise UserError(
            f"{path}: CoNLL-U has several columns of tags: give "
            "--tag_column=upos for parts of speech, or another column"
        )
    if label is None:
        label = text + 1 if counted else max(width - 1, 1)
    if label == text and width > 1:
        raise UserError(
            f"{path}: column {text + 1} is the word and the tag: give "
            "--token_column and --tag_column"
        )
    if (counted or words.names) and not (text_given and label_given):
        logging.info(
            "%s: words are column %d, tags column %d%s",
            path,
            text + 1,
            label + 1,
            "; column 1 counts the words" if counted else "",
        )
    if label_may_lack and _has_placeholders(words, label):
        logging.warning(
            "%s: the tags are placeholders: read without tags", path
        )
        label = None
    return text, label


def _counts_words(words, label_may_lack):
    """Tells whether column 1 counts the words.

    A column of numbers beside the tags is words, and not counters.
    """
    return words.has_counters and (
        words.width > 2
        or label_may_lack
        and not all(
            tag_schemes.normalize(fields[1].strip())
            for sentence in words.sentences
            for _, fields in sentence
            if fields and len(fields) > 1
        )
    )


def _find_named(path, words, column, flag):
    """Returns the number of a column that may have a name, or None."""
    if not isinstance(column, str):
        return column
    if words.names_column(column):
        return words.names.index(column.casefold())
    known = (
        f"they are {shorten(', '.join(words.names))}"
        if words.names
        else 'no line names them (a header, or "# global.columns = …")'
    )
    raise UserError(
        f"{path}: no column {column!r}: {known}: give {flag} as a number from "
        "1, or correct it"
    )


def _has_placeholders(words, label):
    tags = [
        fields[label].strip()
        for sentence in words.sentences
        for _, fields in sentence
        if fields and len(fields) > label
    ]
    # Where there is no such column, nothing is known of the tags.
    return bool(tags) and _PLACEHOLDERS.issuperset(tags)
