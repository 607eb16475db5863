# SPDX-License-Identifier: Apache-2.0
"""Budgets of a training: used up in steps or in time, by a made-up clock."""

import types

import pytest

from albert.errors import UserError
from albert.training import budgets
from albert.training import schedules


def spend(budget, step_time, end=None, depths=(None,)):
    """Trains to ``end``, in units of the budget; returns the calls.

    Each depth is compiled once, which takes 40 s.

    Args:
      budget: as restored.
      step_time: function of the units that are over to seconds.
      end: int, or None to the end.
      depths: as ``compiles`` tells them apart, one for each equal part.
    """
    calls, seen = [], set()
    part = budget.total / len(depths)
    while not budget.is_spent and (end is None or budget.used < end):
        index = min(int(budget.used / part), len(depths) - 1)
        compiles = depths[index] not in seen
        seen.add(depths[index])
        count = budget.steps_at_once(round((index + 1) * part), compiles)
        seconds = count * step_time(budget.used) + 40.0 * compiles
        budget.add(count, seconds, compiles)
        calls.append((count, budget.used, budget.is_milestone))
    return calls


def steps_in(calls):
    return sum(count for count, _, _ in calls)


def test_steps_are_made_at_once_until_something_is_due():
    budget = budgets.StepBudget(11, steps_per_loop=3, save_checkpoints_steps=5)
    calls = spend(budget, lambda used: 1.0)
    assert calls == [
        (3, 3, False),
        (2, 5, True),
        (3, 8, False),
        # 10 of 11 is no milestone: the last one is.
        (2, 10, False),
        (1, 11, True),
    ]
    assert budget.milliseconds is None
    assert budget.describe(11) == "step 11 of 11"
    assert str(budget) == "11 steps"


@pytest.mark.parametrize("step_time", [0.29, 0.9, 1.7, 0.07])
def test_a_training_that_is_over_is_over_for_good(step_time):
    budget = budgets.TimeBudget(5.0, 1000, None)
    calls = spend(budget, lambda used: step_time)
    again = budgets.TimeBudget(5.0, 1000, None)
    again.restore(steps_in(calls), budget.milliseconds)
    assert again.is_spent and again.is_milestone
    assert again.milliseconds == budget.milliseconds


def test_steps_that_were_compiled_are_saved_too():
    budget = budgets.TimeBudget(5.0, 1000, None)
    budget.restore(0, 0)
    budget.add(1, 40.0, True)
    assert budget.milliseconds == 0
    budget.add(1, 0.5, False)
    assert budget.milliseconds == 1000


def test_a_restart_counts_steps_that_are_not_measured_yet():
    """By those before it, so that lives without a measured step go on."""
    budget = budgets.TimeBudget(5.0, 1000, None)
    budget.restore(10, 20_000)
    budget.add(1, 40.0, True)
    assert budget.used == 20_000
    assert budget.milliseconds == 22_000
    # Its compiled step is the last, however slow the machine has become.
    budget = budgets.TimeBudget(5.0, 1000, None)
    budget.restore(100, 299_000)
    assert not budget.is_spent
    budget.add(1, 40.0, True)
    assert budget.is_spent and budget.is_milestone
    assert budget.milliseconds == budget.used == 301_990
    assert budget.summary().startswith("; training time 5.03 of 5 minutes")


def test_three_calls_tell_what_a_step_takes():
    budget = budgets.TimeBudget(5.0, 1000, None)
    for _ in range(1000):
        budget.add(1, 0.01, False)
    assert len(budget._calls) == 3


def test_steps_are_few_before_a_phase_ends():
    budget = budgets.StepBudget(11, steps_per_loop=9, save_checkpoints_steps=9)
    assert budget.steps_at_once(4, compiles=True) == 4


@pytest.mark.parametrize("seconds", [0.003, 0.11, 0.5, 2.0])
def test_the_end_is_on_time_and_compiling_does_not_count(seconds):
    budget = budgets.TimeBudget(5, 20, None)
    calls = spend(budget, lambda used: seconds)
    assert abs(steps_in(calls) * seconds - 300.0) <= 0.5 * seconds + 1e-3
    assert abs(budget.used - 300_000) <= 500 * seconds
    # The clock is read every two hundredth, or after each step.
    at = [0, *(used for _, used, _ in calls)]
    between = [b - a for a, b in zip(at, at[1:], strict=False)]
    assert max(between) <= max(1500 * 1.5, 2000 * seconds)
    assert sum(due for _, _, due in calls) == 10


