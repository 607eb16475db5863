# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/training/span_data.py."""

import dataclasses
import json
import logging
import pathlib

import numpy as np
import pytest

from albert.errors import UserError
from albert.file_fingerprints import describe_files
from albert.tasks.squad import squad_files
from albert.tasks.squad.decoding import decode_logits
from albert.tasks.squad.questions import NOWHERE
from albert.tasks.squad.questions import Answer
from albert.tasks.squad.questions import Question
from albert.tasks.squad.questions import SquadData
from albert.tasks.squad.squad_files import read_squad
from albert.text.tokenizer import Tokenizer
from albert.training.span_data import CROWDED
from albert.training.span_data import HIDDEN
from albert.training.span_data import LATER
from albert.training.span_data import LONG
from albert.training.span_data import SpanData
from albert.training.span_data import SpanEvaluation

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
LENGTHS = [40, 64, 101]


class Loop:
    """Returns given outputs, and counts what it was asked to predict."""

    def __init__(self, outputs):
        self.outputs = outputs
        self.seen = []

    def distribute(self, dataset):
        return dataset

    def predict(self, batches, num_examples):
        for batch in batches:
            real = batch["example_weights"].numpy() > 0
            self.seen += batch["example_index"].numpy()[real].tolist()
        assert len(self.seen) == num_examples
        return {name: each.copy() for name, each in self.outputs.items()}, {}


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer(GOLDEN / "tokenization" / "spm2000.model")


@pytest.fixture
def golden():
    return read_squad(GOLDEN / "squad" / "dev-v2.0.json")


def make(data, tokenizer, is_training=False, **limits):
    limits = {"doc_stride": 31, **limits}
    return SpanData(data, tokenizer, LENGTHS, is_training=is_training, **limits)


def test_padding_is_not_among_the_best(golden, tokenizer):
    data = make(golden, tokenizer)
    generator = np.random.default_rng(29)
    shape = (2, data.num_examples, LENGTHS[-1])
    logits = generator.normal(size=shape).astype(np.float32)
    behind = np.arange(shape[2]) >= data.features.lengths()[:, np.newaxis]
    answers = []
    for padding in (-1e4, 1e4):
        logits[:, behind] = padding
        outputs = {"start_logits": logits[0], "end_logits": logits[1]}
        loop = Loop(outputs)
        decoded = data.predict(loop, 7, n_best_size=3, max_answer_length=9)
        assert sorted(loop.seen) == list(range(data.num_examples))
        answers.append((decoded.n_best, decoded.null_scores.tolist()))
    assert answers[0] == answers[1]
    logits[:, behind] = -1e4
    plain = decode_logits(golden, data.windows, *logits, 3, 9)
    assert answers[0] == (plain.n_best, plain.null_scores.tolist())


def test_beams(golden, tokenizer):
    data = make(golden, tokenizer)
    rows = np.zeros((data.num_examples, 1), np.int32)
    first = data.windows.offsets[:, np.newaxis]
    outputs = {
        "start_top_log_probs": rows - 1.0,
        "start_top_index": first,
        "end_top_log_probs": rows - 2.0,
        "end_top_index": first,
        "cls_logits": np.arange(data.num_examples) - 10.0,
    }
    decoded = data.predict(Loop(outputs), 7, n_best_size=3, max_answer_length=9)
    assert len(decoded.ids) == len(golden.questions)
    assert decoded.null_scores[0] == -10


def test_what_is_counted_and_listed(golden, tokenizer, caplog):
    with caplog.at_level(logging.WARNING):
        data = make(golden, tokenizer, is_training=True)
    assert data.counts["questions"] == 28
    assert data.counts["windows"] == data.num_examples == len(data.windows)
    assert data.counts["questions cut"] == 1
    assert "28 questions, 7 contexts" in data.summary()
    report = data.report()
    assert report["questions cut"] == ["q10"]
    assert len(report[squad_files.MOVED]) == 2
    json.dumps(report)
    few = make(
        golden, tokenizer, is_training=True, keep_windows_without_answer=False
    )
    assert few.num_examples < data.num_examples
    assert few.fingerprint != data.fingerprint
    assert data.fingerprint == make(golden, tokenizer, True).fingerprint
    assert data.locate_damage() is None


def test_batches_to_train_on(golden, tokenizer):
    data = make(golden, tokenizer, is_training=True)
    options = {"seed": 3, "num_steps": 5, "bucket_by_length": True}
    whole = list(data.training_batches(6, start_step=0, **options))
    rest = list(data.training_batches(6, start_step=3, **options))
    assert len(whole) == 5 and len(rest) == 2
    for batch, other in zip(whole[3:], rest, strict=True):
        assert batch.keys() == other.keys()
        labels = {"start_positions", "end_positions", "is_impossible"}
        assert labels | {"p_mask"} <= batch.keys()
        assert batch["input_ids"].shape[1] in LENGTHS
        for name in batch:
            np.testing.assert_array_equal(batch[name], other[name])


