# SPDX-License-Identifier: Apache-2.0
"""Flags of a training in steps or in minutes that contradict each other."""

import pytest
from absl import flags

from albert import budget_flags
from albert import pretraining_flags
from albert.errors import UserError


def check(*arguments):
    fv = flags.FlagValues()
    pretraining_flags.define_flags(fv)
    fv(["pretrain", *arguments])
    budget_flags.check(fv)
    return fv


def test_what_works_together():
    assert check().num_train_steps == 125_000
    assert check("--train_minutes=0.5").train_minutes == 0.5
    check("--train_minutes=60", "--warmup_proportion=0.1")
    check("--num_train_steps=9", "--warmup_proportion=0.1")
    check("--num_train_steps=9", "--num_warmup_steps=3")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--train_minutes=1", "--num_train_steps=9"], "num_train_steps coun"),
        # Also where it is the default.
        (["--train_minutes=1", "--start_warmup_step=0"], "give --warmup_prop"),
        (["--train_minutes=1", "--num_warmup_steps=1"], "give --warmup_propo"),
        (["--train_minutes=1", "--bucket_by_length"], "instead of the min"),
        (["--nodo_train", "--weight_average_decay=0.9"], "is of training"),
        (["--nodo_train", "--num_layers_schedule=1:.5,2"], "is of training"),
        (["--nodo_train", "--train_minutes=5"], "is of training"),
        (
            ["--nodo_train", "--train_batch_size_schedule=4:.5,8"],
            "is of training",
        ),
        (
            ["--bucket_by_length", "--train_batch_size_schedule=4:.5,8"],
            "leave one of the two out",
        ),
        (["--nodo_train", "--recipe=budget"], "is of training"),
        (["--nodo_train", "--initialization=local"], "is of training"),
        (["--warmup_proportion=0", "--num_warmup_steps=1"], "the same thing"),
    ],
)
def test_what_does_not(arguments, words):
    with pytest.raises(UserError, match=words):
        check(*arguments)


@pytest.mark.parametrize("minutes", ["0", "-1", "nan", "0.001", "inf", "1e9"])
def test_no_time(minutes):
    with pytest.raises(flags.IllegalFlagValueError, match="from 0.01 to 1e"):
        check(f"--train_minutes={minutes}")
