# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/export/graph_tokenizer*.py: the same as ``Tokenizer``."""

import functools
import io
import pathlib
import random
import sys
import unicodedata

import numpy as np
import pytest
import sentencepiece
import tensorflow as tf

from albert.errors import UserError
from albert.export.graph_tokenizer import GraphTokenizer
from albert.export.graph_tokenizer_normalization import GraphNormalizer
from albert.export.graph_tokenizer_offsets import _running_maximum
from albert.export.graph_tokenizer_pieces import Rules
from albert.export.graph_tokenizer_pieces import parse_model
from albert.export.graph_tokenizer_tables import repeat
from albert.text import normalization
from albert.text.tokenizer import Tokenizer

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "tokenization"
SAMPLE = pathlib.Path(__file__).parents[2] / "data" / "sample"
TEXTS = [
    "",
    " ",
    "\u0301",
    "\x00",
    "a\x00b \x00 c\x00",
    "  Two   spaces\tand\nLines \r\n",
    "\u00a0NBSP\u3000ideographic\u200bzero\u2028line\u0085next\x1funit ",
    "ＦＵＬＬ ﬁne ½ ² ™ ℌ Ⅷ ㎏ \u00a8 \u00b4 ﷺ",
    "É e\u0301 E\u0301 ÅÄÖ ß ẞ İstanbul ı ṩ s\u0323\u0307 s\u0307\u0323",
    "ΟΔΟΣ ΟΔΟΣ. Σ ΑΣ'Σ 𝚨𝚺 Α\u0301Σ\u00ad ΑΣ\u00adΑ",
    '[CLS] [MASK] <pad> \u2581 (quoted) "text" - 1.5 – 2 000 £3 €4 \'tis',
    "\u1112\u1161\u11ab \ud55c \ud55c\u11ab \u3131\u314f \uffa1\uffc2",
    "\x01\x7f\ufeff\ufffd\u202e\ufffe\uffff emoji \U0001f469\u200d\U0001f467",
    "in 1999, 3,000 and ٣, or ½, a12,b 7,, ,7",
]
# What stands close together where texts go wrong.
ALPHABETS = (
    "aB \u0301\u0323\u0308\u20dd\U0001d165",
    "\uac00\ud55c\u1112\u1161\u11ab\u3131\uffa1 a",
    "ΣςσΑa'.\u00ad\u02b0\u0345ǅ𝚺 1",
    "\x00\x01\x1c\x1f\x7f\x85\xa0\u200b\u2028\u3000\ufeff a",
    "0123456789,.٣½ ,a",
    '()"-.–£€▁[]<>MASK ',
    "ﬁ½…①㎞™İßẞﷺ¨´ aé",
    # Ways to cut a text that have the same score.
    "o00ee.s ",
    "00£€–, ",
    "\ufffd\ufffe\uffff\ufdd0\U0001ffff\U0010ffff\ue000 a",
    # What nobody sees.
    "\u00ad\u200b\u200c\u200d\u200e\u200f\u2066\u2581\ufeff\x00\u0600 ab",
)


def hostile_texts(number, seed=0):
    """Random short texts of what is known to be awkward, and of anything."""
    generator = random.Random(seed)
    texts = []
    for _ in range(number):
        alphabet = generator.choice(ALPHABETS)
        length = generator.randrange(1, generator.choice((17, 61)))
        texts.append(
            "".join(
                generator.choice(alphabet)
                if generator.random() < 0.9
                else any_character(generator)
                for _ in range(length)
            )
        )
    return texts


def any_character(generator):
    while True:
        code = generator.randrange(
            generator.choice((0x80, 0x3000, 0x20000, sys.maxunicode + 1))
        )
        if not 0xD800 <= code < 0xE000:
            return chr(code)


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


def check(tokenizer, texts):
    """Ids and spans of the graph are those of ``tokenizer``."""
    graph = GraphTokenizer(tokenizer)
    # Op by op: a trace takes longer than these texts.
    encoded = tf.constant([text.encode() for text in texts], tf.string)
    ids = graph.encode(encoded)
    same_ids, starts, ends = graph.encode_with_offsets(encoded)
    rows = tokenizer.encode_batch(texts)
    assert {each.dtype for each in (ids, same_ids, starts, ends)} == {tf.int32}
    assert wrong(texts, ids.to_list(), rows) == []
    assert wrong(texts, same_ids.to_list(), rows) == []
    inside = graph.encode_characters(
        graph.normalizer.decode(encoded), tf.zeros(len(texts), tf.bool)
    )
    rows = tokenizer.encode_batch(texts, after_space=False)
    assert wrong(texts, inside.to_list(), rows) == []
    spans = tokenizer.encode_with_offsets(texts)
    expected = [
        [part.tolist() for part in spans.row(index)[1:]]
        for index in range(len(texts))
    ]
    found = [
        list(pair)
        for pair in zip(starts.to_list(), ends.to_list(), strict=True)
    ]
    assert wrong(texts, found, expected) == []


