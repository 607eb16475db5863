# SPDX-License-Identifier: Apache-2.0
"""Depths of a training: read, planned, refused."""

import pytest

import albert
from albert.errors import UserError
from albert.training import budgets
from albert.training import depth_schedule


def plan(text, steps, **changes):
    config = albert.AlbertConfig.named("tiny", num_hidden_layers=6, **changes)
    return depth_schedule.plan(text, config, budgets.StepBudget(steps, 1, 1))


@pytest.mark.parametrize(
    ("text", "steps", "ends"),
    [
        ("2:0.33,4:0.33,6", 1000, (330, 660, 1000)),
        ("2:0.33, 4:.33,6:0.33", 7, (2, 5, 7)),
        ("6", 9, (9,)),
        ("1:.5,6:.5", 3, (2, 3)),
    ],
)
def test_plan(text, steps, ends):
    schedule = plan(text, steps)
    assert schedule.phases.text == text
    assert schedule.ends == ends
    depths, starts = schedule.phases.values, (0, *ends)
    for depth, start, end in zip(depths, starts, ends, strict=False):
        assert schedule.at(start) == schedule.at(end - 1) == (depth, end)
    with pytest.raises(ValueError, match="behind the end"):
        schedule.at(steps)


def test_in_words():
    schedule = plan("2:.25,6", 4000)
    assert str(schedule) == "2 layers to step 1,000, 6 layers to step 4,000"


def test_in_time():
    schedule = depth_schedule.plan(
        "2:.25,6",
        albert.AlbertConfig.named("tiny", num_hidden_layers=6),
        budgets.TimeBudget(8, 1, None),
    )
    assert str(schedule) == "2 layers to minute 2, 6 layers to minute 8"
    assert schedule.at(119_999) == (2, 120_000)
    assert schedule.at(120_000) == (6, 480_000)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2:.3,six", "give values with their shares, as in 2:0.33,4"),
        ("2:.3,+6", "give values with their shares"),
        ("2:.3,6.0", "give values with their shares"),
        ("2,6", "each value but the last needs its share"),
        ("2:.0001,6", "2 would have nothing of 100"),
        ("2:.3,4", "must ascend to the 6 layers"),
        ("4:.3,2:.3,6", "must ascend"),
        ("2:.3,2:.3,6", "must ascend"),
        ("0:.3,6", "would leave weights"),
    ],
)
def test_what_is_refused(text, words):
    with pytest.raises(UserError, match=words):
        plan(text, 100)


@pytest.mark.parametrize(
    "changes",
    [{"num_hidden_groups": 3}, {"sharing": "none"}, {"sharing": "attention"}],
)
def test_weights_that_a_shallow_model_does_not_use(changes):
    with pytest.raises(UserError, match="2 layers would leave weights"):
        plan("2:.3,6", 100, **changes)


def test_groups_that_all_depths_use():
    schedule = plan("2:.3,6", 10, num_hidden_groups=2)
    assert schedule.phases.values == (2, 6)
