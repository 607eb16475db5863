# SPDX-License-Identifier: Apache-2.0
"""Log lines, the bar, TensorBoard and the summary of a run."""

import sys

import numpy as np
import pytest
import tensorflow as tf
from absl import logging

from albert.training import budgets
from albert.training import event_tags
from albert.training import phases
from albert.training import reporting


class Clock:
    seconds = 1000.0

    def monotonic(self):
        return self.seconds


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(reporting, "time", clock)
    return clock


@pytest.fixture
def lines(monkeypatch):
    lines = []

    def keep(text, *values):
        lines.append(text % values)

    monkeypatch.setattr(logging, "info", keep)
    monkeypatch.setattr(logging, "warning", keep)
    return lines


def history(*losses):
    count = len(losses)
    return {
        "masked_lm_loss": np.array(losses, np.float32),
        "learning_rate": np.full(count, 0.00012345, np.float32),
        "sequences": np.full(count, 6.0, np.float32),
        "tokens": np.full(count, 110.0, np.float32),
    }


class Reporter(reporting.Reporter):
    """A reporter of ``num_steps`` steps, which are counted as they are told."""

    def __init__(self, directory, num_steps, step, schedules=()):
        budget = budgets.StepBudget(num_steps, 1, 1)
        budget.restore(step, 0)
        plans = [
            phases.lay_out(
                phases.parse_phases("", text, int, ""), budget, "rounds"
            )
            for text in schedules
        ]
        super().__init__(directory, budget, step, plans)

    def training(self, step, history, seconds, **others):
        self.budget.restore(step, 0)
        super().training(step, history, seconds, **others)


def read_events(directory):
    """(step, tag) to value."""
    found = {}
    for path in directory.glob("events.*"):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            for value in event.summary.value:
                found[event.step, value.tag] = float(
                    tf.make_ndarray(value.tensor)
                )
    return found


def test_events(tmp_path):
    with Reporter(tmp_path, 5, 0) as reporter:
        reporter.training(2, history(7.0, 5.0), seconds=4.0)
        reporter.evaluation(
            2,
            {"masked_lm_loss": 6.5, "entity_f1_LOC": 0.25, "f1_loss": 0.75},
            seconds=1.0,
        )
        reporter.evaluation(
            2, {"masked_lm_loss": 6.25}, seconds=1.0, num_layers=2
        )
        reporter.training(5, history(3.0, 3.0, 3.0), seconds=2.0)
    train = read_events(tmp_path / "train")
    assert {step for step, _ in train} == {2, 5}
    for tag, value in {
        "loss/masked_lm_loss": 6.0,
        "optimizer/learning_rate": 0.00012345,
        "speed/sequences_per_second": 2 * 6 / 4.0,
        "speed/tokens_per_second": 2 * 110 / 4.0,
    }.items():
        assert abs(train.pop((2, tag)) - value) < 1e-6
    assert train.keys() == {
        (5, tag)
        for tag in (
            "loss/masked_lm_loss",
            "optimizer/learning_rate",
            "speed/sequences_per_second",
            "speed/tokens_per_second",
        )
    }
    assert read_events(tmp_path / "eval") == {
        (2, "loss/masked_lm_loss"): 6.5,
        (2, "accuracy/entity_f1_LOC"): 0.25,
        # A label may be called so.
        (2, "labels/f1_loss"): 0.75,
    }
    assert read_events(tmp_path / event_tags.TRAINED_LAYERS) == {
        (2, "loss/masked_lm_loss"): 6.25
    }
    assert not event_tags.is_loss("f1_loss")
    assert event_tags.name_of("labels/f1_loss") == "f1_loss"


def test_order_is_of_the_steps_with_pairs(tmp_path):
    values = history(5.0, 4.0, 3.0)
    values["sentence_order_loss"] = np.array([0.7, 0.0, 0.4], np.float32)
    values["pairs"] = np.array([1.0, 0.0, 5.0], np.float32)
    with Reporter(tmp_path, 6, 0) as reporter:
        reporter.training(3, values, seconds=1.0)
        values["pairs"] = np.zeros(3, np.float32)
        reporter.training(6, values, seconds=1.0)
    events = read_events(tmp_path / "train")
    assert events[3, "loss/sentence_order_loss"] == pytest.approx(0.45)
    assert events[3, "loss/masked_lm_loss"] == events[6, "loss/masked_lm_loss"]
    assert (6, "loss/sentence_order_loss") not in events
    assert not any("pairs" in tag for _, tag in events)


def test_penalties_are_told_beside_the_losses(tmp_path, clock, lines):
    values = history(7.0, 5.0) | {"attention_l2": np.array([0.5, 0.25])}
    with Reporter(tmp_path, 2, 0) as reporter:
        reporter.training(2, values, seconds=6.0)
    (line,) = lines
    assert "masked_lm_loss 6.0000, attention_l2 0.3750, 2.0 seq" in line
    events = read_events(tmp_path / "train")
    assert events[2, "regularization/attention_l2"] == 0.375
    tag = event_tags.tag_of("attention_l2")
    assert event_tags.name_of(tag) == "attention_l2"
    # It does not judge the model.
    assert not event_tags.is_metric("attention_l2")


