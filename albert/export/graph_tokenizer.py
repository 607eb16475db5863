# SPDX-License-Identifier: Apache-2.0
"""Puts the tokenizer into a graph that maps strings to ids of ``Tokenizer``.

What runs are ops of TensorFlow and TensorFlow Text: whoever loads the graph
needs ``import tensorflow_text`` and not this package.
"""

import tensorflow as tf

from albert.export.graph_detokenizer import SentencePieceDetokenizer
from albert.export.graph_tokenizer_normalization import GraphNormalizer
from albert.export.graph_tokenizer_offsets import GraphSpanEncoder
from albert.export.graph_tokenizer_pieces import GraphPieces
from albert.export.graph_tokenizer_tables import ReplacementTable
from albert.export.graph_wordpiece import GraphWordPieceTokenizer


def make_graph_tokenizer(tokenizer):
    """Returns a tokenizer in TensorFlow ops.

    Args:
      tokenizer: ``albert.text.tokenizers.TokenizerInterface``.

    Returns:
      ``GraphTokenizer``, or what offers the same for the tokenizer's kind.

    Raises:
      UserError: the vocabulary cannot be put into a graph, or tensorflow-text
        is not installed.
    """
    return _KINDS[tokenizer.kind](tokenizer)


class GraphTokenizer(tf.Module):
    """``Tokenizer`` in TensorFlow ops: the same ids for every text.

    A text is UTF-8; bytes that are not become U+FFFD, as with
    ``bytes.decode("utf-8", "replace")``.

    Letters: N texts.

    Args:
      tokenizer: ``albert.Tokenizer``.

    Attributes:
      tokenizer: the same.
      normalizer: ``GraphNormalizer``.
      cls_id, sep_id, pad_id, mask_id: int.

    Raises:
      UserError: tensorflow-text is not installed, or the vocabulary is not
        of the unigram kind.
    """

    def __init__(self, tokenizer):
        super().__init__()
        self.tokenizer = tokenizer
        self.cls_id = tokenizer.cls_id
        self.sep_id = tokenizer.sep_id
        self.pad_id = tokenizer.pad_id
        self.mask_id = tokenizer.mask_id
        self.normalizer = GraphNormalizer(
            tokenizer.lower_case, tokenizer.strip_accents
        )
        self._pieces = GraphPieces(tokenizer)
        self._digit_comma = None
        table = tokenizer.digit_comma_table()
        if table:
            self._digit_comma = ReplacementTable(
                [
                    [(part,) for part in table.get(id_, [id_])]
                    for id_ in range(tokenizer.vocabulary_size)
                ]
            )
        # Not before they are asked for: each holds the model again.
        self._span_encoder = None
        self._detokenizer = None

    def encode(self, texts):
        """Returns the piece ids of texts, without [CLS] and [SEP].

        Args:
          texts: string [N].

        Returns:
          int32 ragged [N, None], the rows ``Tokenizer.encode`` gives.
        """
        return self.encode_characters(self.normalizer.decode(texts))

    def encode_characters(self, codes, after_space=None):
        """Returns what ``encode`` does, for texts that are decoded already.

        Args:
          codes: int32 ragged [N, None], code points.
          after_space: bool [N], as of ``Tokenizer.encode_batch``; None: all.
        """
        normalized, _ = self.normalizer.normalize(codes)
        cut = self._pieces.cut(
            tf.strings.unicode_encode(normalized, "UTF-8"), after_space
        )
        ids, rows = cut.ids, cut.rows
        if self._digit_comma is not None:
            parts, owners = self._digit_comma.replace(ids)
            ids, rows = parts[:, 0], tf.gather(rows, owners)
        return tf.RaggedTensor.from_value_rowids(
            ids, rows, nrows=codes.nrows(), validate=False
        )

    def decode(self, ids):
        """Returns the text of each row of ids, as the tokenizer's ``decode``.

        Args:
          ids: int32 ragged [N, None], without control pieces such as [SEP].

        Returns:
          string [N].
        """
        if self._detokenizer is None:
            with tf.init_scope():
                self._detokenizer = SentencePieceDetokenizer(self.tokenizer)
        return self._detokenizer(ids)

    def encode_with_offsets(self, texts):
        """Encodes texts and finds the characters that each piece came from.

        Args:
          texts: string [N].

        Returns:
          (ids, starts, ends): int32 ragged [N, None] each; the second and
          the third are characters (not bytes) of the texts, as
          ``Tokenizer.encode_with_offsets`` counts them.
        """
        return self.encode_characters_with_offsets(
            self.normalizer.decode(texts)
        )

    def encode_characters_with_offsets(self, codes):
        """Does what ``encode_with_offsets`` does, for texts already decoded.

        Args:
          codes: int32 ragged [N, None], code points.
        """
        if self._span_encoder is None:
            with tf.init_scope():
                self._span_encoder = GraphSpanEncoder(
                    self.tokenizer, self.normalizer, self._pieces
                )
        return self._span_encoder.encode(codes)


_KINDS = {
    "sentencepiece": GraphTokenizer,
    "wordpiece": GraphWordPieceTokenizer,
}
