# SPDX-License-Identifier: Apache-2.0
"""What normalisation takes from a text, and what a vocabulary loses by it."""

import itertools
import unicodedata

import numpy as np

from albert.text.wordpiece_words import is_mark

# Less is a foreign name now and then.
_NOTABLE_SHARE_OF_MARKS = 0.005
_NOTABLE_SHARE_OF_PIECES = 0.05
# Of marks, where words become others.
HARMFUL_SHARE_OF_MARKS = 0.05

DOTLESS_I = "ı"


# By kind of tokenizer: how it decomposes text, and which marks it drops.
_MARKS = {
    "sentencepiece": ("NFKD", unicodedata.combining),
    "wordpiece": ("NFD", is_mark),
}


def count_marked_letters(texts, kind="sentencepiece"):
    """Counts the letters that stripping accents changes.

    Args:
      texts: iterable of str.
      kind: that of the tokenizer.

    Returns:
      (letters, characters): int, the letters that lose one combining mark or
      several, and the characters that are not white space.
    """
    form, drops = _MARKS[kind]
    letters = characters = 0
    for text in texts:
        characters += len(text) - sum(map(str.isspace, text))
        if not text.isascii():
            # A mark that is a character of its own is part of a letter.
            characters -= sum(map(bool, map(drops, text)))
            dropped = [
                bool(drops(character))
                for character in unicodedata.normalize(form, text)
            ]
            letters += dropped[:1].count(True) + sum(
                this and not before
                for before, this in itertools.pairwise(dropped)
            )
    return letters, characters


def describe_lost_marks(share):
    """Returns a line about marks that were taken off letters, or None.

    Args:
      share: float, of the letters with marks among the characters.
    """
    if share < _NOTABLE_SHARE_OF_MARKS:
        return None
    return (
        f"{share:.1%} of the characters lost a mark: --strip_accents=false, "
        "of vocabulary and records, keeps them"
    )


def describe_turkish_case(share):
    """Returns a line about the capital I of Turkish, or None.

    Args:
      share: float, of the dotless i among the characters, where the text is
        lower-cased: Turkish and Azerbaijani have it, and no other language.
    """
    if share < _NOTABLE_SHARE_OF_MARKS:
        return None
    return (
        f"{share:.1%} of the characters are {DOTLESS_I}, as in Turkish, where "
        "its capital is I: lower-casing makes i of it. Give "
        "--do_lower_case=false (of the vocabulary too), or text in lower case"
    )


def describe_unreachable_pieces(tokenizer):
    """Returns a warning about pieces that no text can give, or None.

    Args:
      tokenizer: ``albert.text.tokenizers.TokenizerInterface``.

    Returns:
      str, where it is more than a twentieth of the vocabulary.
    """
    special = {
        tokenizer.pad_id,
        tokenizer.unknown_id,
        tokenizer.cls_id,
        tokenizer.sep_id,
        tokenizer.mask_id,
    }
    changed = [
        id_
        for id_ in np.flatnonzero(~tokenizer.occurring_table()).tolist()
        if id_ not in special
        and tokenizer.normalize(tokenizer.pieces[id_]) != tokenizer.pieces[id_]
    ]
    share = len(changed) / tokenizer.vocabulary_size
    if share < _NOTABLE_SHARE_OF_PIECES:
        return None
    examples = " ".join(tokenizer.pieces[id_] for id_ in changed[:5])
    return (
        f"{tokenizer.model_file}: {share:.0%} of its pieces can never occur, "
        f"such as {examples}: they have capitals or accents, which are taken "
        f"off with --do_lower_case={str(tokenizer.lower_case).lower()} "
        f"--strip_accents={str(tokenizer.strip_accents).lower()}. Change the "
        "flags, or make the vocabulary with the same ones"
    )
