# SPDX-License-Identifier: Apache-2.0
"""Several labels a text: cells, columns of 0 and 1, and what is wrong there."""

import logging

import numpy as np
import pytest

from albert.errors import UserError
from albert.tasks import interface
from albert.tasks import selection
from albert.tasks import several_labels
from albert.tasks.label_types import LABEL_TYPES

CELLS = "text\tlabel\nA\tsea;war\nB\t\nC\twar\nD\tart; sea ;sea;\n"
COLUMNS = "text\tsea\twar\tart\nA\t1\t1\t0\nB\t0\t0.0\tFalse\nC\t0\t1.0\tTRUE\n"
NAMES = ["art", "sea", "war"]


def load(folder, content, split="train", skip=False, labels=None, **settings):
    settings = {"multi_label": True, **settings}
    task = selection.get_task("tsv", labels=labels, **settings)
    (folder / f"{split}.tsv").write_text(content)
    return interface.load(task, str(folder), split, skip_bad_rows=skip)


def cells(folder, content, split="train", **settings):
    return load(folder, content, split, label_separator=";", **settings)


def columns(folder, content, split="train", **settings):
    names = ("sea", "war", "art")
    return load(folder, content, split, label_columns=names, **settings)


@pytest.fixture
def logged(caplog):
    caplog.set_level(logging.INFO, "absl")
    return lambda: "\n".join(each.getMessage() for each in caplog.records)


class TestCells:
    def test_labels(self, tmp_path, logged):
        examples = cells(tmp_path, CELLS)
        assert examples.texts == list("ABCD")
        assert examples.labels == [
            ("sea", "war"),
            (),
            ("war",),
            ("art", "sea"),
        ]
        assert "5 labels in 4 rows; 1 rows have none, 1 one, 2 more" in logged()
        assert "1 cells name a label twice" in logged()

    def test_found_labels_are_those_of_the_task(self, tmp_path):
        task = selection.get_task("tsv", multi_label=True, label_separator=";")
        task = task.with_labels_of(cells(tmp_path, CELLS))
        assert task.labels == tuple(NAMES)
        assert task.head == "multi_label"
        assert task.num_labels == 3

    @pytest.mark.parametrize(
        ("cell", "remedy"),
        [
            ("sea|war", r"give --label_separator='\|', which 1 cells"),
            ("sea", "leave"),
        ],
    )
    def test_separator_never_occurs(self, tmp_path, cell, remedy):
        with pytest.raises(UserError, match=f"train.tsv: no cell .*{remedy}"):
            cells(tmp_path, f"text\tlabel\nA\t{cell}\nB\twar\n")

    def test_dev_data_need_no_row_of_two_labels(self, tmp_path, logged):
        examples = cells(tmp_path, "text\tlabel\nA\tsea\n", "dev", labels=NAMES)
        assert examples.labels == [("sea",)]
        assert "no row has 2 of the labels (art, war): they are" in logged()

    def test_unknown_label_in_dev(self, tmp_path):
        content = "text\tlabel\nA\tsea\nB\tsea;War\n"
        message = r"dev.tsv:3: label 'War' .*is it 'war'\? correct it"
        with pytest.raises(UserError, match=message):
            cells(tmp_path, content, "dev", labels=NAMES)
        examples = cells(tmp_path, content, "dev", labels=NAMES, skip=True)
        assert (examples.texts, examples.bad_rows) == (["A"], 1)

    def test_test_data_without_labels(self, tmp_path):
        assert cells(tmp_path, "text\nA\n", "test").labels is None
        content = "text\tlabel\nA\t\nB\t-\n"
        assert cells(tmp_path, content, "test").labels is None
        # Here an empty cell is a text without a label.
        content = "text\tlabel\nA\t\nB\tsea\n"
        assert cells(tmp_path, content, "test").labels == [(), ("sea",)]

    def test_no_label_at_all(self, tmp_path):
        task = selection.get_task("tsv", multi_label=True, label_separator=";")
        examples = cells(tmp_path, "text\tlabel\nA\t;\nB\t\n")
        with pytest.raises(UserError, match="has no label: a task needs two"):
            task.with_labels_of(examples)

    def test_cells_in_quotes_may_hold_what_stands_between_columns(
        self, tmp_path
    ):
        content = 'text,label\nA,"sea,war"\nB,war\n'
        for given in ({}, {"label_separator": ","}):
            examples = load(tmp_path, content, delimiter=",", **given)
            assert examples.labels == [("sea", "war"), ("war",)]

    def test_separator_in_a_label(self):
        with pytest.raises(UserError, match="'a,b' has ',' in it"):
            selection.get_task("tsv", multi_label=True, labels=["a,b", "c"])

    def test_first_row_without_header(self, tmp_path):
        numbers = {"text_column": "1", "label_column": "2"}
        examples = cells(tmp_path, "A\tsea;war\nB\twar\nC\tsea\n", **numbers)
        assert examples.labels[0] == ("sea", "war")
        with pytest.raises(UserError, match="looks like a header"):
            cells(tmp_path, CELLS, **numbers)
        # This very cell occurs nowhere else, and its labels do.
        content = "A\ta;b;c\nB\ta;b\nC\ta;b\nD\tc\nE\tc\n"
        examples = cells(tmp_path, content, **numbers)
        assert examples.labels[0] == ("a", "b", "c")
        content = "A\tlabels\nB\ta;b\nC\ta\nD\tb\n"
        with pytest.raises(UserError, match="header .label 'labels' occurs"):
            cells(tmp_path, content, **numbers)


