# SPDX-License-Identifier: Apache-2.0
"""Cuts text into pieces in a graph, as SentencePiece's unigram model does.

TensorFlow Text holds an older SentencePiece, which decides otherwise between
two ways to cut a text that have the same score ("000" as "00", "0" or as
"0", "00"). It is used for the model's own rules of normalisation alone: how
it cuts is forgotten. The
text is cut by TensorFlow Text's second implementation, which adds and
compares scores as the present SentencePiece does. That one takes bytes for
unknown characters, so that they are given to it as pieces of their own.

Letters: N texts, C characters of all texts, P pieces of all texts.
"""

import dataclasses
import hashlib

import numpy as np
import tensorflow as tf
from sentencepiece import sentencepiece_model_pb2

from albert.errors import UserError
from albert.export.graph_tokenizer_tables import CodePointTable
from albert.export.graph_tokenizer_tables import code_point_marks
from albert.export.graph_tokenizer_tables import repeat

PieceType = sentencepiece_model_pb2.ModelProto.SentencePiece
_TrainerSpec = sentencepiece_model_pb2.TrainerSpec
# SentencePiece's score of an unknown character: so much below all others.
_UNKNOWN_PENALTY = 10.0
# And of a symbol of the user's, for each byte behind its first one.
_SYMBOL_BONUS = 0.1
_PRIVATE_USE = range(0xE000, 0xF8FF)
_SPACE_MARK = "\u2581"
# By the names that SentencePiece has for them.
_BYTES = {f"<0x{byte:02X}>": bytes([byte]) for byte in range(256)}


@dataclasses.dataclass(frozen=True, eq=False)
class Cut:
    """Pieces of texts, with the characters that each one covers.

    Attributes:
      ids: int32 [P].
      rows: int64 [P], the text of each piece.
      first, last: int64 [P], the characters of a piece are ``first`` to
        ``last - 1`` of ``characters.flat_values``.
      characters: int32 ragged [N, None], the strings that were cut.
    """

    ids: tf.Tensor
    rows: tf.Tensor
    first: tf.Tensor
    last: tf.Tensor
    characters: tf.RaggedTensor


