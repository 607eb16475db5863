# SPDX-License-Identifier: Apache-2.0
"""Sizes of the batches of a training: planned, counted, refused."""

import types

import pytest

from albert.errors import UserError
from albert.training import batch_size_schedule
from albert.training import budgets


def plan(text, replicas=1, accumulation_steps=1, steps=100):
    options = types.SimpleNamespace(
        train_batch_size=24, gradient_accumulation_steps=accumulation_steps
    )
    return batch_size_schedule.plan(
        text, options, replicas, budgets.StepBudget(steps, 1, 1)
    )


def test_plan():
    schedule = plan("4:.25,8:.25,24")
    assert schedule.at(24) == (4, 25)
    assert schedule.at(25) == (8, 50)
    assert schedule.at(99) == (24, 100)
    assert str(schedule).startswith("4 sequences to step 25, 8 sequences to")
    assert plan("24").phases.values == (24,)
    assert plan("6:.5,24", replicas=3, accumulation_steps=2).ends == (50, 100)


def test_sequences_are_counted():
    schedule = plan("4:.25,8:.25,24")
    assert batch_size_schedule.count_sequences(schedule) == 100 + 200 + 1200
    assert batch_size_schedule.count_sequences(plan("24")) == 2400


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("4:.5,many", "give values with their shares, as in 16:0.2,32:0.3,64"),
        ("4,24", "each value but the last needs its share"),
        ("4:.001,24", "4 would have nothing of 100"),
        ("4:.5,32", "sizes must ascend, from 1 .* to --train_batch_size=24"),
        ("24:.5,4", "sizes must ascend"),
        ("24:.5,24", "sizes must ascend"),
        ("0:.5,24", "sizes must ascend, from 1"),
    ],
)
def test_what_is_refused(text, words):
    with pytest.raises(UserError, match=words):
        plan(text)


def test_sizes_that_do_not_divide_are_refused():
    with pytest.raises(UserError, match="size_schedule 4 is not .* of 6"):
        plan("4:.5,24", replicas=3, accumulation_steps=2)
