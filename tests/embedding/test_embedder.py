# SPDX-License-Identifier: Apache-2.0
"""Vectors of texts: those of the encoder, whatever is computed together."""

import numpy as np
import pytest

from albert.embedding.embedder import Embedder
from albert.export import source_models
from albert.training import distribution

TEXTS = [
    "the wild river sang beside a very old mill",
    "the mill",
    "",
    "a river",
    "the river sang " * 30,
]


@pytest.fixture(scope="module")
def source(models):
    return source_models.load(models("pretraining"), max_seq_length=19)


def make(source, batch_size=2, **settings):
    return Embedder(
        source.model,
        source.tokenizer,
        distribution.start(batch_size, name="one_device"),
        source.max_seq_length,
        batch_size,
        **settings,
    )


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_vectors_are_those_of_each_text_alone(source, pooling):
    embedder = make(source, pooling=pooling)
    found = embedder.embed(TEXTS)
    tokenizer = source.tokenizer
    for text, vector in zip(TEXTS, found, strict=True):
        ids = [
            tokenizer.cls_id,
            *tokenizer.encode(text)[:17],
            tokenizer.sep_id,
        ]
        encoded = source.model.encoder({"input_ids": np.array([ids], np.int32)})
        of_pieces = encoded["sequence_output"][0].numpy()
        wanted = {
            "mean": of_pieces.mean(axis=0),
            "cls": of_pieces[0],
            "max": of_pieces.max(axis=0),
        }[pooling]
        assert np.abs(vector - wanted).max() < 1e-5
    counts = embedder.counts
    assert (counts.rows, counts.cut, counts.empty) == (5, 1, 1)
    # Texts differ, so that another order would show.
    assert len(np.unique(found.round(4), axis=0)) == 5


def test_normalised_vectors_have_the_length_one(source):
    found = make(source, 3, normalize=True).embed(TEXTS)
    assert np.abs(np.linalg.norm(found, axis=1) - 1).max() < 1e-6
    plain = make(source, 5).embed(TEXTS)
    lengths = np.linalg.norm(plain, axis=1, keepdims=True)
    assert np.abs(found - plain / lengths).max() < 1e-5


def test_no_text_has_no_vector(source):
    assert make(source).embed([]).shape == (0, 22)
