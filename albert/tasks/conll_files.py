# SPDX-License-Identifier: Apache-2.0
"""CoNLL columns → sentences of words and tags.

A word a line, a blank line between sentences. Columns are separated by tabs
on lines that have one (a word may then hold spaces), by spaces elsewhere.
"""

import collections
import dataclasses

from albert.errors import UserError
from albert.tasks import tag_schemes
from albert.tasks.bad_rows import BadRows
from albert.tasks.line_files import find_file
from albert.tasks.line_files import read_lines
from albert.tasks.line_files import shorten

_DOCUMENT_START = "-DOCSTART-"


@dataclasses.dataclass(frozen=True, eq=False)
class TaggedSentences:
    """Sentences of words.

    Attributes:
      sentences: list of N lists of str, none empty.
      labels: list of N lists of str, a BIO tag for each word; None where the
        file has no tags.
      bad_rows: int, lines that could not be used.
    """

    sentences: list
    labels: list | None = None
    bad_rows: int = 0

    def __len__(self):
        return len(self.sentences)


@dataclasses.dataclass(frozen=True)
class ConllFile:
    """Where sentences are, and which columns matter.

    Attributes:
      names: tuple of str, the names the file may have.
      text: int, column of the word, from 0.
      label: int, column of the tag, from 0; -1 is the last.
      label_may_lack: a file of one column is words without tags.
    """

    names: tuple
    text: int = 0
    label: int = -1
    label_may_lack: bool = False

    def read(self, task, data_dir, split, skip_bad_rows=False):
        """Reads the file.

        Args:
          task: ``Task``; where its labels are None, any type is taken.
          data_dir: str, see ``find_file``.
          split: str, for messages.
          skip_bad_rows: leave out sentences with a bad line, instead of
            raising.

        Returns:
          ``TaggedSentences``. -DOCSTART- lines are not in it.

        Raises:
          UserError: no file, no words, or a line that cannot be used.
        """
        path = find_file(
            data_dir,
            task.folder,
            self.names,
            f"{split} data of {task.name}",
        )
        bad_rows = BadRows(path, skip_bad_rows)
        lines = read_lines(path, bad_rows)
        sentences = _group(lines)
        tagged = True
        if self.label_may_lack and sentences:
            tagged = len(_split(sentences[0][0][1] or "")) > 1
        known = None if task.labels is None else frozenset(task.labels)
        read_words, read_tags = [], []
        for sentence in sentences:
            words, tags = [], []
            for number, line in sentence:
                if line is None:
                    continue
                fault = self._take_line(line, tagged, known, words, tags)
                if fault:
                    bad_rows.add(number, *fault)
            if len(words) == len(sentence):
                read_words.append(words)
                read_tags.append(tag_schemes.to_bio(tags))
        bad_rows.report(sum(map(len, read_words)))
        if not read_words:
            raise UserError(
                f"{path}: no sentences: put the {split} data of {task.name} "
                "there, a word and its tag a line"
            )
        return TaggedSentences(
            read_words, read_tags if tagged else None, bad_rows.count
        )

    def _take_line(self, line, tagged, known, words, tags):
        """Appends a word and its tag; returns what is wrong, and a remedy."""
        fields = _split(line)
        needed = self.text + 1
        if tagged:
            needed = max(needed, self.label + 1, 2)
        if len(fields) < needed:
            return (
                f"{len(fields)} columns, and column {needed} is needed",
                "put the word and its tag there, or a blank line",
            )
        if tagged:
            tag = fields[self.label].strip()
            if not tag_schemes.is_tag(tag):
                return (
                    f"{shorten(tag)!r} is not a tag",
                    "it should be O, or B- or I- and a type",
                )
            type_ = tag_schemes.entity_type(tag)
            if known is not None and type_ and f"B-{type_}" not in known:
                return (
                    f"type {shorten(type_)!r} is not one of "
                    f"{shorten(', '.join(_types(known)))}",
                    "correct it",
                )
            tags.append(tag)
        words.append(fields[self.text].strip())
        return None


def find_types(sentences):
    """Counts the types of the entities.

    Args:
      sentences: ``TaggedSentences`` with tags.

    Returns:
      ``collections.Counter`` of str.
    """
    return collections.Counter(
        tag_schemes.entity_type(tag)
        for tags in sentences.labels
        for tag in tags
        if tag.startswith("B-")
    )


def _types(labels):
    return sorted({label[2:] for label in labels if label.startswith("B-")})


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


def _split(line):
    if "\t" in line:
        return line.split("\t")
    # Not at every kind of space: a word may hold a no-break space.
    return [field for field in line.split(" ") if field]