@pytest.fixture
def odd(tmp_path):
    """Questions of which one is moved, one is lost, and one has no text."""
    paragraphs = [
        {
            "context": "The fox saw two owls.",
            "qas": [
                {"id": id_, "question": "Who?", "answers": [answer]}
                for id_, answer in (
                    ("there", {"text": "owls", "answer_start": 16}),
                    ("moved", {"text": "fox", "answer_start": 0}),
                    ("lost", {"text": "dog", "answer_start": 4}),
                    ("found", {"text": "saw"}),
                )
            ],
        },
        {"context": " ", "qas": [{"id": "empty", "question": "Who?"}]},
        {
            "context": "\u0007",
            "qas": [
                {
                    "id": "bell",
                    "question": "Who?",
                    "answers": [{"text": "\u0007", "answer_start": 0}],
                }
            ],
        },
        {"context": "No one asks."},
    ]
    path = tmp_path / "odd.json"
    content = {"version": "2020-01-31", "data": [{"paragraphs": paragraphs}]}
    path.write_text(json.dumps(content))
    return path


def test_all_that_is_odd_is_reported(odd, tokenizer, caplog):
    data = read_squad(odd, is_training=True)
    with caplog.at_level(logging.INFO, logger="absl"):
        windows = make(data, tokenizer, is_training=True)
    report = windows.report()
    counts = report.pop("counts")
    assert counts == {
        "questions": 6,
        "contexts": 3,
        "windows": 3,
        squad_files.MOVED: 1,
        squad_files.NOT_FOUND: 1,
        squad_files.UNPLACED: 1,
        "questions on an empty context": 1,
        "paragraphs without questions": 1,
        "answers without pieces": 1,
    }
    for name, count in list(counts.items())[3:]:
        assert len(report[name]) == count
        assert f"{count} {name}" in windows.summary()
        warned = f"{odd}: {count} {name}" in caplog.text
        assert warned is (name != "paragraphs without questions")
    assert report["answers without pieces"] == ["bell"]
    assert "rules of SQuAD 1.1 (version '2020-01-31'" in report["read as"]
    assert report["read as"] in caplog.text
    assert "in their context, not trained on: question lost" in caplog.text


@pytest.fixture
def write_answers(tmp_path):
    """Writes a text of words of a piece, and answers of several lengths."""

    def write(*num_words):
        text = "the and of " * 100
        paragraph = {
            "context": text,
            "qas": [
                {
                    "id": str(index),
                    "question": "Who?",
                    "answers": [
                        {
                            "text": " ".join(text.split()[:length]),
                            "answer_start": 0,
                        }
                    ],
                }
                for index, length in enumerate(num_words)
            ],
        }
        path = tmp_path / "answers.json"
        path.write_text(json.dumps({"data": [{"paragraphs": [paragraph]}]}))
        return path

    return write


@pytest.mark.parametrize(
    "is_training, keep, fate",
    [
        (True, True, "trained on as if there were none"),
        (True, False, "not trained on"),
        (False, True, "which cannot be predicted"),
    ],
)
def test_answers_that_no_window_holds(
    write_answers, tokenizer, caplog, is_training, keep, fate
):
    path = write_answers(1, 2, 3, 200)
    data = make(
        read_squad(path),
        tokenizer,
        is_training,
        keep_windows_without_answer=keep,
        max_answer_length=500,
    )
    assert data.counts["questions"] == 4
    assert data.counts[HIDDEN] == 1
    report = data.report()
    assert report["shares of the answers"] == {HIDDEN: 0.25}
    assert report[HIDDEN] == ["3"]
    assert (
        f"{path}: 1 {HIDDEN} (25.0% of all), {fate}: lower --doc_stride or "
        "raise --max_seq_length: 3" in caplog.text
    )


def test_a_file_whose_answers_no_window_holds_is_refused(
    write_answers, tokenizer
):
    path = write_answers(1, 200, 200)
    with pytest.raises(UserError) as caught:
        make(read_squad(path), tokenizer, is_training=True)
    assert str(caught.value) == (
        f"{path}: 2 {HIDDEN} (66.7% of all): 1, 2: lower --doc_stride or raise "
        "--max_seq_length"
    )
    # Half of them are taken.
    assert make(read_squad(write_answers(1, 200)), tokenizer).shares[HIDDEN]


@pytest.mark.parametrize(
    "is_training, fate",
    [
        (True, "trained on, but never predicted"),
        (False, "which cannot be predicted"),
    ],
)
def test_answers_that_are_too_long_to_be_predicted(
    write_answers, tokenizer, caplog, is_training, fate
):
    path = write_answers(1, 2, 3, 3, 9)
    data = make(read_squad(path), tokenizer, is_training, max_answer_length=4)
    assert data.counts[LONG] == 1
    report = data.report()
    assert report["shares of the answers"] == {LONG: 0.2}
    assert report[LONG] == ["4"]
    assert (
        f"{path}: 1 {LONG} (20.0% of all), {fate}: raise --max_answer_length: 4"
        in caplog.text
    )
    with pytest.raises(UserError) as caught:
        make(read_squad(path), tokenizer, is_training, max_answer_length=2)
    assert str(caught.value) == (
        f"{path}: 3 {LONG} (60.0% of all): 2, 3, 4: raise --max_answer_length"
    )


