# SPDX-License-Identifier: Apache-2.0
"""Puts a WordPiece tokenizer into a graph, as ``albert.text.wordpiece``.

TensorFlow Text has BERT's tokenizer too, but it lower-cases by folding
compatibility characters, so that a Chinese comma becomes another piece. Here
tables made by ``wordpiece_words.normalize`` clean the text and cut it into
words, and TensorFlow Text finds the pieces of a word.

Letters: N texts, W words and P pieces of all texts, C characters of all words.
"""

import dataclasses
import functools

import tensorflow as tf

from albert.export.graph_detokenizer import WordPieceDetokenizer
from albert.export.graph_tokenizer_normalization import GraphNormalizer
from albert.export.graph_tokenizer_normalization import tabulate
from albert.export.graph_tokenizer_pieces import load_tensorflow_text
from albert.export.graph_tokenizer_tables import CodePointTable
from albert.export.graph_tokenizer_tables import all_characters
from albert.export.graph_tokenizer_tables import code_point_marks
from albert.text import wordpiece
from albert.text import wordpiece_words

_SPACE = ord(" ")
_SIGMA = 0x3A3  # Σ
_FINAL_SIGMA = 0x3C2  # ς
_MAX_BYTES = 4 * wordpiece.MAX_WORD_CHARACTERS
_PRIVATE_USE = range(0xE000, 0xF8FF)


class GraphWordPieceNormalizer(GraphNormalizer):
    """Normaliser of strings to the characters that are cut into words.

    Args:
      lower_case, strip_accents: bool, settings of the tokenizer.
    """

    @staticmethod
    def _tabulate(lower_case, strip_accents):
        return _tabulate_words(lower_case, strip_accents)

    def normalize(self, codes):
        """Normalises characters; as ``GraphNormalizer.normalize``."""
        rows, starts = codes.value_rowids(), codes.row_starts()
        values, places = self._decompose(
            codes.flat_values, tf.range(tf.size(codes.flat_values, tf.int64))
        )
        rows = tf.gather(rows, places)
        if self.lower_case:
            is_sigma = tf.gather(codes.flat_values, places) == _SIGMA
            values = tf.cond(
                tf.reduce_any(is_sigma),
                lambda: tf.where(
                    is_sigma & self._ends_word(values, rows),
                    _FINAL_SIGMA,
                    values,
                ),
                lambda: tf.identity(values),
            )
        normalized = tf.RaggedTensor.from_value_rowids(
            values, rows, nrows=codes.nrows(), validate=False
        )
        return normalized, normalized.with_flat_values(
            places - tf.gather(starts, rows)
        )


@dataclasses.dataclass(frozen=True, eq=False)
class _Pieces:
    """Pieces of texts.

    Attributes:
      ids: int32 [P].
      rows: int64 [P], the text of each piece.
      first, last: int64 [P], its first and last character in ``origins``.
      origins: int64 [C], where each character stands among those of the
        texts, all texts counted through.
    """

    ids: tf.Tensor
    rows: tf.Tensor
    first: tf.Tensor
    last: tf.Tensor
    origins: tf.Tensor


