# SPDX-License-Identifier: Apache-2.0
import pathlib
import sys
import unicodedata

import pytest
import sentencepiece

from albert.interchange import sentencepiece_rules
from albert.interchange.sentencepiece_rules import self_contained_model
from albert.text.tokenizer import Tokenizer

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "tokenization"
RELEASED = GOLDEN.parent / "released_vocabulary" / "30k-clean.model"
LINES = [
    "",
    " ",
    "\u0301",
    "  Two   spaces\tand\nLines \r\n",
    "\u00a0NBSP\u3000ideographic\u200bzero\u2028line\u0085next\x1funit ",
    "ＦＵＬＬ ﬁne ½ ² ™ ℌ Ⅷ ㎏ \u00a8 \u00b4",
    "É e\u0301 E\u0301 ÅÄÖ ß ẞ İstanbul ı \u1e69 s\u0323\u0307 s\u0307\u0323",
    '[CLS] [MASK] <pad> \u2581 (quoted) "text" - 1.5 – 2 000 £3 €4 \'tis',
    "\u1112\u1161\u11ab \ud55c \u3131\u314f \uffa1\uffc2",
    "\u0958 \u0915\u093c \u0b95\u0bcb \u0b95\u0bc7\u0bbe \u09cb \u09c7\u09be",
    "\x01\x7f\ufeff\ufffd\u202e emoji \U0001f469\u200d\U0001f467",
]


def normalized(model, texts):
    """What SentencePiece cuts into pieces."""
    return sentencepiece.SentencePieceNormalizer(model_proto=model).normalize(
        texts
    )


@pytest.mark.parametrize("lower_case", [True, False])
def test_the_rules_are_our_normalisation_and_the_model_s(lower_case):
    tokenizer = Tokenizer(GOLDEN / "spm2000.model", lower_case)
    model = self_contained_model(tokenizer)
    characters = [
        chr(point)
        for point in range(1, sys.maxunicode + 1)
        if unicodedata.category(chr(point)) not in ("Cn", "Co", "Cs")
    ]
    assert len(characters) > 100_000
    # As strings and not as ids, because most are unknown to the vocabulary.
    texts = [f"a{one}b {one} c{one}" for one in characters] + LINES
    expected = normalized(
        tokenizer.model_proto, tokenizer.normalize_batch(texts)
    )
    wrong = [
        text
        for text, ours, theirs in zip(
            texts, expected, normalized(model, texts), strict=True
        )
        # A final sigma looks at its neighbours.
        if ours.replace("ς", "σ") != theirs.replace("ς", "σ")
    ]
    assert wrong == []
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    ids = processor.encode(LINES, out_type=int)
    assert ids == tokenizer.encode_batch(LINES)


def test_the_rules_differ_with_the_case():
    lower = self_contained_model(Tokenizer(GOLDEN / "spm2000.model", True))
    cased = self_contained_model(Tokenizer(GOLDEN / "spm2000.model", False))
    assert normalized(lower, "ÉCOLE") == "▁ecole"
    assert normalized(cased, "ÉCOLE") == "▁ECOLE"


def test_applied_twice_they_change_nothing():
    tokenizer = Tokenizer(GOLDEN / "spm2000.model", True)
    model = self_contained_model(tokenizer)
    # What was compiled before is kept.
    sentencepiece_rules._compile_rules.cache_clear()
    assert model == self_contained_model(tokenizer)
    ours = tokenizer.normalize_batch(LINES)
    assert normalized(model, ours) == normalized(model, LINES)


def test_pieces_that_are_cut_again_are_unused():
    tokenizer = Tokenizer(RELEASED)
    processor = sentencepiece.SentencePieceProcessor(
        model_proto=self_contained_model(tokenizer)
    )
    unused = [
        id_
        for id_ in range(tokenizer.vocabulary_size)
        if processor.is_unused(id_)
    ]
    assert unused == sorted(tokenizer.digit_comma_table())
    texts = [
        f"In{piece} it is {piece}5 or a{piece}".replace("▁", " ")
        for piece in map(tokenizer.pieces.__getitem__, unused)
    ]
    assert processor.encode(texts) == tokenizer.encode_batch(texts)
    assert processor.encode(LINES) == tokenizer.encode_batch(LINES)
