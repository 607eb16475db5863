# SPDX-License-Identifier: Apache-2.0
"""Turns ids into texts in a graph, as ``decode`` of the tokenizers does.

Letters: N texts.
"""

import tensorflow as tf

from albert.export.graph_tokenizer_pieces import make_processor
from albert.export.graph_tokenizer_pieces import parse_model
from albert.text.wordpiece import CONTINUATION
from albert.text.wordpiece import is_wide


class SentencePieceDetokenizer(tf.Module):
    """Function of int32 ragged ids [N, None] to strings [N].

    Args:
      tokenizer: ``albert.Tokenizer``. None of the ids is one of its control
        pieces, such as [SEP], which it writes out.
    """

    def __init__(self, tokenizer):
        super().__init__()
        self._processor = make_processor(parse_model(tokenizer.model_proto))

    def __call__(self, ids):
        return self._processor.detokenize(ids)


class WordPieceDetokenizer(tf.Module):
    """Function of int32 ragged ids [N, None] to strings [N].

    Args:
      tokenizer: ``albert.text.wordpiece.WordPieceTokenizer``.
    """

    def __init__(self, tokenizer):
        super().__init__()
        pieces = tokenizer.pieces
        self._continues = tf.constant(
            [piece.startswith(CONTINUATION) for piece in pieces]
        )
        texts = [piece.removeprefix(CONTINUATION) for piece in pieces]
        self._texts = tf.constant(texts)
        self._begins_wide = tf.constant(
            [is_wide(piece[:1]) for piece in pieces]
        )
        self._ends_wide = tf.constant([is_wide(text[-1:]) for text in texts])

    def __call__(self, ids):
        values = ids.flat_values
        starts = tf.boolean_mask(ids.row_starts(), ids.row_lengths() > 0)
        is_first = tf.scatter_nd(
            starts[:, tf.newaxis],
            tf.ones_like(starts, tf.bool),
            tf.shape(values, out_type=tf.int64),
        )
        follows_wide = tf.roll(tf.gather(self._ends_wide, values), 1, axis=0)
        joined = (
            is_first
            | tf.gather(self._continues, values)
            | (follows_wide & tf.gather(self._begins_wide, values))
        )
        texts = tf.strings.join(
            [tf.where(joined, "", " "), tf.gather(self._texts, values)]
        )
        return tf.strings.reduce_join(ids.with_flat_values(texts), axis=-1)
