# SPDX-License-Identifier: Apache-2.0
"""Words of a segmenter among pieces; jieba's own are in tests/extras."""

import itertools
import pathlib
import re
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from sentencepiece import sentencepiece_model_pb2

from albert.errors import UserError
from albert.text.tokenizer import Tokenizer
from albert.text.word_segmenters import WordEncoder
from albert.text.word_segmenters import find_segmenter
from albert.text.wordpiece import WordPieceTokenizer

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
SENTENCEPIECES = (
    "曹操 操说 操 说 天下 英 雄 , 北 京 a ▁ ▁a b ▁cat s ▁the 7 ▁曹 ▁天"
)
WORDPIECES = "曹 操 说 天 下 英 雄 ， 北 中 cat ##s the t 7 a ##b ##7"


def segment(text):
    """Cuts at these words; each other character is a word."""
    return re.findall("曹操|天下|英雄|[a-z]+|.", text, re.DOTALL)


@pytest.fixture(scope="module")
def sentencepiece_tokenizer(tmp_path_factory):
    content = (GOLDEN / "tokenization" / "spm2000.model").read_bytes()
    model = sentencepiece_model_pb2.ModelProto.FromString(content)
    kind = model.SentencePiece
    kept = [each for each in model.pieces if each.type != kind.NORMAL]
    del model.pieces[:]
    model.pieces.extend(kept)
    for piece in SENTENCEPIECES.split():
        # Few long pieces are likelier than many short ones.
        model.pieces.add(piece=piece, score=-1.0, type=kind.NORMAL)
    path = tmp_path_factory.mktemp("model") / "zh.model"
    path.write_bytes(model.SerializeToString())
    return Tokenizer(path)


@pytest.fixture(scope="module")
def wordpiece_tokenizer(tmp_path_factory):
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    pieces = f"[PAD] [UNK] [CLS] [SEP] [MASK] {WORDPIECES}".split()
    path.write_text("\n".join(pieces), "utf-8")
    return WordPieceTokenizer(path)


def make_encoder(tokenizer, segmenter=segment, rule="scripts"):
    return WordEncoder(tokenizer, tokenizer.word_start_table(rule), segmenter)


def masked_together(encoder, tokenizer, text, after_space=True):
    """The text's pieces with "|" before each that starts a word."""
    (ids,) = encoder.encode_batch([text], after_space)
    return "".join(
        "|" * int(encoder.word_start[id_])
        + tokenizer.pieces[encoder.pieces_of_ids[id_]]
        for id_ in ids
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("曹操说，天下英雄", "|曹操|说|，|天下|英雄"),
        # No words of Chinese: the table decides.
        ("The cats 7", "|the|cat##s|7"),
        ("曹操cats天下", "|曹操|cat##s|天下"),
        ("天", "|天"),
        (" 天 下 ", "|天|下"),
    ],
)
def test_words_of_wordpiece(wordpiece_tokenizer, text, expected):
    encoder = make_encoder(wordpiece_tokenizer)
    assert masked_together(encoder, wordpiece_tokenizer, text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("英雄，天下", "|▁|英雄|,|天下"),
        # A piece of two words begins one: nothing else can be hidden.
        ("英雄操说", "|▁|英雄|操说"),
        # Pieces 曹, 操说: what holds the end of one word and all of the next.
        ("曹操说", "|▁曹操说"),
        ("北京", "|▁|北|京"),
        ("the cats", "|▁the|▁cats"),
        # "a" goes on by the table, but what stands before it is a word.
        ("天下ab", "|▁|天下|ab"),
        ("英雄ab天下", "|▁|英雄|ab|天下"),
    ],
)
def test_words_of_sentencepiece(sentencepiece_tokenizer, text, expected):
    encoder = make_encoder(sentencepiece_tokenizer)
    assert masked_together(encoder, sentencepiece_tokenizer, text) == expected


