# SPDX-License-Identifier: Apache-2.0
"""Finds the characters of the original text that each piece came from.

A text is changed twice on its way to pieces: by ``normalization.py`` (spaces
joined, NFKD, marks dropped, lower case) and by the normaliser inside the
SentencePiece model. Both work from left to right, so each is described by the
place where every one of its characters begins in what it was given. A
character ends where the next one begins that begins later: "ﬁ" gives "f" and
"i", which both stand for the whole ligature, and "e" with a combining accent
gives an "e" that stands for both.

The model takes zero-width spaces, marks of direction and the like for spaces,
or has no piece for them. No span begins or ends with one of these: an answer
found in "in\\u200f Warsaw" is "Warsaw".
"""

import dataclasses
import functools
import sys
import unicodedata

import numpy as np

from albert.text import normalization

_SPACE_MARKS = ("\u2581", " ")
_SPACE = ord(" ")
# U+FFFD stands for what could not be read. SentencePiece's rules make spaces
# of both.
_BLANK_SYMBOLS = frozenset("\u2581\ufffd")
# Format characters that are seen: signs of numbers, years and verses.
_VISIBLE_SIGNS = frozenset(
    "\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u0890\u0891\u08e2"
)
# Beyond it, format characters are parts of symbols, such as flags.
_LAST_BLANK = 0xFFFD


@dataclasses.dataclass(frozen=True, eq=False)
class PieceSpans:
    """Pieces of R texts, T together, and the span of text of each.

    Piece t of text r stands for ``text[starts[t]:ends[t]]``, and
    ``row_splits[r] <= t < row_splits[r + 1]``. Spans hold none of
    ``blank_characters`` at their ends; a piece of nothing else ("▁" by
    itself) has an empty span in front of the next piece. Within a text
    neither starts nor ends decrease. Every other character is in some span,
    if the text gives any piece but "▁": one that the normalisation drops
    belongs to the character before it.
    Pieces that share a character ("½" gives "1", "⁄", "2") share the span.

    Attributes:
      ids: int32 [T], as ``Tokenizer.encode`` gives them.
      row_splits: int64 [R + 1].
      starts, ends: int32 [T], characters (not bytes) of the original text.
    """

    ids: np.ndarray
    row_splits: np.ndarray
    starts: np.ndarray
    ends: np.ndarray

    @classmethod
    def of_rows(cls, rows):
        """Joins the (ids, starts, ends) of texts, a list of arrays."""
        columns = zip(*rows, strict=True) if rows else ([], [], [])
        ids, starts, ends = (
            np.concatenate([np.zeros(0, np.int32), *column]).astype(np.int32)
            for column in columns
        )
        lengths = [len(row_ids) for row_ids, _, _ in rows]
        return cls(ids, np.cumsum([0, *lengths], dtype=np.int64), starts, ends)

    def row(self, index):
        """Returns (ids, starts, ends) of one text."""
        part = slice(*self.row_splits[index : index + 2])
        return self.ids[part], self.starts[part], self.ends[part]


@functools.cache
def blank_characters():
    """Returns the characters that a reader does not see: frozenset of str.

    White space, and what has neither a shape nor a meaning that a model could
    learn: control characters, zero-width spaces and joiners, marks of
    direction, soft hyphens, "▁" and U+FFFD.
    """
    return _BLANK_SYMBOLS | {
        character
        for character in map(chr, range(_LAST_BLANK))
        if character.isspace()
        or unicodedata.category(character) in ("Cc", "Cf")
        and character not in _VISIBLE_SIGNS
    }


