# SPDX-License-Identifier: Apache-2.0
"""Which option an answer means."""

import pytest

from albert.tasks.multiple_choice import answers
from albert.tasks.multiple_choice.answers import READINGS


def read(given, options=("x", "y", "z"), readings=READINGS):
    return answers.read_answers(
        [(answer, list(options), []) for answer in given], readings
    )


@pytest.mark.parametrize(
    ("given", "reading", "numbers"),
    [
        (["A", "c"], answers.BY_LETTER, [0, 2]),
        (["0", "2"], answers.FROM_0, [0, 2]),
        (["1", "3"], answers.FROM_1, [0, 2]),
        (["1.0", "3.0"], answers.FROM_1, [0, 2]),
        (["x", "z"], answers.BY_TEXT, [0, 2]),
        # One wrong answer does not hide how the others are meant.
        (["0", "1", "7", "0"], answers.FROM_0, [0, 1, None, 0]),
        (["A", "B", "E"], answers.BY_LETTER, [0, 1, None]),
        (["nothing"], answers.BY_LETTER, [None]),
        ([], answers.BY_LETTER, []),
    ],
)
def test_found_in_the_file(given, reading, numbers):
    assert read(given) == (reading, numbers)


def test_two_readings():
    # No answer is 0 and none is 3: where do they count from?
    with pytest.raises(ValueError, match="from 0 or as numbers from 1"):
        read(["1", "2"])
    with pytest.raises(ValueError, match="from 1 or as the text"):
        read(["1", "3"], options=["3", "2", "1"])
    # Both give the same.
    assert read(["1", "2"], options=["1", "2"])[1] == [0, 1]


def test_one_reading_of_a_published_layout():
    assert read(["1", "2"], readings=(answers.FROM_0,))[1] == [1, 2]
    named = [("2", ["x", "y"], ["1", "2"])]
    assert answers.read_answers(named, (answers.BY_NAME,))[1] == [1]
    # Of equal options the first.
    assert read(["x"], ["y", "x", "x"], (answers.BY_TEXT,))[1] == [1]


def test_unknown():
    assert all(
        answers.is_unknown(answer, ["x"], READINGS)
        for answer in (None, "", "-", -1, "-1")
    )
    assert not answers.is_unknown("-1", ["1", "-1"], READINGS)
    assert answers.is_unknown("-1", ["1", "-1"], (answers.FROM_0,))
    assert not answers.is_unknown(0, ["x"], READINGS)