def test_rest_of_a_word_goes_on_with_a_piece_of_two(sentencepiece_tokenizer):
    def segmenter(text):
        return re.findall("说天|下英雄|.", text)

    encoder = make_encoder(sentencepiece_tokenizer, segmenter)
    got = masked_together(encoder, sentencepiece_tokenizer, "说天下英雄", False)
    assert sentencepiece_tokenizer.tokenize("说天下英雄")[1:] == [
        *("说", "天下", "英", "雄")
    ]
    assert got == "|说天下英雄"


def test_a_word_with_other_letters(wordpiece_tokenizer):
    tokenizer = wordpiece_tokenizer
    word_of_table = masked_together(make_encoder(tokenizer), tokenizer, "T中")
    assert word_of_table == "|t|中"
    encoder = make_encoder(tokenizer, lambda text: [text])
    assert masked_together(encoder, tokenizer, "T中") == "|t中"


def test_unknown_characters_are_pieces_of_words(wordpiece_tokenizer):
    encoder = make_encoder(wordpiece_tokenizer, lambda text: [text])
    got = masked_together(encoder, wordpiece_tokenizer, "曹龘")
    assert got == "|曹[UNK]"


def test_without_a_space_in_front(sentencepiece_tokenizer):
    encoder = make_encoder(sentencepiece_tokenizer)
    for after_space, expected in ((True, "|▁|英雄"), (False, "|英雄")):
        assert expected == masked_together(
            encoder, sentencepiece_tokenizer, "英雄", after_space
        )


def test_the_original_rule_goes_along(wordpiece_tokenizer):
    encoder = make_encoder(wordpiece_tokenizer, rule="original")
    got = masked_together(encoder, wordpiece_tokenizer, "曹操，cats")
    assert got == "|曹操|，|cat##s"


def test_without_a_segmenter_ids_are_the_pieces(wordpiece_tokenizer):
    encoder = make_encoder(wordpiece_tokenizer, None)
    assert encoder.vocabulary_size == wordpiece_tokenizer.vocabulary_size
    texts = ["曹操说", "the cats", ""]
    assert encoder.encode_batch(texts) == wordpiece_tokenizer.encode_batch(
        texts
    )
    np.testing.assert_array_equal(
        encoder.word_start, wordpiece_tokenizer.word_start_table()
    )


TEXTS = st.lists(
    st.text(alphabet="曹操说天下英雄，北龘abT7 ▁½㍿\u00ad\u3000", max_size=9)
)


@pytest.mark.parametrize("kind", ["wordpiece", "sentencepiece"])
@pytest.mark.parametrize("after_space", [True, False])
@settings(max_examples=25)
@given(texts=TEXTS)
def test_any_texts(request, kind, after_space, texts):
    tokenizer = request.getfixturevalue(f"{kind}_tokenizer")
    encoder = make_encoder(tokenizer)
    rows = encoder.encode_batch(iter(texts), after_space)
    pieces = [encoder.pieces_of_ids[row].tolist() for row in rows]
    assert pieces == tokenizer.encode_batch(texts, after_space)
    # Texts beside each other change nothing.
    assert rows == [
        row
        for text in texts
        for row in encoder.encode_batch([text], after_space)
    ]
    spans = tokenizer.encode_with_offsets(texts, after_space)
    for index, (text, row) in enumerate(zip(texts, rows, strict=True)):
        starts = encoder.word_start[np.array(row, int)]
        _, begins, ends = spans.row(index)
        places = itertools.accumulate(map(len, segment(text)), initial=0)
        for begin, end in itertools.pairwise(places):
            inside = starts[(begins > begin) & (begins < end)]
            if text[begin:end] in ("曹操", "天下", "英雄"):
                assert not inside.any()
                # Nothing but a piece of two words is before it.
                assert starts[(begins == begin) & (ends > begin)].all()


def test_jieba_is_not_installed(monkeypatch):
    assert find_segmenter("none") is None
    monkeypatch.setitem(sys.modules, "jieba", None)
    with pytest.raises(UserError, match=r"=jieba needs jieba .*\[jieba\]'$"):
        find_segmenter("jieba")
