# SPDX-License-Identifier: Apache-2.0
"""The tokenizer of a KerasHub preset, with the same ids as a ``Tokenizer``.

KerasHub gives SentencePiece the text as it is, so the model in a preset is
written with our normalisation among its rules; the unchanged one lies beside
it as spiece.model, and its settings in metadata.json.
"""

import hashlib
import os

import sentencepiece

from albert import outputs
from albert.errors import UserError
from albert.inputs import open_file
from albert.interchange import kerashub_presets as presets
from albert.interchange.sentencepiece_rules import self_contained_model
from albert.interchange.source import TokenizerFile
from albert.model_directory import TOKENIZER_FILE
from albert.text import digit_commas
from albert.text.normalization_losses import count_marked_letters
from albert.text.tokenizer import Tokenizer

_PAD_PIECE = "<pad>"


def find(path, settings):
    """Returns the ``TokenizerFile`` of a preset, or None.

    Args:
      path: str, the preset's directory.
      settings: what ``write`` returned, or None where KerasHub wrote the
        preset.
    """
    asset = os.path.join(path, presets.VOCABULARY)
    if not os.path.exists(asset):
        return None
    original = os.path.join(path, TOKENIZER_FILE)
    if (
        isinstance(settings, dict)
        and settings.get("vocabulary_sha256") == _sha256(asset)
        and os.path.exists(original)
    ):
        return _with_settings(original, settings, path)
    try:
        return TokenizerFile(asset, **_find_settings(asset))
    except UserError as error:
        return TokenizerFile(asset, refusal=str(error))


def write(directory, tokenizer):
    """Writes a tokenizer for KerasHub.

    Args:
      directory: str, exists.
      tokenizer: ``Tokenizer``.

    Returns:
      dict, the settings that ``find`` takes.

    Raises:
      UserError: KerasHub cannot express it; nothing is written.
    """
    if tokenizer.kind != "sentencepiece":
        raise UserError(
            f"{tokenizer.model_file}: it is no SentencePiece model, which "
            "KerasHub's ALBERT needs: --notokenizer converts the weights alone"
        )
    if _PAD_PIECE not in tokenizer.pieces:
        raise UserError(
            f"{tokenizer.model_file}: it has no piece {_PAD_PIECE}, which "
            "KerasHub's tokenizer needs: --notokenizer converts the weights "
            "alone"
        )
    vocabulary = self_contained_model(tokenizer)
    asset = os.path.join(directory, presets.VOCABULARY)
    outputs.make_directory(os.path.dirname(asset))
    outputs.write_file(asset, vocabulary)
    outputs.write_file(
        os.path.join(directory, TOKENIZER_FILE), tokenizer.model_proto
    )
    return {
        "lower_case": tokenizer.lower_case,
        "digit_comma": tokenizer.digit_comma,
        "strip_accents": tokenizer.strip_accents,
        "vocabulary_sha256": hashlib.sha256(vocabulary).hexdigest(),
    }


def load_written(directory):
    """Returns a function from text to ids: what the preset's tokenizer says.

    KerasHub gives the text as it is to SentencePiece, as is done here.

    Args:
      directory: str, where ``write`` wrote.
    """
    return sentencepiece.SentencePieceProcessor(
        model_file=os.path.join(directory, presets.VOCABULARY)
    ).encode


def _with_settings(model_file, settings, path):
    lower_case = settings.get("lower_case")
    digit_comma = settings.get("digit_comma")
    # Presets of before do not say it.
    strip_accents = settings.get("strip_accents", True)
    if (
        not isinstance(lower_case, bool)
        or not isinstance(strip_accents, bool)
        or digit_comma not in digit_commas.RULES
    ):
        return TokenizerFile(
            model_file,
            refusal=f"{os.path.join(path, presets.METADATA_FILE)}: its "
            f"tokenizer has lower_case {lower_case!r}, strip_accents "
            f"{strip_accents!r} and digit_comma {digit_comma!r}: they must be "
            "true or false, true or false, and one of "
            f"{', '.join(digit_commas.RULES)}",
        )
    return TokenizerFile(
        model_file,
        lower_case=lower_case,
        digit_comma=digit_comma,
        strip_accents=strip_accents,
    )


def _find_settings(asset):
    """Finds whether a vocabulary knows capitals and accents: dict.

    KerasHub itself never says.
    """
    tokenizer = Tokenizer(asset, lower_case=False, strip_accents=False)
    pieces = [tokenizer.pieces[i] for i in tokenizer.replacement_ids()]
    return {
        "lower_case": all(piece == piece.lower() for piece in pieces),
        "strip_accents": count_marked_letters(pieces)[0] == 0,
    }


def _sha256(path):
    with open_file(path, "get the directory again") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
