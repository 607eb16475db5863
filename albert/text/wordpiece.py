# SPDX-License-Identifier: Apache-2.0
"""Turns strings into WordPiece ids and back, as BERT does.

Google's Chinese ALBERTs have such a vocabulary: a text file with one piece a
line. A text is cleaned and cut into words, and each word into the longest
pieces from its left; pieces that continue a word begin with "##". The steps
are those of ``BasicTokenizer`` and ``WordpieceTokenizer`` in the original's
``tokenization.py``, which other libraries follow but for characters that are
named in docs/tokenizers.md.
"""

import hashlib
import itertools
import json
import unicodedata

import numpy as np

from albert.errors import UserError
from albert.inputs import read_file
from albert.text.offsets import PieceSpans
from albert.text.tokenizer import replacements_among
from albert.text.word_starts import is_of_script_without_spaces
from albert.text.wordpiece_words import cut_words
from albert.text.wordpiece_words import find_words
from albert.text.wordpiece_words import is_mark
from albert.text.wordpiece_words import is_word_by_itself
from albert.text.wordpiece_words import normalize
from albert.text.wordpiece_words import normalize_character

CONTINUATION = "##"
PAD_PIECE = "[PAD]"
UNKNOWN_PIECE = "[UNK]"
CONTROL_PIECES = ("[CLS]", "[SEP]", "[MASK]")
# The original's limit; a longer word is unknown.
MAX_WORD_CHARACTERS = 200
# Words whose pieces are remembered: a few tens of MB.
_MAX_REMEMBERED_WORDS = 1 << 18


