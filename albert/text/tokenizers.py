# SPDX-License-Identifier: Apache-2.0
"""Names what every tokenizer offers, and loads the kind that a file is of."""

import typing

import numpy as np

from albert.errors import UserError
from albert.inputs import read_file
from albert.text.offsets import PieceSpans
from albert.text.tokenizer import Tokenizer
from albert.text.wordpiece import WordPieceTokenizer
from albert.text.wordpiece import is_text
from albert.text.wordpiece import is_wordpiece

# A larger share of unknown pieces, or of their characters, is warned of.
MOST_UNKNOWN = 0.01


class TokenizerInterface(typing.Protocol):
    """What users of a tokenizer may ask of it, whatever its vocabulary is.

    ``Tokenizer`` (SentencePiece) and ``WordPieceTokenizer`` offer it. Code
    that needs more, such as the writers of other libraries' formats, looks
    at ``kind`` in a table of its own.

    Attributes:
      kind: str, "sentencepiece" or "wordpiece".
      model_file: str, the path of the vocabulary.
      content: bytes of that file.
      settings: dict of the arguments besides the file, as the model directory
        keeps them.
      lower_case, strip_accents: bool, two of them.
      vocabulary_size: int, number of pieces V.
      pieces: list of V str, id to piece.
      pad_id, unknown_id, cls_id, sep_id, mask_id: int.
      fingerprint: str, SHA-256 in hexadecimal over everything that decides
        the ids: two tokenizers with one fingerprint give the same ids.
    """

    kind: str
    model_file: str
    content: bytes
    settings: dict
    lower_case: bool
    strip_accents: bool
    vocabulary_size: int
    pieces: list
    pad_id: int
    unknown_id: int
    cls_id: int
    sep_id: int
    mask_id: int
    fingerprint: str

    def normalize(self, text) -> str:
        """Returns a text as it is cut into pieces."""

    def normalize_batch(self, texts) -> list:
        """Returns texts as they are cut into pieces: list of str."""

    def encode(self, text) -> list:
        """Returns the ids of a text, never read as control pieces."""

    def encode_batch(self, texts, after_space=True) -> list:
        """Returns the ids of texts, which follow a space, or go on without."""

    def encode_with_offsets(self, texts, after_space=True) -> PieceSpans:
        """Encodes texts with the span of characters of each piece."""

    def tokenize(self, text) -> list:
        """Returns the pieces of a text, unknown ones as they are."""

    def decode(self, ids) -> str:
        """Returns the text of ids with control pieces written out."""

    def word_start_table(self, rule="scripts") -> np.ndarray:
        """Returns which pieces start a word by a rule: bool array [V]."""

    def occurring_table(self) -> np.ndarray:
        """Returns which pieces text can give: bool array [V]."""

    def replacement_ids(self) -> np.ndarray:
        """Returns the ids that may replace a masked word: int32 array."""


def load_tokenizer(
    model_file, lower_case=True, digit_comma="original", strip_accents=True
):
    """Loads the tokenizer of a vocabulary; its content says of which kind.

    Args:
      model_file: path of a SentencePiece model or a WordPiece vocabulary.
      lower_case: lower-case the text.
      digit_comma: see ``Tokenizer``; WordPiece has no such rule.
      strip_accents: take the marks off letters; WordPiece does so only
        together with lower-casing.

    Returns:
      ``Tokenizer`` or ``WordPieceTokenizer``.

    Raises:
      UserError: the file is missing, or a vocabulary of neither kind.

    Example:
      >>> import albert
      >>> pieces = "[PAD] [UNK] [CLS] [SEP] [MASK] cat ##s . 猫".split()
      >>> with open("vocab.txt", "w", encoding="utf-8") as file:
      ...     print(*pieces, sep="\\n", file=file)
      >>> tokenizer = albert.load_tokenizer("vocab.txt")
      >>> tokenizer.tokenize("Cats. 猫")
      ['cat', '##s', '.', '猫']
    """
    content = read_file(
        str(model_file),
        "give a SentencePiece model or a WordPiece vocabulary, or make one "
        "with `albert create-vocabulary`",
    )
    if is_wordpiece(content):
        return WordPieceTokenizer(model_file, lower_case, strip_accents)
    if is_text(content):
        raise UserError(
            f"{model_file}: neither a SentencePiece model nor a WordPiece "
            "vocabulary, which is a text with a line [UNK]: give the "
            "vocabulary of the model"
        )
    return Tokenizer(model_file, lower_case, digit_comma, strip_accents)
