# SPDX-License-Identifier: Apache-2.0
"""Files of predictions."""

import json

import numpy as np
import pytest

from albert.errors import UserError
from albert.tasks import metrics
from albert.tasks import prediction_files
from albert.tasks import predictions as predictions_lib
from albert.tasks.conll_files import TaggedSentences
from albert.tasks.multiple_choice.questions import QuestionExamples
from albert.tasks.table import TASKS
from albert.tasks.tsv_files import TextExamples

LOGITS = np.array([[0.0, 3.0, 1.0], [2.0, 0.0, 0.0]])
PAIRS = TextExamples(["7", "3"], ["A\tb", "C"], ["D\\", "E\nf"])


def lines(content):
    content = content.decode()
    assert content.endswith("\n")
    return content.split("\n")[:-1]


def format_files(task, split, examples, logits):
    predictions = predictions_lib.predict(task, logits)
    return prediction_files.format_predictions(
        task, split, examples, predictions
    )


def test_glue():
    files = format_files(TASKS["mnli"], "test_mismatched", PAIRS, LOGITS)
    assert lines(files["MNLI-mm.tsv"]) == [
        "index\tprediction",
        "7\tentailment",
        "3\tcontradiction",
    ]
    table = lines(files["test_mismatched_predictions.tsv"])
    assert table[0] == (
        "id\ttext\ttext_b\tprediction\tprobability of contradiction"
        "\tprobability of entailment\tprobability of neutral"
    )
    assert table[1].startswith("7\tA\\tb\tD\\\\\tentailment\t0.0420")
    assert table[2].startswith("3\tC\tE\\nf\tcontradiction\t0.7869")
    # They can be read back exactly.
    read = np.array([row.split("\t")[4:] for row in table[1:]], np.float32)
    softmax = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    np.testing.assert_array_equal(read, softmax.astype(np.float32))


@pytest.mark.parametrize("name", ["cola", "qnli", "ax", "mnli"])
def test_submission_names(name):
    task = TASKS[name]
    split = task.splits("test")[0]
    examples = TextExamples(["0", "1"], ["A", "B"])
    logits = LOGITS[:, : task.num_labels]
    files = format_files(task, split, examples, logits)
    assert task.submissions[split] in files


def test_dev_has_gold_and_no_submission():
    examples = TextExamples(["0", "1"], ["A", "B"], labels=["1", "1"])
    files = format_files(TASKS["cola"], "dev", examples, LOGITS[:, :2])
    assert list(files) == ["dev_predictions.tsv"]
    assert lines(files["dev_predictions.tsv"])[2].startswith("1\tB\t1\t0\t")


def test_regression_is_clipped_for_glue_alone():
    examples = TextExamples(["0", "1"], ["A", "B"], ["C", "D"])
    logits = np.array([[5.25], [-0.125]], np.float32)
    files = format_files(TASKS["sts-b"], "test", examples, logits)
    assert lines(files["STS-B.tsv"])[1:] == ["0\t5.0", "1\t0.0"]
    table = lines(files["test_predictions.tsv"])
    assert table[0] == "id\ttext\ttext_b\tprediction"
    assert table[1:] == ["0\tA\tC\t5.25", "1\tB\tD\t-0.125"]


def test_metrics_of_a_regression_can_be_computed_from_its_file():
    generator = np.random.default_rng(0)
    gold = generator.uniform(0, 5, 50).astype(np.float32)
    # Differences that four decimals do not show.
    logits = (2.5 + 1e-4 * generator.normal(size=(50, 1))).astype(np.float32)
    numbers = [str(number) for number in range(50)]
    examples = TextExamples(numbers, numbers, numbers, labels=gold)
    files = format_files(TASKS["sts-b"], "dev", examples, logits)
    rows = [r.split("\t") for r in lines(files["dev_predictions.tsv"])[1:]]
    labels, values = np.array([row[3:5] for row in rows], np.float32).T
    assert metrics.compute(TASKS["sts-b"], labels, values) == (
        metrics.compute(TASKS["sts-b"], gold, logits[:, 0])
    )


