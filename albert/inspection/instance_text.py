# SPDX-License-Identifier: Apache-2.0
"""Shows an instance as text, with marks for what is masked and where words are.

A text is a list of tokens, between which lines may break; a token is a list of
spans, which have a style. Terminal and page draw the same tokens.
"""

import dataclasses

import numpy as np

from albert.tasks.multiple_choice.questions import OPTION_NAMES
from albert.text.word_starts import WORD_START_RULES

# Between the pieces of a word.
INSIDE_WORD = "·"
# What the marks mean; the styles are "first", "second", "special", "truth",
# "mask", "random", "kept", "mark", "unknown" and "tag".
LEGEND = (
    f"{INSIDE_WORD} joins the pieces of a word, \u2581 is a space in a piece",
    "{what is hidden > what the model sees}",
)
_SPACE = "\u2581"
# Between letters of some scripts.
_JOINERS = "\u200c\u200d"


@dataclasses.dataclass(frozen=True)
class Span:
    """Text of one style."""

    text: str
    style: str


@dataclasses.dataclass(frozen=True)
class ShownInstance:
    """Instance for people.

    Attributes:
      heading: str: file, record, label, lengths.
      texts: list of (name of the option or "", list of tokens).
    """

    heading: str
    texts: list


def printable(text):
    """Returns a text in which no character can command who shows it.

    Such as the control characters of a terminal, those that turn the direction
    of a text, and halves of a surrogate pair, which no file takes.
    """
    return "".join(
        char
        if char.isprintable() or char in _JOINERS
        else char.encode("unicode_escape").decode()
        for char in text
    )