def wrong(texts, found, expected):
    return [
        (text, left, right)
        for text, left, right in zip(texts, found, expected, strict=True)
        if left != right
    ]


@functools.cache
def all_characters():
    return [
        chr(code)
        for code in range(sys.maxunicode + 1)
        if not 0xD800 <= code < 0xE000
    ]


@functools.cache
def known_characters():
    """Those with a meaning, and some of the million that have none."""
    return [
        character
        for number, character in enumerate(all_characters())
        if number % 101 == 0
        or unicodedata.category(character) not in ("Cn", "Co")
    ]


class TestNormalizer:
    @pytest.mark.parametrize("strip_accents", [True, False])
    @pytest.mark.parametrize("lower_case", [True, False])
    @pytest.mark.parametrize("around", ["a{}", "{} ", "AΣ{}", "{}ΣB"])
    def test_every_character(self, lower_case, around, strip_accents):
        self.check_characters(
            known_characters(), lower_case, around, strip_accents
        )

    def test_every_character_without_a_meaning(self):
        self.check_characters(all_characters(), True, "a{}ΣB", True)

    def check_characters(self, characters, lower_case, around, strip_accents):
        texts = [
            "".join(map(around.format, characters[first : first + 256]))
            for first in range(0, len(characters), 256)
        ]
        normalizer = GraphNormalizer(lower_case, strip_accents)
        normalized, _ = normalizer.normalize(
            normalizer.decode(tf.constant([text.encode() for text in texts]))
        )
        found = tf.strings.unicode_encode(normalized, "UTF-8").numpy()
        expected = normalization.normalize_batch(
            texts, lower_case, strip_accents
        )
        assert (
            wrong(texts, found.tolist(), [t.encode() for t in expected]) == []
        )

    def test_bytes_that_are_no_text(self):
        generator = random.Random(0)
        leads = [
            b"",
            b"a",
            b"\xe2\x82",
            b"\xf0\x9f\x98",
            b"\xed\xa0\x80",
            b"\xc0",
        ]
        texts = [
            generator.choice(leads) + generator.randbytes(5) for _ in range(997)
        ]
        found = GraphNormalizer(True).decode(tf.constant(texts)).to_list()
        expected = [
            list(map(ord, text.decode("utf-8", "replace"))) for text in texts
        ]
        assert wrong(texts, found, expected) == []

    def test_repeat(self):
        values, lengths = np.array([7, 5, 3, 2, 11]), np.array([2, 0, 3, 1, 0])
        found = repeat(tf.constant(values), tf.constant(lengths)).numpy()
        assert found.tolist() == np.repeat(values, lengths).tolist()
        nothing = repeat(tf.zeros(0), tf.zeros(0, tf.int64))
        assert nothing.shape == (0,)

    @pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 257])
    def test_running_maximum(self, count):
        values = np.random.default_rng(count).integers(-9, 99, count)
        for each in (values, np.sort(values), np.sort(values)[::-1]):
            found = _running_maximum(tf.constant(each, tf.int64)).numpy()
            assert found.tolist() == np.maximum.accumulate(each).tolist()