def test_the_end_is_on_time_where_steps_slow_down():
    budget = budgets.TimeBudget(5, 20, None)
    depths = (2, 4, 6)
    spend(budget, lambda used: 0.1 + 0.2 * (used // 100_000), depths=depths)
    assert abs(budget.used - 300_000) <= 3000
    budget = budgets.TimeBudget(5, 20, None)
    # Each step takes half as long again after a while, and the last twice.
    spend(budget, lambda used: 0.2 * (1.5 if used > 200_000 else 1.0))
    assert abs(budget.used - 300_000) <= 3000


def test_the_first_step_of_a_shape_counts_as_those_after_it():
    budget = budgets.TimeBudget(1, 20, None)
    assert budget.steps_at_once(60_000, compiles=True) == 1
    budget.add(1, 90.0, compiled=True)
    assert budget.used == 0
    assert budget.steps_at_once(60_000, compiles=False) == 1
    # As much as the fastest of three: one of them may have waited.
    for seconds, used in ((0.25, 250), (4.0, 4250), (0.2, 4650), (0.5, 5150)):
        budget.add(1, seconds, compiled=False)
        assert budget.used == used
    budget.add(1, 90.0, compiled=True)
    assert budget.used == 5150
    assert budget.steps_at_once(60_000, compiles=False) == 1
    budget.add(1, 0.5, compiled=False)
    # Two hundredths of a minute are less than a step.
    assert budget.steps_at_once(60_000, compiles=False) == 1
    # Fewer than three, before another shape.
    budget.add(1, 90.0, compiled=True)
    assert budget.used == 6150
    assert "without 270.0 s of compiling" in budget.summary()


def test_a_restart_goes_on_with_the_time_that_is_over():
    budget = budgets.TimeBudget(2, 20, None)
    first = spend(budget, lambda used: 0.1, end=50_000)
    again = budgets.TimeBudget(2, 20, None)
    again.restore(steps_in(first), budget.milliseconds)
    assert again.used == budget.milliseconds
    second = spend(again, lambda used: 0.1)
    steps = steps_in(first) + steps_in(second)
    assert steps == pytest.approx(1200, abs=1)
    assert again.describe(steps).startswith(f"step {steps}, minute 2.00 of 2")
    done = budgets.TimeBudget(2, 20, None)
    done.restore(steps, again.milliseconds)
    assert done.is_spent and done.is_milestone


def test_milestones_of_a_time_can_be_counted_in_steps():
    budget = budgets.TimeBudget(1, 1000, save_checkpoints_steps=90)
    calls = spend(budget, lambda used: 0.2)
    made, due = 0, []
    for count, _, is_due in calls:
        made += count
        if is_due:
            due.append(made)
    assert due == [90, 180, 270, 300]


def test_the_rate_follows_the_time():
    budget = budgets.TimeBudget(1, 20, None)
    schedule = budget.follow(
        schedules.PolynomialDecayWithWarmup(1.0, budget.total, 6000)
    )
    assert float(schedule(0)) == 0.0
    budget.add(1, 50.0, compiled=True)
    budget.add(1, 3.0, compiled=False)
    budget.add(2, 3.0, compiled=False)
    # Within a call it goes on by the time of a step.
    assert float(schedule(4)) == pytest.approx(0.9)
    assert float(schedule(5)) == pytest.approx(0.875)
    assert float(schedule(12)) == pytest.approx(0.7)
    assert float(schedule(1000)) == 0.0
    again = budgets.TimeBudget(1, 20, None)
    schedule = again.follow(schedule.schedule)
    again.restore(2, 30_000)
    # How long a step takes is not known yet.
    assert float(schedule(2)) == float(schedule(9)) == pytest.approx(0.5)


def test_a_warmup_shorter_than_a_step_is_refused():
    budget = budgets.TimeBudget(0.1, 20, None)
    budget.follow(schedules.PolynomialDecayWithWarmup(1.0, 6000, 360))
    budget.add(1, 5.0, compiled=True)
    for _ in range(2):
        budget.add(1, 0.9, compiled=False)
    with pytest.raises(
        UserError, match=r"=0.1 has a warm-up of 0.36 s, and a step takes 0.5 s"
    ):
        budget.add(1, 0.5, compiled=False)


def test_few_steps_are_warned_of_and_so_is_a_late_end(caplog):
    budget = budgets.TimeBudget(0.1, 20, None)
    spend(budget, lambda used: 0.04)
    assert "has room for about 150 steps of 0.04 s" in caplog.text
    caplog.clear()
    spend(budgets.TimeBudget(0.1, 20, None), lambda used: 0.029)
    assert not caplog.text
    late = budgets.TimeBudget(0.1, 20, None)
    spend(late, lambda used: 4.0)
    assert late.summary().startswith("; training time 0.13 of 0.1 min")
    assert "took 0.133 minutes of 0.1, because a step takes 4 s" in caplog.text


def test_workers_are_refused(monkeypatch):
    monkeypatch.setattr(budgets.coordination, "num_workers", lambda _: 3)
    strategy = types.SimpleNamespace()
    budgets.StepBudget(1, 1, 1).check(strategy)
    with pytest.raises(UserError, match="not for 3 workers.*--num_train_st"):
        budgets.TimeBudget(1, 1, None).check(strategy)


def test_moments_in_words():
    assert budgets.StepBudget(4000, 1, 1).name(1000) == "step 1,000"
    budget = budgets.TimeBudget(8, 1, None)
    assert budget.name(160_000) == "minute 2.67"
    assert budget.name(2880 * 60_000) == "minute 2,880"


def test_a_pause_is_no_training(caplog):
    budget = budgets.TimeBudget(60, 20, None)
    budget.add(1, 50.0, compiled=True)
    # Slow at first is not paused: nothing tells what is usual.
    for seconds in (0.5, 90.0, 0.5):
        budget.add(1, seconds, compiled=False)
    assert budget.used == 91_500
    budget.add(20, 3610.0, compiled=False)
    assert budget.used == 101_500
    assert (
        "20 step(s) took 3.61e+03 s, the same number before them 10 s: the"
        in caplog.text
    )
    # Ten times as long, but not by much; then a machine that is slow.
    budget.add(2, 30.0, compiled=False)
    assert budget.used == 131_500
    caplog.clear()
    budget.add(2, 400.0, compiled=False)
    budget.add(2, 400.0, compiled=False)
    budget.add(2, 400.0, compiled=False)
    assert budget.used == 131_500 + 30_000 + 800_000
    assert len(caplog.messages) == 1


@pytest.mark.parametrize(("minutes", "every"), [(600, 30), (140, 14)])
def test_what_a_kill_may_cost_is_half_an_hour(minutes, every):
    budget = budgets.TimeBudget(minutes, 20, None)
    saved = []
    for _ in range(minutes):
        budget.add(1, 60.0, compiled=False)
        assert not (budget.is_unsaved and budget.is_milestone)
        if budget.is_unsaved or budget.is_milestone:
            saved.append(budget.used)
    assert saved == [60_000 * each for each in range(every, minutes + 1, every)]
    counted = budgets.TimeBudget(minutes, 20, minutes)
    for _ in range(minutes - 1):
        counted.add(1, 60.0, compiled=False)
        assert not counted.is_unsaved


@pytest.mark.parametrize(
    ("workers", "expected"),
    [(1, [30, 60, 90, 100, 130, 160, 190, 200]), (2, [100, 200])],
)
def test_steps_are_saved_after_half_an_hour(monkeypatch, workers, expected):
    """But for several workers, which must save at the same steps."""
    monkeypatch.setattr(budgets.coordination, "num_workers", lambda _: workers)
    budget = budgets.StepBudget(200, 1, save_checkpoints_steps=100)
    budget.check(types.SimpleNamespace())
    saved = []
    for step in range(1, 201):
        budget.add(1, 60.0, compiled=False)
        assert not (budget.is_unsaved and budget.is_milestone)
        if budget.is_unsaved or budget.is_milestone:
            saved.append(step)
    assert saved == expected