class WordPieceTokenizer:
    """A tokenizer around one WordPiece vocabulary.

    It offers what ``albert.text.tokenizers.TokenizerInterface`` names, where
    the attributes are explained.
    """

    kind = "wordpiece"

    def __init__(self, model_file, lower_case=True, strip_accents=True):
        """Loads the vocabulary.

        Args:
          model_file: path of a text file with one piece a line, in the order
            of their ids.
          lower_case: lower-case the text (the original's
            ``do_lower_case``).
          strip_accents: take the marks off letters, as the original does
            when it lower-cases; no effect otherwise.

        Raises:
          UserError: the file is missing, no such vocabulary, or has no
            [UNK], [CLS], [SEP] or [MASK] piece, or one piece twice.
        """
        self.model_file = str(model_file)
        self.lower_case = bool(lower_case)
        self.strip_accents = bool(lower_case and strip_accents)
        self.content = read_file(
            self.model_file, "give a WordPiece vocabulary such as vocab.txt"
        )
        self.pieces = _read_pieces(self.model_file, self.content)
        self.vocabulary_size = len(self.pieces)
        ids = _ids_of_pieces(self.model_file, self.pieces)
        self.pad_id = ids.get(PAD_PIECE, 0)
        self.unknown_id = ids[UNKNOWN_PIECE]
        self.cls_id, self.sep_id, self.mask_id = (
            ids[piece] for piece in CONTROL_PIECES
        )
        self._ids_of_words = _WordPieces(ids)
        self._lengths = np.array(
            [len(piece.removeprefix(CONTINUATION)) for piece in self.pieces],
            np.int64,
        )
        self.fingerprint = self._compute_fingerprint()

    def __repr__(self):
        return (
            f"WordPieceTokenizer({self.model_file!r}, "
            f"lower_case={self.lower_case}, "
            f"strip_accents={self.strip_accents})"
        )

    @property
    def settings(self):
        """What the model directory keeps beside the vocabulary: dict."""
        return {
            "lower_case": self.lower_case,
            "strip_accents": self.strip_accents,
        }

    # ---------------------------------------------------------------- encoding

    def normalize(self, text):
        """Returns ``text`` cleaned, as it is cut into words."""
        return normalize(text, self.lower_case, self.strip_accents)

    def normalize_batch(self, texts):
        """Normalises an iterable of str; returns a list of str."""
        return [self.normalize(text) for text in texts]

    def encode(self, text):
        """Returns the piece ids of ``text``: list of int, no [CLS] or [SEP].

        The text is never read as control pieces: "[MASK]" in it is encoded
        like any other word.
        """
        return list(
            itertools.chain.from_iterable(
                map(
                    self._ids_of_words.__getitem__,
                    cut_words(self.normalize(text)),
                )
            )
        )

    def encode_batch(self, texts, after_space=True):
        """Encodes texts.

        Args:
          texts: iterable of str.
          after_space: no effect: a word has the same pieces everywhere.

        Returns:
          list of lists of int.
        """
        return [self.encode(text) for text in texts]

    def encode_with_offsets(self, texts, after_space=True):
        """Encodes texts, with the characters that each piece came from.

        A piece stands for its characters and the accents that were taken off
        them. An unknown word is one piece. What is dropped between pieces,
        such as a soft hyphen, belongs to none.

        Args:
          texts: iterable of str.
          after_space: no effect, as for ``encode_batch``.

        Returns:
          ``albert.text.offsets.PieceSpans``: the ids of ``encode_batch``,
          joined, with the span of each piece in the original text.
        """
        return PieceSpans.of_rows(
            [self._encode_row_with_offsets(text) for text in texts]
        )

    def tokenize(self, text):
        """Returns the pieces of ``text``: list of str.

        Words outside the vocabulary are shown as they are in the normalised
        text; ``encode`` gives ``unknown_id`` for them.
        """
        pieces = []
        for word in cut_words(self.normalize(text)):
            ids = self._ids_of_words[word]
            if ids == (self.unknown_id,):
                pieces.append(word)
            else:
                pieces += [self.pieces[id_] for id_ in ids]
        return pieces

    def decode(self, ids):
        """Returns the text of ``ids`` with control pieces written out.

        Args:
          ids: iterable of int, such as a row of a batch.

        Returns:
          str. Words have a space between them, but not two characters that
          are Chinese or punctuation of Chinese, which are written together.

        Raises:
          ValueError: an id is not in the vocabulary.
        """
        text = ""
        for id_ in map(int, ids):
            if not 0 <= id_ < self.vocabulary_size:
                raise ValueError(
                    f"id {id_} is not in the vocabulary of "
                    f"{self.vocabulary_size} pieces"
                )
            piece = self.pieces[id_]
            if piece.startswith(CONTINUATION):
                text += piece.removeprefix(CONTINUATION)
            elif text and not (is_wide(text[-1]) and is_wide(piece[:1])):
                text += " " + piece
            else:
                text += piece
        return text

    # ------------------------------------------------------------------ tables

    def word_start_table(self, rule="scripts"):
        """Returns which pieces start a word: bool array [V].

        A Chinese character is a word.

        Args:
          rule: "original": all pieces but those that begin with "##", as
            ``_is_start_piece_bert`` of the original's
            ``create_pretraining_data.py`` has it; "scripts": also those, in
            scripts that write no spaces.
        """
        return np.array(
            [
                not piece.startswith(CONTINUATION)
                or (rule == "scripts" and is_of_script_without_spaces(piece))
                for piece in self.pieces
            ]
        )

    def occurring_table(self):
        """Returns which pieces text can give: bool array [V].

        No control or unused piece, and none that the cutting into words
        prevents, such as "##" before a Chinese character.
        """
        return np.array(list(map(self._occurs, self.pieces)), bool)

    def replacement_ids(self):
        """Returns the ids that may replace a masked word: int32 array.

        All pieces that text can give. (The original draws from the whole
        vocabulary.)

        Raises:
          UserError: there are none.
        """
        return replacements_among(self.occurring_table(), self)

    # --------------------------------------------------------------- internals

    def _occurs(self, piece):
        part = piece.removeprefix(CONTINUATION)
        if cut_words(self.normalize(part)) != [part]:
            return False
        return part == piece or not is_word_by_itself(part)

    def _encode_row_with_offsets(self, text):
        normalized = self.normalize(text)
        matches = find_words(normalized)
        if not matches:
            return (np.zeros(0, np.int32),) * 3
        bounds = np.array([match.span() for match in matches], np.int64)
        word_lengths = bounds[:, 1] - bounds[:, 0]
        rows = [self._ids_of_words[match[0]] for match in matches]
        counts = np.fromiter(map(len, rows), np.int64, len(rows))
        ids = np.fromiter(itertools.chain.from_iterable(rows), np.int32)
        lengths = np.where(
            ids == self.unknown_id,
            np.repeat(word_lengths, counts),
            self._lengths[ids],
        )
        # The pieces of a word follow each other without a gap.
        gaps = bounds[:, 0] - (np.cumsum(word_lengths) - word_lengths)
        last = np.cumsum(lengths) + np.repeat(gaps, counts) - 1
        origins, closings = self._origins(text, len(normalized))
        return ids, origins[last - lengths + 1], closings[origins[last]]

    def _origins(self, text, length):
        """Finds where each normalised character came from.

        Args:
          text: str.
          length: int, of the normalised text.

        Returns:
          (origins, closings): int64 [length], the character of the text; and
          for each character of the text, where it ends with its accents.
        """
        following = np.arange(1, len(text) + 1)
        if text.isascii() and length == len(text):
            return following - 1, following
        codes = np.frombuffer(
            text.encode("utf-32-le", "surrogatepass"), np.dtype("<u4")
        )
        distinct, places = np.unique(codes, return_inverse=True)
        # Each character by itself: NFD reorders nothing but marks, which
        # are dropped.
        counts = np.array(
            [
                len(normalize_character(code, **self.settings))
                for code in distinct.tolist()
            ]
        )
        if self.strip_accents:
            marks = np.array([is_mark(chr(code)) for code in distinct.tolist()])
            others = np.append(np.flatnonzero(~marks[places]), len(text))
            following = others[np.searchsorted(others, following)]
        return np.repeat(np.arange(len(text)), counts[places]), following

    def _compute_fingerprint(self):
        digest = hashlib.sha256("\n".join(self.pieces).encode())
        digest.update(json.dumps([self.kind, self.settings]).encode())
        return digest.hexdigest()


