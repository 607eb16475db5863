# SPDX-License-Identifier: Apache-2.0
"""Reading of CoNLL files: sentences of words and tags.

A word a line, a blank line between sentences. Columns are separated by tabs
on lines that have one (a word may then hold spaces), by spaces elsewhere.
"""

import collections
import dataclasses

from absl import logging

from albert.errors import UserError
from albert.tasks import conll_lines
from albert.tasks import label_spelling
from albert.tasks import tag_schemes
from albert.tasks.bad_rows import BadRows
from albert.tasks.line_files import find_file
from albert.tasks.line_files import read_lines
from albert.tasks.line_files import shorten

_COLUMNS_OF_CONLL_U = 10
_PLACEHOLDERS = label_spelling.PLACEHOLDERS | {"_"}


@dataclasses.dataclass(frozen=True, eq=False)
class TaggedSentences:
    """Sentences of words, with their tags if they have any.

    Attributes:
      sentences: list of N lists of str, none empty.
      labels: list of N lists of str, a BIO tag or a plain one for each word;
        None where the file has no tags.
      bad_rows: int, lines that could not be used.
      paths: tuple of str, the files that were read.
    """

    sentences: list
    labels: list | None = None
    bad_rows: int = 0
    paths: tuple = ()

    def __len__(self):
        return len(self.sentences)


@dataclasses.dataclass(frozen=True)
class ConllFile:
    """The names and the columns of a CoNLL file.

    Attributes:
      names: tuple of str, the names the file may have.
      text: int, column of the word, from 0. None for the first, or the second
        where the first counts the words.
      label: int, column of the tag, from 0. None for the last, or the one
        behind the word where the first counts the words.
      label_may_lack: a file of one column, counters apart, or with
        placeholders for tags, is words without tags.
      scheme: str of ``tag_schemes.TAG_SCHEMES``.
    """

    names: tuple
    text: int | None = None
    label: int | None = None
    label_may_lack: bool = False
    scheme: str = "prefix"

    def read(self, task, data_dir, split, skip_bad_rows=False):
        """Reads the file.

        Args:
          task: ``Task``; where its labels are None, any type is taken.
          data_dir: str, see ``find_file``.
          split: str, for messages.
          skip_bad_rows: leave out sentences with a bad line, instead of
            raising.

        Returns:
          ``TaggedSentences``. -DOCSTART- lines are not in it, nor comments.

        Raises:
          UserError: no file, no words, tags of another scheme, or a line that
            cannot be used.
        """
        path = find_file(
            data_dir,
            task.folder,
            self.names,
            f"{split} data of {task.name}",
        )
        bad_rows = BadRows(path, skip_bad_rows)
        words = conll_lines.read_words(path, read_lines(path, bad_rows))
        text, label = self._find_columns(path, words)
        if label is not None:
            self._check_scheme(path, words, label)
        take = _Taker(text, label, self.scheme, words, task)
        read_words, read_tags = [], []
        for sentence in words.sentences:
            taken = []
            for number, fields in sentence:
                if fields is None:
                    continue
                fault = take.find_fault(fields)
                if fault:
                    bad_rows.add(number, *fault)
                else:
                    taken.append(fields)
            if len(taken) == len(sentence):
                read_words.append([fields[text].strip() for fields in taken])
                read_tags.append(tag_schemes.to_bio(map(take.tag, taken)))
        bad_rows.report(sum(map(len, read_words)))
        if not read_words:
            raise UserError(
                f"{path}: no sentences: put the {split} data of {task.name} "
                "there, a word and its tag a line"
            )
        if label is not None and task.labels is None:
            label_spelling.warn_of_spellings(
                path,
                collections.Counter(
                    tag_schemes.entity_type(tag) or tag
                    for tags in read_tags
                    for tag in tags
                ),
                "words",
            )
        return TaggedSentences(
            read_words,
            read_tags if label is not None else None,
            bad_rows.count,
            (path,),
        )

    def _find_columns(self, path, words):
        """Returns the columns of the word and of the tag.

        The second is None where there are no tags, and may be -1, the last.
        """
        width = words.width
        # A column of numbers beside the tags is words, and not counters.
        counted = words.has_counters and (
            width > 2
            or self.label_may_lack
            and not all(
                tag_schemes.normalize(fields[1].strip(), self.scheme)
                for sentence in words.sentences
                for _, fields in sentence
                if fields and len(fields) > 1
            )
        )
        text = int(counted) if self.text is None else self.text
        label = self.label
        if counted and text == 0:
            raise UserError(
                f"{path}: column 1 counts the words of each sentence: give "
                "--text_column=2, or the column of the words"
            )
        if self.label_may_lack and width == 1 + counted:
            return text, None
        if label is None and counted and width == _COLUMNS_OF_CONLL_U:
            raise UserError(
                f"{path}: CoNLL-U has several columns of tags: give "
                "--label_column=4 and --tag_scheme=plain for parts of speech, "
                "or another column"
            )
        if label is None:
            label = text + 1 if counted else -1
        if (width - 1 if label < 0 else label) == text and width > 1:
            raise UserError(
                f"{path}: column {text + 1} is the word and the tag: give "
                "--text_column and --label_column"
            )
        if counted:
            logging.info(
                "%s: column 1 counts the words; words are column %d, tags "
                "column %d",
                path,
                text + 1,
                label + 1,
            )
        if self.label_may_lack and self._has_placeholders(words, label):
            logging.warning(
                "%s: the tags are placeholders: read without tags", path
            )
            label = None
        return text, label

    def _has_placeholders(self, words, label):
        tags = [
            fields[label].strip()
            for sentence in words.sentences
            for _, fields in sentence
            if fields and len(fields) > label
        ]
        # Where there is no such column, nothing is known of the tags.
        return bool(tags) and _PLACEHOLDERS.issuperset(tags)

    def _check_scheme(self, path, words, label):
        """Refuses a file where most tags do not fit the scheme."""
        tags = [
            (number, fields[label].strip())
            for sentence in words.sentences
            for number, fields in sentence
            if fields and len(fields) > max(label, 1)
        ]
        bad = [
            (number, tag)
            for number, tag in tags
            if not tag_schemes.normalize(tag, self.scheme)
        ]
        if 2 * len(bad) > len(tags):
            number, tag = bad[0]
            raise UserError(
                f"{path}:{number}: {shorten(tag)!r} is not a tag, nor are "
                f"{len(bad)} of {len(tags)} in column "
                f"{label + 1 or words.width}: "
                f"{tag_schemes.explain(tag, self.scheme)}"
            )


