# SPDX-License-Identifier: Apache-2.0
"""Reading of CoNLL files: sentences of words and tags.

A word a line, a blank line between sentences. Columns are separated by tabs
on lines that have one (a word may then hold spaces), by spaces elsewhere.
"""

import collections
import dataclasses

from absl import logging

from albert.errors import UserError
from albert.file_fingerprints import describe_files
from albert.tasks import conll_columns
from albert.tasks import conll_lines
from albert.tasks import label_spelling
from albert.tasks import tag_formats
from albert.tasks import tag_schemes
from albert.tasks.bad_rows import BadRows
from albert.tasks.line_files import find_file
from albert.tasks.line_files import read_lines
from albert.tasks.line_files import shorten

# More words than this with tags that the model does not know: another set.
_MOST_UNKNOWN = 0.5


@dataclasses.dataclass(frozen=True, eq=False)
class TaggedSentences:
    """Sentences of words, with their tags if they have any.

    Attributes:
      sentences: list of N lists of str, none empty.
      labels: list of N lists of str, a BIO tag or a plain one for each word;
        None where the file has no tags.
      bad_rows: int, sentences that were left out.
      files: tuple of dict, of ``describe_files`` when they were read.
    """

    sentences: list
    labels: list | None = None
    bad_rows: int = 0
    files: tuple = ()

    def __len__(self):
        return len(self.sentences)