class GraphPieces(tf.Module):
    """SentencePiece model as TensorFlow ops.

    Args:
      tokenizer: ``albert.Tokenizer``.

    Raises:
      UserError: it is no unigram model, or tensorflow-text is not installed.
    """

    def __init__(self, tokenizer):
        super().__init__()
        model = parse_model(tokenizer.model_proto)
        if model.trainer_spec.model_type != _TrainerSpec.UNIGRAM:
            kind = _TrainerSpec.ModelType.Name(model.trainer_spec.model_type)
            raise UserError(
                f"{tokenizer.model_file}: a SentencePiece model of the kind "
                f"{kind} cannot be put into a graph: use one of the kind "
                "UNIGRAM, as `albert create-vocabulary` makes them"
            )
        # With the pieces, a text is fewer parts than its bytes are.
        self._rules = Rules(model, with_pieces=True)
        known = {
            piece.piece: piece.score
            for piece in model.pieces
            if piece.type in (PieceType.NORMAL, PieceType.USER_DEFINED)
        }
        characters = set("".join(known))
        self._known = CodePointTable(code_point_marks(characters))
        # Characters that are no piece, and one that stands for all the rest.
        self._stand_in = next(
            code for code in _PRIVATE_USE if chr(code) not in characters
        )
        unknown = [*sorted(characters - known.keys()), chr(self._stand_in)]
        self._cut = _make_cutter(model, unknown)
        # The mark that each text gets, as a pattern; None: it gets none.
        self._dummy = None
        if model.normalizer_spec.add_dummy_prefix:
            self._dummy = f"^{_SPACE_MARK}"
            if model.trainer_spec.treat_whitespace_as_suffix:
                self._dummy = f"{_SPACE_MARK}$"
        self._size = len(model.pieces)
        self._lengths = tf.constant(
            [len(piece.piece) for piece in model.pieces] + [1] * len(unknown),
            tf.int64,
        )
        self._unknown_id = tokenizer.unknown_id
        self._byte_ids = None
        if model.trainer_spec.byte_fallback:
            self._byte_ids = tf.constant(
                [
                    id_
                    for _, id_ in sorted(
                        (int(piece.piece[1:-1], 16), id_)
                        for id_, piece in enumerate(model.pieces)
                        if piece.type == PieceType.BYTE
                    )
                ],
                tf.int32,
            )

    def cut(self, texts, after_space=None):
        """Cuts normalised texts into pieces.

        Args:
          texts: string [N].
          after_space: bool [N], whether a text begins a word, for which
            SentencePiece puts "\u2581" in front; None: all do.

        Returns:
          ``Cut``.
        """
        strings = self._rules.apply(texts)
        if after_space is not None and self._dummy:
            strings = tf.where(
                after_space,
                strings,
                tf.strings.regex_replace(strings, self._dummy, ""),
            )
        characters = tf.strings.unicode_decode(strings, "UTF-8")
        codes = characters.flat_values
        is_known = self._known.lookup(codes) > 0
        ids = self._cut.tokenize(
            tf.strings.unicode_encode(
                characters.with_flat_values(
                    tf.where(is_known, codes, self._stand_in)
                ),
                "UTF-8",
            )
        )
        # The pieces of a text follow each other without a gap.
        rows = tf.cast(ids.value_rowids(), tf.int64)
        ids = ids.flat_values
        lengths = tf.gather(self._lengths, ids)
        first = tf.cumsum(lengths, exclusive=True)
        finish = self._merge if self._byte_ids is None else self._split
        ids, rows, first, last = finish(
            ids, rows, first, first + lengths, codes
        )
        return Cut(ids, rows, first, last, characters)

    def _merge(self, ids, rows, first, last, codes):
        """Joins unknown pieces that follow each other into one."""
        unknown = ids >= self._size
        after = tf.concat([[False], unknown[:-1] & (rows[1:] == rows[:-1])], 0)
        kept = tf.where(~(unknown & after))[:, 0]
        ids = tf.where(unknown, self._unknown_id, ids)
        first = tf.gather(first, kept)
        last = tf.concat([first[1:], [tf.size(codes, tf.int64)]], 0)
        return tf.gather(ids, kept), tf.gather(rows, kept), first, last

    def _split(self, ids, rows, first, last, codes):
        """Replaces each unknown character by the pieces of its bytes."""
        unknown = ids >= self._size
        codes = tf.gather(codes, first)
        sizes = tf.where(unknown, utf8_length(codes), 1)
        owners = repeat(tf.range(tf.size(ids, tf.int64)), sizes)
        begins = tf.gather(tf.cumsum(sizes, exclusive=True), owners)
        within = tf.range(tf.size(owners, tf.int64)) - begins
        unknown, codes, sizes = (
            tf.gather(values, owners) for values in (unknown, codes, sizes)
        )
        values = tf.where(unknown, _utf8_bytes(codes, sizes, within), 0)
        ids = tf.where(
            unknown, tf.gather(self._byte_ids, values), tf.gather(ids, owners)
        )
        rows, first, last = (
            tf.gather(values, owners) for values in (rows, first, last)
        )
        return ids, rows, first, last


def utf8_length(codes):
    """Returns the bytes of characters in UTF-8: int64, shaped as ``codes``."""
    return 1 + sum(
        tf.cast(codes >= limit, tf.int64) for limit in (0x80, 0x800, 0x10000)
    )


def _utf8_bytes(codes, sizes, within):
    """Returns the byte at index ``within`` of UTF-8 characters: int32 [n]."""
    sizes, within = tf.cast(sizes, tf.int32), tf.cast(within, tf.int32)
    bits = tf.bitwise.right_shift(codes, 6 * (sizes - 1 - within))
    lead = tf.gather(tf.constant([0, 0, 0xC0, 0xE0, 0xF0]), sizes)
    following = 0x80 + tf.bitwise.bitwise_and(bits, 0x3F)
    return tf.where(within == 0, lead + bits, following)


def parse_model(model_proto):
    """Parses the bytes of a SentencePiece model to its ``ModelProto``."""
    return sentencepiece_model_pb2.ModelProto.FromString(model_proto)


