# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/export/graph_wordpiece.py: the same as the Python class."""

import json
import pathlib
import random

import pytest
import tensorflow as tf
import tensorflow_text

import albert
from albert.export import serving
from albert.export.graph_tokenizer import make_graph_tokenizer
from albert.export.graph_wordpiece import GraphWordPieceTokenizer
from albert.fill_mask import encode_masked
from albert.fill_mask import fill_masks
from albert.text.wordpiece import WordPieceTokenizer

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "wordpiece"
VOCABULARY = GOLDEN / "vocab.txt"
LINES = (GOLDEN / "strings.jsonl").read_text("utf-8").split("\n")
TEXTS = [json.loads(line)["text"] for line in LINES if line]
AWKWARD = (
    *"ΣςΑaB'.- 汉豈한がßİﬁ①",
    *"\u0301\u0323\u0345\u302e\u00ad\u200d\u2028\ufeff\ue000\u1fef\x00\n\x85",
    "\U0001d15e",
    "\U00020000",
)


def hostile_texts(number):
    generator = random.Random(0)
    return [
        "".join(generator.choices(AWKWARD, k=generator.randrange(12)))
        for _ in range(number)
    ]


@pytest.fixture(
    scope="module",
    params=[{}, {"lower_case": False}, {"strip_accents": False}],
    ids=["lower", "cased", "lower_accented"],
)
def tokenizer(request):
    return WordPieceTokenizer(VOCABULARY, **request.param)


@pytest.fixture(scope="module")
def graph(tokenizer):
    graph = make_graph_tokenizer(tokenizer)
    assert type(graph) is GraphWordPieceTokenizer
    return graph


def test_ids_and_spans(tokenizer, graph):
    # The longest word that has pieces, and one character more.
    texts = [*TEXTS, *hostile_texts(500), "", "a" * 200, "汉" * 201, "a" * 201]
    ids, starts, ends = graph.encode_with_offsets(tf.constant(texts))
    spans = tokenizer.encode_with_offsets(texts)
    for index, row in enumerate(
        zip(ids.to_list(), starts.to_list(), ends.to_list(), strict=True)
    ):
        expected = [part.tolist() for part in spans.row(index)]
        assert list(row) == expected, texts[index]
    assert graph.encode(texts).to_list() == ids.to_list()
    assert {part.dtype for part in (ids, starts, ends)} == {tf.int32}


def test_bytes_that_are_no_text(tokenizer, graph):
    found = graph.encode([b"a\xffb", b""]).to_list()
    assert found == [tokenizer.encode("a\ufffdb"), []]


def test_no_texts(graph):
    assert graph.encode(tf.constant([], tf.string)).to_list() == []


def test_cutting_is_that_of_tensorflow_text(tokenizer):
    """On text that is clean: it cleans and lower-cases in another way."""
    theirs = tensorflow_text.FastBertTokenizer(
        tokenizer.pieces, token_out_type=tf.int32, max_bytes_per_word=800
    )
    texts = [tokenizer.normalize(text) for text in TEXTS]
    texts = [
        text for text in texts if max(map(len, text.split()), default=0) < 200
    ]
    assert len(texts) > 230
    assert theirs.tokenize(texts).to_list() == tokenizer.encode_batch(texts)


@pytest.mark.slow
def test_served_model(tmp_path):
    model = albert.AlbertPretrainer(
        albert.AlbertConfig(
            vocab_size=916,
            embedding_size=6,
            hidden_size=22,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=26,
            max_position_embeddings=53,
        )
    )
    tokenizer = albert.load_tokenizer(VOCABULARY)
    albert.save_weights(model, tmp_path / "m", "model_dir", tokenizer)
    serving.export(str(tmp_path / "m"), str(tmp_path / "x"))
    loaded = tf.saved_model.load(str(tmp_path / "x"))
    text = "操[MASK]，Cafe\u0301s"
    found = loaded.signatures["fill_mask"](text=tf.constant([text]))
    (expected,) = fill_masks(model, tokenizer, [encode_masked(tokenizer, text)])
    pieces = [piece.decode() for piece in found["pieces"].numpy()[0, 0]]
    assert pieces == expected[0].pieces
    metadata = json.loads(
        loaded.signatures["metadata"]()["metadata"].numpy()[0]
    )
    assert metadata["tokenizer"] == {
        "lower_case": True,
        "strip_accents": True,
        "fingerprint": tokenizer.fingerprint,
    }
