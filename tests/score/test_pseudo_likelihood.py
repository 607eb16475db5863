# SPDX-License-Identifier: Apache-2.0
"""Scores of sentences, against one computed sequence by sequence."""

import pathlib

import numpy as np
import pytest

import albert
from albert.errors import UserError
from albert.score import pseudo_likelihood
from albert.score.pseudo_likelihood import Scorer

MODEL = (
    pathlib.Path(__file__).parents[1] / "golden" / "tokenization/spm2000.model"
)
POSITIONS = 37
TEXTS = (
    "The extraordinarily long-winded gentleman apologised.",
    "She went.",
    "The extraordinarily long-winded gentlemen apologised.",
    "Nevertheless 1,250 shipbuilders' wives were unacquainted.",
    "É…",
)
NAMES = [f"text {number}" for number, _ in enumerate(TEXTS)]


@pytest.fixture(scope="module")
def tokenizer():
    return albert.Tokenizer(MODEL)


@pytest.fixture(scope="module")
def model():
    config = albert.AlbertConfig(
        vocab_size=2000,
        embedding_size=6,
        hidden_size=22,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=26,
        max_position_embeddings=POSITIONS,
        initializer_range=0.3,
    )
    model = albert.AlbertPretrainer(config)
    rng = np.random.default_rng(3)
    for variable in model.variables:
        noise = rng.normal(0.0, 0.2, variable.shape).astype(np.float32)
        variable.assign_add(noise)
    return model


def words_of(tokenizer, ids):
    """Returns the number of the word that each piece is in."""
    starts = tokenizer.word_start_table()
    words = []
    for place, id_ in enumerate(ids):
        words.append(words[-1] + starts[id_] if place else 0)
    return words


def expected(model, tokenizer, text, method):
    """Returns the score of a text, one sequence after the other."""
    ids = tokenizer.encode(text)
    words = words_of(tokenizer, ids)
    total = 0.0
    for place, id_ in enumerate(ids):
        row = [tokenizer.cls_id, *ids, tokenizer.sep_id]
        for other in range(place, len(ids)):
            is_same = words[other] == words[place]
            if other == place or (method == "word_l2r" and is_same):
                row[other + 1] = tokenizer.mask_id
        outputs = model(
            {
                "input_ids": np.array([row]),
                "masked_lm_positions": np.array([[place + 1]]),
            }
        )
        logits = np.asarray(outputs["masked_lm_logits"])[0, 0].astype(float)
        total += logits[id_] - np.log(np.exp(logits).sum())
    return total


@pytest.mark.parametrize("batch_positions", [1, 97, 8192])
@pytest.mark.parametrize("method", pseudo_likelihood.METHODS)
def test_equal_to_one_sequence_at_a_time(
    model, tokenizer, method, batch_positions
):
    wanted = [expected(model, tokenizer, text, method) for text in TEXTS]
    assert max(map(abs, np.diff(wanted))) > 1
    scorer = Scorer(model, tokenizer, method, batch_positions=batch_positions)
    scores = scorer.score(TEXTS, NAMES)
    found = [score.log_likelihood for score in scores]
    assert np.abs(np.subtract(found, wanted)).max() < 1e-4
    rows = [tokenizer.encode(text) for text in TEXTS]
    assert [score.num_pieces for score in scores] == list(map(len, rows))
    assert [score.num_unknown for score in scores] == [
        row.count(tokenizer.unknown_id) for row in rows
    ]


def test_methods_differ_where_words_have_several_pieces(model, tokenizer):
    one, other = (
        Scorer(model, tokenizer, method).score(TEXTS, NAMES)
        for method in pseudo_likelihood.METHODS
    )
    for text, a, b in zip(TEXTS, one, other, strict=True):
        words = words_of(tokenizer, tokenizer.encode(text))
        has_long_word = words[-1] + 1 < len(words)
        assert (a.log_likelihood != b.log_likelihood) == has_long_word, text


def test_what_texts_share_is_computed_once(model, tokenizer):
    scorer = Scorer(model, tokenizer, "original")
    texts = ["The dog went home.", "The dog was home.", "The dog went home."]
    first, second = (tokenizer.encode(text) for text in texts[:2])
    assert sum(map(int.__ne__, first, second)) == 1
    scores = scorer.score(texts, texts)
    assert scores[0] == scores[2] != scores[1]
    # All of the first; of the second all but the piece in which it differs.
    assert scorer.num_sequences == len(first) + len(second) - 1