class Rules(tf.Module):
    """Rules of normalisation of a SentencePiece model, without its cutting.

    The model cuts what its rules make of a text into parts, of which nothing
    is asked but their bytes. None of them is unknown: SentencePiece joins
    unknown parts that follow each other in quadratic time.

    Args:
      model: ``ModelProto``.
      with_pieces: bool, whether the pieces of text are parts as well as the
        bytes and the symbols of the user's, which the rules leave alone.
    """

    def __init__(self, model, with_pieces):
        super().__init__()
        rules = _rules_model(model, with_pieces)
        parts = [
            _BYTES.get(piece.piece, piece.piece.encode())
            for piece in rules.pieces
        ]
        self._processor = make_processor(rules)
        self._parts = tf.constant(parts)
        # Bytes of each part.
        self.lengths = tf.constant([*map(len, parts)], tf.int64)

    def apply(self, texts):
        """Returns what the rules make of texts: string [N]."""
        ids = self._processor.tokenize(texts)
        parts = ids.with_flat_values(tf.gather(self._parts, ids.flat_values))
        return tf.strings.reduce_join(parts, -1)

    def cut(self, texts):
        """Cuts what the rules make of texts into parts.

        Args:
          texts: string [N].

        Returns:
          (ids, begins): int32 and int64 ragged [N, None], the part, and the
          byte of the text that it came from.
        """
        ids, begins, _ = self._processor.tokenize_with_offsets(texts)
        return ids, begins


def _rules_model(model, with_pieces):
    """Returns the ``ModelProto`` behind ``Rules``."""
    rules = sentencepiece_model_pb2.ModelProto()
    rules.CopyFrom(model)
    rules.ClearField("pieces")
    rules.pieces.extend(
        piece
        for piece in model.pieces
        if piece.type in (PieceType.UNKNOWN, PieceType.USER_DEFINED)
    )
    if with_pieces:
        rules.pieces.extend(
            piece
            for piece in model.pieces
            if piece.type == PieceType.NORMAL and piece.piece not in _BYTES
        )
    else:
        rules.trainer_spec.model_type = _TrainerSpec.CHAR
    for name in _BYTES:
        rules.pieces.add(piece=name, type=PieceType.BYTE)
    rules.trainer_spec.byte_fallback = True
    rules.trainer_spec.vocab_size = len(rules.pieces)
    return rules


def make_processor(model):
    """Returns TensorFlow Text's SentencePiece tokenizer of a ``ModelProto``.

    Raises:
      UserError: tensorflow-text is not installed.
    """
    proto = model.SerializeToString(deterministic=True)
    # The name is that of a resource, which all models share that a process
    # has loaded: another model must have another one.
    name = f"sentencepiece_{hashlib.sha256(proto).hexdigest()}"
    return load_tensorflow_text().SentencepieceTokenizer(proto, name=name)


def _make_cutter(model, unknown):
    """Returns the tokenizer of strings to which the rules are applied already.

    Args:
      model: ``ModelProto``.
      unknown: list of str, characters that are to be pieces like unknown
        ones; their ids follow those of the model.
    """
    cutter = sentencepiece_model_pb2.ModelProto()
    for piece in model.pieces:
        is_text = piece.type in (PieceType.NORMAL, PieceType.USER_DEFINED)
        score = piece.score
        if piece.type == PieceType.USER_DEFINED:
            score = _SYMBOL_BONUS * (len(piece.piece.encode()) - 1)
        cutter.pieces.add(
            piece=piece.piece,
            score=score,
            # The others keep their places and are not looked for.
            type=PieceType.NORMAL if is_text else PieceType.CONTROL,
        )
    lowest = min(
        piece.score for piece in model.pieces if piece.type == PieceType.NORMAL
    )
    for character in unknown:
        cutter.pieces.add(
            piece=character,
            score=np.float32(lowest) - np.float32(_UNKNOWN_PENALTY),
            type=PieceType.NORMAL,
        )
    cutter.trainer_spec.unk_id = -1
    cutter.normalizer_spec.add_dummy_prefix = False
    cutter.normalizer_spec.remove_extra_whitespaces = False
    cutter.normalizer_spec.escape_whitespaces = False
    return load_tensorflow_text().FastSentencepieceTokenizer(
        cutter.SerializeToString(deterministic=True)
    )


def load_tensorflow_text(purpose="a graph with the tokenizer inside"):
    """Imports tensorflow-text and returns the module.

    Args:
      purpose: str, what needs it, for the message.

    Raises:
      UserError: it is not installed, or does not fit TensorFlow.
    """
    try:
        import tensorflow_text
    except ImportError as error:
        release = tf.__version__.rpartition(".")[0]
        # Of 2.21.0, which lacks a symbol, this is the message, too.
        raise UserError(
            f"tensorflow-text cannot be imported ({error}): {purpose} needs "
            f"it: pip install 'tensorflow-text=={release}.*,!=2.21.0'"
        ) from error
    return tensorflow_text
