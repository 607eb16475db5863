# SPDX-License-Identifier: Apache-2.0
"""Turns strings into piece ids and back.

Encoding is normalisation, SentencePiece, and the digit-comma rule
(``albert.text.digit_commas``). It behaves like ``preprocess_text`` followed by
``encode_ids`` of the original's ``tokenization.py``.
"""

import functools
import hashlib
import json

import numpy as np
import sentencepiece
from sentencepiece import sentencepiece_model_pb2

from albert.errors import UserError
from albert.inputs import read_file
from albert.text import normalization
from albert.text.digit_commas import DigitCommas
from albert.text.offsets import SpanEncoder
from albert.text.word_starts import find_word_starts

CONTROL_PIECES = ("[CLS]", "[SEP]", "[MASK]")

_SPACE_MARK = "\u2581"  # "▁", SentencePiece's stand-in for a space


class Tokenizer:
    """An ALBERT tokenizer around one SentencePiece model.

    It offers what ``albert.text.tokenizers.TokenizerInterface`` names.

    Attributes:
      model_file: str, the path it was made from.
      model_proto: bytes of the model file.
      lower_case, digit_comma, strip_accents: the settings.
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

    def __init__(
        self,
        model_file,
        lower_case=True,
        digit_comma="original",
        strip_accents=True,
    ):
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
          strip_accents: take the marks off letters, as the original does
            unless ``keep_accents``. In Japanese, Korean, Vietnamese, Hindi,
            … words lose their meaning with them.

        Raises:
          UserError: the file is missing, not a SentencePiece model, or has
            no [CLS], [SEP] or [MASK] piece.
          ValueError: ``digit_comma`` is neither rule.
        """
        self.model_file = str(model_file)
        self.lower_case = bool(lower_case)
        self.digit_comma = digit_comma
        self.strip_accents = bool(strip_accents)
        self.model_proto = _read_model(self.model_file)
        self._processor, self.pieces = _load_processor(
            self.model_file, self.model_proto
        )
        self.vocabulary_size = len(self.pieces)
        self.unknown_id = self._processor.unk_id()
        self.pad_id = max(self._processor.pad_id(), 0)
        self.cls_id, self.sep_id, self.mask_id = self._control_ids()
        self._digit_commas = DigitCommas(
            self._processor, self.pieces, digit_comma
        )
        self.fingerprint = self._compute_fingerprint()
        self._span_encoder = self._build_span_encoder(self._processor)

    def __repr__(self):
        return (
            f"Tokenizer({self.model_file!r}, lower_case={self.lower_case}, "
            f"digit_comma={self.digit_comma!r}, "
            f"strip_accents={self.strip_accents})"
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
            "strip_accents": self.strip_accents,
        }

    # ---------------------------------------------------------------- encoding

    def normalize(self, text):
        """Returns ``text`` as SentencePiece will see it."""
        return normalization.normalize(
            text, self.lower_case, self.strip_accents
        )

    def normalize_batch(self, texts):
        """Normalises an iterable of str; returns a list of str."""
        return normalization.normalize_batch(
            texts, self.lower_case, self.strip_accents
        )

    def encode(self, text):
        """Returns the piece ids of ``text``: list of int, no [CLS] or [SEP].

        The text is never read as control pieces: "[MASK]" in it is encoded
        like any other word.
        """
        ids = self._processor.encode(self.normalize(text), out_type=int)
        return self._digit_commas.apply(ids)

    def encode_batch(self, texts, after_space=True):
        """Encodes an iterable of str with one call into SentencePiece.

        Runs on one thread: callers that want more run more processes.

        Args:
          texts: iterable of str.
          after_space: bool; False encodes them as what goes on without a
            space in the middle of a text, with no "▁" in front.

        Returns:
          list of lists of int, equal to ``[encode(text) for text in texts]``
          after a space.
        """
        normalized = self.normalize_batch(texts)
        if not normalized:
            return []
        processor = self._processor if after_space else self._inside_processor
        rows = processor.encode(normalized, out_type=int, num_threads=1)
        if self._digit_commas.ids:
            rows = [self._digit_commas.apply(ids) for ids in rows]
        return rows

    def encode_with_offsets(self, texts, after_space=True):
        """Encodes texts, with the characters that each piece came from.

        Runs on one thread; about six times the work of ``encode_batch``.

        Args:
          texts: iterable of str.
          after_space: as for ``encode_batch``.

        Returns:
          ``albert.text.offsets.PieceSpans``: the ids of ``encode_batch``,
          joined, with the span of each piece in the original text.
        """
        encoder = (
            self._span_encoder if after_space else self._inside_span_encoder
        )
        return encoder.encode(list(texts))

    def tokenize(self, text):
        """Returns the pieces of ``text``: list of str.

        Characters outside the vocabulary are shown as they are in the
        normalised text; ``encode`` gives ``unknown_id`` for them.
        """
        pieces = self._processor.encode(self.normalize(text), out_type=str)
        return [
            replacement
            for piece in pieces
            for replacement in self._digit_commas.pieces.get(piece, (piece,))
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
        is a key replaced by its list.
        """
        return dict(self._digit_commas.ids)

    def word_start_table(self, rule="scripts"):
        """Returns which pieces start a word: bool array [V].

        [CLS] and [SEP] are marked too: in ``token_boundary`` of the records
        they stand alone.

        Args:
          rule: "scripts" or "original"; see
            ``albert.text.word_starts.find_word_starts``.
        """
        table = find_word_starts(self.pieces, rule)
        table[[self.cls_id, self.sep_id]] = True
        return table

    def occurring_table(self):
        """Returns which pieces text can give: bool array [V].

        Not those of control, unknown, unused and byte pieces, nor those that
        the settings rule out: with capitals under ``lower_case``, with
        accents, or cut again by the digit-comma rule.
        """
        processor = self._processor
        normalized = processor.normalize(
            self.normalize_batch(
                piece.replace(_SPACE_MARK, " ") for piece in self.pieces
            )
        )
        return np.array(
            [
                piece.strip(_SPACE_MARK) in text
                and id_ not in self._digit_commas.ids
                and not (
                    processor.is_control(id_)
                    or processor.is_unknown(id_)
                    or processor.is_unused(id_)
                    or processor.is_byte(id_)
                )
                for id_, (piece, text) in enumerate(
                    zip(self.pieces, normalized, strict=True)
                )
            ],
            bool,
        )

    def replacement_ids(self):
        """Returns the ids that may replace a masked word: int32 array.

        All pieces that text can give, but the special ones, which are text
        in some vocabularies. (The original draws from the whole vocabulary,
        [CLS] and <pad> included.)

        Raises:
          UserError: there are none.
        """
        allowed = self.occurring_table()
        allowed[
            [
                self.pad_id,
                self.unknown_id,
                self.cls_id,
                self.sep_id,
                self.mask_id,
            ]
        ] = False
        return replacements_among(allowed, self)

    # --------------------------------------------------------------- internals

    @functools.cached_property
    def _inside_processor(self):
        """Processor that puts no "▁" before a text."""
        model = sentencepiece_model_pb2.ModelProto.FromString(self.model_proto)
        model.normalizer_spec.add_dummy_prefix = False
        return sentencepiece.SentencePieceProcessor(
            model_proto=model.SerializeToString()
        )

    @functools.cached_property
    def _inside_span_encoder(self):
        return self._build_span_encoder(self._inside_processor)

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

    def _build_span_encoder(self, processor):
        to_id = processor.piece_to_id
        return SpanEncoder(
            processor,
            self.pieces,
            (self.lower_case, self.strip_accents),
            {
                to_id(piece): [(to_id(part), part) for part in parts]
                for piece, parts in self._digit_commas.pieces.items()
            },
        )

    def _compute_fingerprint(self):
        digest = hashlib.sha256(self.model_proto)
        # The table and not the name of the rule: where no piece ends in a
        # digit and a comma, both rules give the same ids.
        settings = {
            "lower_case": self.lower_case,
            "digit_comma_table": sorted(self._digit_commas.ids.items()),
        }
        # Not where it is the original's: fingerprints made before stay.
        if not self.strip_accents:
            settings["strip_accents"] = False
        digest.update(json.dumps(settings, sort_keys=True).encode())
        return digest.hexdigest()


def replacements_among(allowed, tokenizer):
    """Returns the ids that are allowed: int32 array.

    Args:
      allowed: bool [V].
      tokenizer: tokenizer of V pieces.

    Raises:
      UserError: there are none.
    """
    if not allowed.any():
        raise UserError(
            f"{tokenizer.model_file}: text can give none of its pieces with "
            f"lower-casing {'on' if tokenizer.lower_case else 'off'}: change "
            "--do_lower_case, or make another vocabulary"
        )
    return np.flatnonzero(allowed).astype(np.int32)


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
