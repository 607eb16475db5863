# SPDX-License-Identifier: Apache-2.0
"""Checks of questions with options, and what is said of a split."""

import json

import pytest

from albert.errors import UserError
from albert.tasks import interface
from albert.tasks import selection

GOOD = {"question": "Q", "options": ["x", "y", "z"], "answer": "B"}


def load(folder, *rows, skip=False, split="dev", **settings):
    content = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / f"{split}.jsonl").write_text(content)
    task = selection.get_task("multiple-choice", **settings)
    return interface.load(task, str(folder), split, skip_bad_rows=skip)


BAD = {
    "one option": ({"options": ["x"], "answer": "A"}, "fewer than 2 options"),
    "no option": ({"options": []}, "fewer than 2 options"),
    "27 options": ({"options": list(map(str, range(27)))}, "26 are the most"),
    "empty option": ({"options": ["x", " ", "z"]}, "option B is empty"),
    "number as option": ({"options": ["x", 3]}, "an option is not a text"),
    "other answer": ({"answer": "D"}, "answer 'D' is not one of its 3 options"),
    "list as answer": ({"answer": ["B"]}, "is not one of its 3"),
    "question": ({"question": None}, "not a text"),
    "context": ({"context": 5}, "its article is not a text"),
    "lines": ({"context": ["a", 5]}, "its article is not a text"),
    "surrogate": ({"options": ["x", "\ud800"]}, "half a surrogate pair"),
    "id": ({"id": ["x"]}, "an id that is neither a text nor a whole number"),
    "the same id": ({"id": "first"}, "its id is that of .*dev.jsonl:1 too"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_rows(tmp_path, case):
    changes, message = BAD[case]
    rows = [GOOD | {"id": "first"}, GOOD | {"id": "x\ny"} | changes, GOOD]
    with pytest.raises(UserError, match=f"dev.jsonl:2: .*{message}") as error:
        load(tmp_path, *rows)
    assert "\n" not in str(error.value)
    examples = load(tmp_path, *rows, skip=True)
    # Rows that are left out count.
    assert examples.ids == ["first", "2"] and examples.bad_rows == 1


def test_more_options_than_in_training(tmp_path):
    task = selection.get_task("multiple-choice")
    train = load(tmp_path, GOOD, split="train")
    task = task.with_labels_of(train)
    assert task.labels == ("A", "B", "C") and task.choices == 3
    wide = GOOD | {"options": list("vwxyz")}
    with pytest.raises(UserError, match="5 options.* --labels=A,B,C,D,E"):
        load(tmp_path, wide, labels=task.labels)
    examples = load(tmp_path, wide, GOOD, labels=list("ABCDE"))
    assert [len(options) for options in examples.options] == [5, 3]


def test_labels_are_names_of_options():
    for labels in (["A"], ["A", "C"], ["B", "A"], ["yes", "no"]):
        with pytest.raises(UserError, match="labels"):
            selection.get_task("multiple-choice", labels=labels)


def test_answers_that_count_from_somewhere(tmp_path):
    rows = [GOOD | {"answer": answer} for answer in (1, 2)]
    with pytest.raises(UserError, match="from 0 or .*write them as letters"):
        load(tmp_path, *rows)
    assert load(tmp_path, *rows, GOOD | {"answer": 0}).labels == list("BCA")


def test_without_answers(tmp_path):
    rows = [
        {**GOOD, "answer": ""},
        {k: GOOD[k] for k in ("question", "options")},
    ]
    assert load(tmp_path, *rows).labels is None
    with pytest.raises(UserError, match="2 of 3 questions have no answer"):
        load(tmp_path, *rows, GOOD)


def test_what_is_said(tmp_path, caplog):
    rows = [
        GOOD | {"context": "C"},
        GOOD | {"options": ["x", "y", " y"]},
        GOOD | {"options": ["x", "y"]},
    ]
    with caplog.at_level("INFO", "absl"):
        load(tmp_path, *rows)
    assert (
        "your own rows (context, question, options, answer): 3 questions: "
        "1 with 2, 2 with 3 options"
    ) in caplog.text
    assert "2 of 3 questions have an empty context" in caplog.text
    assert "that are the same, which cannot be told apart: 1" in caplog.text


def test_nothing_that_can_be_used(tmp_path):
    with pytest.raises(
        UserError, match="half: .*no layout that is known .*layo"
    ):
        load(tmp_path, {"a": 1}, skip=True)
