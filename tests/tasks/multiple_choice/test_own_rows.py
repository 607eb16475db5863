# SPDX-License-Identifier: Apache-2.0
"""Rows of one's own, with a question and its options in columns."""

import pytest

from albert.tasks.multiple_choice.own_rows import Columns
from albert.tasks.multiple_choice.own_rows import is_own_row
from albert.tasks.multiple_choice.own_rows import read_own_row

ROW = {"question": "Q", "options": ["x", "y"], "label": "A"}


def read(row, **columns):
    columns = Columns(**columns)
    assert is_own_row(row, columns)
    return read_own_row(row, columns, "7")


def test_a_list_of_options():
    found = read(ROW | {"context": "C", "id": 3, "other": "z"})
    assert (found.id, found.context, found.question) == ("3", "C", "Q")
    assert (found.options, found.answer) == (["x", "y"], "A")
    assert found.columns == ("id", "context", "question", "options", "label")


def test_what_may_be_left_out():
    found = read({"question": "Q", "option B": "y", "option A": "x"})
    assert (found.id, found.context, found.answer) == ("7", None, None)
    assert found.options == ["x", "y"]
    assert found.columns == ("question", "option A", "option B")


def test_columns_that_are_named():
    row = {"Frage": "Q", "eins": "x", "zwei": "y", "gut": "2", "label": "A"}
    found = read(row, text_b="Frage", options=("zwei", "eins"), label="gut")
    assert (found.options, found.answer) == (["y", "x"], "2")
    assert found.columns == ("Frage", "zwei", "eins", "gut")


GAPS = {
    "a number is left out": {"option1": "x", "option3": "y", "option4": "z"},
    "one is there twice": {"option1": "x", "option 1": "y", "option2": "z"},
    "numbers and a letter": {"option1": "x", "option2": "y", "optionA": "z"},
    "none is the first": {"option2": "x", "option3": "y"},
}


@pytest.mark.parametrize("case", GAPS)
def test_options_with_a_gap(case):
    with pytest.raises(ValueError, match="--option_columns"):
        read({"question": "q"} | GAPS[case] | {"label": "2"})


def test_two_keys_of_an_answer():
    assert read(ROW | {"answer": "A"}).answer == "A"
    # Null is no answer.
    assert read(ROW | {"label": None, "answer": "B"}).answer == "B"
    with pytest.raises(ValueError, match="'label' and 'answer' differ"):
        read(ROW | {"answer": "B"})
    with pytest.raises(ValueError, match="'context' and 'article' differ"):
        read(ROW | {"context": "c", "article": "a"})
