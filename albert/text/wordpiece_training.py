# SPDX-License-Identifier: Apache-2.0
"""Trains a WordPiece vocabulary, as BERT has it.

The words are those that the tokenizer will look up. Chinese characters and
marks of punctuation are words and pieces by themselves; what pieces the others
are cut into is learnt by tensorflow-text from how often they occur. Its learner
keeps the pieces that occur at least so often, so that a threshold is searched
for that gives a vocabulary of the size asked for.

Time and memory do not grow with the text: words are counted in a table that
forgets rare ones, and the most frequent are learnt from.
"""

import collections
import dataclasses
import itertools
import math

from absl import logging

from albert.errors import UserError
from albert.text import wordpiece
from albert.text.wordpiece_words import cut_words
from albert.text.wordpiece_words import is_word_by_itself

SPECIAL_PIECES = (
    wordpiece.PAD_PIECE,
    wordpiece.UNKNOWN_PIECE,
    *wordpiece.CONTROL_PIECES,
)
# Of tensorflow-text, whose work grows with the square of a word's length.
_MAX_WORD_CHARACTERS = 50
_ITERATIONS = 4
# What occurs once is no part of other words.
_LEAST_THRESHOLD = 2
# Words in the table at once: about 200 MB.
_MAX_DISTINCT_WORDS = 1 << 20
# Parts of words that are looked at, the same ones counted again. 8 million are
# those of about 180,000 English words, and take the learner a minute and 0.5 GB
# each time.
_MAX_PARTS = 8_000_000
# A vocabulary that is larger by so much is cut to its size: its last pieces are
# the rarest ones.
_SLACK = 1.05
# Interpolation comes close; halving is sure to end.
_INTERPOLATIONS = 6


def train(sentences, vocabulary_size, character_coverage):
    """Trains a WordPiece vocabulary.

    Its pieces are ``SPECIAL_PIECES``, the characters, most frequent first,
    those that continue a word, and the longer pieces, most frequent first.

    Args:
      sentences: ``SentenceSource`` that has been counted.
      vocabulary_size, character_coverage: see
        ``albert.text.vocabulary.train_vocabulary``.

    Returns:
      (bytes, list of str): the vocabulary, one piece a line, and a line on
      the words that it was learnt from.

    Raises:
      UserError: bad text, or a vocabulary too large or too small for it.
    """
    counts = WordCounts()
    for sentence in sentences:
        counts.add(cut_words(sentence))
    characters = counts.characters(character_coverage)
    if not characters:
        raise sentences.no_text()
    fixed = [
        *SPECIAL_PIECES,
        *characters,
        *(
            wordpiece.CONTINUATION + character
            for character in characters
            if not is_word_by_itself(character)
        ),
    ]
    room = vocabulary_size - len(fixed)
    if room < 0:
        raise sentences.too_small(vocabulary_size, len(fixed))
    words, left_out = counts.words_to_learn_from(set(characters))
    learnt = _learn(words, room) if room else []
    if len(learnt) < room:
        raise sentences.too_large(vocabulary_size, len(fixed) + len(learnt))
    pieces = fixed + learnt[:room]
    return "".join(f"{piece}\n" for piece in pieces).encode(), [left_out.line()]


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """The words of a text that were not learnt from, of all.

    Attributes:
      words: int, words of the text.
      long, rare, uncovered: int, those with more characters than the learner
        is given, those too rare for its limits, and those with a character
        that has no piece.
    """

    words: int
    long: int
    rare: int
    uncovered: int

    def line(self):
        """Returns the line of the summary."""
        reasons = [
            f"{count:,} {reason}"
            for count, reason in (
                (self.long, f"of more than {_MAX_WORD_CHARACTERS} characters"),
                (self.rare, "too rare"),
                (self.uncovered, "with characters beyond character_coverage"),
            )
            if count
        ]
        line = f"words      {self.words:,} in the text"
        if not reasons:
            return f"{line}, all learnt from"
        return f"{line}; not learnt from: {', '.join(reasons)}"