def is_wordpiece(content):
    """Returns whether the bytes of a file are a WordPiece vocabulary.

    Such a file is text with a line ``[UNK]``. A SentencePiece model is no
    text, and the list of pieces beside it has scores in its lines.
    """
    return is_text(content) and (
        UNKNOWN_PIECE in content.decode("utf-8-sig").splitlines()
    )


def is_text(content):
    """Returns whether the bytes of a file are text, and some."""
    try:
        return bool(content.decode())
    except UnicodeDecodeError:
        return False


def is_wide(character):
    """Returns whether a character, or "", is Chinese or written like it."""
    return bool(character) and unicodedata.east_asian_width(character) in "WF"


class _WordPieces(dict):
    """Table of the ids of words, found when they are asked for first.

    Args:
      ids: dict from piece to id.
    """

    def __init__(self, ids):
        super().__init__()
        self._first = {
            piece: id_
            for piece, id_ in ids.items()
            if not piece.startswith(CONTINUATION)
        }
        self._following = {
            piece.removeprefix(CONTINUATION): id_
            for piece, id_ in ids.items()
            if piece.startswith(CONTINUATION)
        }
        self._longest = max(map(len, ids))
        self._unknown = (ids[UNKNOWN_PIECE],)

    def __missing__(self, word):
        if len(self) >= _MAX_REMEMBERED_WORDS:
            self.clear()
        self[word] = ids = self._cut(word)
        return ids

    def _cut(self, word):
        """Returns the ids of the longest pieces, from the left: tuple."""
        if len(word) > MAX_WORD_CHARACTERS:
            return self._unknown
        ids = []
        begin, pieces = 0, self._first
        while begin < len(word):
            for end in range(min(len(word), begin + self._longest), begin, -1):
                id_ = pieces.get(word[begin:end])
                if id_ is not None:
                    break
            else:
                return self._unknown
            ids.append(id_)
            begin, pieces = end, self._following
        return tuple(ids)


def _read_pieces(model_file, content):
    try:
        lines = content.decode("utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{model_file}: not a WordPiece vocabulary, which is UTF-8 text "
            "with one piece a line: give the vocab.txt of the model"
        ) from error
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def _ids_of_pieces(model_file, pieces):
    """Returns the dict of piece to id, of a vocabulary that can be used."""
    ids = {}
    for id_, piece in enumerate(pieces):
        if not piece:
            raise UserError(
                f"{model_file}: line {id_ + 1} is empty, and no piece: restore "
                "the vocabulary that belongs to the model"
            )
        if ids.setdefault(piece, id_) != id_:
            raise UserError(
                f"{model_file}: line {id_ + 1} repeats {piece!r} of line "
                f"{ids[piece] + 1}, so that ids are ambiguous: restore the "
                "vocabulary that belongs to the model"
            )
    missing = [
        piece for piece in (UNKNOWN_PIECE, *CONTROL_PIECES) if piece not in ids
    ]
    if missing:
        raise UserError(
            f"{model_file}: this WordPiece vocabulary has no "
            f"{', '.join(missing)}: give the vocab.txt of the model"
        )
    return ids
