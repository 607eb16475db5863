# SPDX-License-Identifier: Apache-2.0
"""What is said of a training before its first step."""

import types

import pytest
from absl import flags
from absl import logging

from albert.config import AlbertConfig
from albert.errors import UserError
from albert.text_to_text import translation_flags
from albert.training import distribution
from albert.training import finetuning_options
from albert.training import options

SIZE = {
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "intermediate_size": 8,
}


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


def find(*arguments, steps_per_epoch=None):
    fv = flags.FlagValues()
    translation_flags.define_flags(fv)
    fv(["translate", "--train_batch_size=1024", *arguments])
    return finetuning_options.find_finetuning_options(
        fv,
        translation_flags.RECIPE,
        AlbertConfig.from_dict({"vocab_size": 30, **SIZE}),
        30_000,
        steps_per_epoch,
    )


@pytest.mark.parametrize("patience, idle", [(8, False), (9, True)])
def test_patience_that_cannot_end_is_warned_of(caplog, patience, idle):
    # Ten evaluations: nine can follow the first one, the last at the end.
    found = find(
        "--num_train_steps=100", f"--early_stopping_patience={patience}"
    )
    assert found.early_stopping_patience == patience
    assert ("there are 10 evaluations" in caplog.text) == idle


def test_parts_are_frozen_as_one():
    assert find("--freeze=embeddings,encoder").freeze == "encoder"
    assert find().freeze is None


def test_the_decay_that_flags_ask_for():
    found = find(
        "--num_train_steps=10",
        "--num_warmup_steps=2",
        "--learning_rate=0.5",
        "--learning_rate_decay=cosine",
        "--end_learning_rate_share=0.2",
        "--decay_after_warmup",
    )
    schedule = found.make_schedule(found.make_budget())
    assert float(schedule(2)) == pytest.approx(0.5)
    assert float(schedule(6)) == pytest.approx(0.3)
    assert float(schedule(10)) == pytest.approx(0.1)
    found = find("--num_train_steps=10", "--poly_power=3")
    schedule = found.make_schedule(found.make_budget())
    assert schedule.get_config()["power"] == 3.0
    with pytest.raises(UserError, match="--poly_power is of --learning_rate_d"):
        find("--learning_rate_decay=cosine", "--poly_power=1")


def test_the_limit_is_of_the_examples_that_are_planned():
    # Batches of 100 pairs on average, which 1,024 may be in.
    found = find("--num_train_steps=1000000", steps_per_epoch=300)
    assert found.num_train_steps == 1_000_000
    for steps, per_epoch, planned in (
        (10_000_001, 300, 1_000_000_100),
        (976_563, None, 1_000_000_512),
    ):
        with pytest.raises(UserError, match=f"take {planned} examples"):
            find(f"--num_train_steps={steps}", steps_per_epoch=per_epoch)