class TestColumns:
    def test_labels(self, tmp_path, logged):
        examples = columns(tmp_path, COLUMNS)
        assert examples.labels == [("sea", "war"), (), ("war", "art")]
        assert "1 rows have none, 0 one, 2 more" in logged()

    @pytest.mark.parametrize("value", ["2", "", "yes", "-1", "0.5"])
    def test_neither_0_nor_1(self, tmp_path, value):
        content = f"{COLUMNS}D\t1\t{value}\t0\n"
        with pytest.raises(UserError, match="train.tsv:5: column 'war' is"):
            columns(tmp_path, content)
        examples = columns(tmp_path, content, skip=True)
        assert (len(examples), examples.bad_rows) == (3, 1)

    def test_columns_of_another_file(self, tmp_path):
        content = COLUMNS.replace("war", "peace")
        with pytest.raises(UserError, match="dev.tsv:1: no column 'war'"):
            columns(tmp_path, content, "dev")
        with pytest.raises(UserError, match="test.tsv:1: no column 'war'"):
            columns(tmp_path, content, "test")
        with pytest.raises(UserError, match="no column 'sea', 'war', 'art' .*"):
            columns(tmp_path, "text\tSea\tx\nA\t1\t0\n", "test")

    def test_test_data_without_labels(self, tmp_path, logged):
        assert columns(tmp_path, "text\nA\n", "test").labels is None
        assert "no column 'sea', 'war', 'art' among 1 (the first" in logged()
        content = "text\tsea\twar\tart\nA\t-1\t-1\t-1\n"
        assert columns(tmp_path, content, "test").labels is None

    def test_always_and_never(self, tmp_path, logged):
        columns(tmp_path, "text\tsea\twar\tart\nA\t1\t1\t0\nB\t1\t0\t0\n")
        assert "every row has 1 of the labels (sea)" in logged()
        assert "no row has 1 of the labels (art): it is learnt" in logged()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"label_separator": ";", "multi_label": False}, "give --multi_label"),
        ({"label_columns": ["a", "b"], "multi_label": False}, "--multi_label"),
        ({"regression": True}, "does not go with --regression"),
        ({"name": "rte"}, "rte is not tsv: leave out --multi_label"),
        ({"label_separator": ""}, "--label_separator=''"),
        ({"label_separator": "\t"}, "other than what stands between columns"),
        (
            {"label_separator": ",", "delimiter": ",", "quoting": "none"},
            "between columns",
        ),
        ({"label_separator": ";", "label_columns": ["a", "b"]}, "leave out"),
        ({"label_column": "x", "label_columns": ["a", "b"]}, "leave out"),
        ({"label_columns": ["a", "a"]}, "column a is given twice"),
        ({"label_columns": ["a", "text"]}, "column text is given twice"),
        ({"label_columns": ["a,b", "c"]}, "'a,b' has .*: rename that column"),
        ({"label_columns": ["a"]}, "needs two or more"),
        ({"label_columns": ["a", "b"], "labels": ["a", "c"]}, "not a, c"),
        (
            {"text_column": "1", "label_columns": ["a", "b"]},
            "give --text_column and --label_column",
        ),
    ],
)
def test_settings_that_do_not_fit(settings, message):
    settings = {"name": "tsv", "multi_label": True, **settings}
    with pytest.raises(UserError, match=message):
        selection.get_task(**settings)


def test_split_cell():
    assert several_labels.split(" b ,a,,b", ",") == ("b", "a")
    assert several_labels.split(" , ", ",") == ()
    assert several_labels.split("new york", ",") == ("new york",)


class TestLabelType:
    task = selection.get_task(
        "tsv", multi_label=True, label_separator="; ", labels=NAMES
    )
    several = LABEL_TYPES["classes"]

    def test_ids_and_texts(self):
        labels = [("war", "art"), (), ("sea",)]
        ids = self.several.ids(self.task, labels)
        assert ids.dtype == np.int32
        assert ids.tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0]]
        texts = ["art; war", "", "sea"]
        assert self.several.texts(self.task, ids) == texts
        assert self.several.gold_texts(self.task, labels)[1:] == texts[1:]

    def test_a_model_remembers_what_joins_them(self):
        assert self.task.describe()["label_separator"] == "; "
        alone = selection.get_task("tsv", labels=NAMES)
        assert "label_separator" not in alone.describe()

    def test_predict(self):
        values, probabilities = self.several.predict(
            self.task, np.array([[0.0, -0.1, 3.0]], np.float32), None
        )
        assert values.tolist() == [[1, 0, 1]]
        assert probabilities[0, 0] == 0.5
        assert probabilities[0, 2] == pytest.approx(1 / (1 + np.exp(-3)))

    def test_constant_answer_is_the_best_one(self):
        # F1 of the first alone 2·3/(4+5), of both 2·5/(8+5), of all 10/17.
        gold = np.array([[0, 1, 1], [0, 1, 1], [0, 1, 0], [0, 0, 0]])
        assert self.several.constant(gold).tolist() == [[0, 1, 1]] * 4
        gold[0, 2] = 0
        assert self.several.constant(gold).tolist() == [[0, 1, 0]] * 4
