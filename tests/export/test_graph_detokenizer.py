# SPDX-License-Identifier: Apache-2.0
"""Texts of ids in a graph: the same as ``decode`` of the tokenizers."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

import albert
from albert.export.graph_tokenizer import make_graph_tokenizer
from albert.text.wordpiece import WordPieceTokenizer

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
TEXTS = ["A cat, 1,999 of them!", "", "  北京 犬が Straße", "\u2047 €"]


@pytest.fixture(
    params=[
        albert.Tokenizer(GOLDEN / "tokenization" / "spm2000.model"),
        albert.Tokenizer(GOLDEN / "released_vocabulary" / "30k-clean.model"),
        WordPieceTokenizer(GOLDEN / "wordpiece" / "vocab.txt"),
    ],
    ids=["sentencepiece", "released", "wordpiece"],
)
def tokenizer(request):
    return request.param


def test_texts_of_any_ids(tokenizer):
    rng = np.random.default_rng(3)
    special = ("[CLS]", "[SEP]", "[MASK]", "<pad>", "[PAD]", "<s>", "</s>")
    ids = [
        i for i, piece in enumerate(tokenizer.pieces) if piece not in special
    ]
    rows = [tokenizer.encode(text) for text in TEXTS]
    rows += [rng.choice(ids, rng.integers(0, 23)).tolist() for _ in range(300)]
    decode = tf.function(make_graph_tokenizer(tokenizer).decode)
    received = decode(tf.ragged.constant(rows, tf.int32))
    expected = [tokenizer.decode(row) for row in rows]
    assert [text.decode() for text in received.numpy()] == expected
    assert decode(tf.ragged.constant([[]], tf.int32)).numpy().tolist() == [b""]
