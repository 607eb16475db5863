# SPDX-License-Identifier: Apache-2.0
"""Depths of a training: read, planned, refused."""

import pytest

import albert
from albert.errors import UserError
from albert.training import depth_schedule


def config(**changes):
    return albert.AlbertConfig.named("tiny", num_hidden_layers=6, **changes)


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
    schedule = depth_schedule.plan(text, config(), steps)
    assert schedule.text == text
    assert schedule.ends == ends
    found = [schedule.at(step) for step in range(steps)]
    starts = (0, *ends)
    for depth, start, end in zip(schedule.depths, starts, ends, strict=False):
        assert found[start] == (depth, end - start)
        assert found[end - 1] == (depth, 1)
    with pytest.raises(ValueError, match="behind the last"):
        schedule.at(steps)


def test_in_words():
    schedule = depth_schedule.plan("2:.25,6", config(), 4000)
    assert str(schedule) == "2 layers to step 1,000, 6 layers to step 4,000"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2:.3,six", "give values with their shares, as in 2:0.33,4"),
        ("2:.3,+6", "give values with their shares"),
        ("2:.3,6.0", "give values with their shares"),
        ("2,6", "each value but the last needs its share"),
        ("2:.0001,6", "2 would have no step of 100"),
        ("2:.3,4", "must ascend to the 6 layers"),
        ("4:.3,2:.3,6", "must ascend"),
        ("2:.3,2:.3,6", "must ascend"),
        ("0:.3,6", "would leave weights"),
    ],
)
def test_what_is_refused(text, words):
    with pytest.raises(UserError, match=words):
        depth_schedule.plan(text, config(), 100)


@pytest.mark.parametrize(
    "changes",
    [{"num_hidden_groups": 3}, {"sharing": "none"}, {"sharing": "attention"}],
)
def test_weights_that_a_shallow_model_does_not_use(changes):
    with pytest.raises(UserError, match="2 layers would leave weights"):
        depth_schedule.plan("2:.3,6", config(**changes), 100)


def test_groups_that_all_depths_use():
    schedule = depth_schedule.plan("2:.3,6", config(num_hidden_groups=2), 10)
    assert schedule.depths == (2, 6)
