# SPDX-License-Identifier: Apache-2.0
"""Lengths of the sequences of a training: planned, refused."""

import types

import pytest

from albert.errors import UserError
from albert.records.schema import PretrainingSchema
from albert.training import budgets
from albert.training import length_schedule


def plan(text, objective="sop", steps=100):
    records = types.SimpleNamespace(
        files=["train.tfrecord"],
        schema=PretrainingSchema(128, 20),
        unmasked=objective and types.SimpleNamespace(objective=objective),
    )
    return length_schedule.plan(text, records, budgets.StepBudget(steps, 1, 1))


def test_plan():
    schedule = plan("32:.25,64:.25,128")
    assert schedule.at(24) == (32, 25)
    assert schedule.at(25) == (64, 50)
    assert schedule.at(99) == (128, 100)
    assert str(schedule).startswith("32 pieces to step 25, 64 pieces to step 5")
    assert plan("128").phases.values == (128,)
    assert plan("4:.5,128", "none").phases.values == (4, 128)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("64:.5,long", "give values with their shares, as in 64:0.5,128"),
        ("64,128", "each value but the last needs its share"),
        ("64:.001,128", "64 would have nothing of 100"),
        ("64:.5,256", "lengths must ascend to the 128 pieces of the records"),
        ("128:.5,64", "must ascend"),
        ("128:.5,128", "must ascend"),
        ("4:.5,128", "4 pieces have no room .* begin with 5 at least"),
    ],
)
def test_what_is_refused(text, words):
    with pytest.raises(UserError, match=words):
        plan(text)


def test_masked_records_are_refused():
    with pytest.raises(UserError, match="train.tfrecord holds masked .*=dynam"):
        plan("64:.5,128", objective=None)
