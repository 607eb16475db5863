# SPDX-License-Identifier: Apache-2.0
"""What is said of a training before its first step."""

import types

import pytest
from absl import logging

from albert.training import distribution
from albert.training import options


@pytest.fixture
def warnings_of(monkeypatch):
    """Function of a number of steps of 16 of 53 examples to the warnings."""
    lines = []
    monkeypatch.setattr(
        logging, "warning", lambda text, *values: lines.append(text % values)
    )

    def check(steps):
        lines.clear()
        options.check_and_log_batch(
            distribution.get_strategy("one_device"),
            types.SimpleNamespace(
                train_batch_size=16,
                num_train_steps=steps,
                gradient_accumulation_steps=1,
            ),
            num_examples=53,
            max_seq_length=7,
        )
        return list(lines)

    return check


def test_many_epochs_are_warned_of(warnings_of):
    # 100 epochs are 331.25 steps.
    assert warnings_of(331) == []
    (line,) = warnings_of(332)
    assert line.startswith("more than 100 epochs")
    assert "--num_train_steps=34 are 10 epochs" in line
