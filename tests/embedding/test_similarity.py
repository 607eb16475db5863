# SPDX-License-Identifier: Apache-2.0
"""Pairs with scores of people, and how far cosines agree with them."""

import json

import numpy as np
import pytest

from albert.embedding import similarity
from albert.errors import UserError
from albert.tasks.bad_rows import BadRows

COLUMNS = ("sentence1", "sentence2", "score")
ROWS = [
    ("A bird sings.", "A bird is singing.", "4.8"),
    ("A cat sleeps.", "It rains.", "0.2"),
    ("A man reads.", "A man eats.", "1.5"),
]


def write(path, rows, columns=COLUMNS):
    lines = ["\t".join(row) for row in (columns, *rows)]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def read(path, skip=False, columns=COLUMNS):
    bad_rows = BadRows(path, skip)
    return similarity.read_pairs(path, columns, bad_rows), bad_rows


@pytest.mark.parametrize("as_json", [False, True])
def test_pairs_are_read(tmp_path, as_json):
    path = write(tmp_path / "pairs.tsv", ROWS)
    if as_json:
        path = str(tmp_path / "pairs.jsonl")
        with open(path, "w") as file:
            for one, other, score in ROWS:
                row = dict(
                    zip(COLUMNS, (one, other, float(score)), strict=True)
                )
                file.write(json.dumps(row) + "\n")
    pairs, _ = read(path)
    assert pairs.first == [row[0] for row in ROWS]
    assert pairs.second == [row[1] for row in ROWS]
    assert pairs.scores.tolist() == [4.8, 0.2, 1.5]


BAD = {
    "'score' is ''": ("A bird.", "A cat.", ""),
    "'score' is 'nan'": ("A bird.", "A cat.", "nan"),
    "empty text": ("A bird.", " ", "2.0"),
}


@pytest.mark.parametrize("words", BAD)
def test_bad_pairs_are_refused_or_counted(tmp_path, words):
    path = write(tmp_path / "pairs.tsv", [ROWS[0], BAD[words], *ROWS[1:]])
    with pytest.raises(UserError, match="pairs.tsv:3: ") as error:
        read(path)
    assert words in str(error.value)
    pairs, bad_rows = read(path, skip=True)
    assert (len(pairs.scores), bad_rows.count) == (3, 1)


def test_what_json_lines_lack_is_left_out_and_told(tmp_path, caplog):
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in ROWS]
    rows += [
        rows[0] | {"score": None},
        rows[0] | {"sentence1": None},
        {name: rows[0][name] for name in COLUMNS[:2]},
    ]
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(UserError, match="jsonl:4: 'score' holds no text"):
        read(str(path))
    with caplog.at_level("WARNING", logger="absl"):
        pairs, bad_rows = read(str(path), skip=True)
    assert (len(pairs.scores), bad_rows.count) == (3, 3)
    assert "3 bad rows left out, 3 read" in caplog.text
    # What is wrong with all of them is said.
    with pytest.raises(UserError, match="half: .*no column or field 'gold'"):
        read(str(path), True, ("sentence1", "sentence2", "gold"))


def test_what_has_no_correlation_is_refused(tmp_path):
    path = write(tmp_path / "pairs.tsv", ROWS[:2])
    with pytest.raises(UserError, match="2 pairs that can be used"):
        read(path)
    path = write(tmp_path / "pairs.tsv", [(*row[:2], "3") for row in ROWS])
    with pytest.raises(UserError, match="1 different scores"):
        read(path)
    with pytest.raises(UserError, match="no column or field 'gold'"):
        read(path, columns=("sentence1", "sentence2", "gold"))
    # Cosines of the same vectors differ by rounding.
    vectors = np.random.default_rng(7).normal(size=(31, 11))
    same = similarity.cosines(vectors, vectors)
    assert np.ptp(same) > 0
    with pytest.raises(UserError, match="equally alike"):
        similarity.correlate(same, np.arange(31.0))


def test_values_that_differ_by_rounding_have_one_rank():
    values = np.array([1.0, 1 - 1e-9, 1 + 1e-9, 0.4])
    exact = np.array([1.0, 1.0, 1.0, 0.4])
    for scores in ([1, 2, 3, 0.5], [3, 2, 1, 4]):
        found = similarity.correlate(values, np.array(scores))
        wanted = similarity.correlate(exact, np.array(scores))
        assert found["spearman"] == wanted["spearman"]


def test_cosines_and_overlaps():
    first = np.array([[3.0, 0.0], [1.0, 1.0], [0.0, 0.0]], np.float32)
    second = np.array([[5.0, 0.0], [1.0, -1.0], [1.0, 0.0]], np.float32)
    assert np.allclose(similarity.cosines(first, second), [1.0, 0.0, 0.0])
    found = similarity.overlaps([[1, 2, 2], [], [7]], [[2, 3], [], [7]])
    assert np.allclose(found, [1 / 3, 0.0, 1.0])


def test_correlations_are_those_of_ranks_and_of_values():
    values, scores = np.array([0.1, 0.2, 0.9, 0.3]), np.array([1, 2, 4, 3.0])
    found = similarity.correlate(values, scores)
    assert found["spearman"] == pytest.approx(1.0)
    wanted = np.corrcoef(values, scores)[0, 1]
    assert found["pearson"] == pytest.approx(wanted)
    assert found["pearson"] < 0.9
