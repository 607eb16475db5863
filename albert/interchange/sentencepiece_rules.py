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

import functools
import sys
import unicodedata

import sentencepiece
from sentencepiece import sentencepiece_model_pb2

from albert.text import normalization

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
    model = sentencepiece_model_pb2.ModelProto.FromString(tokenizer.model_proto)
    model.normalizer_spec.name = "albert"
    # Joining at white space leaves one space and none at the ends.
    model.normalizer_spec.remove_extra_whitespaces = True
    model.normalizer_spec.precompiled_charsmap = _compile_rules(
        model.normalizer_spec.precompiled_charsmap,
        tokenizer.lower_case,
        tokenizer.strip_accents,
    )
    unused = sentencepiece_model_pb2.ModelProto.SentencePiece.UNUSED
    for id_ in tokenizer.digit_comma_table():
        model.pieces[id_].type = unused
    return model.SerializeToString(deterministic=True)


# It looks at every character there is, for seconds.
@functools.lru_cache(maxsize=4)
def _compile_rules(charsmap, lower_case, strip_accents):
    """Returns our normalisation and a model's, as a model holds it: bytes."""
    model = sentencepiece_model_pb2.ModelProto()
    model.normalizer_spec.precompiled_charsmap = charsmap
    own = sentencepiece.SentencePieceNormalizer(
        model_proto=model.SerializeToString(), **_CHARACTERS_ONLY
    )
    rules = _compose_rules(own, lower_case, strip_accents)
    # Its compiler writes down what it does.
    sentencepiece.set_min_log_level(_LOG_ERRORS)
    compiled = sentencepiece.SentencePieceNormalizer(norm_map=rules)
    spec = sentencepiece_model_pb2.NormalizerSpec.FromString(
        compiled.serialized_normalizer_spec()
    )
    return spec.precompiled_charsmap


def _compose_rules(own, lower_case, strip_accents):
    """Returns (from, to) pairs: our normalisation, then the model's rules.

    Args:
      own: ``SentencePieceNormalizer`` of the model.
      lower_case, strip_accents: bool, of the tokenizer.
    """
    model_rules = dict(own.Decompile())
    changed = [
        character
        for character in map(chr, _code_points())
        if character in model_rules
        or _is_changed(character, lower_case, strip_accents)
    ]
    rules = _apply(own, changed, lower_case, strip_accents)
    # A sequence needs a rule where it becomes something else than its
    # characters do one by one: a syllable of Hangul, for instance.
    sequences = [key for key in model_rules if len(key) > 1]
    # Some exist for the small letter alone, such as "j" with a caron.
    sequences += [key[0].upper() + key[1:] for key in sequences]
    more = _apply(own, sequences, lower_case, strip_accents)
    for key, value in more.items():
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


def _is_changed(character, lower_case, strip_accents):
    return (
        character.isspace()
        or (lower_case and character.lower() != character)
        or strip_accents
        and (
            unicodedata.combining(character)
            or not unicodedata.is_normalized("NFKD", character)
        )
    )


def _apply(own, texts, lower_case, strip_accents):
    """Returns a dict of each text to what becomes of it."""
    # Letters at both ends, because white space there would be taken away.
    ours = normalization.normalize_batch(
        (f"a{text}a" for text in texts), lower_case, strip_accents
    )
    theirs = own.Normalize([text[1:-1] for text in ours])
    return dict(zip(texts, theirs, strict=True))