class SpanEncoder:
    """Encoder behind ``Tokenizer.encode_with_offsets``."""

    def __init__(self, processor, pieces, settings, replaced_pieces):
        """Prepares the tables.

        Args:
          processor: ``sentencepiece.SentencePieceProcessor``.
          pieces: list of V str, id to piece.
          settings: (lower_case, strip_accents) of the normalisation.
          replaced_pieces: dict from the id of a piece to the pairs (id,
            piece) that the digit-comma rule puts in its place.
        """
        self._processor = processor
        self._pieces = pieces
        self._lengths = np.array([len(piece) for piece in pieces], np.int64)
        self._settings = settings
        # The mark that the model puts before a text, or nothing.
        mark = processor.normalize("a")[:1]
        self._prefix = mark if mark in _SPACE_MARKS else ""
        self._replacements = {
            id_: _replacement(pieces[id_], parts)
            for id_, parts in replaced_pieces.items()
        }
        self._byte_ids = {
            id_ for id_ in range(len(pieces)) if processor.is_byte(id_)
        }

    def encode(self, texts):
        """Encodes a list of str, with the span of each piece.

        Returns:
          ``PieceSpans``.
        """
        normalized = normalization.normalize_batch(texts, *self._settings)
        rows = self._processor.encode(normalized, out_type=int, num_threads=1)
        return PieceSpans.of_rows(
            [
                self._encode_row(*row)
                for row in zip(texts, normalized, rows, strict=True)
            ]
        )

    def _encode_row(self, text, normalized, ids):
        if not ids:
            return (np.zeros(0, np.int32),) * 3
        codes = _code_points(text)
        words = np.flatnonzero(~_is_white_space(codes))
        origins = _origins(text, codes, words, len(normalized), self._settings)
        first, last, origins = self._piece_bounds(normalized, ids, origins)
        # What is dropped before the first character belongs to it.
        origins[origins <= origins[len(self._prefix)]] = 0
        origins[-1] = len(text)
        # The mark in front is no character of the text.
        first = np.maximum(first, len(self._prefix))
        last = np.maximum(last, first)
        if self._replacements:
            ids, first, last = self._replace(ids, first, last)
        starts, ends = _spans(origins, first, last)
        visible = np.flatnonzero(~_is_blank(codes))
        starts, ends = _trim(visible, len(text), starts, ends)
        # An empty part between pieces of one character has its span.
        return np.array(ids, np.int32), starts, np.maximum.accumulate(ends)

    def _piece_bounds(self, normalized, ids, origins):
        """Finds where each piece begins and ends in the model's string.

        Args:
          normalized: str.
          ids: list of int, before the digit-comma rule.
          origins: int64 [len(normalized) + 1], first character in the
            original text of every character.

        Returns:
          first, last: int64 [len(ids)], positions in the model's string, the
            second one behind the piece; and the origins of that string's
            characters, one more than it has.
        """
        mark = self._prefix or _SPACE_MARKS[0]
        string = "".join([self._pieces[id_] for id_ in ids])
        if string == self._prefix + normalized.replace(" ", mark):
            last = np.cumsum(self._lengths[ids])
            first = last - self._lengths[ids]
            prefix = np.repeat(origins[:1], len(self._prefix))
            return first, last, np.concatenate([prefix, origins])
        # Unknown characters or bytes, or the model's normaliser changed the
        # text: ask what each piece stands for, and where that came from.
        string, offsets = self._processor.normalize(
            normalized, with_offsets=True
        )
        surfaces = self._processor.encode(normalized, out_type=str)
        origins = origins[np.array(offsets)]
        if not self._byte_ids:
            lengths = np.fromiter(map(len, surfaces), np.int64, len(surfaces))
            last = np.cumsum(lengths)
            return last - lengths, last, origins
        # A byte piece stands for a part of a character: count in bytes.
        lengths = np.array(
            [
                1 if id_ in self._byte_ids else len(surface.encode())
                for id_, surface in zip(ids, surfaces, strict=True)
            ]
        )
        character = np.repeat(
            np.arange(len(string)), [len(char.encode()) for char in string]
        )
        last = np.cumsum(lengths)
        return character[last - lengths], character[last - 1] + 1, origins

    def _replace(self, ids, first, last):
        """Applies the digit-comma rule to the pieces and their bounds."""
        if self._replacements.keys().isdisjoint(ids):
            return ids, first, last
        rows = []
        for id_, begin, end in zip(
            ids, first.tolist(), last.tolist(), strict=True
        ):
            # Counted from the end, because a mark in front may be cut off.
            for part, from_end, to_end in self._replacements.get(
                id_, ((id_, end - begin, 0),)
            ):
                rows.append((part, end - from_end, end - to_end))
        ids, first, last = np.array(rows).T
        return ids, first, last


