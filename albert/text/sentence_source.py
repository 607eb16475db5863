# SPDX-License-Identifier: Apache-2.0
"""Gives the sentences that a vocabulary is trained on."""

import random

from absl import logging

from albert import inputs
from albert.errors import UserError
from albert.progress import show_progress
from albert.text import documents
from albert.text.normalization_losses import count_marked_letters
from albert.text.selection import Selection

_SAMPLE_SENTENCES = 2000
# Of a document, whose letters with marks are counted.
_SENTENCES_WITH_MARKS = 8


class SentenceSource:
    """Normalised sentences to train on; draws, counts and samples.

    Where the text has more than ``limit`` sentences it draws ``limit`` of
    them. SentencePiece's own draw cannot be repeated: it takes its seed from
    the machine and not from ``set_random_generator_seed``.
    """

    def __init__(
        self,
        files,
        reading,
        selection,
        normalize,
        limit,
        seed,
        kind="sentencepiece",
    ):
        """Sets out to read a text twice.

        Args:
          files: list of paths.
          reading: dict of the settings of ``documents.read_documents``.
          selection: ``SelectionSettings``.
          normalize: function from str to str, as of the tokenizer.
          limit: int, most sentences that are drawn; 0 for all.
          seed: int, of that draw and of the sample.
          kind: that of the tokenizer, which decides what a mark is.
        """
        self._files = list(files)
        # As they are now; what is read twice must stay.
        self._identities = inputs.identify_all(self._files)
        self._reading = reading
        self._selection = selection
        self._normalize = normalize
        self._limit = limit
        self._draw_random = random.Random(f"draw {seed}")
        self._sample_random = random.Random(f"sample {seed}")
        self._bytes_read = 0
        self.sentences_read = 0
        self.sentences = 0
        self.characters = 0
        self.left_out = []
        self.sample = []
        self._kind = kind
        self._marked = self._letters = 0

    @property
    def name(self):
        """What the text is called in messages."""
        if len(self._files) == 1:
            return str(self._files[0])
        return f"{len(self._files)} input files"

    def no_text(self):
        """Returns the ``UserError`` of a text without anything to learn."""
        return UserError(
            f"{self.name}: no sentence to train on: give text "
            "with characters other than control characters"
        )

    def too_large(self, vocabulary_size, largest):
        """Returns the ``UserError`` of a vocabulary too large for the text."""
        return UserError(
            f"vocab_size {vocabulary_size} is too large for this text: the "
            f"largest possible is {largest}; give --vocab_size="
            f"{largest} or less, or more text"
        )

    def too_small(self, vocabulary_size, smallest):
        """Returns the ``UserError`` of a vocabulary too small for the text."""
        return UserError(
            f"vocab_size {vocabulary_size} is too small for this text: its "
            f"characters and the special pieces alone need {smallest}; "
            "give a larger --vocab_size or a lower --character_coverage"
        )

    def count(self, listing=None):
        """Counts the sentences of the text by reading it once.

        Args:
          listing: stream that what is left out is listed in; or None.
        """
        selection = Selection(self._selection, listing)
        with show_progress(
            "reading", unit="sentences", unit_scale=True
        ) as advance:
            for document in self._read(selection):
                self.sentences_read += len(document)
                self._bytes_read += sum(len(s.encode()) for s in document)
                marked, letters = count_marked_letters(
                    document[:_SENTENCES_WITH_MARKS], self._kind
                )
                self._marked += marked
                self._letters += letters
                advance(len(document))
        self.left_out = selection.summarize()
        selection.warn(self.name)

    @property
    def marked_share(self):
        """The share of the characters that have a mark, of a sample: float."""
        return self._marked / max(1, self._letters)

    @property
    def wanted(self):
        """How many sentences are trained on."""
        return min(self.sentences_read, self._limit or self.sentences_read)

    @property
    def expected_bytes(self):
        """About how many bytes these have in UTF-8."""
        return self._bytes_read * self.wanted // self.sentences_read

    def __iter__(self):
        wanted, left = self.wanted, self.sentences_read
        for document in self._read(Selection(self._selection)):
            # Selection sampling (Knuth, 3.4.2, algorithm S): exactly
            # ``wanted`` sentences, each set of them as likely, in order,
            # without keeping any.
            drawn = []
            for sentence in document:
                if wanted == left or (
                    self._draw_random.random() * left < wanted
                ):
                    drawn.append(sentence)
                    wanted -= 1
                left -= 1
            for sentence in map(self._normalize, drawn):
                self._count(sentence)
                yield sentence
        inputs.check_all_same(self._identities)
        logging.info(
            "training on %s sentences, %s characters (minutes for a large "
            "text)",
            f"{self.sentences:,}",
            f"{self.characters:,}",
        )

    def _read(self, selection):
        return documents.read_documents(
            self._files, selection=selection, **self._reading
        )

    def _count(self, sentence):
        self.sentences += 1
        self.characters += len(sentence)
        if len(self.sample) < _SAMPLE_SENTENCES:
            self.sample.append(sentence)
        else:  # reservoir sampling: every sentence has the same chance
            place = self._sample_random.randrange(self.sentences)
            if place < _SAMPLE_SENTENCES:
                self.sample[place] = sentence