def test_lines_every_minute_and_when_the_speed_is_known(tmp_path, clock, lines):
    with Reporter(tmp_path, 42, 2) as reporter:
        for step in range(4, 43, 2):
            # The first steps wait for the compilation.
            clock.seconds += 100.0 if step == 4 else 7.0
            reporter.training(step, history(7.0, 5.0), seconds=6.0)
        reporter.evaluation(42, {"masked_lm_accuracy": 0.25}, seconds=3.0)
        reporter.evaluation(42, {"masked_lm_accuracy": 0.5}, 2.0, num_layers=4)
        reporter.warning("100% trouble")
    assert lines == [
        "step 4 of 42: masked_lm_loss 6.0000, 2.0 sequences/s",
        "step 6 of 42: masked_lm_loss 6.0000, 2.0 sequences/s, "
        "2 minutes 6 seconds left",
        "step 24 of 42: masked_lm_loss 6.0000, 2.0 sequences/s, "
        "1 minute 3 seconds left",
        "step 42 of 42: masked_lm_loss 6.0000, 2.0 sequences/s",
        "evaluation at step 42: masked_lm_accuracy 0.2500 (3 s)",
        "evaluation of 4 layers at step 42: masked_lm_accuracy 0.5000 (2 s)",
        "100% trouble",
    ]


def test_the_time_left_counts_evaluations(tmp_path, clock, lines):
    with Reporter(tmp_path, 9, 0) as reporter:
        reporter.training(1, history(3.0), seconds=6.0)
        clock.seconds += 50.0
        reporter.evaluation(1, {"masked_lm_loss": 6.5}, seconds=50.0)
        clock.seconds += 10.0
        reporter.training(2, history(3.0), seconds=10.0)
    assert lines[-1].endswith("0.6 sequences/s, 7 minutes left")


def test_the_time_left_knows_that_steps_become_dearer(tmp_path, clock, lines):
    with Reporter(tmp_path, 10, 0, ["1:.5,3", "2:.5,4"]) as reporter:
        for step in (1, 2, 3):
            clock.seconds += 60.0
            reporter.training(step, history(3.0), seconds=10.0)
    # Two steps of a minute, and five of six.
    assert lines[-1].endswith("32 minutes left")


@pytest.mark.parametrize(
    ("last", "losses"),
    [
        (125000, ("masked_lm_loss", "sentence_order_loss")),
        (35000, ("loss", "span_loss", "answerability_loss")),
    ],
)
def test_lines_of_steps_are_short(tmp_path, clock, lines, last, losses):
    values = np.full(1, 9.8765, np.float32)
    history = dict.fromkeys(
        (
            *(*losses, "accuracy", "gradient_norm", "learning_rate"),
            *("sequences", "tokens"),
        ),
        values,
    )
    with Reporter(tmp_path, last, 0) as reporter:
        for step in (last - 25002, last - 25001):
            clock.seconds += 33.0
            reporter.training(step, history, seconds=33.0)
    assert lines[-1].endswith("9 days 13 hours left")
    assert len(lines[-1]) < 120
    assert all(loss in lines[-1] for loss in losses)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 seconds"),
        (59.6, "1 minute"),
        (3600 + 61, "1 hour 1 minute"),
        (86400 + 1800, "1 day"),
        (9 * 86400 + 4 * 3600 + 59, "9 days 4 hours"),
    ],
)
def test_durations(seconds, text):
    assert reporting.format_duration(seconds) == text


def test_summary_counts_the_steps_of_this_process(tmp_path):
    with Reporter(tmp_path, 6, 2) as reporter:
        # The first steps wait for the compilation: no part of the speed.
        reporter.training(3, history(3.0), seconds=50.0, compiled=True)
        reporter.training(6, history(3.0, 3.0, 3.0), seconds=2.0)
        # Evaluations are not training time.
        reporter.evaluation(6, {"masked_lm_loss": 6.5}, seconds=100.0)
    assert reporter.summary() == (
        "Training: 4 steps in 52.0 s, 9.0 sequences/s once compiled"
    )


def test_summary_of_a_run_that_was_finished(tmp_path):
    with Reporter(tmp_path, 5, 5) as reporter:
        pass
    assert "all 5 steps were made before" in reporter.summary()


@pytest.mark.parametrize("terminal", [True, False])
def test_bar_on_a_terminal_only(tmp_path, monkeypatch, capsys, terminal):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    with Reporter(tmp_path, 5, 2) as reporter:
        reporter.training(5, history(3.0, 3.0, 3.0), seconds=2.0)
    assert ("5/5" in capsys.readouterr().err) == terminal


def test_bar_ends_when_training_fails(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with (
        pytest.raises(KeyError),
        Reporter(tmp_path, 5, 2) as reporter,
    ):
        reporter.training(4, history(3.0, 3.0), seconds=2.0)
        raise KeyError
    assert capsys.readouterr().err.endswith("\n")
    assert (4, "loss/masked_lm_loss") in read_events(tmp_path / "train")
