# SPDX-License-Identifier: Apache-2.0
"""Turns strings into piece ids and back.

Encoding is normalisation, SentencePiece, and the digit-comma rule. It behaves
like ``preprocess_text`` followed by ``encode_ids`` of the original's
``tokenization.py``. The original's rule for pieces such as ``9,`` depends on
the piece alone, so here it is a table from piece id to ids, built once; an
in-graph tokenizer can use the same table.
"""

import hashlib
import json
import string

import numpy as np
import sentencepiece

from albert.errors import UserError
from albert.inputs import read_file
from albert.text import normalization
from albert.text.offsets import SpanEncoder

CONTROL_PIECES = ("[CLS]", "[SEP]", "[MASK]")
DIGIT_COMMA_RULES = ("original", "stripped")

_SPACE_MARK = "\u2581"  # "▁", SentencePiece's stand-in for a space
# The original's list of punctuation leaves these four out.
_PUNCTUATION = frozenset(string.punctuation) - frozenset("'<=>")
_WORD_CHARACTERS = _PUNCTUATION | frozenset(string.ascii_lowercase)


class Tokenizer:
    """An ALBERT tokenizer around one SentencePiece model.

    It offers what ``albert.text.tokenizers.TokenizerInterface`` names.

    Attributes:
      model_file: str, the path it was made from.
      model_proto: bytes of the model file.
      lower_case, digit_comma: the settings.
      vocabulary_size: int, number of pieces V.
      pad_id, unknown_id, cls_id, sep_id, mask_id: int. A model that defines
        no padding piece pads with 0, as the original does.
      pieces: list of V str, id to piece.
      fingerprint: str, SHA-256 in hexadecimal over everything that decides
        the ids: two tokenizers with one fingerprint give the same ids.

    Example:
      >>> import albert
      >>> from albert.text.vocabulary import train_vocabulary
      >>> with open("text.txt", "w") as file:
      ...     print("The cat sat. Where the cat sat the cats sat.", file=file)
      >>> report = train_vocabulary(["text.txt"], "spiece", vocabulary_size=24)
      >>> tokenizer = albert.Tokenizer("spiece.model", lower_case=True)
      >>> ids = tokenizer.encode("The cat sat.")
      >>> tokenizer.decode([tokenizer.cls_id, *ids, tokenizer.sep_id])
      '[CLS] the cat sat. [SEP]'
    """

    kind = "sentencepiece"

    def __init__(self, model_file, lower_case=True, digit_comma="original"):
        """Loads the model.

        Args:
          model_file: path of a SentencePiece ``.model`` file.
          lower_case: lower-case the text (the original's ``do_lower_case``).
          digit_comma: what becomes of a piece that ends in a comma after a
            digit, such as ``9,``. The comma is always cut off and the rest
            encoded again. "original" keeps the "▁" which this puts before
            the rest even in the middle of a word, as the original does when
            it runs (``tokenization.py`` line 69 compares a character with
            three bytes, which is never true). "stripped" takes that "▁" off
            again where the piece continues a word, as was intended there.
            The released English vocabulary has 141 such pieces, such as
            ``▁2010,``, which all begin a word: both rules are one there.

        Raises:
          UserError: the file is missing, not a SentencePiece model, or has
            no [CLS], [SEP] or [MASK] piece.
          ValueError: ``digit_comma`` is neither rule.
        """
        if digit_comma not in DIGIT_COMMA_RULES:
            raise ValueError(
                f"digit_comma must be one of {', '.join(DIGIT_COMMA_RULES)}; "
                f"received {digit_comma!r}"
            )
        self.model_file = str(model_file)
        self.lower_case = bool(lower_case)
        self.digit_comma = digit_comma
        self.model_proto = _read_model(self.model_file)
        self._processor, self.pieces = _load_processor(
            self.model_file, self.model_proto
        )
        self.vocabulary_size = len(self.pieces)
        self.unknown_id = self._processor.unk_id()
        self.pad_id = max(self._processor.pad_id(), 0)
        self.cls_id, self.sep_id, self.mask_id = self._control_ids()
        self._replaced_pieces = self._build_digit_comma_pieces()
        self._replaced_ids = {
            self._processor.piece_to_id(piece): self._processor.piece_to_id(
                replacement
            )
            for piece, replacement in self._replaced_pieces.items()
        }
        self.fingerprint = self._compute_fingerprint()
        self._span_encoder = self._build_span_encoder()

    def __repr__(self):
        return (
            f"Tokenizer({self.model_file!r}, lower_case={self.lower_case}, "
            f"digit_comma={self.digit_comma!r})"
        )

    @property
    def content(self):
        """The bytes of the vocabulary's file."""
        return self.model_proto

    @property
    def settings(self):
        """What the model directory keeps beside the vocabulary: dict."""
        return {
            "lower_case": self.lower_case,
            "digit_comma": self.digit_comma,
        }

    # ---------------------------------------------------------------- encoding

    def normalize(self, text):
        """Returns ``text`` as SentencePiece will see it."""
        return normalization.normalize(text, self.lower_case)

    def normalize_batch(self, texts):
        """Normalises an iterable of str; returns a list of str."""
        return normalization.normalize_batch(texts, self.lower_case)

    def encode(self, text):
        """Returns the piece ids of ``text``: list of int, no [CLS] or [SEP].

        The text is never read as control pieces: "[MASK]" in it is encoded
        like any other word.
        """
        ids = self._processor.encode(self.normalize(text), out_type=int)
        return self._replace_ids(ids)

    def encode_batch(self, texts):
        """Encodes an iterable of str with one call into SentencePiece.

        Runs on one thread: callers that want more run more processes.

        Returns:
          list of lists of int, equal to ``[encode(text) for text in texts]``.
        """
        rows = self._processor.encode(
            self.normalize_batch(texts), out_type=int, num_threads=1
        )
        if self._replaced_ids:
            rows = [self._replace_ids(ids) for ids in rows]
        return rows

    def encode_with_offsets(self, texts):
        """Encodes texts, with the characters that each piece came from.

        Runs on one thread; about six times the work of ``encode_batch``.

        Args:
          texts: iterable of str.

        Returns:
          ``albert.text.offsets.PieceSpans``: the ids of ``encode_batch``,
          joined, with the span of each piece in the original text.
        """
        return self._span_encoder.encode(list(texts))

    def tokenize(self, text):
        """Returns the pieces of ``text``: list of str.

        Characters outside the vocabulary are shown as they are in the
        normalised text; ``encode`` gives ``unknown_id`` for them.
        """
        pieces = self._processor.encode(self.normalize(text), out_type=str)
        return [
            replacement
            for piece in pieces
            for replacement in self._replaced_pieces.get(piece, (piece,))
        ]

    def decode(self, ids):
        """Returns the text of ``ids`` with control pieces written out.

        Args:
          ids: iterable of int, such as a row of a batch.

        Returns:
          str, for example "[CLS] the cat [MASK]. [SEP]".

        Raises:
          ValueError: an id is not in the vocabulary.
        """
        text = ""
        run = []
        after_control = False
        for id_ in [*map(int, ids), None]:
            if id_ is not None and not 0 <= id_ < self.vocabulary_size:
                raise ValueError(
                    f"id {id_} is not in the vocabulary of "
                    f"{self.vocabulary_size} pieces"
                )
            if id_ is not None and not self._processor.is_control(id_):
                run.append(id_)
                continue
            if run:
                starts_word = self.pieces[run[0]].startswith(_SPACE_MARK)
                if after_control and starts_word:
                    text += " "
                text += self._processor.decode(run)
                run = []
            if id_ is not None:
                text += " " + self.pieces[id_] if text else self.pieces[id_]
                after_control = True
        return text

    # ------------------------------------------------------------------ tables

    def digit_comma_table(self):
        """Returns the digit-comma rule: dict of piece id to list of ids.

        Encoding is SentencePiece on the normalised text, then each id that
        is a key replaced by its list. Empty where no piece ends in a digit
        and a comma; the released English vocabulary has 141 of them.
        """
        return {id_: list(ids) for id_, ids in self._replaced_ids.items()}

    def word_start_table(self):
        """Returns which pieces start a word: bool array [V].

        Follows ``_is_start_piece_sp`` of the original's
        ``create_pretraining_data.py``: a piece starts a word when it begins
        with "▁" or "<", is a single punctuation mark, or holds a character
        that is neither an English letter nor punctuation. Digits, foreign
        letters and the apostrophe are such characters. (The marks < = > are
        not in the original's list either.) [CLS] and [SEP] are marked too:
        in its ``token_boundary`` they stand alone.
        """
        table = np.array([_starts_word(piece) for piece in self.pieces])
        table[[self.cls_id, self.sep_id]] = True
        return table

    def replacement_ids(self):
        """Returns the ids that may replace a masked word: int32 array.

        All pieces that stand for text; no control, unknown, unused or byte
        piece. (The original draws from the whole vocabulary, [CLS] and
        <pad> included.)
        """
        processor = self._processor
        return np.array(
            [
                id_
                for id_ in range(self.vocabulary_size)
                if not (
                    processor.is_control(id_)
                    or processor.is_unknown(id_)
                    or processor.is_unused(id_)
                    or processor.is_byte(id_)
                )
            ],
            np.int32,
        )

    # --------------------------------------------------------------- internals

    def _control_ids(self):
        # PieceToId answers with the unknown id for a piece that is not there.
        ids = self._processor.piece_to_id(list(CONTROL_PIECES))
        missing = [
            piece
            for piece, id_ in zip(CONTROL_PIECES, ids, strict=True)
            if self.pieces[id_] != piece
        ]
        if missing:
            raise UserError(
                f"{self.model_file}: this SentencePiece model has no "
                f"{', '.join(missing)}; train it with `albert "
                "create-vocabulary` (or spm_train "
                "--control_symbols=[CLS],[SEP],[MASK])"
            )
        return ids

    def _build_digit_comma_pieces(self):
        """Returns the digit-comma rule as dict of piece to list of pieces."""
        table = {}
        for piece in self.pieces:
            if len(piece) < 2 or piece[-1] != "," or not piece[-2].isdigit():
                continue
            number = piece[:-1].replace(_SPACE_MARK, "")
            parts = self._processor.encode(number, out_type=str)
            if self.digit_comma == "stripped" and piece[0] != _SPACE_MARK:
                parts = self._strip_space_mark(parts)
            table[piece] = [*parts, ","]
        return table

    def _strip_space_mark(self, parts):
        if not parts or parts[0][0] != _SPACE_MARK:
            return parts
        first = parts[0][1:]
        # The vocabulary may hold "▁20" and no "20". Its characters say more
        # than the unknown piece.
        if first and self._processor.piece_to_id(first) == self.unknown_id:
            return [*first, *parts[1:]]
        return [first, *parts[1:]] if first else parts[1:]

    def _replace_ids(self, ids):
        table = self._replaced_ids
        if not table or table.keys().isdisjoint(ids):
            return ids
        return [
            replacement for id_ in ids for replacement in table.get(id_, (id_,))
        ]

    def _build_span_encoder(self):
        to_id = self._processor.piece_to_id
        return SpanEncoder(
            self._processor,
            self.pieces,
            self.lower_case,
            {
                to_id(piece): [(to_id(part), part) for part in parts]
                for piece, parts in self._replaced_pieces.items()
            },
        )

    def _compute_fingerprint(self):
        digest = hashlib.sha256(self.model_proto)
        # The table and not the name of the rule: where no piece ends in a
        # digit and a comma, both rules give the same ids.
        settings = {
            "lower_case": self.lower_case,
            "digit_comma_table": sorted(self._replaced_ids.items()),
        }
        digest.update(json.dumps(settings, sort_keys=True).encode())
        return digest.hexdigest()


def _read_model(model_file):
    proto = read_file(
        model_file,
        "give a SentencePiece model, or make one with `albert "
        "create-vocabulary`",
    )
    if not proto:
        raise UserError(
            f"{model_file}: the SentencePiece model is empty; make it again "
            "with `albert create-vocabulary`"
        )
    return proto


def _load_processor(model_file, proto):
    processor = sentencepiece.SentencePieceProcessor()
    try:
        processor.load_from_serialized_proto(proto)
        pieces = processor.id_to_piece(list(range(processor.get_piece_size())))
    except (RuntimeError, UnicodeDecodeError) as error:
        raise UserError(
            f"{model_file}: not a SentencePiece model, or a damaged one; "
            "name the .model file that `albert create-vocabulary` wrote"
        ) from error
    return processor, pieces


def _starts_word(piece):
    if piece.startswith((_SPACE_MARK, "<")) or piece in _PUNCTUATION:
        return True
    return not all(char.lower() in _WORD_CHARACTERS for char in piece)