class InstanceTexts:
    """Makes texts of instances.

    Attributes:
      word_start: bool [V], which words records without their own have; None
        without a vocabulary.
    """

    # In place of a label, among pairs.
    ONE_SEGMENT = "one segment"

    def __init__(self, kind, tokenizer):
        """Says what is known of the records.

        Args:
          kind: as ``opening.open_kind`` returns it.
          tokenizer: ``TokenizerInterface``, or None for ids.
        """
        self._kind = kind
        self._tokenizer = tokenizer
        rule = kind.settings.get("word_start_rule")
        self.word_start = tokenizer and tokenizer.word_start_table(
            rule if rule in WORD_START_RULES else WORD_START_RULES[0]
        )

    def show(self, example, file, number):
        """Returns the ``ShownInstance`` of a record.

        Args:
          example: ``Instances`` of one record.
          file: str, the name of its file.
          number: int, its index there.
        """
        parts = [f"{file}, record {number}", self.label(example)]
        parts.append(self._lengths(example))
        if example.is_masked is not None:
            parts.append(f"{int(example.is_masked.sum())} masked")
        heading = " | ".join(filter(None, parts))
        return ShownInstance(
            heading,
            [
                (self._option(example, row), tokens)
                for row in range(example.choices)
                for tokens in [self._tokens(example, row)]
                if tokens
            ],
        )

    def label(self, example):
        """Returns the label of a record in words."""
        label = example.labels[0]
        if not self._kind.labelled:
            return "no label"
        if self._kind.label_type == "tag":
            return ""  # Beside the words.
        if self._kind.label_type == "classes":
            names = ", ".join(map(self.label_text, label[label >= 0]))
            return f"labels {names or 'none'}"
        if label < 0 and self._kind.objective:
            return f"{self.ONE_SEGMENT}, no label"
        return f"label {self.label_text(label)}"

    def label_text(self, label):
        """Returns a label with its name, as far as that is known."""
        if self._kind.label_type == "number":
            return f"{label:g}"
        if self._kind.label_type == "choice":
            return OPTION_NAMES[int(label)]
        name = self.class_name(label)
        return name if name == str(int(label)) else f"{int(label)} ({name})"

    def class_name(self, label):
        """Returns the name of a class, or its number where it has none."""
        names = self._kind.label_names
        known = int(label) < len(names)
        return names[int(label)] if known else str(int(label))

    def piece(self, id_):
        """Returns a piece in words, or its id."""
        if self._tokenizer is None:
            return str(id_)
        piece = self._tokenizer.pieces[id_]
        if self._tokenizer.kind == "wordpiece":
            return piece.removeprefix("##") or "##"
        return piece.removeprefix(_SPACE) or _SPACE

    def _option(self, example, row):
        """Returns what stands before a sequence of several."""
        if example.choices == 1:
            return ""
        is_answer = self._kind.labelled and row == example.labels[0]
        return OPTION_NAMES[row] + (", the answer" if is_answer else "")

    def _lengths(self, example):
        size = example.input_ids.shape[1]
        lengths = example.lengths[example.lengths > 0]
        if example.choices > 1:
            shown = ", ".join(map(str, lengths))
            return f"{shown} of {size} pieces"
        first, second = example.segment_lengths[:, 0]
        pair = f" (A {first}, B {second})" if second else ""
        return f"{int(example.lengths[0])} of {size} pieces{pair}"

    def _tokens(self, example, row):
        """Returns the tokens of a sequence."""
        length = int(example.lengths[row])
        words = example.words[row, :length]
        if example.word_starts is None and self.word_start is not None:
            starts = self.word_start[example.true_ids[row, :length]]
            starts = starts | example.is_special[row, :length]
            starts[1:] |= example.is_special[row, : length - 1]
            words = starts.cumsum()
        if self._kind.label_type == "tag":
            words = words + (example.labels[0, :length] >= 0).cumsum()
        masked = np.zeros(length, bool)
        if example.is_masked is not None:
            masked = example.is_masked[row, :length]
        tokens = []
        position = 0
        while position < length:
            end = position + 1
            while end < length and masked[end] == masked[position]:
                end += 1
            ids = example.true_ids[row, position:end]
            words_here = words[position:end]
            if masked[position]:
                seen = example.input_ids[row, position:end]
                truth = self._words(ids, words_here, ["truth"] * len(ids))
                shown = self._words(
                    seen, words_here, self._styles_of_seen(ids, seen)
                )
                truth[0].insert(0, Span("{", "mark"))
                shown[-1].append(Span("}", "mark"))
                tokens += [*truth, [Span(">", "mark")], *shown]
            else:
                styles = [
                    self._style(example, row, at) for at in range(position, end)
                ]
                tokens += self._words(ids, words_here, styles)
            position = end
        if self._kind.label_type == "tag":
            self._add_tags(tokens, words, example.labels[0])
        return tokens

    def _words(self, ids, words, styles):
        """Returns a token for each word."""
        tokens = []
        for index, (id_, style) in enumerate(zip(ids, styles, strict=True)):
            span = Span(self.piece(int(id_)), style)
            if index and words[index] == words[index - 1]:
                tokens[-1] += [Span(INSIDE_WORD, "mark"), span]
            else:
                tokens.append([span])
        return tokens

    def _style(self, example, row, position):
        if example.is_special[row, position]:
            return "special"
        id_ = int(example.input_ids[row, position])
        if self._tokenizer is not None and id_ == self._tokenizer.unknown_id:
            return "unknown"
        return "second" if example.segment_ids[row, position] else "first"

    def _styles_of_seen(self, truth, seen):
        mask_id = self._tokenizer.mask_id if self._tokenizer else None
        return [
            "kept"
            if one == other
            else "mask"
            if mask_id in (None, int(other))
            else "random"
            for one, other in zip(truth, seen, strict=True)
        ]

    def _add_tags(self, tokens, words, tags):
        """Puts the tag of a word behind it."""
        begins = np.flatnonzero(np.diff(words, prepend=-1))
        for token, begin in zip(tokens, begins, strict=True):
            if tags[begin] >= 0:
                name = self.class_name(tags[begin])
                token.append(Span(f"/{name}", "tag"))
