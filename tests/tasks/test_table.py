# SPDX-License-Identifier: Apache-2.0
"""Every row of the table of tasks, and tasks as flags change them."""

import json
import pathlib

import pytest

from albert.errors import UserError
from albert.tasks import metrics
from albert.tasks import selection
from albert.tasks.label_types import LABEL_TYPES
from albert.tasks.table import TASKS
from albert.tasks.task import GLUE_SCORE
from albert.tasks.tsv_files import TextExamples
from albert.tasks.tsv_files import TsvFile

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "classifier"
FACTS = json.loads((GOLDEN / "glue_facts.json").read_text())
GLUE = [
    "cola",
    "sst-2",
    "mrpc",
    "qqp",
    "sts-b",
    "mnli",
    "qnli",
    "rte",
    "wnli",
    "ax",
]

# Table 14 of the paper: learning rate, batch size, dropout, steps, warm-up.
TABLE_14 = {
    "cola": (1e-5, 16, 0, 5336, 320),
    "sts-b": (2e-5, 16, 0, 3598, 214),
    "sst-2": (1e-5, 32, 0, 20935, 1256),
    "mnli": (3e-5, 128, 0, 10000, 1000),
    "qnli": (1e-5, 32, 0, 33112, 1986),
    "qqp": (5e-5, 128, 0.1, 14000, 1000),
    "rte": (3e-5, 32, 0.1, 800, 200),
    "mrpc": (2e-5, 32, 0, 800, 200),
    "wnli": (2e-5, 16, 0.1, 2000, 250),
    "race": (2e-5, 32, 0.1, 12000, 1000),
}


@pytest.mark.parametrize("name", TASKS)
class TestEveryTask:
    def test_entry(self, name):
        task = TASKS[name]
        assert task.name == name and task.label_type in LABEL_TYPES
        assert set(task.metrics) <= set(metrics.METRICS)
        assert task.best_metric in (*task.metrics, GLUE_SCORE)
        assert task.best_metric != "mse"  # Larger must be better.
        assert set(task.submissions) <= set(task.splits("test"))
        assert task.splits("dev") and task.splits("test")
        assert bool(task.splits("train")) == (task.trained_as is None)
        assert (task.head == "regression") == (task.labels == ())

    def test_columns_by_name_need_a_header(self, name):
        for file in TASKS[name].files.values():
            if isinstance(file, TsvFile) and not file.header:
                columns = (file.text, file.text_b, file.label, file.id)
                assert all(c is None or isinstance(c, int) for c in columns)

    def test_recipe(self, name):
        recipe = TASKS[name].recipe
        assert recipe.classifier_dropout == 0.1
        assert recipe.max_seq_length == 512
        if name in TABLE_14:
            assert TABLE_14[name] == (
                recipe.learning_rate,
                recipe.train_batch_size,
                recipe.dropout,
                recipe.num_train_steps,
                recipe.num_warmup_steps,
            )


def test_all_of_glue():
    others = {"race", "multiple-choice", "ner", "imdb", "tsv"}
    assert set(TASKS) == {*GLUE, *others}
    for name in GLUE:
        assert TASKS[name].submissions


@pytest.mark.parametrize("name", GLUE)
def test_labels_and_folders_of_the_original(name):
    facts = FACTS["tasks"][name]
    if name == "ax":
        assert TASKS[name].labels == TASKS["mnli"].labels
        return
    assert TASKS[name].folder == facts["dir"]
    labels = [] if facts["labels"] == [None] else facts["labels"]
    assert list(TASKS[name].labels) == labels


@pytest.mark.parametrize("name", FACTS["run_glue_sh"]["rows"])
def test_run_glue_sh(name):
    warmup, rate, steps, _, batch = FACTS["run_glue_sh"]["rows"][name]
    assert TABLE_14[name][:2] == (rate, batch)
    assert TABLE_14[name][3:] == (steps, warmup)


def test_splits():
    assert TASKS["mnli"].splits("dev") == ["dev_matched", "dev_mismatched"]
    assert TASKS["mnli"].submissions == {
        "test_matched": "MNLI-m.tsv",
        "test_mismatched": "MNLI-mm.tsv",
    }
    assert TASKS["ax"].splits("train") == []


def test_num_labels():
    assert TASKS["mnli"].num_labels == 3
    assert TASKS["sts-b"].num_labels == 1
    assert TASKS["race"].num_labels == 1
    labels = ("O", "B-X", "I-X")
    assert TASKS["ner"].with_labels(labels).num_labels == 3


