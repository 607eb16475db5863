# SPDX-License-Identifier: Apache-2.0
"""Questions with options to ids, against the original."""

import json
import pathlib

import pytest

from albert.errors import UserError
from albert.tasks import interface
from albert.tasks.multiple_choice.questions import QuestionExamples
from albert.tasks.table import TASKS
from albert.text.tokenizer import Tokenizer

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
TOKENIZER = Tokenizer(GOLDEN / "tokenization" / "spm2000.model")
ROWS = [
    json.loads(line)
    for line in (GOLDEN / "classifier" / "race_features.jsonl")
    .read_text("utf-8")
    .splitlines()
]
SETTINGS = [(32, 12), (64, 8)]


def questions(rows):
    articles = list(dict.fromkeys(row["article"] for row in rows))
    return QuestionExamples(
        ids=[str(number) for number in range(len(rows))],
        levels=["high"] * len(rows),
        articles=articles,
        article_numbers=[articles.index(row["article"]) for row in rows],
        questions=[row["question"] for row in rows],
        options=[row["options"] for row in rows],
        labels=["ABCD"[row["label_id"]] for row in rows]
        if "label_id" in rows[0]
        else None,
    )


def featurize(rows, length, qa_length):
    return interface.featurize(
        TASKS["race"], questions(rows), TOKENIZER, length, qa_length
    )


@pytest.mark.parametrize(("length", "qa_length"), SETTINGS)
def test_golden(length, qa_length):
    rows = [row for row in ROWS if row["max_seq_length"] == length]
    assert len(rows) == 3
    assert {row["max_qa_length"] for row in rows} == {qa_length}
    features = featurize(rows, length, qa_length).features
    assert (features.num_examples, features.choices) == (3, 4)
    padded = features.padded(length)
    for name in ("input_ids", "input_mask", "segment_ids"):
        assert padded[name].tolist() == [row[name] for row in rows]
    assert padded["label_ids"].tolist() == [row["label_id"] for row in rows]


def test_an_article_of_two_questions_and_none_of_others():
    rows = [
        {"article": article, "question": f"{n} _", "options": list("wxyz")}
        for n, article in enumerate(["dog", "cat", "dog"])
    ]
    together = featurize(rows, 31, 13).features
    for number, row in enumerate(rows):
        alone = featurize([row], 31, 13).features
        selected = together.select([number])
        assert selected.input_ids.tolist() == alone.input_ids.tolist()
    assert together.per_example == {}


def test_questions_with_different_numbers_of_options():
    rows = [
        {"article": "dog", "question": "a _ b", "options": list(options)}
        for options in ("wx", "vwxyz", "wxy")
    ]
    task = TASKS["multiple-choice"].with_labels("ABCDE")
    featurized = interface.featurize(task, questions(rows), TOKENIZER, 31, 13)
    features = featurized.features
    assert (features.num_examples, features.choices) == (3, 5)
    there = features.lengths().reshape(3, 5) > 0
    assert there.sum(axis=1).tolist() == [2, 5, 3]
    padded = features.padded(31)
    assert not padded["input_mask"][~there].any()
    for number, row in enumerate(rows):
        narrow = TASKS["multiple-choice"].with_labels(
            "ABCDE"[: len(row["options"])]
        )
        alone = interface.featurize(narrow, questions([row]), TOKENIZER, 31, 13)
        alone = alone.features.padded(31)
        for name in ("input_ids", "input_mask", "segment_ids"):
            assert (
                padded[name][number][there[number]].tolist()
                == alone[name][0].tolist()
            )


def test_without_an_article():
    row = {"article": "", "question": "dog", "options": list("wxyz")}
    features = featurize([row], 31, 13).features
    ids = features.input_ids[: features.row_splits[1]].tolist()
    assert ids == [
        TOKENIZER.cls_id,
        TOKENIZER.sep_id,
        *TOKENIZER.encode("dog w"),
        TOKENIZER.sep_id,
    ]


def test_fullwidth_low_line_is_a_blank():
    row = {"article": "a", "question": "b\uff3f", "options": list("wxyz")}
    plain = row | {"question": "b_"}
    ids = [featurize([r], 31, 13).features.input_ids for r in (row, plain)]
    assert ids[0].tolist() == ids[1].tolist()


def test_report():
    row = {"article": "dog " * 30, "question": "Q", "options": list("wxyz")}
    featurized = featurize([row, row | {"article": "dog"}], 17, 5)
    assert featurized.truncated == 1
    assert featurized.features.max_length() == 17
    sizes = [len(TOKENIZER.encode(text)) for text in ["dog " * 30, "q w"]]
    assert featurized.longest >= sum(sizes) + 3


def test_lengths_that_do_not_fit():
    with pytest.raises(UserError, match="--max_qa_length is 29"):
        featurize(ROWS[:1], 32, 29)
    with pytest.raises(UserError, match="--max_qa_length is 0"):
        featurize(ROWS[:1], 32, 0)
