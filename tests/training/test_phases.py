# SPDX-License-Identifier: Apache-2.0
"""Phases of a training: read, refused, and laid out over steps."""

import pytest

from albert.errors import UserError
from albert.training.budgets import StepBudget
from albert.training.budgets import TimeBudget
from albert.training.phases import cost
from albert.training.phases import lay_out
from albert.training.phases import parse_phases


def parse(text):
    return parse_phases("--rate", text, float, "0.3:0.5,0.15")


@pytest.mark.parametrize(
    ("text", "values", "ends"),
    [
        ("0.3:0.5,0.15", (0.3, 0.15), (0.5, 1.0)),
        ("1:.25, 2:.5 ,3:0.25", (1.0, 2.0, 3.0), (0.25, 0.75, 1.0)),
        ("1:.33,2:.33,3:.33", (1.0, 2.0, 3.0), (0.33, 0.66, 1.0)),
        (".2", (0.2,), (1.0,)),
        (".2:1", (0.2,), (1.0,)),
    ],
)
def test_values_with_the_shares_at_which_they_end(text, values, ends):
    phases = parse(text)
    assert phases.text == text
    assert phases.values == values
    assert phases.ends == pytest.approx(ends)
    assert phases.ends[-1] == 1.0


def test_in_steps():
    def ends_in(text, steps):
        return parse(text).ends_in(StepBudget(steps, 1, 1))

    assert ends_in("1:.33,2:.33,3", 7) == (2, 5, 7)
    assert ends_in("1:.5,2", 3) == (2, 3)
    assert ends_in("1", 9) == (9,)
    with pytest.raises(UserError, match="--rate=1:.01,2: 1.0 would have nothi"):
        ends_in("1:.01,2", 9)
    with pytest.raises(UserError, match="2.0 would have nothing of 9 steps"):
        ends_in("1:.99,2", 9)
    with pytest.raises(UserError, match="1.0 would have nothing of 1 minute:"):
        parse("1:.000001,2").ends_in(TimeBudget(1, 1, None))


def test_cost_is_in_proportion_to_all_values():
    budget = StepBudget(10, 1, 1)
    plans = [
        lay_out(parse(text), budget, "rounds")
        for text in ("1:.5,3", "2:.2,4:.6,10")
    ]
    assert cost([], 7) == 7.0
    assert cost(plans, 0) == 0.0
    assert cost(plans, 1) == 2.0
    assert cost(plans, 6) == 2 * 2 + 3 * 4 + 1 * 12
    assert cost(plans, 10) == 2 * 2 + 3 * 4 + 3 * 12 + 2 * 30


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "give values with their shares, as in 0.3:0.5,0.15"),
        (",", "give values"),
        ("1:.5,", "give values"),
        ("1:.5,two", "give values"),
        ("1:-.5,2", "give values"),
        ("1:half,2", "give values"),
        ("1:.5:.5,2", "give values"),
        (":.5,2", "give values"),
        ("1:nan,2", "give values"),
        ("1,2", "each value but the last needs its share"),
        ("1:.3,2:.5", "add up to 0.8, not to 1"),
        ("1:2", "add up to 2, not to 1"),
        ("1:.7,2:.7,3", "shares of 0.7, 0.7 leave nothing"),
        ("1:1,2", "leave nothing"),
        ("1:0,2", "leave nothing"),
    ],
)
def test_what_is_refused(text, words):
    with pytest.raises(UserError, match=words) as error:
        parse(text)
    assert str(error.value).startswith(f"--rate={text}: ")


def test_values_that_were_passed_over():
    plan = lay_out(parse("1:.25,2:.25,3"), StepBudget(8, 1, 1), "rounds")
    assert str(plan) == "1.0 rounds to step 2, 2.0 rounds to step 4, " + (
        "3.0 rounds to step 8"
    )
    assert plan.skipped(0, 1) == plan.skipped(0, 3) == plan.skipped(1, 2) == []
    assert plan.skipped(0, 4) == plan.skipped(1, 7) == [2.0]
    assert plan.skipped(2, 4) == plan.skipped(3, 5) == []
    assert plan.skipped(1, 8) == [2.0, 3.0]
    assert plan.skipped(3, 8) == [3.0]
    assert plan.skipped(4, 8) == []
