# SPDX-License-Identifier: Apache-2.0
"""Which signature is the default, and what is refused."""

import types

import pytest
import tensorflow as tf

from albert.errors import UserError
from albert.export import serving_texts


def loaded(max_seq_length=64, **task):
    return types.SimpleNamespace(
        task=task, max_seq_length=max_seq_length, labels=["A", "B"]
    )


@pytest.mark.parametrize(
    ("task", "default"),
    [
        ({"task_name": "mrpc"}, "text_pair"),
        ({"task_name": "cola"}, "text"),
        ({"task_name": "tsv", "text_pairs": True}, "text_pair"),
        ({"task_name": "tsv", "text_pairs": False}, "text"),
        ({}, "text"),
    ],
)
def test_models_of_pairs_are_asked_for_pairs(task, default):
    signatures, found = serving_texts.text_signatures(loaded(**task), None)
    assert (set(signatures), found) == ({"text", "text_pair"}, default)


def test_a_length_without_room_for_the_article():
    with pytest.raises(UserError, match="128, and 4 of .* 64 positions"):
        serving_texts.multiple_choice_signatures(loaded(), None)
    signatures = serving_texts.multiple_choice_signatures(
        loaded(max_qa_length=60), None
    )
    assert signatures[1] == "question"


def test_a_question_without_any_option_has_no_label():
    logits = tf.constant([[1.0, 2.0], [1.0, -1e9], [-1e9, -1e9]])
    is_there = tf.constant([[True, True], [True, False], [False, False]])
    chosen = serving_texts._choose_option(["A", "B"], logits, is_there)
    assert chosen["label"].numpy().tolist() == [b"B", b"A", b""]
    probabilities = chosen["probabilities"].numpy().tolist()
    assert probabilities[0] == pytest.approx([0.26894, 0.73106], abs=1e-5)
    assert probabilities[1:] == [[1.0, 0.0], [0.0, 0.0]]
    assert chosen["labels"].numpy().tolist() == [[b"A", b"B"]] * 3
