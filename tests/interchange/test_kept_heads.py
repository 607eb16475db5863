# SPDX-License-Identifier: Apache-2.0
"""Which rows of a fine-tuned head a further training keeps."""

import json

import keras
import numpy as np
import pytest

import albert
from albert.interchange import kept_heads
from albert.interchange.names import named_variables
from albert.interchange.starting_point import open_starting_point
from albert.interchange.weights import load_weights
from albert.tasks import selection
from albert.tasks.table import TASKS

CONFIG = albert.AlbertConfig(
    vocab_size=31,
    embedding_size=3,
    hidden_size=10,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=7,
    max_position_embeddings=11,
)
HEAD = ("classifier/output_bias", "classifier/output_weights")
FRESH = ("classifier",)


def make_classifier(num_labels, seed):
    keras.utils.set_random_seed(seed)
    model = albert.AlbertClassifier(CONFIG, num_labels=num_labels)
    variables = named_variables(model)
    # A bias of zeros would prove nothing.
    variables[HEAD[0]].assign(np.arange(num_labels) + 10.0 * seed)
    return model


def tsv(*labels):
    return TASKS["tsv"].with_labels(labels)


@pytest.fixture
def write(tmp_path):
    """Writes a model with three labels and what it says of its task."""

    def write_model(task):
        model = make_classifier(3, seed=1)
        albert.save_weights(model, tmp_path / "old", format="model_dir")
        if task:
            (tmp_path / "old" / "task.json").write_text(json.dumps(task))
        return open_starting_point(tmp_path / "old"), model

    return write_model


OLD = {
    "task_name": "tsv",
    "kind": "classification",
    "labels": ["bad", "fair", "good"],
}


@pytest.mark.parametrize(
    "labels, rows, words, dropped",
    [
        (["bad", "fair", "good"], [0, 1, 2], "has the same labels", ()),
        (["good", "bad", "fair"], [2, 0, 1], "has the same labels", ()),
        (
            ["good", "odd", "bad", "fair"],
            [2, None, 0, 1],
            "taken good, bad, fair; new odd",
            (),
        ),
        (["good", "odd"], [2, None], "good; new odd", ("bad", "fair")),
        (["bad", "good"], [0, 2], "taken bad, good; new none", ("fair",)),
    ],
)
def test_rows_are_taken_by_their_labels(write, labels, rows, words, dropped):
    start, old = write(OLD)
    head = kept_heads.find(start, tsv(*labels))
    assert not head.fresh and not head.refused
    assert words in head.note and "--fresh_head" in head.note
    assert head.dropped == dropped
    model = make_classifier(len(labels), seed=2)
    before = {name: x.numpy() for name, x in named_variables(model).items()}
    load_weights(model, head.put_into_order(start, model), fresh=head.fresh)
    theirs, ours = named_variables(old), named_variables(model)
    for name in ours:
        if name not in HEAD:
            assert np.array_equal(ours[name].numpy(), theirs[name].numpy())
    for name in HEAD:
        for number, row in enumerate(rows):
            expected = before[name][number]
            if row is not None:
                expected = theirs[name].numpy()[row]
            assert np.array_equal(ours[name].numpy()[number], expected)


@pytest.mark.parametrize(
    "task, words",
    [
        ({}, "do not say what they were trained for"),
        (OLD | {"task_name": "mnli"}, "trained for mnli, not for tsv"),
        (OLD | {"kind": "tagging"}, "it was trained for a tagging"),
        (OLD | {"labels": ["a", "b", "c"]}, "it has the labels a, b, c"),
        (OLD | {"labels": ["bad", "good"]}, "its outputs have no names"),
        # Of others, which may have meant something else by one name.
        (
            OLD | {"task_name": None, "labels": ["bad", "fair", "x"]},
            "it has the labels bad, fair, x",
        ),
    ],
)
def test_heads_of_something_else_are_not_taken(write, task, words):
    start, _ = write(task)
    head = kept_heads.find(start, tsv("bad", "fair", "good"))
    assert head.fresh == FRESH and head.places is None
    assert words in head.note and f"that of {start.path}" in head.note


def test_a_new_head_can_be_asked_for(write):
    start, _ = write(OLD)
    head = kept_heads.find(start, tsv(*OLD["labels"]), fresh_head=True)
    assert head.fresh == FRESH and head.refused
    assert head.note.endswith(": --fresh_head")


def test_the_same_labels_of_another_library_are_taken(write):
    start, _ = write(OLD | {"task_name": None})
    head = kept_heads.find(start, tsv("GOOD", "BAD", "FAIR"))
    assert head.places == (2, 0, 1)


def test_a_pretrained_model_has_nothing_to_choose(tmp_path):
    model = albert.AlbertPretrainer(CONFIG)
    albert.save_weights(model, tmp_path / "old", format="model_dir")
    start = open_starting_point(tmp_path / "old")
    head = kept_heads.find(start, tsv("a", "b"))
    assert head == kept_heads.KeptHead(fresh=FRESH)
    assert kept_heads.find(open_starting_point(), tsv("a", "b")) == head


def test_a_score_has_no_labels(tmp_path):
    model = albert.AlbertMultipleChoice(CONFIG)
    albert.save_weights(model, tmp_path / "old", format="model_dir")
    race = TASKS["race"]
    (tmp_path / "old" / "task.json").write_text(json.dumps(race.describe()))
    start = open_starting_point(tmp_path / "old")
    other = TASKS["multiple-choice"].with_labels(("A", "B"))
    for task in (race, other):
        head = kept_heads.find(start, task)
        assert not head.fresh and head.places is None
        assert head.put_into_order(start, None) is start
    numbers = selection.get_task("tsv", regression=True)
    assert kept_heads.find(start, numbers).fresh == FRESH
