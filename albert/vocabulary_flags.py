# SPDX-License-Identifier: Apache-2.0
"""Defines and reads the flags of a vocabulary, and of case and accents."""

from albert.errors import UserError
from albert.flag_groups import FlagGroup


def define_vocab_file_flag(fv, heading):
    """Defines the flag of a vocabulary that is no SentencePiece model."""
    FlagGroup(fv, heading).path(
        "vocab_file",
        None,
        "WordPiece vocabulary, such as vocab_chinese.txt of Google's Chinese "
        "models; no effect with --spm_model_file, as in the original.",
    )


def vocabulary_file(fv):
    """Returns the vocabulary that the flags name, or None."""
    return fv.spm_model_file or fv.vocab_file


def require_vocabulary(fv):
    """Refuses a command without --spm_model_file and --vocab_file.

    Raises:
      UserError: neither is given.
    """
    if not vocabulary_file(fv):
        raise UserError(
            "--spm_model_file is required, or --vocab_file with a WordPiece "
            "vocabulary; see --help"
        )


def define_normalization_flags(fv, heading, default):
    """Defines the flags of case and accents.

    Args:
      fv: ``FlagValues``.
      heading: str, of the group.
      default: bool; None: as the tokenizer of the weights.
    """
    group = FlagGroup(fv, heading)
    for name, text in (
        ("do_lower_case", "Lower-case the text."),
        (
            "strip_accents",
            "Take the marks off letters; false where they tell words apart.",
        ),
    ):
        if default is None:
            text += " Default: as the tokenizer of the weights, else yes."
        group.boolean(name, default, text)
