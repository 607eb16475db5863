# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/text/offsets.py."""

import io
import json
import pathlib

import numpy as np
import pytest
import sentencepiece
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from albert.text.offsets import blank_characters
from albert.text.tokenizer import Tokenizer

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "tokenization"
SPM = Tokenizer(GOLDEN / "spm2000.model")
KEPT = Tokenizer(GOLDEN / "spm2000.model", strip_accents=False)
NUMCOMMA = Tokenizer(GOLDEN / "spm2000_numcomma.model")
# What normalisation changes: ligatures, fractions, marks alone and joined,
# Korean syllables and single letters, white space of several kinds, control
# characters, a mark that becomes a space; characters that nobody sees.
ODD = (
    "aﬁ½e\u0301é\u0323한ᄒ\u1161\u11abİßΣ \u00a0\u3000\n\t\u0007´¨…①㎞😀北9,."
    "\u200b\u200d\u200f\u00ad\ufeff\u2581\x00"
)
UNSEEN = dict.fromkeys(map(ord, blank_characters()))
TEXTS = st.one_of(st.text(), st.text(alphabet=ODD, max_size=40))


def train_model(path, **options):
    """Trains a model of a few pieces; returns its tokenizer."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the cat sat on the mat 7, and 11,"] * 7),
        model_writer=model,
        minloglevel=2,
        hard_vocab_limit=False,
        vocab_size=311,
        control_symbols=["[CLS]", "[SEP]", "[MASK]"],
        **options,
    )
    path.write_bytes(model.getvalue())
    return Tokenizer(path)


def surfaces(tokenizer, text):
    """The part of the text behind each piece."""
    _, starts, ends = tokenizer.encode_with_offsets([text]).row(0)
    return [text[start:end] for start, end in zip(starts, ends, strict=True)]


def check(tokenizer, text):
    """What holds for any text."""
    ids, starts, ends = tokenizer.encode_with_offsets([text]).row(0)
    assert ids.tolist() == tokenizer.encode(text)
    assert len(starts) == len(ends) == len(ids)
    if not "".join(tokenizer.tokenize(text)).strip("\u2581"):
        return
    assert starts.min() >= 0 and ends.max() <= len(text)
    assert (starts <= ends).all()
    assert (np.diff(starts) >= 0).all() and (np.diff(ends) >= 0).all()
    covered = np.zeros(len(text), bool)
    for start, end in zip(starts, ends, strict=True):
        covered[start:end] = True
        assert blank_characters().isdisjoint(text[start:end][:1])
        assert blank_characters().isdisjoint(text[start:end][-1:])
    missing = [
        char
        for char, is_covered in zip(text, covered, strict=True)
        if not is_covered and char not in blank_characters()
    ]
    assert missing == []


class TestSpans:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("The cat.", ["The", "", "c", "at", "."]),
            ("  The \u00a0 cat.\n", ["The", "", "c", "at", "."]),
            ("The ﬁrst", ["The", "ﬁrst"]),
            # "▁1", "⁄", "2"
            ("½", ["½", "½", "½"]),
            # The accents, composed or not, belong to their letters.
            ("café at", ["café", "at"]),
            ("cafe\u0301\u0323 at", ["cafe\u0301\u0323", "at"]),
            # "▁" alone stands for nothing, "▁" from "´" for that.
            ("北京 (", ["", "北京", "", "("]),
            ("a´9", ["a", "´", "9"]),
            ("¨b", ["¨b"]),
            # Five syllables are thirteen characters after NFKD, and one
            # unknown piece of five again inside the model.
            ("서울특별시 at", ["", "서울특별시", "at"]),
            ("İt", ["İt"]),
            # Dropped by the model, or taken for a space.
            ("a\u0007 at", ["a", "at"]),
            ("\u0007at", ["at"]),
            # A sign that is seen belongs to its word.
            ("\u0600at", ["", "\u0600", "at"]),
        ],
    )
    def test_known(self, text, expected):
        assert surfaces(SPM, text) == expected

    @pytest.mark.parametrize(
        "blank",
        list("\u200b\u200d\u200e\u200f\u2060\ufeff\ufffd\u00ad\u2581\x00"),
    )
    def test_characters_that_are_not_seen(self, blank):
        text = f"in{blank} {blank}the {blank}old{blank}."
        assert list(filter(None, surfaces(SPM, text))) == [
            "in",
            "the",
            "old",
            ".",
        ]

    @pytest.mark.parametrize("rule", ["original", "stripped"])
    def test_digit_comma(self, rule):
        tokenizer = Tokenizer(
            GOLDEN / "spm2000_numcomma.model", digit_comma=rule
        )
        text = "in 1999, and a12,b"
        pieces = tokenizer.tokenize(text)
        assert len(tokenizer.digit_comma_table()) > 0
        for piece, surface in zip(
            pieces, surfaces(tokenizer, text), strict=True
        ):
            assert piece.replace("\u2581", "") == surface, pieces

    @given(TEXTS)
    def test_what_goes_on_without_a_space(self, text):
        spans = SPM.encode_with_offsets([text], after_space=False)
        (ids,) = SPM.encode_batch([text], after_space=False)
        assert spans.ids.tolist() == ids
        # The characters are those that follow a space: only "▁" is missing.
        after = SPM.encode_with_offsets([text])
        if ids:
            assert spans.starts[0] == after.starts[0]
            assert spans.ends[-1] == after.ends[-1]

    def test_known_that_goes_on_without_a_space(self):
        spans = SPM.encode_with_offsets(["at (½"], after_space=False)
        assert spans.starts.tolist() == [0, 3, 3, 4, 4, 4]
        assert spans.ends.tolist() == [2, 3, 4, 5, 5, 5]

    def test_several_texts(self):
        texts = ["The cat.", "", " ", "½ é", "\u0007"]
        spans = SPM.encode_with_offsets(iter(texts))
        assert len(spans.row_splits) == len(texts) + 1
        for index, text in enumerate(texts):
            alone = SPM.encode_with_offsets([text])
            for left, right in zip(spans.row(index), alone.row(0), strict=True):
                assert left.tolist() == right.tolist()
        assert spans.ids.dtype == spans.starts.dtype == np.int32
        assert spans.row_splits.dtype == np.int64

    def test_no_texts(self):
        spans = SPM.encode_with_offsets([])
        assert spans.row_splits.tolist() == [0]
        assert len(spans.ids) == len(spans.starts) == len(spans.ends) == 0


class TestAnyText:
    @pytest.mark.parametrize("model", ["spm2000", "spm2000_numcomma"])
    @pytest.mark.parametrize("rule", ["original", "stripped"])
    @pytest.mark.parametrize("lower_case", [True, False])
    def test_golden_strings(self, model, rule, lower_case):
        tokenizer = Tokenizer(
            GOLDEN / f"{model}.model", lower_case=lower_case, digit_comma=rule
        )
        lines = (GOLDEN / f"{model}.jsonl").read_text("utf-8").split("\n")
        texts = [json.loads(line)["text"] for line in lines if line]
        assert len(texts) == 216
        for text in texts:
            check(tokenizer, text)

    @given(TEXTS)
    def test_properties(self, text):
        check(SPM, text)
        check(KEPT, text)

    @given(st.text(alphabet="0123456789,. ab½[]é", max_size=40))
    def test_digit_comma(self, text):
        check(NUMCOMMA, text)

    @given(TEXTS)
    def test_span_holds_what_became_the_piece(self, text):
        normalize = SPM._processor.normalize
        for piece, surface in zip(
            SPM.tokenize(text), surfaces(SPM, text), strict=True
        ):
            # Lower case of a capital sigma depends on what stands around it.
            piece, found = (
                string.translate(UNSEEN).replace("ς", "σ")
                for string in (piece, normalize(SPM.normalize(surface)))
            )
            assert piece in found

    @given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)))
    def test_ascii_is_cut_into_spans(self, text):
        assert "".join(surfaces(SPM, text)) == "".join(text.split())


class TestOtherModels:
    """Settings of the trainer under which the model changes the text."""

    @pytest.mark.parametrize(
        "options",
        [
            {"byte_fallback": True},
            {"treat_whitespace_as_suffix": True},
            {"add_dummy_prefix": False},
            {"remove_extra_whitespaces": False},
            {"normalization_rule_name": "nmt_nfkc_cf"},
            {"normalization_rule_name": "identity"},
            {"split_by_whitespace": False},
            {"user_defined_symbols": ["½", "²,", "<x>"]},
        ],
        ids=lambda options: next(iter(options)),
    )
    def test_properties(self, tmp_path, options):
        tokenizer = train_model(tmp_path / "m.model", **options)

        @given(TEXTS)
        @settings(max_examples=50)
        def run(text):
            check(tokenizer, text)

        run()

    def test_bytes_of_one_character_share_it(self, tmp_path):
        tokenizer = train_model(tmp_path / "m.model", byte_fallback=True)
        text = "é 😀x"
        pieces = tokenizer.tokenize(text)
        found = dict(zip(pieces, surfaces(tokenizer, text), strict=True))
        assert [found[f"<0x{byte:02X}>"] for byte in "😀".encode()] == [
            "😀"
        ] * 4

    def test_expansion_inside_the_model(self, tmp_path):
        rules = tmp_path / "rules.tsv"
        rules.write_text("DF\t73 74\n", "utf-8")
        tokenizer = train_model(
            tmp_path / "m.model", normalization_rule_tsv=str(rules)
        )
        pieces = tokenizer.tokenize("aßc")
        assert "".join(pieces) == "\u2581astc" and "ast" not in pieces
        texts = {"\u2581": "", "a": "a", "s": "ß", "t": "ß", "c": "c"}
        assert surfaces(tokenizer, "aßc") == [texts[piece] for piece in pieces]

    def test_number_that_the_model_changes(self, tmp_path):
        # A symbol is kept as it is, but what the digit-comma rule leaves of
        # this one is encoded as "x2".
        rules = tmp_path / "rules.tsv"
        rules.write_text("37\t78 32\n", "utf-8")
        tokenizer = train_model(
            tmp_path / "m.model",
            normalization_rule_tsv=str(rules),
            user_defined_symbols=["7,"],
        )
        pieces = ["\u2581", "a", "\u2581", "x", "2", ",", "t"]
        assert tokenizer.tokenize("a7,t") == pieces
        expected = ["", "a", "7", "7", "7", ",", "t"]
        assert surfaces(tokenizer, "a7,t") == expected
