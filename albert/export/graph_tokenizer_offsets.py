# SPDX-License-Identifier: Apache-2.0
"""Finds the characters of each piece in a graph, as ``albert.text.offsets``.

SentencePiece's rules change the normalised text once more. A model with
these rules and single bytes for pieces tells where each byte of the changed
string came from. Positions of all texts stand in one array, each text's
behind the one before (``base``), so that one search serves all.

Letters: N texts, P pieces and C characters of all texts (C of the strings
that SentencePiece cuts).
"""

import sentencepiece
import tensorflow as tf

from albert.export.graph_tokenizer_pieces import PieceType
from albert.export.graph_tokenizer_pieces import Rules
from albert.export.graph_tokenizer_pieces import parse_model
from albert.export.graph_tokenizer_pieces import utf8_length
from albert.export.graph_tokenizer_tables import CodePointTable
from albert.export.graph_tokenizer_tables import ReplacementTable
from albert.export.graph_tokenizer_tables import code_point_marks
from albert.export.graph_tokenizer_tables import repeat
from albert.text.offsets import blank_characters

_SPACE_MARKS = ("\u2581", " ")


class GraphSpanEncoder(tf.Module):
    """Encoder of texts to pieces with the spans of characters they came from.

    Args:
      tokenizer: ``albert.Tokenizer``.
      normalizer: ``GraphNormalizer``.
      pieces: ``GraphPieces``.
    """

    def __init__(self, tokenizer, normalizer, pieces):
        super().__init__()
        self._normalizer = normalizer
        self._pieces = pieces
        model = parse_model(tokenizer.model_proto)
        self._rules = Rules(model, with_pieces=False)
        mark = sentencepiece.SentencePieceProcessor(
            model_proto=tokenizer.model_proto
        ).normalize("a")[:1]
        self._prefix = mark if mark in _SPACE_MARKS else ""
        self._has_long_symbols = any(
            piece.type == PieceType.USER_DEFINED and len(piece.piece) > 1
            for piece in model.pieces
        )
        self._is_text = tf.constant(
            [
                piece.type
                in (
                    PieceType.NORMAL,
                    PieceType.USER_DEFINED,
                )
                for piece in model.pieces
            ]
        )
        self._blank = CodePointTable(code_point_marks(blank_characters()))
        self._replacements = _make_replacements(tokenizer)

    def encode(self, codes):
        """Encodes texts to pieces with their spans.

        Args:
          codes: int32 ragged [N, None], code points.

        Returns:
          (ids, starts, ends): int32 ragged [N, None] each.
        """
        normalized, origins = self._normalizer.normalize(codes)
        texts = tf.strings.unicode_encode(normalized, "UTF-8")
        cut = self._pieces.cut(texts)
        # The places of each text, and one more for its end.
        lengths = codes.row_lengths()
        base = tf.cumsum(lengths + 1, exclusive=True)
        keys = self._keys(texts, normalized, origins, lengths, cut)
        keys = keys.with_flat_values(
            keys.flat_values + tf.gather(base, keys.value_rowids())
        )
        ends_of_texts = base + lengths
        keys = self._close(keys, base, ends_of_texts)
        ids, rows = cut.ids, cut.rows
        # The strings have an end each among the keys.
        starts_of_strings = tf.gather(keys.row_starts(), rows)
        first, last = cut.first + rows, cut.last + rows
        # The mark in front is no character of the text.
        first = tf.maximum(first, starts_of_strings + len(self._prefix))
        last = tf.maximum(last, first)
        if self._replacements is not None:
            parts, owners = self._replacements.replace(ids)
            ids, from_end, to_end = tf.unstack(parts, axis=1)
            rows, first, last = (
                tf.gather(values, owners) for values in (rows, first, last)
            )
            from_end = tf.cast(from_end, tf.int64)
            first = tf.where(from_end < 0, first, last - from_end)
            last -= tf.cast(to_end, tf.int64)
        starts, ends = _spans(keys, rows, first, last)
        starts, ends = self._trim(
            codes, tf.gather(ends_of_texts, rows), starts, ends
        )
        ends = _running_maximum(ends)
        return tuple(
            tf.RaggedTensor.from_value_rowids(
                tf.cast(values, tf.int32),
                rows,
                nrows=codes.nrows(),
                validate=False,
            )
            for values in (
                ids,
                starts - tf.gather(base, rows),
                ends - tf.gather(base, rows),
            )
        )

    def _keys(self, texts, normalized, origins, lengths, cut):
        """Returns the character of its text that each normalised one came from.

        Args:
          texts: string [N], the normalised ones.
          normalized, origins: of the normaliser.
          lengths: int64 [N], characters of the original texts.
          cut: ``Cut``.

        Returns:
          int64 ragged, of the shape of ``cut.characters``.
        """
        # Of each byte, and of the end: a space behind the text is from there.
        sizes = utf8_length(normalized.flat_values)
        sizes = tf.concat(
            [
                normalized.with_flat_values(sizes),
                tf.ones_like(lengths)[:, tf.newaxis],
            ],
            axis=1,
        )
        of_byte = repeat(
            tf.concat([origins, lengths[:, tf.newaxis]], axis=1).flat_values,
            sizes.flat_values,
        )
        text_starts = tf.cumsum(
            1 + tf.cast(tf.strings.length(texts), tf.int64), exclusive=True
        )
        ids, begins = self._rules.cut(texts)
        rows = ids.value_rowids()
        begins = begins.flat_values + tf.gather(text_starts, rows)
        counts = tf.gather(self._rules.lengths, ids.flat_values)
        places = repeat(begins, counts)
        if self._has_long_symbols:
            within = tf.ragged.range(counts).flat_values
            changed = tf.gather(self._is_changed(texts, cut), rows)
            places += tf.where(
                repeat(changed, counts), tf.zeros_like(within), within
            )
        first_bytes = tf.cumsum(
            utf8_length(cut.characters.flat_values), exclusive=True
        )
        return cut.characters.with_flat_values(
            tf.gather(of_byte, tf.gather(places, first_bytes))
        )

    def _is_changed(self, texts, cut):
        """Returns which texts change or have unknown characters: bool [N].

        In these, SentencePiece says of each character of a symbol of the
        user's that it came from the first one.
        """
        mark = self._prefix or _SPACE_MARKS[0]
        same = tf.strings.unicode_encode(
            cut.characters, "UTF-8"
        ) == tf.strings.join(
            [self._prefix, tf.strings.regex_replace(texts, " ", mark)]
        )
        unknown = tf.math.unsorted_segment_max(
            tf.cast(~tf.gather(self._is_text, cut.ids), tf.int32),
            cut.rows,
            tf.size(texts),
        )
        return ~same | (unknown > 0)

    def _close(self, keys, base, ends_of_texts):
        """Adds the ends, and moves starts back over dropped characters."""
        keys = tf.concat([keys, ends_of_texts[:, tf.newaxis]], axis=1)
        last = keys.row_limits() - 1
        anchors = tf.minimum(keys.row_starts() + len(self._prefix), last)
        rows = keys.value_rowids()
        threshold = tf.gather(tf.gather(keys.flat_values, anchors), rows)
        flat = tf.where(
            keys.flat_values <= threshold,
            tf.gather(base, rows),
            keys.flat_values,
        )
        return keys.with_flat_values(
            tf.tensor_scatter_nd_update(
                flat, last[:, tf.newaxis], ends_of_texts
            )
        )

    def _trim(self, codes, ends_of_texts, starts, ends):
        """Cuts blank characters off spans."""
        places = tf.where(self._blank.lookup(codes.flat_values) == 0)[:, 0]
        # Each text takes one place more than it has characters.
        visible = places + tf.gather(codes.value_rowids(), places)
        following = tf.gather(
            tf.concat([visible, [tf.int64.max]], 0),
            tf.searchsorted(visible, starts, out_type=tf.int64),
        )
        following = tf.minimum(following, ends_of_texts)
        before = tf.gather(
            tf.concat([[tf.constant(-1, tf.int64)], visible], 0),
            tf.searchsorted(visible, ends, out_type=tf.int64),
        )
        return following, tf.maximum(before + 1, following)