@dataclasses.dataclass(frozen=True)
class ConllFile:
    """The names and the columns of a CoNLL file.

    Attributes:
      names: tuple of str, the names the file may have.
      text, label: int, str or None, the columns of the word and of the tag,
        see ``conll_columns.find_columns``.
      label_may_lack: a file of one column, counters apart, or with
        placeholders for tags, is words without tags.
      scheme: str of ``tag_schemes.TAG_SCHEMES``, or None to guess it.
    """

    names: tuple
    text: int | str | None = None
    label: int | str | None = None
    label_may_lack: bool = False
    scheme: str | None = None

    def read(self, task, data_dir, split, skip_bad_rows=False):
        """Reads the file.

        Args:
          task: ``Task``; where its labels are None, any type is taken. Tags
            of a dev or test set may be others.
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
        words = conll_lines.read_words(
            path,
            read_lines(path, bad_rows),
            conll_columns.names_among(self.text, self.label),
        )
        text, label = conll_columns.find_columns(
            path, words, self.text, self.label, self.label_may_lack
        )
        tag_format = None
        if label is not None:
            tag_format = tag_formats.find_format(
                path,
                _tags_of(words, label),
                label + 1,
                self.scheme,
                task.labels,
            )
        known = None if split != "train" else task.labels
        take = _Taker(text, label, tag_format, words, known)
        read_words, read_tags, broken = [], [], []
        for sentence in words.sentences:
            taken = list(_take(sentence, take, bad_rows))
            if len(taken) < len(sentence):
                continue
            tags = [take.tag(fields) for _, fields in taken]
            places = tag_format.find_broken(tags) if tag_format else ()
            if places and tag_format.is_given:
                place = places[0]
                bad_rows.add(taken[place][0], *take.explain_broken(tags, place))
                continue
            broken += [(taken[place][0], tags[place]) for place in places]
            read_words.append([fields[text].strip() for _, fields in taken])
            read_tags.append(tags)
        left_out = len(words.sentences) - len(read_words)
        num_words = sum(map(len, read_words))
        bad_rows.report(
            num_words,
            sum(map(len, words.sentences)) - num_words,
            f"words of {left_out} of {len(words.sentences)} sentences "
            f"left out for {bad_rows.count} bad lines",
        )
        files = tuple(describe_files([path]))
        if not read_words:
            raise UserError(
                f"{path}: no sentences: put the {split} data of {task.name} "
                "there, a word and its tag a line"
            )
        if label is None:
            return TaggedSentences(read_words, None, left_out, files)
        tag_formats.log_broken(path, tag_format, broken, read_tags)
        read_tags = list(map(tag_schemes.to_bio, read_tags))
        if task.labels is None:
            label_spelling.warn_of_spellings(
                path, _count_types(read_tags), "words"
            )
        else:
            _check_unknown(path, read_tags, task.labels)
        return TaggedSentences(read_words, read_tags, left_out, files)


def _tags_of(words, label):
    """Returns the tags of lines that have one, by sentence, and their lines."""
    return [
        [
            (number, fields[label].strip())
            for number, fields in sentence
            if fields and len(fields) > max(label, 1)
        ]
        for sentence in words.sentences
    ]


def _take(sentence, take, bad_rows):
    """Yields the lines of a sentence that can be used, and notes others."""
    for number, fields in sentence:
        if fields is None:
            continue
        fault = take.find_fault(fields)
        if fault:
            bad_rows.add(number, *fault)
        else:
            yield number, fields


def _check_unknown(path, tags, labels):
    """Warns of tags that the model has no label for.

    Args:
      path: str, for messages.
      tags: lists of str, BIO or plain.
      labels: tuple of str, of the model.

    Raises:
      UserError: they are most of them.
    """
    known = set(map(_type_of, labels))
    counts = _count_types(tags)
    unknown = {tag: n for tag, n in counts.items() if tag not in known}
    if not unknown:
        return
    total = counts.total() - counts[tag_schemes.OUTSIDE]
    number = sum(unknown.values())
    if number > _MOST_UNKNOWN * total:
        raise UserError(
            f"{path}: {number} of {total} words have tags that the model does "
            f"not know ({shorten(', '.join(unknown))}; it knows "
            f"{shorten(', '.join(sorted(known)))}): correct the data, "
            "--tag_column or the model"
        )
    near = {tag: label_spelling.find_near(tag, known) for tag in unknown}
    logging.warning(
        "%s: %d of %d words have tags that the training data lack (%s): they "
        "count as missed, and not in the loss",
        path,
        number,
        total,
        ", ".join(
            f"{shorten(tag)!r} {count} times"
            + (f", is it {near[tag]!r}?" if near[tag] else "")
            for tag, count in unknown.items()
        ),
    )


def _type_of(tag):
    return tag_schemes.entity_type(tag) or tag


def _count_types(tags):
    """Returns how many words have each type or plain tag."""
    return collections.Counter(_type_of(tag) for line in tags for tag in line)


class _Taker:
    """Takes words and tags out of fields.

    Args:
      text, label: int, columns; the label's may be None.
      tag_format: ``TagFormat``; None without a column of tags.
      words: ``WordLines``, whose width and counters each line must have.
      labels: tuple of str that tags must be of, or None for any.
    """

    def __init__(self, text, label, tag_format, words, labels):
        self._label = label
        self._format = tag_format
        self._has_counters = words.has_counters and text > 0
        self._width = words.width
        self._needed = text + 1
        if label is not None:
            self._needed = max(self._needed, 2)
            if label >= words.width:
                self._needed = label + 1
        self._known = None if labels is None else frozenset(labels)

    def tag(self, fields):
        """Returns the tag of a word, O where there are none."""
        if self._label is None:
            return tag_schemes.OUTSIDE
        return self._format.normalize(fields[self._label].strip())

    def explain_broken(self, tags, place):
        """Returns (what, remedy) of a tag that breaks a scheme that is given.

        Args:
          tags: list of str, of a sentence.
          place: int, that of the tag.
        """
        outside = tag_schemes.OUTSIDE
        before, tag, behind = [outside, *tags, outside][place : place + 3]
        return (
            f"{shorten(tag)!r} between {shorten(before)!r} and "
            f"{shorten(behind)!r} breaks {self._format.scheme}",
            "correct it, or leave out --tag_scheme",
        )

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
            return conll_lines.explain_width(len(fields), self._width)
        if self._label is None:
            return None
        tag = self.tag(fields)
        if not tag:
            given = fields[self._label].strip()
            return (
                f"{shorten(given)!r} is not a tag",
                self._format.explain(given),
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