def _replacement(piece, parts):
    """Returns which characters of a piece each part in its place stands for.

    Args:
      piece: str such as "▁20,".
      parts: list of (id, str); the last one is the comma.

    Returns:
      list of (id, begin, end), counted backwards from the end of the piece:
      the comma is (id, 1, 0).
    """
    *number, comma = parts
    characters = [
        len(piece) - index
        for index, char in enumerate(piece[:-1])
        if char not in _SPACE_MARKS
    ]
    texts = [_without_marks(part) for _, part in number]
    bounds = []
    done = 0
    for (id_, _), text in zip(number, texts, strict=True):
        if len("".join(texts)) != len(characters):
            # The model changed the characters: each part stands for all.
            bounds.append((id_, characters[0], 1))
        elif text:
            begin = characters[done]
            done += len(text)
            bounds.append((id_, begin, characters[done - 1] - 1))
        else:
            here = characters[done] if done < len(characters) else 1
            bounds.append((id_, here, here))
    return [*bounds, (comma[0], 1, 0)]


def _without_marks(piece):
    return "".join(char for char in piece if char not in _SPACE_MARKS)


def _spans(origins, first, last):
    """Converts bounds in the model's string to spans of the original text."""
    starts = origins[first]
    # A character ends where the next one begins that begins later.
    following = np.searchsorted(origins, origins[last - 1], side="right")
    ends = origins[np.minimum(following, len(origins) - 1)]
    return starts, np.where(last > first, ends, starts)


def _trim(visible, length, starts, ends):
    """Cuts blank characters off spans.

    Args:
      visible: int64, ascending: the characters that are not blank.
      length: int, of the text.
      starts, ends: int64 [n].
    """
    following = np.append(visible, length)[np.searchsorted(visible, starts)]
    before = np.append(visible, -1)[np.searchsorted(visible, ends) - 1]
    return following, np.maximum(before + 1, following)


def _origins(text, codes, words, length, settings):
    """Finds where each normalised character begins in the original text.

    Args:
      text: str.
      codes: uint32 [len(text)], its code points.
      words: int64, the characters that are no white space.
      length: of the normalised text.
      settings: (lower_case, strip_accents).

    Returns:
      int64 [length + 1]; the last one is the length of the text.
    """
    if text.isascii() and length == len(text):
        return np.arange(length + 1)
    # Runs of white space inside the text become one space each.
    gaps = np.flatnonzero(np.diff(words) > 1)
    starts = np.insert(words, gaps + 1, words[gaps] + 1)
    codes = np.insert(codes[words], gaps + 1, _SPACE)
    # NFKD reorders nothing but marks, which are dropped: so it is exact to
    # take the characters one by one.
    distinct, places = np.unique(codes, return_inverse=True)
    counts = np.array(
        [_normalized_length(code, settings) for code in distinct.tolist()]
    )
    return np.append(np.repeat(starts, counts[places]), len(text))


@functools.cache
def _normalized_length(code, settings):
    if code == _SPACE:
        return 1
    return len(normalization.normalize(chr(code), *settings))


def _code_points(text):
    if text.isascii():
        return np.frombuffer(text.encode("ascii"), np.uint8)
    byte_order = "le" if sys.byteorder == "little" else "be"
    return np.frombuffer(text.encode(f"utf-32-{byte_order}"), np.uint32)


def _is_white_space(codes):
    # Clipped: what lies beyond the table is like its last entry.
    return _white_space_table().take(codes, mode="clip")


@functools.cache
def _white_space_table():
    # U+3000 is the last character that str.split takes for white space.
    return np.array([chr(code).isspace() for code in range(0x3002)])


def _is_blank(codes):
    return _blank_table().take(codes, mode="clip")


@functools.cache
def _blank_table():
    table = np.zeros(_LAST_BLANK + 2, bool)
    table[list(map(ord, blank_characters()))] = True
    return table