class _Taker:
    """Takes words and tags out of fields.

    Args:
      text, label: int, columns; the label's may be None.
      scheme: str of ``tag_schemes.TAG_SCHEMES``.
      words: ``WordLines``, whose width and counters each line must have.
      task: ``Task``.
    """

    def __init__(self, text, label, scheme, words, task):
        self._label = label
        self._scheme = scheme
        self._has_counters = words.has_counters and text > 0
        self._width = words.width
        self._needed = text + 1
        if label is not None:
            self._needed = max(self._needed, label + 1, 2)
        self._known = None if task.labels is None else frozenset(task.labels)

    def tag(self, fields):
        """Returns the tag of a word, O where there are none."""
        if self._label is None:
            return tag_schemes.OUTSIDE
        return tag_schemes.normalize(fields[self._label].strip(), self._scheme)

    def find_fault(self, fields):
        """Returns (what is wrong, remedy), or None."""
        if len(fields) < self._needed:
            return (
                f"{len(fields)} columns, and column {self._needed} is needed",
                "put the word and its tag there, or a blank line",
            )
        if self._has_counters and not conll_lines.is_counter(fields[0]):
            return (
                f"{shorten(fields[0])!r} does not count the words as column 1 "
                "of other lines does",
                "correct it",
            )
        if len(fields) != self._width:
            return (
                f"{len(fields)} columns where other lines have {self._width}",
                "put tabs between the columns, and the same columns in all "
                "lines"
                if self._width > 1
                else "put one word a line",
            )
        if self._label is None:
            return None
        tag = self.tag(fields)
        if not tag:
            given = fields[self._label].strip()
            return (
                f"{shorten(given)!r} is not a tag",
                tag_schemes.explain(given, self._scheme),
            )
        return self._find_unknown(tag)

    def _find_unknown(self, tag):
        type_ = tag_schemes.entity_type(tag)
        label = tag if type_ is None else f"B-{type_}"
        if self._known is None or label in self._known:
            return None
        if type_ is None:
            return label_spelling.explain_unknown(tag, sorted(self._known))
        types = _types(self._known)
        near = label_spelling.find_near(type_, types)
        return (
            f"type {shorten(type_)!r} is not one of "
            f"{shorten(', '.join(types))}",
            f"is it {near!r}? correct it" if near else "correct it",
        )


def find_labels(sentences):
    """Returns the labels of tags: BIO of their types, or the plain tags.

    Args:
      sentences: ``TaggedSentences`` with tags.

    Returns:
      tuple of str.
    """
    tags = {tag for tags in sentences.labels for tag in tags}
    if tag_schemes.are_plain(tags) and tags != {tag_schemes.OUTSIDE}:
        return tuple(sorted(tags))
    return tag_schemes.bio_labels(
        filter(None, map(tag_schemes.entity_type, tags))
    )


def _types(labels):
    return sorted({label[2:] for label in labels if label.startswith("B-")})
