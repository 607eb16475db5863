# SPDX-License-Identifier: Apache-2.0
"""Cuts pieces such as ``9,`` again, as the original does.

The rule of ``encode_pieces`` in the original's ``tokenization.py`` depends on
the piece alone. So it is a table here, built once, which an in-graph tokenizer
can use too.
"""

RULES = ("original", "stripped")

_SPACE_MARK = "\u2581"  # "▁", SentencePiece's stand-in for a space


class DigitCommas:
    """Table of the pieces that end in a comma after a digit.

    Attributes:
      pieces: dict of piece to the list of pieces in its place.
      ids: dict of the id of a piece to the list of ids in its place. Empty
        where no piece ends in a digit and a comma; the released English
        vocabulary has 141 of them.
    """

    def __init__(self, processor, pieces, rule):
        """Builds the table.

        Args:
          processor: ``sentencepiece.SentencePieceProcessor``.
          pieces: list of V str, id to piece.
          rule: one of ``RULES``; see ``Tokenizer``.

        Raises:
          ValueError: it is none of them.
        """
        if rule not in RULES:
            raise ValueError(
                f"digit_comma must be one of {', '.join(RULES)}; received "
                f"{rule!r}"
            )
        self._processor = processor
        self.pieces = {
            piece: self._parts_of(piece, rule)
            for piece in pieces
            if len(piece) > 1 and piece[-1] == "," and piece[-2].isdigit()
        }
        to_id = processor.piece_to_id
        self.ids = {
            to_id(piece): to_id(parts) for piece, parts in self.pieces.items()
        }

    def apply(self, ids):
        """Returns ids with those of the table replaced: list of int."""
        if not self.ids or self.ids.keys().isdisjoint(ids):
            return ids
        return [
            replacement
            for id_ in ids
            for replacement in self.ids.get(id_, (id_,))
        ]

    def _parts_of(self, piece, rule):
        number = piece[:-1].replace(_SPACE_MARK, "")
        parts = self._processor.encode(number, out_type=str)
        if rule == "stripped" and piece[0] != _SPACE_MARK:
            parts = self._without_space_mark(parts)
        return [*parts, ","]

    def _without_space_mark(self, parts):
        if not parts or parts[0][0] != _SPACE_MARK:
            return parts
        first = parts[0][1:]
        unknown_id = self._processor.unk_id()
        # The vocabulary may hold "▁20" and no "20". Its characters say more
        # than the unknown piece.
        if first and self._processor.piece_to_id(first) == unknown_id:
            return [*first, *parts[1:]]
        return [first, *parts[1:]] if first else parts[1:]