@pytest.mark.parametrize("method", pseudo_likelihood.METHODS)
def test_masks_of_the_text_are_pieces(model, tokenizer, method, monkeypatch):
    """As where a vocabulary has "[MASK]" among its own symbols."""
    mask = tokenizer.mask_id
    rows = {
        text: [
            mask if place in (1, 4) else id_ for place, id_ in enumerate(ids)
        ]
        for text in TEXTS[:2]
        for ids in [tokenizer.encode(text)]
    }
    monkeypatch.setattr(tokenizer, "encode", rows.get)
    monkeypatch.setattr(
        tokenizer, "encode_batch", lambda texts: list(map(rows.get, texts))
    )
    wanted = [expected(model, tokenizer, text, method) for text in rows]
    scores = Scorer(model, tokenizer, method).score(list(rows), NAMES[:2])
    found = [score.log_likelihood for score in scores]
    assert np.abs(np.subtract(found, wanted)).max() < 1e-4


def test_long_texts_are_refused_or_windowed(model, tokenizer):
    text = " ".join(TEXTS)
    ids = tokenizer.encode(text)
    assert len(ids) > POSITIONS - 2
    with pytest.raises(UserError, match="text 7: .* pieces, .* at most 35"):
        Scorer(model, tokenizer).score([text], ["text 7"])
    scorer = Scorer(model, tokenizer, "original", "window")
    (score,) = scorer.score([text], ["text 7"])
    assert score.num_pieces == len(ids)
    assert scorer.num_windowed == 1
    # By hand: a piece near the start, one in the middle, one near the end.
    room = POSITIONS - 2
    total = 0.0
    for place, id_ in enumerate(ids):
        start = min(max(place - room // 2, 0), len(ids) - room)
        row = ids[start : start + room]
        row[place - start] = tokenizer.mask_id
        outputs = model(
            {
                "input_ids": np.array(
                    [[tokenizer.cls_id, *row, tokenizer.sep_id]]
                ),
                "masked_lm_positions": np.array([[place - start + 1]]),
            }
        )
        logits = np.asarray(outputs["masked_lm_logits"])[0, 0].astype(float)
        total += logits[id_] - np.log(np.exp(logits).sum())
    assert abs(score.log_likelihood - total) < 1e-4


def test_few_sequences_are_held_at_a_time(model, tokenizer, monkeypatch):
    texts = [*TEXTS, " ".join(TEXTS)]
    scores, most = [], []
    for positions in (pseudo_likelihood._MOST_POSITIONS, 100):
        monkeypatch.setattr(pseudo_likelihood, "_MOST_POSITIONS", positions)
        scorer = Scorer(model, tokenizer, long_texts="window")
        held = []
        compute = scorer._compute

        def count(sequences, queries, held=held, compute=compute):
            held.append(sum(len(each) for each, _ in sequences) // 4)
            return compute(sequences, queries)

        scorer._compute = count
        found = scorer.score(texts, texts)
        scores.append([score.log_likelihood for score in found])
        most.append(max(held))
        assert scorer.num_windowed == 1
    assert most[1] < 100 + POSITIONS < most[0]
    assert np.abs(np.subtract(*scores)).max() < 1e-4


def test_a_model_that_has_diverged(model, tokenizer):
    broken = albert.AlbertPretrainer(model.config)
    broken.set_weights([weight * np.nan for weight in model.get_weights()])
    with pytest.raises(UserError, match="not finite"):
        Scorer(broken, tokenizer).score(TEXTS, NAMES)


@pytest.mark.parametrize("text", ["", " \t", "\u200b"])
def test_text_without_a_piece(model, tokenizer, text):
    assert tokenizer.encode(text) == []
    scorer = Scorer(model, tokenizer)
    for function in (scorer.score, scorer.check):
        with pytest.raises(UserError, match="file:3: no text"):
            function(["It went.", text], ["file:2", "file:3"])
    assert scorer.num_sequences == 0
