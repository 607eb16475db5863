# SPDX-License-Identifier: Apache-2.0
"""Shares of tokens that are masked, one after another: planned, refused."""

import types

import pytest

from albert.errors import UserError
from albert.records.schema import PretrainingSchema
from albert.training import budgets
from albert.training import masking_schedule

RECORDS = types.SimpleNamespace(
    unmasked=object(),
    files=["a.tfrecord"],
    schema=PretrainingSchema(64, 19),
    given_slots=19,
)


BUDGET = budgets.StepBudget(100, 1, 1)


def test_plan():
    schedule = masking_schedule.plan(
        "0.3:0.5,0.15", RECORDS, budgets.StepBudget(1001, 1, 1)
    )
    assert schedule.phases.text == "0.3:0.5,0.15"
    assert schedule.phases.values == (0.3, 0.15)
    assert schedule.ends == (500, 1001)
    assert str(schedule) == (
        "0.3 of the tokens to step 500, 0.15 of the tokens to step 1,001"
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0.3:0.5,1", "as in 0.3:0.5,0.15"),
        ("0.3:0.5,0", "as in 0.3:0.5,0.15"),
        ("nan:0.5,0.15", "as in 0.3:0.5,0.15"),
        ("inf:0.5,0.15", "as in 0.3:0.5,0.15"),
        ("-0.3:0.5,0.15", "as in 0.3:0.5,0.15"),
        ("half:0.5,0.15", "as in 0.3:0.5,0.15"),
        ("0.3,0.15", "each value but the last needs its share"),
        ("0.3:0.001,0.15", "0.3 would have nothing of 100"),
        (
            "0.1:0.5,0.31",
            "0.31 of 64 pieces are 20, more than --max_predictions_per_seq=19: "
            "leave that out, or give 20",
        ),
    ],
)
def test_what_is_refused(text, words):
    with pytest.raises(UserError, match=words) as error:
        masking_schedule.plan(text, RECORDS, BUDGET)
    assert str(error.value).startswith(f"--masked_lm_prob_schedule={text}: ")


def test_the_slots_of_the_records_do_not_limit_it():
    records = types.SimpleNamespace(**{**vars(RECORDS), "given_slots": None})
    schedule = masking_schedule.plan("0.31:0.5,0.15", records, BUDGET)
    assert schedule.phases.values == (0.31, 0.15)


def test_records_that_are_masked_already():
    masked = types.SimpleNamespace(unmasked=None, files=["a.tfrecord"])
    with pytest.raises(UserError, match="a.tfrecord holds masked records"):
        masking_schedule.plan("0.3:0.5,0.15", masked, BUDGET)