class TestLabels:
    def test_found(self):
        examples = TextExamples([], [], labels=["no", "yes", "no", "Yes"])
        task = TASKS["tsv"].with_labels_of(examples)
        assert task.labels == ("Yes", "no", "yes")
        assert task.with_labels_of(None) is task

    def test_only_one(self):
        examples = TextExamples([], [], labels=["no", "no"])
        with pytest.raises(UserError, match="only the label 'no'"):
            TASKS["tsv"].with_labels_of(examples)

    def test_those_of_another_task(self):
        with pytest.raises(UserError, match="contradiction.*not 0, 1"):
            TASKS["mnli"].with_labels(["0", "1"])

    def test_remembered(self):
        for task in TASKS.values():
            if task.labels is not None:
                assert task.with_labels(list(task.labels)).labels == (
                    task.labels
                )

    def test_twice(self):
        with pytest.raises(UserError, match="each once"):
            TASKS["tsv"].with_labels(["a", "a"])

    def test_tags(self):
        with pytest.raises(UserError, match="O, then B- and I-"):
            TASKS["ner"].with_labels(["B-X", "I-X", "O"])


class TestSelection:
    def test_name(self):
        assert selection.get_task("SST_2") is TASKS["sst-2"]
        with pytest.raises(UserError, match="choose one of cola, "):
            selection.get_task("yelp")

    def test_aliases(self):
        for name, task in (
            ("stsb", "sts-b"),
            ("STS_B", "sts-b"),
            ("sst2", "sst-2"),
            ("MNLI", "mnli"),
        ):
            assert selection.get_task(name) is TASKS[task]

    @pytest.mark.parametrize(
        ("name", "meant"),
        [
            ("mnli-mm", "is mnli meant.*it reads the matched and the mis"),
            ("mnli_matched", "is mnli meant"),
            ("CoNLL2003", "is ner meant"),
            ("pos", "is ner meant"),
            ("csv", "is tsv meant"),
            ("colaa", "is cola meant"),
        ],
    )
    def test_what_was_meant(self, name, meant):
        with pytest.raises(UserError, match=meant):
            selection.get_task(name)

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"delimiter": ",,"}, "one character"),
            ({"delimiter": '"'}, "one character"),
            ({"quoting": "excel"}, "choose one of none, csv"),
            ({"tag_scheme": "none"}, "not ner"),
        ],
    )
    def test_settings_of_tsv(self, settings, message):
        with pytest.raises(UserError, match=message):
            selection.get_task("tsv", **settings)

    def test_delimiter(self):
        for delimiter, quoting in ((",", "csv"), ("tab", None), ("\t", None)):
            task = selection.get_task("tsv", delimiter=delimiter)
            assert task.files["dev"].quoting == quoting
        with pytest.raises(UserError, match="files of rte are what they are"):
            selection.get_task("rte", delimiter=",")

    def test_tag_scheme(self):
        with pytest.raises(UserError, match="one of IOB1, IOB2, BIOES,"):
            selection.get_task("ner", tag_scheme="iob")
        task = selection.get_task("ner", tag_scheme="none")
        task = task.with_labels(["NOUN", "VERB"])
        assert (task.metrics, task.best_metric) == (("accuracy",), "accuracy")

    def test_columns_of_fixed_tasks(self):
        with pytest.raises(UserError, match="columns of rte are fixed"):
            selection.get_task("rte", text_column="sentence1")
        with pytest.raises(UserError, match="not tsv"):
            selection.get_task("rte", regression=True)
        with pytest.raises(UserError, match="for race"):
            selection.get_task("rte", high_only=True)

    def test_half_of_the_columns_by_number(self):
        with pytest.raises(UserError, match="both as numbers"):
            selection.get_task("tsv", text_column="1")

    def test_columns_of_ner(self):
        task = selection.get_task("ner", text_column="2", label_column="upos")
        assert (task.files["dev"].text, task.files["dev"].label) == (1, "upos")
        with pytest.raises(UserError, match="leave out .*--id_column"):
            selection.get_task("ner", id_column="1")

    def test_regression(self):
        task = selection.get_task("tsv", regression=True)
        assert (task.head, task.num_labels) == ("regression", 1)
        assert task.metrics == ("pearson", "spearman", "mse")