def _make_replacements(tokenizer):
    """Returns the digit-comma rule with the characters that each part covers.

    Rows of (id, begin, end), characters counted backwards from the end of
    the piece; begin is -1 for the whole of a piece that stays. None without
    the rule.
    """
    table = tokenizer._span_encoder._replacements
    if not table:
        return None
    return ReplacementTable(
        [
            table.get(id_, [(id_, -1, 0)])
            for id_ in range(tokenizer.vocabulary_size)
        ]
    )


def _spans(keys, rows, first, last):
    """Returns the places in the original texts of bounds in the strings."""
    places = keys.flat_values
    starts = tf.gather(places, first)
    # A character ends where the next one begins that begins later.
    following = tf.searchsorted(
        places,
        tf.gather(places, tf.maximum(last - 1, 0)),
        side="right",
        out_type=tf.int64,
    )
    following = tf.minimum(following, tf.gather(keys.row_limits(), rows) - 1)
    return starts, tf.where(last > first, tf.gather(places, following), starts)


def _running_maximum(values):
    """Returns the largest value up to each place.

    An empty part of a character that gives several pieces ends where the
    piece before it does.
    """

    def body(current, distance):
        # Of twice as many places as before.
        larger = tf.maximum(current[distance:], current[:-distance])
        return tf.concat([current[:distance], larger], 0), 2 * distance

    return tf.while_loop(
        lambda current, _: tf.reduce_any(current[1:] < current[:-1]),
        body,
        (values, 1),
    )[0]
