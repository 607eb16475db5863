# SPDX-License-Identifier: Apache-2.0
"""Where the words of records are."""

import numpy as np
import pytest

from albert.tasks import sequence_words
from albert.tasks.featurization import WordPositions

# Three sentences: of two sequences, of one word without pieces, of one more.
WORDS = WordPositions(
    rows=np.array([0, 0, 1, 1, 2, 3]),
    columns=np.array([1, 0, 1, 4, 0, 2]),
    splits=np.array([0, 4, 5, 6]),
)
TAGS = [["O", "B-é", "I-é", "O"], ["O"], ["B-x y"]]
LENGTHS = [3, 6, 2, 5]


@pytest.mark.parametrize("tags", [TAGS, None])
def test_there_and_back(tags):
    texts = sequence_words.to_texts(WORDS, tags)
    assert len(texts) == 4
    found, found_tags = sequence_words.from_texts(texts, LENGTHS)
    for name in ("rows", "columns", "splits"):
        np.testing.assert_array_equal(
            getattr(found, name), getattr(WORDS, name), name
        )
    assert found_tags == tags


def test_the_text():
    assert sequence_words.to_texts(WORDS, TAGS)[1].decode() == (
        '{"begins":false,"columns":[1,4],"tags":["I-é","O"]}'
    )


def test_a_sentence_whose_beginning_is_elsewhere():
    texts = sequence_words.to_texts(WORDS, TAGS)[1:]
    found, tags = sequence_words.from_texts(texts, LENGTHS[1:])
    assert found.splits.tolist() == [0, 2, 3, 4]
    assert tags == [["I-é", "O"], ["O"], ["B-x y"]]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"begins":true,"columns":[1]}',
        '{"begins":true,"columns":[],"tags":[]}',
        '{"begins":true,"columns":[-1],"tags":["O"]}',
        '{"begins":true,"columns":[7],"tags":["O"]}',
        '{"begins":true,"columns":[1,2],"tags":["O"]}',
        '{"begins":1,"columns":[1],"tags":["O"]}',
    ],
)
def test_damage(text):
    with pytest.raises(ValueError, match="words of record 0 "):
        sequence_words.from_texts([text.encode()], [7])
