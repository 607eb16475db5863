# SPDX-License-Identifier: Apache-2.0
"""How long a pretraining is, and its warm-up."""

import pytest

from albert.errors import UserError
from albert.training import training_length


@pytest.mark.parametrize(
    ("steps", "warmup", "proportion", "found"),
    [
        (1000, None, None, 60),
        (10**6, None, None, 3125),
        (1000, 7, None, 7),
        (1000, None, 0.25, 250),
        (1000, None, 0.0, 0),
    ],
)
def test_warmup_in_steps(steps, warmup, proportion, found):
    options = training_length.of_steps(steps, warmup, 0, proportion)
    assert options == {"num_warmup_steps": found, "warmup_proportion": None}


def test_a_warmup_that_does_not_end():
    with pytest.raises(UserError, match="--start_warmup_step=50 .* more than"):
        training_length.of_steps(100, None, 50, 0.6)


def test_a_start_of_no_warmup():
    with pytest.raises(UserError, match="--start_warmup_step=50 has no effect"):
        training_length.of_steps(100, 0, 50, None)
    training_length.of_steps(100, 0, 0, None)


@pytest.mark.parametrize(("steps", "warmup", "start"), [(1, 1, 0), (90, 1, 89)])
def test_a_rate_of_0_throughout_is_refused(steps, warmup, start):
    with pytest.raises(UserError, match=f"of all --num_train_steps={steps} wo"):
        training_length.of_steps(steps, warmup, start, None)
    training_length.of_steps(steps + 1, warmup, start, None)


def test_warmup_in_time():
    found = training_length.of_time(3.5, None, None)
    assert found["warmup_proportion"] == 0.06
    assert found["train_minutes"] == 3.5
    assert found["num_train_steps"] is found["num_warmup_steps"] is None
    found = training_length.of_time(3.5, 0.2, 40)
    assert found["warmup_proportion"] == 0.2
    assert found["save_checkpoints_steps"] == 40