class TestTokenizer:
    @pytest.mark.parametrize("lower_case", [True, False])
    @pytest.mark.parametrize("model", ["spm2000", "spm2000_numcomma"])
    def test_hostile_texts(self, model, lower_case):
        tokenizer = Tokenizer(GOLDEN / f"{model}.model", lower_case)
        check(tokenizer, TEXTS + hostile_texts(1009))

    @pytest.mark.parametrize("lower_case", [True, False])
    def test_accents_that_are_kept(self, lower_case):
        tokenizer = Tokenizer(
            GOLDEN / "spm2000_numcomma.model", lower_case, strip_accents=False
        )
        check(tokenizer, TEXTS + hostile_texts(307, seed=5))

    def test_real_text(self):
        lines = [
            line
            for path in sorted(SAMPLE.glob("train/*.txt"))
            for line in path.read_text("utf-8").split("\n")[:499]
        ]
        assert len(lines) > 1000
        check(Tokenizer(GOLDEN / "spm2000_numcomma.model"), lines)

    def test_stripped_digit_commas(self):
        tokenizer = Tokenizer(
            GOLDEN / "spm2000_numcomma.model", digit_comma="stripped"
        )
        assert tokenizer.digit_comma_table()
        check(tokenizer, TEXTS + hostile_texts(307, seed=1))

    def test_no_texts(self):
        graph = GraphTokenizer(Tokenizer(GOLDEN / "spm2000_numcomma.model"))
        for ragged in (
            graph.encode(tf.zeros([0], tf.string)),
            *graph.encode_with_offsets(tf.zeros([0], tf.string)),
        ):
            assert ragged.to_list() == []

    def test_special_pieces(self):
        tokenizer = Tokenizer(GOLDEN / "spm2000.model")
        graph = GraphTokenizer(tokenizer)
        for name in ("cls_id", "sep_id", "pad_id", "mask_id"):
            assert getattr(graph, name) == getattr(tokenizer, name)
        assert graph.tokenizer is tokenizer

    @pytest.mark.parametrize(
        "options",
        [
            {"byte_fallback": True},
            {"treat_whitespace_as_suffix": True},
            {"add_dummy_prefix": False},
            {"remove_extra_whitespaces": False},
            {"normalization_rule_name": "nmt_nfkc_cf"},
            {"normalization_rule_name": "identity"},
            {"user_defined_symbols": ["½", "²,", "<x>"]},
        ],
        ids=lambda options: next(iter(options)),
    )
    def test_other_models(self, tmp_path, options):
        tokenizer = train_model(tmp_path / "m.model", **options)
        check(tokenizer, TEXTS + hostile_texts(307, seed=2))

    def test_rules_that_make_more_of_a_character(self, tmp_path):
        rules = tmp_path / "rules.tsv"
        rules.write_text("DF\t73 74\n37\t78 32\n", "utf-8")
        tokenizer = train_model(
            tmp_path / "m.model",
            normalization_rule_tsv=str(rules),
            user_defined_symbols=["7,"],
            byte_fallback=True,
        )
        assert tokenizer.tokenize("a7,t")[3] == "x"
        check(tokenizer, ["aßc", "a7,t", "ß7,ß 77", "😀ß7"])

    def test_no_unknown_run_is_joined(self):
        # SentencePiece does that in quadratic time: this took seconds.
        tokenizer = Tokenizer(GOLDEN / "spm2000.model")
        longest = max(len(piece.encode()) for piece in tokenizer.pieces)
        rules = Rules(parse_model(tokenizer.model_proto), with_pieces=True)
        text = tokenizer.normalize("\ufdfa" * 8000)
        ids, _ = rules.cut(tf.constant([text]))
        assert ids.row_lengths().numpy() >= len(text) / longest
        assert int(tf.reduce_max(tf.gather(rules.lengths, ids[0]))) <= longest
        (found,) = rules.apply(tf.constant([text])).numpy()
        assert found.decode() == "▁" + text.strip().replace(" ", "▁")

    def test_long_texts(self):
        generator = random.Random(4)
        alphabets = (
            *ALPHABETS,
            "\ufdfa",
            "م\u0600",
            "a",
            "\u0301\u0323\u0f73",
            "語",
            "9,",
            "\U0001f469\u200d\ufe0f",
        )
        check(
            Tokenizer(GOLDEN / "spm2000_numcomma.model"),
            [
                "".join(generator.choices(alphabet, k=1999))
                for alphabet in alphabets
            ],
        )

    def test_names_of_bytes_as_pieces(self, tmp_path):
        model = parse_model(train_model(tmp_path / "m.model").model_proto)
        model.pieces.add(piece="<0x41>", score=-1)
        (tmp_path / "m.model").write_bytes(model.SerializeToString())
        tokenizer = Tokenizer(tmp_path / "m.model")
        assert "<0x41>" in tokenizer.tokenize("A <0x41>")
        check(tokenizer, ["A <0x41>", "A", "<0x41", "é<0x41>é"])

    def test_other_kinds_are_refused(self, tmp_path):
        tokenizer = train_model(tmp_path / "m.model", model_type="bpe")
        with pytest.raises(UserError, match="of the kind BPE"):
            GraphTokenizer(tokenizer)

    def test_inside_a_saved_model(self, tmp_path):
        tokenizer = Tokenizer(GOLDEN / "spm2000_numcomma.model")
        module = tf.Module()
        module.graph = GraphTokenizer(tokenizer)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def serve(texts):
            ids, starts, _ = module.graph.encode_with_offsets(texts)
            return {"ids": ids.to_tensor(-1), "starts": starts.to_tensor(-1)}

        tf.saved_model.save(module, tmp_path / "saved", {"serve": serve})
        loaded = tf.saved_model.load(tmp_path / "saved").signatures["serve"]
        found = loaded(texts=tf.constant(TEXTS))
        for index, text in enumerate(TEXTS):
            ids, starts, _ = tokenizer.encode_with_offsets([text]).row(0)
            for name, values in (("ids", ids), ("starts", starts)):
                row = found[name][index].numpy()
                assert row[row >= 0].tolist() == values.tolist()
