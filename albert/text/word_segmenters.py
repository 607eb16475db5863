# SPDX-License-Identifier: Apache-2.0
"""Finds words in scripts that write no spaces, and marks them among pieces.

A table of pieces tells which of them start a word
(``albert.text.word_starts``): in Chinese, all. With a segmenter it depends on
the text, and so travels with the ids: of V pieces, ``id + V`` stands for the
piece ``id`` in a place where the table is wrong about it. Assembled instances
have ``id`` again.

Only words with a letter of a script without spaces are taken from the
segmenter. Everything else goes by the table, but that what follows such a word
starts another.
"""

import functools
import importlib
import itertools
import warnings

import numpy as np

from albert.errors import UserError
from albert.text.word_starts import is_of_script_without_spaces

WORD_SEGMENTERS = ("none", "jieba")
NO_SEGMENTER = WORD_SEGMENTERS[0]


def find_segmenter(name):
    """Returns a function from a text to its words, or None for "none".

    The words are all of the text, one after the other: list of str.

    Args:
      name: one of ``WORD_SEGMENTERS``. "jieba" cuts by its dictionary, and
        what is not in it by its hidden Markov model, as it does by default.

    Raises:
      UserError: its library is not installed.
    """
    if name == NO_SEGMENTER:
        return None
    try:
        # Python warns of its escapes, and of pkg_resources, which it imports.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            jieba = importlib.import_module("jieba")
    except ImportError as error:
        raise UserError(
            f"--word_segmenter={name} needs jieba ({error}): pip install "
            "'albert-keras[jieba]'"
        ) from error
    return functools.partial(_cut, jieba.Tokenizer())


def _cut(tokenizer, text):
    if not tokenizer.initialized:
        # As initialize(), but without lines on stderr and without its cache
        # in the folder of temporary files, which anyone may have written.
        tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(
            tokenizer.get_dict_file()
        )
        tokenizer.initialized = True
    return tokenizer.lcut(text, HMM=True)


class WordEncoder:
    """Encoder of texts as ids that tell which pieces start a word.

    Attributes:
      vocabulary_size: int, number of ids: V, or 2 V with a segmenter.
      word_start: bool [vocabulary_size], ids that start a word.
      pieces_of_ids: int64 [vocabulary_size], the piece that an id stands for.
      unknown_characters: int, characters of unknown pieces so far. One such
        piece may be a whole line of another script.
    """

    def __init__(self, tokenizer, word_start, segmenter=None):
        """Keeps what it encodes with.

        Args:
          tokenizer: ``albert.text.tokenizers.TokenizerInterface``.
          word_start: bool [V], pieces that start a word.
          segmenter: function as ``find_segmenter`` returns it.
        """
        self._tokenizer = tokenizer
        self._segmenter = segmenter
        self.word_start = word_start
        if segmenter is not None:
            self.word_start = np.concatenate([word_start, ~word_start])
        self.vocabulary_size = len(self.word_start)
        self.pieces_of_ids = np.arange(self.vocabulary_size) % len(word_start)
        self.unknown_characters = 0

    def encode_batch(self, texts, after_space=True):
        """Encodes an iterable of str as the tokenizer does: lists of int."""
        texts = list(texts)
        if self._segmenter is None:
            rows = self._tokenizer.encode_batch(texts, after_space)
            unknown_id = self._tokenizer.unknown_id
            # Offsets are found for the few sentences that need them.
            self._find_spans(
                [
                    text
                    for text, row in zip(texts, rows, strict=True)
                    if unknown_id in row
                ],
                after_space,
            )
            return rows
        spans = self._find_spans(texts, after_space)
        by_table = self.word_start[spans.ids]
        words = map(self._segmenter, texts)
        differs = by_table != _find_word_starts(texts, words, spans, by_table)
        ids = (spans.ids + differs * (self.vocabulary_size // 2)).tolist()
        return [
            ids[first:end]
            for first, end in itertools.pairwise(spans.row_splits.tolist())
        ]

    def _find_spans(self, texts, after_space):
        """Encodes texts with offsets, and counts unknown characters."""
        spans = self._tokenizer.encode_with_offsets(texts, after_space)
        unknown = spans.ids == self._tokenizer.unknown_id
        self.unknown_characters += int(
            (spans.ends - spans.starts)[unknown].sum()
        )
        return spans


def _find_word_starts(texts, words, spans, by_table):
    """Finds which pieces of texts start a word.

    A piece of several words, or parts of them, belongs to the word that it
    begins in; what is left of the last one continues it, so that no word is
    ever cut.

    Args:
      texts: list of R str.
      words: iterable of R lists of str, the words of each text.
      spans: ``albert.text.offsets.PieceSpans`` of T pieces.
      by_table: bool [T], whether the table says so.

    Returns:
      bool [T].
    """
    # As if the texts were lines of one.
    lengths = np.array([0, *(len(text) + 1 for text in texts)])
    first = np.repeat(np.cumsum(lengths)[:-1], np.diff(spans.row_splits))
    begins, ends = spans.starts + first, spans.ends + first
    words = [word for row in words for word in (*row, "\n")]
    word_ends = np.cumsum(list(map(len, words)), dtype=np.int64)
    is_word = np.array(list(map(is_of_script_without_spaces, words)), bool)

    word = np.searchsorted(word_ends, begins, side="right")
    in_word = is_word[word]
    # Nothing of the word is in the piece before.
    is_first = np.append(0, ends)[:-1] <= np.append(0, word_ends)[word]
    follows_word = np.append(False, is_word)[word] & is_first
    return np.where(in_word, is_first, by_table | follows_word)