def test_questions_trained_on_a_later_answer(tokenizer, tmp_path, caplog):
    path = tmp_path / "later.json"
    question = {
        "question": "Who?",
        "answers": [{"text": "dog"}, {"text": "fox"}, {"text": "owls"}],
    }
    paragraph = {"context": "The fox saw two owls.", "qas": [question]}
    path.write_text(json.dumps({"data": [{"paragraphs": [paragraph]}]}))
    data = make(read_squad(path, is_training=True), tokenizer, True)
    assert data.num_examples == 1
    assert data.counts[LATER] == data.counts[squad_files.NOT_FOUND] == 1
    assert f"1 {LATER}, which is not in the context: later-1" in caplog.text
    assert LATER not in make(read_squad(path), tokenizer).counts


def test_no_question_is_left_where_no_window_holds_an_answer(
    write_answers, tokenizer
):
    with pytest.raises(UserError, match=f"1 {HIDDEN}"):
        make(
            read_squad(write_answers(200)),
            tokenizer,
            is_training=True,
            keep_windows_without_answer=False,
        )


def test_questions_that_crowd_their_windows(write_answers, tokenizer, caplog):
    path = write_answers(1, 2)
    data = make(read_squad(path), tokenizer, is_training=True, doc_stride=100)
    assert data.counts[CROWDED] == 2
    assert HIDDEN not in data.counts
    assert f"2 {CROWDED}: their windows begin half a window" in caplog.text


def test_empty_context_is_answered_with_nothing(odd, tokenizer):
    data = make(read_squad(odd), tokenizer)
    assert data.num_examples == 4
    first = data.windows.offsets[:, np.newaxis]
    scores = np.zeros((4, 1), np.float32)
    decoded = data.predict(
        Loop(
            {
                "start_top_log_probs": scores,
                "start_top_index": first,
                "end_top_log_probs": scores,
                "end_top_index": first,
                "cls_logits": scores[:, 0],
            }
        ),
        7,
        n_best_size=3,
        max_answer_length=9,
    )
    predictions = decoded.predictions()
    assert predictions.pop("empty") == predictions.pop("bell") == ""
    assert len(predictions) == 4 and all(predictions.values())


def test_threshold_can_be_given_back(golden, tokenizer):
    threshold = 0.20065151154994965
    data = make(golden, tokenizer)
    evaluation = SpanEvaluation(data, {}, 7, threshold)
    said = evaluation.unanswered({"1": "", "2": "a"}, "x")
    assert "1 of 2 questions" in said
    flag = "--null_score_diff_threshold="
    assert float(said.partition(flag)[2]) == threshold


def test_answers_and_scores_appear_together(golden, tokenizer, tmp_path):
    data = make(golden, tokenizer)
    evaluation = SpanEvaluation(data, {"language": "en"}, 7, 0.0)
    generator = np.random.default_rng(23)
    logits = generator.normal(size=(2, len(data.windows), LENGTHS[-1]))
    decoded = decode_logits(data.data, data.windows, *logits)
    given = str(tmp_path), "w", decoded, evaluation.scores(decoded), {}
    (tmp_path / "examples.md").mkdir()
    with pytest.raises(UserError, match=r"examples\.md: cannot be written"):
        evaluation.write(*given)
    assert [path.name for path in tmp_path.iterdir()] == ["examples.md"]
    (tmp_path / "examples.md").rmdir()
    paths = evaluation.write(*given)
    assert sorted(paths) == sorted(map(str, tmp_path.iterdir()))
    # What says what they are of is the last to appear.
    assert paths[-1] == str(tmp_path / "predict_questions.json")
    assert {"predictions.json", "eval_results.json"} < {
        pathlib.Path(path).name for path in paths
    }


def test_nothing_to_do_is_refused(tokenizer):
    question = Question("1", "Who?", 0, (Answer("dog", NOWHERE),))
    data = SquadData("a", False, True, ["The fox."], ["T"], [question], {})
    assert make(data, tokenizer).num_examples == 1
    with pytest.raises(UserError, match="no question is left"):
        make(data, tokenizer, is_training=True)


def test_a_best_value_is_of_answers_and_rules(golden, tokenizer):
    def evaluated_on(threshold=0.0, **changes):
        data = make(dataclasses.replace(golden, **changes), tokenizer)
        return SpanEvaluation(data, {}, 7, threshold).evaluated_on

    first = golden.questions[0]
    others = dataclasses.replace(first, answers=first.answers[:1])
    assert others != first
    found = [
        evaluated_on(),
        evaluated_on(threshold=0.5),
        evaluated_on(has_impossible=not golden.has_impossible),
        evaluated_on(questions=[others, *golden.questions[1:]]),
    ]
    assert len(set(found)) == len(found)
    assert evaluated_on() == found[0]


def test_files_are_described_as_they_were_read(tokenizer, tmp_path):
    path = tmp_path / "dev.json"
    path.write_bytes((GOLDEN / "squad" / "dev-v2.0.json").read_bytes())
    (expected,) = describe_files([path])
    data = make(squad_files.read_files([path]), tokenizer)
    path.write_text("others")
    assert data.description["files"] == [expected]