class WordCounts:
    """Counts of words, of which the rarest are forgotten where there are many.

    A forgotten word that comes again is counted from there on. Characters are
    counted exactly.
    """

    def __init__(self):
        self._words = collections.Counter()
        self._characters = collections.Counter()
        self._floor = 0
        self._forgotten = 0
        self._long = 0

    def add(self, words):
        """Counts the words of a sentence: list of str."""
        if max(map(len, words), default=0) > _MAX_WORD_CHARACTERS:
            long = [word for word in words if len(word) > _MAX_WORD_CHARACTERS]
            words = [
                word for word in words if len(word) <= _MAX_WORD_CHARACTERS
            ]
            self._long += len(long)
            for word in long:
                self._characters.update(word)
        self._words.update(words)
        while len(self._words) > _MAX_DISTINCT_WORDS:
            self._forget_rarest()

    def characters(self, coverage):
        """Returns the characters, most frequent first, up to a share of all.

        Args:
          coverage: float, that share.

        Returns:
          list of str.
        """
        counts = self._characters.copy()
        for word, count in self._words.items():
            _count_characters(counts, word, count)
        wanted = coverage * counts.total()
        chosen = []
        for character, count in _by_frequency(counts):
            if wanted <= 0:
                break
            chosen.append(character)
            wanted -= count
        return chosen

    def words_to_learn_from(self, characters):
        """Returns the most frequent words that are cut into pieces.

        Args:
          characters: set of str, those that have a piece.

        Returns:
          (list of (word, count), ``LeftOut``): most frequent first.
        """
        chosen = []
        parts = uncovered = 0
        rare = self._forgotten
        for word, count in _by_frequency(self._words):
            if not characters.issuperset(word):
                uncovered += count
            elif len(word) > 1:
                parts += len(word) * (len(word) + 1) // 2
                if parts <= _MAX_PARTS:
                    chosen.append((word, count))
                else:
                    rare += count
        words = self._words.total() + self._forgotten + self._long
        return chosen, LeftOut(words, self._long, rare, uncovered)

    def _forget_rarest(self):
        self._floor += 1
        for word, count in list(self._words.items()):
            if count <= self._floor:
                del self._words[word]
                self._forgotten += count
                _count_characters(self._characters, word, count)


def load_learner():
    """Imports the module of tensorflow-text that learns pieces.

    Raises:
      UserError: it is not installed, or does not fit TensorFlow.
    """
    # Here, as TensorFlow takes seconds.
    try:
        from tensorflow_text.tools.wordpiece_vocab import (
            wordpiece_tokenizer_learner_lib,
        )
    except ImportError as error:
        raise UserError(
            "--model_type=wordpiece: tensorflow-text, which learns the pieces, "
            f"cannot be imported ({error}): pip install 'albert-keras[export]'"
        ) from error
    return wordpiece_tokenizer_learner_lib


def _count_characters(counts, word, count):
    for character in word:
        counts[character] += count


def _by_frequency(counts):
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _learn(words, room):
    """Returns pieces of several characters, most frequent first.

    They are ``room`` or more, or fewer where the text does not have so many.

    Args:
      words: list of (word, count), most frequent first.
      room: int, at least 1.
    """
    if not words:
        return []
    # Of the pieces many are words.
    threshold = max(words[min(room, len(words)) - 1][1], _LEAST_THRESHOLD)
    enough, few = None, (sum(count for _, count in words) + 1, 1)
    for step in itertools.count():
        pieces = _learn_with(words, threshold)
        if len(pieces) >= room:
            enough = threshold, pieces
            if len(pieces) <= room * _SLACK:
                break
        elif threshold == _LEAST_THRESHOLD:
            return pieces
        else:
            few = threshold, max(len(pieces), 1)
        least = enough[0] + 1 if enough else _LEAST_THRESHOLD
        if least >= few[0]:
            break
        threshold = _next_threshold(enough, few, room, step)
        threshold = min(max(threshold, least), few[0] - 1)
    return enough[1]


def _next_threshold(enough, few, room, step):
    """Returns a threshold where about ``room`` pieces are expected."""
    high, fewest = few
    if enough is None:
        # The number of pieces falls with the root of the threshold, about.
        return int(high * (fewest / room) ** 2)
    low, most = enough[0], len(enough[1])
    share = 0.5
    if step < _INTERPOLATIONS:
        wanted = room * (1 + _SLACK) / 2
        share = math.log(most / wanted) / math.log(most / fewest)
    return round(low * (high / low) ** share)


def _learn_with(words, threshold):
    learner = load_learner()
    pieces = learner.learn_with_thresh(
        words,
        threshold,
        learner.Params(
            upper_thresh=None,
            lower_thresh=None,
            num_iterations=_ITERATIONS,
            max_input_tokens=None,
            max_token_length=_MAX_WORD_CHARACTERS,
            max_unique_chars=None,
            vocab_size=None,
            slack_ratio=None,
            include_joiner_token=True,
            joiner=wordpiece.CONTINUATION,
            reserved_tokens=[],
        ),
    )
    longer = [
        piece
        for piece in pieces
        if len(piece.removeprefix(wordpiece.CONTINUATION)) > 1
    ]
    logging.info(
        "%s pieces of several characters occur %s times or more",
        f"{len(longer):,}",
        f"{threshold:,}",
    )
    return longer
