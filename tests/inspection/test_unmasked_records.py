# SPDX-License-Identifier: Apache-2.0
"""Records that training masks: what is shown, counted and verified."""

import re

import numpy as np
import pytest

from albert.inspection import verification
from albert.records.schema import PretrainingSchema
from albert.records.schema import unmasked_fields
from albert.records.unmasked_pairs import DYNAMIC
from albert.records.unmasked_pairs import describe_pieces
from albert.records.unmasked_pairs import make_tokens
from albert.records.unmasked_pairs import pair_columns
from albert.text.instances import SegmentPairs

LENGTH = 23
SETTINGS = {
    "objective": "sop",
    "masked_lm_prob": 0.15,
    "ngram": 3,
    "favor_shorter_ngram": True,
    "do_whole_word_mask": True,
}


class UnmaskedSchema(PretrainingSchema):
    """The schema that the JSON is of, with the fields on disk."""

    fields = unmasked_fields("sop")


@pytest.fixture
def unmasked_set(write_set, tokenizer):
    """Function that writes 40 pairs of 9 and of 4 to 11 pieces."""

    def write(change=lambda columns: None, settings=SETTINGS, **metadata):
        table = tokenizer.word_start_table()
        ids = np.array(
            tokenizer.encode("the house of a good man was old, " * 9)
        )
        starts = np.arange(40)
        pairs = SegmentPairs(
            starts,
            np.full(40, 9),
            starts + 9,
            4 + starts % 8,
            np.zeros(40, np.int64),
        )
        tokens = make_tokens(table, tokenizer.vocabulary_size)
        generator = np.random.default_rng(3)
        columns = pair_columns(pairs, ids, tokens, "sop", generator)
        change(columns)
        return write_set(
            UnmaskedSchema(LENGTH, 5),
            columns,
            masking=DYNAMIC,
            pieces=describe_pieces(tokenizer),
            settings=settings,
            **metadata,
        )

    return write


def test_what_training_makes_of_them_is_shown(unmasked_set, run):
    files = unmasked_set()
    outputs = []
    for _ in range(2):
        code, printed, errors = run(*files, "--num_examples=40")
        assert code == 0, errors
        outputs.append(printed)
    assert outputs[0] == outputs[1]
    assert "1 file of pretraining records that training masks" in printed
    assert "one draw, each epoch has another" in printed
    assert "40 pairs looked at)" in " ".join(printed.split())
    lengths = re.findall(r"\| (\d+) of 23 pieces \(A (\d+), B (\d+)\)", printed)
    assert len(lengths) == 40
    for total, first, second in (map(int, each) for each in lengths):
        assert total == first + second + 3 and 9 in (first, second)
    # Swapped pairs have the nine pieces behind.
    labels = re.findall(r"label (\d) ", printed.partition("1 file")[0])
    swapped = [first != "9" for _, first, _ in lengths]
    different = [first != second for _, first, second in lengths]
    assert {"0", "1"} == set(labels)
    for label, is_swapped, tells in zip(
        labels, swapped, different, strict=True
    ):
        assert not tells or (label == "1") == is_swapped
    masked = re.findall(r"\| (\d+) masked", printed)
    assert set(masked) <= set("12345") and len(masked) == 40
    assert "; 0.0% of the words are hidden in part" in printed


def test_a_right_set_and_a_wrong_one(unmasked_set, run):
    (file,) = unmasked_set()
    code, printed, errors = run(file, "--verify")
    assert code == 0, errors
    assert "40 pretraining records that training masks" in printed
    assert "ids, lengths, labels are right" in printed


def test_single_sentences_among_pairs(unmasked_set, run):
    def join(columns):
        lengths = columns["segment_lengths"]
        lengths[::4, 0] += lengths[::4, 1]
        lengths[::4, 1] = 0

    settings = {**SETTINGS, "single_sentence_share": 0.1}
    files = unmasked_set(join, settings)
    code, printed, errors = run(*files, "--num_examples=40")
    assert code == 0, errors
    assert printed.count("one segment, no label") == 10
    assert printed.count("label 0 (") + printed.count("label 1 (") >= 30
    assert not re.search(r"-1 \(", printed)
    assert "look for texts that are missing" not in printed
    code, printed, errors = run(
        *files, "--num_examples=40", "--label=one segment"
    )
    assert code == 0, errors
    assert printed.count("one segment, no label") == 10
    assert "label 0 (" not in printed.partition("1 file")[0]
    code, printed, errors = run(*files, "--verify")
    assert code == 0, errors
    files = unmasked_set(join)
    code, printed, errors = run(*files, "--verify")
    assert code == 2
    assert "two segments, neither of them empty" in printed


def longer(columns):
    columns["segment_lengths"][7, 1] += 1


def too_long(columns):
    columns["segment_lengths"][7] = 19, 2


def without_second(columns):
    columns["segment_lengths"][7] = 20, 0


def empty(columns):
    columns["segment_lengths"][7] = 0
    columns["tokens"].lengths[7] = 0


@pytest.mark.parametrize(
    "change, words",
    [
        (longer, "'segment_lengths' says 9 and 12"),
        (too_long, "has room for 20"),
        (without_second, "says 20 and 0"),
        (empty, "two segments, neither of them empty"),
    ],
)
def test_lengths_that_do_not_fit(unmasked_set, run, change, words):
    (file,) = unmasked_set(change)
    (fault,), _ = verification.verify([str(file)])
    assert f"{file}, record 7 (0-based)" in fault and words in fault
    code, printed, errors = run(file)
    assert (code, printed) == (2, "") and words in errors


def test_ids_outside_the_vocabulary(unmasked_set, tokenizer):
    (file,) = unmasked_set()
    text = file.with_suffix(".json").read_text()
    pieces = describe_pieces(tokenizer)["replacement_ids"]
    text = text.replace('"size": 2000', '"size": 100')
    file.with_suffix(".json").write_text(text.replace(pieces, "50-60"))
    (fault,), _ = verification.verify([str(file)])
    assert "in 'tokens' is none of the vocabulary's 100 pieces" in fault


def test_a_wrong_length_hides_no_wrong_id(unmasked_set):
    def change(columns):
        longer(columns)
        columns["tokens"].content[9, :2] = np.array([1999], "<i2").view("u1")
        columns["tokens"].content[11, :2] = np.array([2000], "<i2").view("u1")

    (file,) = unmasked_set(change)
    (lengths, ids), _ = verification.verify([str(file)])
    assert "record 7 (0-based): 'tokens' holds 20" in lengths
    assert "record 11 (0-based): the id 2000 in 'tokens'" in ids
    assert "more" not in lengths + ids
