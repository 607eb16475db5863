# SPDX-License-Identifier: Apache-2.0
"""Heads that begin by looking at their neighbours."""

import keras
import numpy as np
import pytest

import albert
from albert.modeling import local_attention


def make_encoder(**changes):
    settings = {
        "vocab_size": 211,
        "embedding_size": 64,
        "hidden_size": 96,
        "num_hidden_layers": 3,
        "num_attention_heads": 3,
        "intermediate_size": 53,
        "max_position_embeddings": 41,
    }
    keras.utils.set_random_seed(7)
    return albert.AlbertEncoder(albert.AlbertConfig(**settings | changes))


def scores(encoder, group=0):
    """Scores of the first layer, of random words: [B, N, S, S]."""
    config = encoder.config
    ids = np.random.default_rng(3).integers(1, config.vocab_size, (19, 41))
    segments = np.zeros_like(ids)
    hidden = encoder.embeddings(ids, segments)
    if encoder.embedding_projection is not None:
        hidden = encoder.embedding_projection(hidden)
    attention = encoder.attentions[group][0]
    query, key = (
        (np.asarray(hidden) @ layer.kernel.numpy()).reshape(
            19, 41, config.num_attention_heads, -1
        )
        for layer in (attention.query, attention.key)
    )
    return np.einsum("bind,bjnd->bnij", query, key) / np.sqrt(query.shape[-1])


def by_offset(values, offset):
    """Means over words and places at least 4 from the ends: [N]."""
    places = np.arange(4, 37)
    return values[:, :, places, places + offset].mean((0, 2))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        # No projection: layers as wide as embeddings.
        {"embedding_size": 96},
        {"num_hidden_groups": 3, "inner_group_num": 2},
    ],
)
def test_each_head_looks_at_its_offset(changes):
    encoder = make_encoder(**changes)
    assert abs(by_offset(scores(encoder), -1)).max() < 0.1
    local_attention.initialize(encoder)
    for group in range(encoder.config.num_attention_groups):
        found = scores(encoder, group)
        at = {offset: by_offset(found, offset) for offset in range(-4, 5)}
        for head, offset in enumerate(local_attention.OFFSETS[:3]):
            assert at[offset][head] == pytest.approx(4.0, abs=0.5)
            others = [at[other][head] for other in at if other != offset]
            # sin(π/2) / (π/2), the mean of the cosines of the frequencies.
            assert max(others) == pytest.approx(4.0 * 2 / np.pi, abs=0.5)
            for far in (offset - 2, offset + 2):
                if far in at:
                    assert at[far][head] == pytest.approx(0.0, abs=0.5)


def test_cls_sees_the_whole_text_alike():
    encoder = make_encoder()
    local_attention.initialize(encoder)
    found = np.exp(scores(encoder))
    shares = (found / found.sum(-1, keepdims=True)).mean(0)  # [N, S, S]
    # Of 41 places: 0.024 each, if all were quite alike.
    assert shares[:, 0].max() < 0.08
    assert shares[:, 20].max(-1).min() > 0.25


def test_what_layers_read_has_size_1_and_the_rest_stays():
    encoder, same = make_encoder(), make_encoder()
    local_attention.initialize(encoder)
    ids = np.random.default_rng(3).integers(1, 211, (19, 41))
    hidden = encoder.embedding_projection(
        encoder.embeddings(ids, np.zeros_like(ids))
    )
    assert np.std(hidden) == pytest.approx(1.0, abs=0.1)
    changed = {
        new.path
        for new, old in zip(encoder.weights, same.weights, strict=True)
        if not np.array_equal(new.numpy(), old.numpy())
    }
    assert {path.split("/", 1)[1] for path in changed} == {
        "embeddings/word_embeddings",
        "embeddings/position_embeddings",
        "embedding_projection/kernel",
        "attention_0_0/query/kernel",
        "attention_0_0/key/kernel",
    }


def test_heads_beyond_the_offsets_stay():
    encoder = make_encoder(
        hidden_size=120, num_attention_heads=10, embedding_size=64
    )
    before = encoder.attentions[0][0].query.kernel.numpy()
    local_attention.initialize(encoder)
    after = encoder.attentions[0][0].query.kernel.numpy()
    assert np.array_equal(before[:, 96:], after[:, 96:])
    for head in range(8):
        place = slice(12 * head, 12 * head + 12)
        assert not np.array_equal(before[:, place], after[:, place])


def test_it_is_the_same_each_time():
    encoders = make_encoder(), make_encoder()
    for encoder in encoders:
        local_attention.initialize(encoder)
    for one, other in zip(*(e.weights for e in encoders), strict=True):
        assert np.array_equal(one.numpy(), other.numpy())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, None),
        ({"position_embedding": "relative_bias"}, "relative_bias, not learned"),
        ({"embedding_size": 97}, "wider (97) than its layers (96)"),
        ({"embedding_size": 7}, "too narrow"),
        ({"hidden_size": 64, "num_attention_heads": 64}, "too narrow"),
    ],
)
def test_which_models_cannot(changes, words):
    refusal = local_attention.refusal(make_encoder(**changes).config)
    if words is None:
        assert refusal is None
    else:
        assert words in refusal
