# SPDX-License-Identifier: Apache-2.0
"""The tasks: one entry each, and nothing about a task anywhere else.

Files and columns are those of GLUE, of RACE and of CoNLL as published; the
order of the labels is that of the original's ``classifier_utils.py``, so that
classifiers trained there work here. Recipes: table 14 of the paper
(arXiv:1909.11942), which is also ``run_glue.sh``.
"""

from albert.tasks.conll_files import ConllFile
from albert.tasks.multiple_choice.question_files import QuestionFile
from albert.tasks.multiple_choice.question_files import RaceFolder
from albert.tasks.task import GLUE_SCORE
from albert.tasks.task import Recipe
from albert.tasks.task import Task
from albert.tasks.text_folders import TextFolders
from albert.tasks.tsv_files import TsvFile


def _paper(learning_rate, batch_size, dropout, steps, warmup_steps):
    """Returns a row of table 14: classifier dropout 0.1, 512 positions."""
    return Recipe(
        learning_rate=learning_rate,
        train_batch_size=batch_size,
        dropout=dropout,
        num_train_steps=steps,
        num_warmup_steps=warmup_steps,
    )


# ---------------------------------------------------------------------- GLUE

_BINARY = ("0", "1")
_ENTAILMENT = ("entailment", "not_entailment")
_INFERENCE = ("contradiction", "entailment", "neutral")

# Column names, which GLUE's files share.
_SENTENCE = {"text": "sentence"}
_SENTENCES = {"text": "sentence1", "text_b": "sentence2"}
_LABEL = {"label": "label"}
_INDEX = {"id": "index"}
# MNLI's annotators did not agree on "-", which the benchmark does not count.
_GOLD_LABEL = {"label": "gold_label", "left_out_label": "-"}


def _files(labelled, unlabelled):
    """Returns the three files of a task, as their columns are given."""
    return {
        "train": TsvFile("train.tsv", **labelled),
        "dev": TsvFile("dev.tsv", **labelled),
        "test": TsvFile("test.tsv", **unlabelled),
    }


_GLUE = (
    Task(
        name="cola",
        head="classification",
        folder="CoLA",
        # The one test.tsv with a header where train.tsv has none.
        files=_files(
            {"text": 3, "label": 1, "header": False}, _SENTENCE | _INDEX
        ),
        labels=_BINARY,
        metrics=("matthews", "accuracy"),
        best_metric="matthews",
        recipe=_paper(1e-5, 16, 0.0, 5336, 320),
        submissions={"test": "CoLA.tsv"},
    ),
    Task(
        name="sst-2",
        head="classification",
        folder="SST-2",
        files=_files(_SENTENCE | _LABEL, _SENTENCE | _INDEX),
        labels=_BINARY,
        metrics=("accuracy",),
        best_metric="accuracy",
        recipe=_paper(1e-5, 32, 0.0, 20935, 1256),
        submissions={"test": "SST-2.tsv"},
    ),
    Task(
        name="mrpc",
        head="classification",
        folder="MRPC",
        files=_files(
            {"text": "#1 String", "text_b": "#2 String", "label": "Quality"},
            {"text": "#1 String", "text_b": "#2 String"} | _INDEX,
        ),
        labels=_BINARY,
        metrics=("f1", "accuracy"),
        best_metric=GLUE_SCORE,
        recipe=_paper(2e-5, 32, 0.0, 800, 200),
        submissions={"test": "MRPC.tsv"},
    ),
    Task(
        name="qqp",
        head="classification",
        folder="QQP",
        files=_files(
            {
                "text": "question1",
                "text_b": "question2",
                "label": "is_duplicate",
                "skip_short_rows": True,
            },
            {"text": "question1", "text_b": "question2", "id": "id"},
        ),
        labels=_BINARY,
        metrics=("f1", "accuracy"),
        best_metric=GLUE_SCORE,
        recipe=_paper(5e-5, 128, 0.1, 14000, 1000),
        submissions={"test": "QQP.tsv"},
    ),
    Task(
        name="sts-b",
        head="regression",
        folder="STS-B",
        files=_files(_SENTENCES | {"label": "score"}, _SENTENCES | _INDEX),
        labels=(),
        metrics=("pearson", "spearman"),
        best_metric=GLUE_SCORE,
        recipe=_paper(2e-5, 16, 0.0, 3598, 214),
        submissions={"test": "STS-B.tsv"},
        value_range=(0.0, 5.0),
    ),
    Task(
        name="mnli",
        head="classification",
        folder="MNLI",
        files={
            "train": TsvFile("train.tsv", **_SENTENCES, **_GOLD_LABEL),
            "dev_matched": TsvFile(
                "dev_matched.tsv", **_SENTENCES, **_GOLD_LABEL
            ),
            "dev_mismatched": TsvFile(
                "dev_mismatched.tsv", **_SENTENCES, **_GOLD_LABEL
            ),
            "test_matched": TsvFile("test_matched.tsv", **_SENTENCES, **_INDEX),
            "test_mismatched": TsvFile(
                "test_mismatched.tsv", **_SENTENCES, **_INDEX
            ),
        },
        labels=_INFERENCE,
        metrics=("accuracy",),
        best_metric="accuracy",
        recipe=_paper(3e-5, 128, 0.0, 10000, 1000),
        submissions={
            "test_matched": "MNLI-m.tsv",
            "test_mismatched": "MNLI-mm.tsv",
        },
    ),
    Task(
        name="qnli",
        head="classification",
        folder="QNLI",
        files=_files(
            {"text": "question", "text_b": "sentence"} | _LABEL,
            {"text": "question", "text_b": "sentence"} | _INDEX,
        ),
        labels=_ENTAILMENT,
        metrics=("accuracy",),
        best_metric="accuracy",
        recipe=_paper(1e-5, 32, 0.0, 33112, 1986),
        submissions={"test": "QNLI.tsv"},
    ),
    Task(
        name="rte",
        head="classification",
        folder="RTE",
        files=_files(_SENTENCES | _LABEL, _SENTENCES | _INDEX),
        labels=_ENTAILMENT,
        metrics=("accuracy",),
        best_metric="accuracy",
        recipe=_paper(3e-5, 32, 0.1, 800, 200),
        submissions={"test": "RTE.tsv"},
    ),
    Task(
        name="wnli",
        head="classification",
        folder="WNLI",
        files=_files(_SENTENCES | _LABEL, _SENTENCES | _INDEX),
        labels=_BINARY,
        metrics=("accuracy",),
        best_metric="accuracy",
        recipe=_paper(2e-5, 16, 0.1, 2000, 250),
        submissions={"test": "WNLI.tsv"},
    ),
    Task(
        name="ax",
        head="classification",
        folder="diagnostic",
        # The file with labels is published apart from GLUE.
        files={
            "dev": TsvFile(
                "diagnostic-full.tsv",
                text="Premise",
                text_b="Hypothesis",
                label="Label",
            ),
            "test": TsvFile("diagnostic.tsv", **_SENTENCES, **_INDEX),
        },
        labels=_INFERENCE,
        metrics=("matthews", "accuracy"),
        best_metric="matthews",
        recipe=_paper(3e-5, 128, 0.0, 10000, 1000),
        submissions={"test": "AX.tsv"},
        trained_as="mnli",
    ),
)

