# SPDX-License-Identifier: Apache-2.0
"""Texts to ids, against the original."""

import json
import pathlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from albert.errors import UserError
from albert.tasks import interface
from albert.tasks.table import TASKS
from albert.tasks.tsv_files import TextExamples
from albert.text.tokenizer import Tokenizer

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
TOKENIZER = Tokenizer(GOLDEN / "tokenization" / "spm2000.model")
ROWS = [
    row
    for line in (GOLDEN / "classifier" / "features.jsonl")
    .read_text("utf-8")
    .splitlines()
    if (row := json.loads(line))["is_real_example"]
]
WORDS = st.lists(
    st.sampled_from(
        ["the", "dog", "barked", "at", "night,", "1,999", "café", "’", "犬"]
    ),
    max_size=13,
).map(" ".join)


def featurize(name, texts, texts_b, length, labels=None):
    examples = TextExamples(list(texts), texts, texts_b, labels)
    return interface.featurize(TASKS[name], examples, TOKENIZER, length)


def test_number_of_goldens():
    assert len(ROWS) == 42
    assert {row["max_seq_length"] for row in ROWS} == {16, 32}


@pytest.mark.parametrize("row", ROWS)
def test_golden(row):
    texts_b = None if row["raw_text_b"] is None else [row["raw_text_b"]]
    featurized = featurize(
        row["task"],
        [row["raw_text_a"]],
        texts_b,
        row["max_seq_length"],
        [row["label"]],
    )
    padded = featurized.features.padded(row["max_seq_length"])
    for name in ("input_ids", "input_mask", "segment_ids"):
        assert padded[name].tolist() == [row[name]]
    label = featurized.features.per_example["label_ids"]
    assert label.tolist() == [row["label_id"]]
    regression = row["task"] == "sts-b"
    assert label.dtype == (np.float32 if regression else np.int32)


@pytest.mark.parametrize("length", [16, 32])
def test_goldens_together(length):
    rows = [row for row in ROWS if row["max_seq_length"] == length]
    featurized = featurize(
        "mrpc",
        [row["raw_text_a"] for row in rows],
        [row["raw_text_b"] or "" for row in rows],
        length,
    )
    padded = featurized.features.padded(length)
    for name in ("input_ids", "input_mask", "segment_ids"):
        assert padded[name].tolist() == [row[name] for row in rows]
    assert "label_ids" not in padded


@given(st.lists(st.tuples(WORDS, WORDS), max_size=5), st.integers(5, 23))
def test_one_by_one(pairs, length):
    texts, texts_b = ([pair[i] for pair in pairs] for i in range(2))
    featurized = featurize("rte", texts, texts_b, length)
    features = featurized.features
    cut = 0
    for number, (text, text_b) in enumerate(pairs):
        a, b = TOKENIZER.encode(text), TOKENIZER.encode(text_b)
        whole = len(a) + len(b)
        while len(a) + len(b) > length - 3 and b:
            (a if len(a) > len(b) else b).pop()
        if not b:
            a = a[: length - 2]
        cut += len(a) + len(b) < whole
        expected = [TOKENIZER.cls_id, *a, TOKENIZER.sep_id]
        start = len(expected)
        if b:
            expected += [*b, TOKENIZER.sep_id]
        row = slice(*features.row_splits[number : number + 2])
        assert features.input_ids[row].tolist() == expected
        assert features.segment_starts[number] == start
    assert featurized.truncated == cut


def test_report():
    texts = ["the dog barked at night", "", "dog"]
    sizes = [len(TOKENIZER.encode(text)) for text in texts]
    featurized = featurize("cola", texts, None, 5)
    assert featurized.longest == sizes[0] + 2
    assert (featurized.truncated, featurized.empty) == (1, 1)
    assert featurized.features.lengths().tolist() == [5, 2, sizes[2] + 2]
    assert featurized.summary() == (
        f"3 examples, longest {sizes[0] + 2} pieces, 1 (33.3%) cut, "
        "1 (33.3%) without known pieces"
    )


class TestCheck:
    """What is warned of, and what is refused, by the share of the texts."""

    def check(self, caplog, texts, texts_b=None, length=32):
        caplog.clear()
        with caplog.at_level("WARNING", "absl"):
            featurize("cola", texts, texts_b, length).check("a/train.tsv")
        return [record.getMessage() for record in caplog.records]

    def test_nothing_is_odd(self, caplog):
        assert not self.check(caplog, ["dog"] * 99 + [""])
        assert not self.check(caplog, ["dog"] * 9 + ["dog " * 40])

    def test_texts_without_pieces(self, caplog):
        (warning,) = self.check(caplog, ["dog"] * 49 + [""])
        assert warning == (
            "a/train.tsv: 1 (2.0%) of 50 texts have no piece that the "
            "vocabulary knows: is --text_column the right column?"
        )
        assert self.check(caplog, ["dog", " "])
        with pytest.raises(UserError) as error:
            self.check(caplog, ["dog", " ", ""])
        assert str(error.value) == (
            "a/train.tsv: 2 (66.7%) of 3 texts have no piece that the "
            "vocabulary knows: correct the file or --text_column, or use a "
            "model of their language"
        )

    def test_second_texts_without_pieces(self, caplog):
        (warning,) = self.check(caplog, ["dog"] * 3, ["dog", "", " "])
        assert "2 (66.7%) of 3 second texts have no piece that" in warning
        assert "is --text_b_column the right column" in warning
        with pytest.raises(UserError, match="3 second texts .*--text_b_column"):
            self.check(caplog, ["dog"] * 3, ["", "", " "])
        featurized = featurize("cola", ["dog"] * 2, ["dog", ""], 32)
        line = ", 1 (50.0%) without known pieces in the second text"
        assert featurized.summary().endswith(line)

    def test_texts_of_another_language(self, caplog):
        assert TOKENIZER.tokenize("猫 犬") == ["▁", "猫", "▁", "犬"]
        assert TOKENIZER.encode("猫")[1:] == [TOKENIZER.unknown_id]
        texts = ["dog"] * 2 + ["猫 犬"]
        featurized = featurize("cola", texts, texts, 32)
        assert (featurized.empty, featurized.empty_b) == (1, 1)
        pieces = 2 * (2 * len(TOKENIZER.encode("dog")) + 4)
        assert (featurized.pieces, featurized.unknown) == (pieces, 4)
        share = f"{4 / pieces:.1%} of the pieces"
        assert featurized.summary().endswith(f", {share} unknown")
        *_, warning = self.check(caplog, texts, texts)
        assert f"a/train.tsv: {share} are unknown to the vocab" in warning
        # A few of them in a long text are no fault.
        assert not self.check(caplog, ["dog " * 60 + "犬"], length=128)
        with pytest.raises(UserError, match="2 .66.7%. of 3 texts have no pie"):
            self.check(caplog, ["dog", "猫", "犬"])

    def test_cut_texts(self, caplog):
        (warning,) = self.check(caplog, ["dog"] * 8 + ["dog " * 40] * 2)
        assert warning.startswith("a/train.tsv: 2 (20.0%) of 10 examples are c")
        assert "raise --max_seq_length" in warning


def test_no_examples():
    assert featurize("cola", [], None, 16).features.num_examples == 0


def test_length_too_small():
    with pytest.raises(UserError, match="--max_seq_length 4"):
        featurize("cola", ["dog"], None, 4)
