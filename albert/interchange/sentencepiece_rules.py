# SPDX-License-Identifier: Apache-2.0
"""Our normalisation of text as rules inside a SentencePiece model.

A SentencePiece model carries rules that rewrite the text before it is cut
into pieces: a table of strings, of which the longest match is replaced. What
``albert.text.normalization`` does before SentencePiece does not look beyond
one character, so it can be put in front of the model's own rules as one more
table. A library that gives raw text to SentencePiece then has our ids.

Two things look further. Python writes a capital sigma that ends a word as a
final sigma, and the rules write the ordinary one: an English vocabulary knows
neither. And a whole Hangul syllable does not join with a loose consonant that
follows it.

Pieces that ``Tokenizer`` cuts again after SentencePiece, such as "▁2010,",
are marked as unused: SentencePiece then finds their parts by itself. The
original puts a "▁" before the parts of a piece in the middle of a word, which
no model can say; ``tokenizer_comparison`` counts what differs.
"""

import sys
import unicodedata

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

# Characters only: no space in front, none taken away, no "▁".
_CHARACTERS_ONLY = {
    "add_dummy_prefix": False,
    "escape_whitespaces": False,
    "remove_extra_whitespaces": False,
}
_LOG_ERRORS = 2
_SURROGATES = range(0xD800, 0xE000)


def self_contained_model(tokenizer):
    """Returns a model with which SentencePiece alone gives a tokenizer's ids.

    Args:
      tokenizer: ``Tokenizer``.

    Returns:
      bytes of a SentencePiece model: the tokenizer's with other rules, and
      without the pieces that are cut again.
    """
    own = sentencepiece.SentencePieceNormalizer(
        model_proto=tokenizer.model_proto, **_CHARACTERS_ONLY
    )
    rules = _composed_rules(own, tokenizer)
    # Its compiler writes down what it does.
    sentencepiece.set_min_log_level(_LOG_ERRORS)
    compiled = sentencepiece.SentencePieceNormalizer(norm_map=rules)
    spec = sentencepiece_model_pb2.NormalizerSpec.FromString(
        compiled.serialized_normalizer_spec()
    )
    model = sentencepiece_model_pb2.ModelProto.FromString(tokenizer.model_proto)
    model.normalizer_spec.name = "albert"
    model.normalizer_spec.precompiled_charsmap = spec.precompiled_charsmap
    # Joining at white space leaves one space and none at the ends.
    model.normalizer_spec.remove_extra_whitespaces = True
    unused = sentencepiece_model_pb2.ModelProto.SentencePiece.UNUSED
    for id_ in tokenizer.digit_comma_table():
        model.pieces[id_].type = unused
    return model.SerializeToString(deterministic=True)


def _composed_rules(own, tokenizer):
    """Returns (from, to) pairs: our normalisation, then the model's rules.

    Args:
      own: ``SentencePieceNormalizer`` of the model.
      tokenizer: ``Tokenizer``.
    """
    model_rules = dict(own.Decompile())
    changed = [
        character
        for character in map(chr, _code_points())
        if character in model_rules or _is_changed(character, tokenizer)
    ]
    rules = _apply(own, changed, tokenizer)
    # A sequence needs a rule where it becomes something else than its
    # characters do one by one: a syllable of Hangul, for instance.
    sequences = [key for key in model_rules if len(key) > 1]
    # Some exist for the small letter alone, such as "j" with a caron.
    sequences += [key[0].upper() + key[1:] for key in sequences]
    for key, value in _apply(own, sequences, tokenizer).items():
        if value != "".join(rules.get(one, one) for one in key):
            rules[key] = value
    return [(key, value) for key, value in rules.items() if key != value]


def _code_points():
    # SentencePiece ends a string at NUL.
    return (
        point
        for point in range(1, sys.maxunicode + 1)
        if point not in _SURROGATES
    )


def _is_changed(character, tokenizer):
    return (
        character.isspace()
        or (tokenizer.lower_case and character.lower() != character)
        or tokenizer.strip_accents
        and (
            unicodedata.combining(character)
            or not unicodedata.is_normalized("NFKD", character)
        )
    )


def _apply(own, texts, tokenizer):
    """Returns a dict of each text to what becomes of it."""
    # Letters at both ends, because white space there would be taken away.
    ours = [tokenizer.normalize(f"a{text}a")[1:-1] for text in texts]
    return dict(zip(texts, own.Normalize(ours), strict=True))