class GraphWordPieceTokenizer(tf.Module):
    """``WordPieceTokenizer`` in TensorFlow ops: the same ids for every text.

    It offers what ``GraphTokenizer`` does.

    Args:
      tokenizer: ``albert.text.wordpiece.WordPieceTokenizer``.

    Raises:
      UserError: tensorflow-text is not installed.
    """

    def __init__(self, tokenizer):
        super().__init__()
        self.tokenizer = tokenizer
        self.cls_id = tokenizer.cls_id
        self.sep_id = tokenizer.sep_id
        self.pad_id = tokenizer.pad_id
        self.mask_id = tokenizer.mask_id
        self.normalizer = GraphWordPieceNormalizer(**tokenizer.settings)
        characters = all_characters()
        self._alone = CodePointTable(
            # Nothing else between two letters is cut to one character.
            code_point_marks(
                word
                for word in set(wordpiece_words.cut_words("x".join(characters)))
                if len(word) == 1 and word != "x"
            )
        )
        marks = filter(wordpiece_words.is_mark, characters)
        self._marks = CodePointTable(
            code_point_marks(marks if tokenizer.strip_accents else ())
        )
        self._lengths = tf.constant(
            [
                len(piece.removeprefix(wordpiece.CONTINUATION))
                for piece in tokenizer.pieces
            ],
            tf.int64,
        )
        known = set("".join(tokenizer.pieces))
        self._unknown_word = next(
            chr(code) for code in _PRIVATE_USE if chr(code) not in known
        )
        self._cutter = load_tensorflow_text().FastWordpieceTokenizer(
            tokenizer.pieces,
            suffix_indicator=wordpiece.CONTINUATION,
            max_bytes_per_word=_MAX_BYTES,
            token_out_type=tf.int32,
            unknown_token=wordpiece.UNKNOWN_PIECE,
            no_pretokenization=True,
        )
        self._detokenizer = WordPieceDetokenizer(tokenizer)

    def encode(self, texts):
        """Returns the piece ids of texts; as ``GraphTokenizer.encode``."""
        return self.encode_characters(self.normalizer.decode(texts))

    def encode_characters(self, codes, after_space=None):
        """Returns what ``encode`` does, for texts that are decoded already.

        Args:
          codes: int32 ragged [N, None], code points.
        """
        pieces = self._cut(codes)
        return _ragged(pieces.ids, pieces.rows, codes)

    def decode(self, ids):
        """Returns the texts of ids; as ``GraphTokenizer.decode``."""
        return self._detokenizer(ids)

    def encode_with_offsets(self, texts):
        """Encodes texts; as ``GraphTokenizer.encode_with_offsets``."""
        return self.encode_characters_with_offsets(
            self.normalizer.decode(texts)
        )

    def encode_characters_with_offsets(self, codes):
        """Does what ``encode_with_offsets`` does, for texts already decoded.

        Args:
          codes: int32 ragged [N, None], code points.
        """
        pieces = self._cut(codes)
        starts = tf.gather(pieces.origins, pieces.first)
        ends = tf.gather(pieces.origins, pieces.last) + 1
        # The accents behind a piece belong to it.
        others = tf.where(self._marks.lookup(codes.flat_values) == 0)[:, 0]
        following = tf.gather(
            tf.concat([others, [tf.int64.max]], 0),
            tf.searchsorted(others, ends, out_type=tf.int64),
        )
        ends = tf.minimum(following, tf.gather(codes.row_limits(), pieces.rows))
        base = tf.gather(codes.row_starts(), pieces.rows)
        return tuple(
            _ragged(values, pieces.rows, codes)
            for values in (
                pieces.ids,
                tf.cast(starts - base, tf.int32),
                tf.cast(ends - base, tf.int32),
            )
        )

    def _cut(self, codes):
        """Cuts texts into pieces: ``_Pieces``."""
        normalized, origins = self.normalizer.normalize(codes)
        rows, values = normalized.value_rowids(), normalized.flat_values
        origins = origins.flat_values + tf.gather(codes.row_starts(), rows)
        is_space = values == _SPACE
        is_alone = self._alone.lookup(values) > 0
        is_between = is_space | is_alone
        follows = tf.concat(
            [[False], ~is_between[:-1] & (rows[1:] == rows[:-1])], 0
        )
        is_first = ~is_space & (is_alone | ~follows)
        kept = tf.where(~is_space)[:, 0]
        rows_of_words = tf.boolean_mask(rows, is_first)
        words = tf.RaggedTensor.from_value_rowids(
            tf.gather(values, kept),
            tf.gather(tf.cumsum(tf.cast(is_first, tf.int64)), kept) - 1,
            nrows=tf.size(rows_of_words, tf.int64),
            validate=False,
        )
        lengths = words.row_lengths()
        # A word that is too long is given as one that is unknown.
        strings = tf.where(
            lengths > wordpiece.MAX_WORD_CHARACTERS,
            self._unknown_word,
            tf.strings.unicode_encode(words, "UTF-8"),
        )
        ids = self._cutter.tokenize(strings)
        owners, ids = ids.value_rowids(), ids.flat_values
        # An unknown word is one piece; those of others follow each other.
        sizes = tf.where(
            ids == self.tokenizer.unknown_id,
            tf.gather(lengths, owners),
            tf.gather(self._lengths, ids),
        )
        ends = tf.cumsum(sizes)
        return _Pieces(
            ids=ids,
            rows=tf.gather(rows_of_words, owners),
            first=ends - sizes,
            last=ends - 1,
            origins=tf.gather(origins, kept),
        )


def _ragged(values, rows, codes):
    return tf.RaggedTensor.from_value_rowids(
        values, rows, nrows=codes.nrows(), validate=False
    )


@functools.cache
def _tabulate_words(lower_case, strip_accents):
    return tabulate(
        functools.partial(
            wordpiece_words.normalize,
            lower_case=lower_case,
            strip_accents=strip_accents,
        )
    )
