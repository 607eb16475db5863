# SPDX-License-Identifier: Apache-2.0
"""Embeddings of a smaller width: exact where the rank allows it."""

import numpy as np
import pytest

from albert.interchange import factorization
from albert.interchange.factorization import Embeddings

ROWS = {
    "word_embeddings": 53,
    "token_type_embeddings": 3,
    "position_embeddings": 19,
}
WIDTH, HIDDEN = 26, 31


def embeddings_of(rank=None, seed=3, projected=True):
    """Embeddings whose centred rows span ``rank`` dimensions."""
    rng = np.random.default_rng(seed)
    tables = {
        name: rng.normal(size=(rows, WIDTH)) for name, rows in ROWS.items()
    }
    if rank is not None:
        directions = rng.normal(size=(rank, WIDTH))
        directions -= directions.mean(axis=1, keepdims=True)
        # Means that normalisation takes off again.
        tables = {
            name: table[:, :rank] @ directions + table[:, -1:]
            for name, table in tables.items()
        }
    hidden = HIDDEN if projected else WIDTH
    return Embeddings(
        tables,
        gamma=rng.normal(size=WIDTH),
        beta=rng.normal(size=WIDTH),
        kernel=rng.normal(size=(WIDTH, hidden)) if projected else np.eye(WIDTH),
        bias=rng.normal(size=hidden) if projected else np.zeros(WIDTH),
    )


def outputs_of(embeddings):
    """What the embeddings give the first layer, of 200 triples of rows."""
    rng = np.random.default_rng(7)
    x = sum(
        np.asarray(embeddings.tables[name], np.float64)[
            rng.integers(0, rows, 200)
        ]
        for name, rows in ROWS.items()
    )
    x = x - x.mean(axis=1, keepdims=True)
    x = x / np.sqrt((x**2).mean(axis=1, keepdims=True) + 1e-12)
    x = embeddings.gamma * x + embeddings.beta
    return x @ embeddings.kernel + embeddings.bias


@pytest.mark.parametrize("projected", [True, False])
def test_exact_where_the_rank_is_below_the_width(projected):
    old = embeddings_of(rank=10, projected=projected)
    made = factorization.factorize(old, 11)
    new = made.embeddings
    assert new.tables["word_embeddings"].shape == (53, 11)
    assert new.kernel.shape == (11, old.kernel.shape[1])
    assert set(new.tables) == set(ROWS)
    assert min(made.kept.values()) > 1 - 1e-12
    difference = np.max(np.abs(outputs_of(new) - outputs_of(old)))
    assert difference < 1e-4
    # One less loses a direction, and says so.
    less = factorization.factorize(old, 10)
    assert less.kept["word_embeddings"] < 0.999
    assert np.max(np.abs(outputs_of(less.embeddings) - outputs_of(old))) > 0.1


def test_the_width_itself_is_too_large_by_one():
    assert factorization.largest_width(26, 75) == 25
    assert factorization.largest_width(26, 9) == 10
    # All of it: 26 centred entries have 25 directions, of which 25 hold 24.
    made = factorization.factorize(embeddings_of(), 25)
    assert 0.9 < made.kept["word_embeddings"] < 1


def test_directions_are_those_of_the_largest_mean_square():
    """By the SVD of the tables above each other, each with its weight."""
    old = embeddings_of()
    tables = list(old.tables.values())
    means = sum(table.mean(axis=0) for table in tables)
    # A table with the mean of all sums is as likely as its deviations.
    stacked = [
        (table - table.mean(axis=0)) / np.sqrt(len(table)) for table in tables
    ]
    stacked = np.concatenate([*stacked, means[np.newaxis]])
    stacked -= stacked.mean(axis=1, keepdims=True)
    _, _, right = np.linalg.svd(stacked, full_matrices=False)
    expected = {}
    for name, table in old.tables.items():
        table = table - table.mean(axis=1, keepdims=True)
        expected[name] = np.sum((table @ right[:6].T) ** 2) / np.sum(table**2)
    made = factorization.factorize(old, 7)
    assert made.kept == pytest.approx(expected)
    # Lengths are kept, and nothing is lost to the mean of a row.
    table = made.embeddings.tables["word_embeddings"]
    assert np.max(np.abs(table.mean(axis=1))) < 1e-6
    centred = old.tables["word_embeddings"]
    centred = centred - centred.mean(axis=1, keepdims=True)
    assert np.sum(table**2) == pytest.approx(
        made.kept["word_embeddings"] * np.sum(centred**2)
    )


def test_a_linear_head_has_the_logits_it_had_but_for_one_factor():
    """Where words and transformed vectors lie in the directions kept."""
    old = embeddings_of(rank=10)
    made = factorization.factorize(old, 11)
    words = old.tables["word_embeddings"]
    words = words - words.mean(axis=1, keepdims=True)
    rng = np.random.default_rng(4)
    directions = rng.normal(size=(HIDDEN + 1, 53)) @ words
    head = factorization.Head(
        kernel=directions[1:],
        bias=directions[0],
        gamma=np.full(WIDTH, 1.7),
        beta=rng.normal(size=53) @ words,
    )
    new = factorization.project_head(head, made.projection)
    assert new.kernel.shape == (HIDDEN, 11)
    x = rng.normal(size=(40, HIDDEN))

    def logits(head, words, factor):
        y = x @ head.kernel + head.bias
        y = y - y.mean(axis=1, keepdims=True)
        y = y / np.sqrt((y**2).mean(axis=1, keepdims=True))
        return (factor * head.gamma * y + head.beta) @ words.T

    # The head expects that as much is projected away of it as of any vector.
    theirs = logits(head, words, factor=np.sqrt(11 / WIDTH))
    ours = logits(new, made.embeddings.tables["word_embeddings"], factor=1)
    assert np.max(np.abs(ours - theirs)) < 1e-4 * np.max(np.abs(theirs))