def test_race():
    examples = QuestionExamples(
        ids=["high9.txt-0", "middle5.txt-0"],
        levels=["high", "middle"],
        articles=["Long.", "Short."],
        article_numbers=[0, 1],
        questions=["Q\n1", "Q2"],
        options=[list("wxyz"), list("abcd")],
        labels=["D", "B"],
    )
    logits = np.array([[0, 1, 0, 2.0], [3, 0, 0, 0]])
    files = format_files(TASKS["race"], "dev", examples, logits)
    assert json.loads(files["dev_answers.json"]) == {
        "high9.txt-0": "D",
        "middle5.txt-0": "A",
    }
    table = [row.split("\t") for row in lines(files["dev_predictions.tsv"])]
    assert table[1][:8] == ["high9.txt-0", "Q\\n1", *"wxyz", "D", "D"]
    assert len(table[0]) == len(table[1]) == 12


def test_questions_with_different_numbers_of_options():
    task = TASKS["multiple-choice"].with_labels("ABC")
    examples = QuestionExamples(
        ids=["q-7", "own id"],
        levels=None,
        articles=[""],
        article_numbers=[0, 0],
        questions=["Q", "R"],
        options=[["x", "y"], list("abc")],
    )
    logits = np.array([[0, 1, -1e9], [3, 0, 4]])
    files = format_files(task, "test", examples, logits)
    answers = json.loads(files["test_answers.json"])
    assert answers == {"q-7": "B", "own id": "C"}
    table = [row.split("\t") for row in lines(files["test_predictions.tsv"])]
    assert table[1][:6] == ["q-7", "Q", "x", "y", "", "B"]
    assert table[1][-1] == "0.0"


class TestTagging:
    task = TASKS["ner"].with_labels(("O", "B-PER", "I-PER"))
    words = TaggedSentences([["New York", "hums"], ["Ann"]])

    def test_conll(self):
        predictions = predictions_lib.Predictions([["B-PER", "O"], ["B-PER"]])
        for labels, expected in (
            (None, ["New York\tB-PER", "hums\tO", "", "Ann\tB-PER", ""]),
            (
                [["O", "O"], ["B-PER"]],
                ["New York\tO\tB-PER", "hums\tO\tO", "", "Ann\tB-PER\tB-PER"]
                + [""],
            ),
        ):
            examples = TaggedSentences(self.words.sentences, labels)
            files = prediction_files.format_predictions(
                self.task, "dev", examples, predictions
            )
            assert list(files) == ["dev_predictions.txt"]
            assert lines(files["dev_predictions.txt"]) == expected

    def test_backslashes_stay_as_they_are(self):
        examples = TaggedSentences([["\\", "C:\\new"]])
        files = prediction_files.format_predictions(
            self.task,
            "test",
            examples,
            predictions_lib.Predictions([["O", "O"]]),
        )
        written = lines(files["test_predictions.txt"])
        assert written == ["\\\tO", "C:\\new\tO", ""]

    def test_confusion_matrix(self):
        predictions = predictions_lib.Predictions([["B-PER", "O"], ["B-PER"]])
        picture = prediction_files.draw_confusion_matrix(
            self.task, [["O", "O"], ["B-PER"]], predictions
        )
        assert picture.startswith(b"\x89PNG")


@pytest.mark.parametrize("number", [2, 13, 67])
def test_confusion_matrix_of_many_labels(number):
    task = TASKS["tsv"].with_labels([f"$label {i}" for i in range(number)])
    labels = np.arange(number)
    predictions = predictions_lib.Predictions((labels + 1) % number)
    picture = prediction_files.draw_confusion_matrix(task, labels, predictions)
    assert picture.startswith(b"\x89PNG")


def test_not_finite():
    with pytest.raises(UserError, match="not finite"):
        predictions_lib.predict(TASKS["cola"], np.array([[0, np.nan]]))
