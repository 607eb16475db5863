# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/training/span_data.py."""

import json
import logging
import pathlib

import numpy as np
import pytest

from albert.errors import UserError
from albert.tasks.squad.decoding import decode_logits
from albert.tasks.squad.squad_files import read_squad
from albert.text.tokenizer import Tokenizer
from albert.training.span_data import SpanData

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
    assert len(report["answers not at answer_start"]) == 2
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
    whole = list(data.training_batches(6, start_example=0, **options))
    rest = list(data.training_batches(6, start_example=18, **options))
    assert len(whole) == 5 and len(rest) == 2
    for batch, other in zip(whole[3:], rest, strict=True):
        assert batch.keys() == other.keys()
        labels = {"start_positions", "end_positions", "is_impossible"}
        assert labels | {"p_mask"} <= batch.keys()
        assert batch["input_ids"].shape[1] in LENGTHS
        for name in batch:
            np.testing.assert_array_equal(batch[name], other[name])


def test_nothing_to_do_is_refused(tokenizer, tmp_path):
    answer = {"text": "fox", "answer_start": 44}
    question = {"id": "1", "question": "Who?", "answers": [answer]}
    paragraph = {"context": "The fox.", "qas": [question]}
    path = tmp_path / "squad.json"
    path.write_text(json.dumps({"data": [{"paragraphs": [paragraph]}]}))
    data = read_squad(path)
    assert make(data, tokenizer).num_examples == 1
    with pytest.raises(UserError, match="no question is left"):
        make(data, tokenizer, is_training=True)