# -------------------------------------------------------------------- others

_OTHERS = (
    Task(
        name="race",
        head="multiple_choice",
        folder="RACE",
        files={split: RaceFolder(split) for split in ("train", "dev", "test")},
        labels=("A", "B", "C", "D"),
        metrics=("accuracy",),
        best_metric="accuracy",
        recipe=_paper(2e-5, 32, 0.1, 12000, 1000),
    ),
    Task(
        name="multiple-choice",
        head="multiple_choice",
        folder="",
        files={
            "train": QuestionFile(("train",)),
            "dev": QuestionFile(("dev", "valid", "validation", "val")),
            "test": QuestionFile(("test",)),
        },
        # As many as a question of the training data has at most.
        labels=None,
        metrics=("accuracy",),
        best_metric="accuracy",
        recipe=Recipe(),
    ),
    Task(
        name="ner",
        head="token_classification",
        folder="",
        files={
            "train": ConllFile(
                ("train.txt", "train.conll", "train.conllu", "eng.train")
            ),
            "dev": ConllFile(
                (
                    *("dev.txt", "valid.txt", "dev.conll", "dev.conllu"),
                    "eng.testa",
                )
            ),
            "test": ConllFile(
                ("test.txt", "test.conll", "test.conllu", "eng.testb"),
                label_may_lack=True,
            ),
        },
        labels=None,
        metrics=(
            "entity_f1",
            "entity_precision",
            "entity_recall",
            "accuracy",
        ),
        best_metric="entity_f1",
        recipe=Recipe(learning_rate=5e-5, num_train_epochs=5.0),
    ),
    Task(
        name="imdb",
        head="classification",
        folder="aclImdb",
        files={split: TextFolders(split) for split in ("train", "dev", "test")},
        labels=("neg", "pos"),
        metrics=("accuracy",),
        best_metric="accuracy",
        recipe=Recipe(),
    ),
    Task(
        name="tsv",
        head="classification",
        folder="",
        files={
            split: TsvFile(
                f"{split}.tsv",
                text="text",
                label="label",
                label_may_lack=split == "test",
                own=True,
            )
            for split in ("train", "dev", "test")
        },
        labels=None,
        metrics=("accuracy", "macro_f1"),
        best_metric="accuracy",
        recipe=Recipe(),
    ),
)

TASKS = {task.name: task for task in (*_GLUE, *_OTHERS)}


def reads_pairs(description):
    """Tells whether a model was trained on pairs of texts.

    Args:
      description: dict, as ``task_description.read`` returns it.

    Returns:
      bool; None where it is not known.
    """
    if "text_pairs" in description:
        return description["text_pairs"]
    task = TASKS.get(description.get("task_name"))
    if task is None or task.name == "tsv":
        return None
    return any(
        getattr(file, "text_b", None) is not None
        for file in task.files.values()
    )
