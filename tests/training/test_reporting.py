# SPDX-License-Identifier: Apache-2.0
"""Log lines, the bar, TensorBoard and the summary of a run."""

import sys

import numpy as np
import pytest
import tensorflow as tf
from absl import logging

from albert.training import reporting
from albert.training.monitoring import WordFrequencyBaseline


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
        "tokens": np.full(count, 110.0, np.float32),
    }


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
    with reporting.Reporter(tmp_path, 5, 0, batch_size=6) as reporter:
        reporter.training(2, history(7.0, 5.0), seconds=4.0)
        reporter.evaluation(2, {"masked_lm_loss": 6.5}, seconds=1.0)
        reporter.training(5, history(3.0, 3.0, 3.0), seconds=2.0)
    train = read_events(tmp_path / "train")
    assert {step for step, _ in train} == {2, 5}
    for tag, value in {
        "masked_lm_loss": 6.0,
        "learning_rate": 0.00012345,
        "sequences_per_second": 2 * 6 / 4.0,
        "tokens_per_second": 2 * 110 / 4.0,
    }.items():
        assert abs(train.pop((2, tag)) - value) < 1e-6
    assert train.keys() == {
        (5, tag)
        for tag in (
            "masked_lm_loss",
            "learning_rate",
            "sequences_per_second",
            "tokens_per_second",
        )
    }
    assert read_events(tmp_path / "eval") == {(2, "masked_lm_loss"): 6.5}


def test_lines_every_ten_seconds_and_at_the_end(tmp_path, clock, lines):
    with reporting.Reporter(tmp_path, 14, 2, batch_size=6) as reporter:
        for step in range(4, 15, 2):
            clock.seconds += 6.0
            reporter.training(step, history(7.0, 5.0), seconds=6.0)
        reporter.evaluation(14, {"masked_lm_accuracy": 0.25}, seconds=3.0)
        reporter.warning("100% trouble")
    assert [line.split(":")[0] for line in lines] == [
        "step 4 of 14",
        "step 8 of 14",
        "step 12 of 14",
        "step 14 of 14",
        "evaluation at step 14",
        "100% trouble",
    ]
    assert lines[0] == (
        "step 4 of 14: masked_lm_loss 6.0000, learning_rate 0.000123, "
        "2.0 sequences/s"
    )
    assert lines[4].endswith("masked_lm_accuracy 0.2500 (3 s)")


def test_summary_counts_the_steps_of_this_process(tmp_path):
    with reporting.Reporter(tmp_path, 6, 2, batch_size=6) as reporter:
        # The first steps wait for the compilation: no part of the speed.
        reporter.training(3, history(3.0), seconds=50.0)
        reporter.training(6, history(3.0, 3.0, 3.0), seconds=2.0)
        # Evaluations are not training time.
        reporter.evaluation(6, {"masked_lm_loss": 6.5}, seconds=100.0)
    assert reporter.summary() == (
        "Training: 4 steps in 52.0 s, 9.0 sequences/s once compiled"
    )


def test_summary_of_a_run_that_was_finished(tmp_path):
    with reporting.Reporter(tmp_path, 5, 5, batch_size=6) as reporter:
        pass
    assert "all 5 steps were made before" in reporter.summary()


@pytest.mark.parametrize("terminal", [True, False])
def test_bar_on_a_terminal_only(tmp_path, monkeypatch, capsys, terminal):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    with reporting.Reporter(tmp_path, 5, 2, batch_size=6) as reporter:
        reporter.training(5, history(3.0, 3.0, 3.0), seconds=2.0)
    assert ("5/5" in capsys.readouterr().err) == terminal


def test_bar_ends_when_training_fails(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with (
        pytest.raises(KeyError),
        reporting.Reporter(tmp_path, 5, 2, batch_size=6) as reporter,
    ):
        reporter.training(4, history(3.0, 3.0), seconds=2.0)
        raise KeyError
    assert capsys.readouterr().err.endswith("\n")
    assert (4, "masked_lm_loss") in read_events(tmp_path / "train")


def test_printed_evaluation_and_commands(capsys):
    reporting.print_evaluation(
        {"masked_lm_loss": 3.5, "sentence_order_accuracy": 0.75},
        WordFrequencyBaseline(loss=5.25, accuracy=0.0625).metrics(),
        "word frequency",
    )
    reporting.print_next_commands("my model")
    header, loss, order, *commands = capsys.readouterr().out.splitlines()
    assert header.split() == ["evaluation", "model", "word", "frequency"]
    assert loss.split() == ["masked_lm_loss", "3.5000", "5.2500"]
    assert order.split() == ["sentence_order_accuracy", "0.7500", "0.5000"]
    assert "albert fill-mask 'my model' " in commands[1]
    assert "'my model/tensorboard'" in commands[2]
