# SPDX-License-Identifier: Apache-2.0
"""What --recipe sets, and what it leaves."""

import dataclasses
import logging
import types

import pytest
from absl import flags

from albert import pretraining_flags
from albert import pretraining_recipes
from albert.config import AlbertConfig
from albert.records.schema import PretrainingSchema
from albert.training import budgets
from albert.training.phases import lay_out
from albert.training.phases import parse_phases


def records(length=128, *, masked=False, share=0.15, slots=77):
    masking = types.SimpleNamespace(masked_lm_prob=share)
    return types.SimpleNamespace(
        schema=PretrainingSchema(length, slots),
        unmasked=None if masked else types.SimpleNamespace(masking=masking),
    )


def config(layers=6, **changes):
    return dataclasses.replace(
        AlbertConfig.named("mini"), num_hidden_layers=layers, **changes
    )


@pytest.fixture
def parse(tmp_path):
    def parse(*arguments):
        fv = flags.FlagValues()
        pretraining_flags.define_flags(fv)
        text = tmp_path / "records"
        text.touch()
        fv(
            [
                "pretrain",
                f"--input_file={text}",
                "--model_size=mini",
                f"--output_dir={tmp_path}/model",
                *arguments,
            ]
        )
        pretraining_flags.check_flags(fv)
        return fv

    return parse


def all_values(fv):
    return {name: fv[name].value for name in fv if name != "recipe"}


def test_paper_is_the_defaults(parse):
    plain, paper = parse(), parse("--recipe=paper")
    for fv in (plain, paper):
        pretraining_recipes.set_flags_of_model(fv, config(), records())
    assert all_values(plain) == all_values(paper)
    assert plain.optimizer == "lamb"
    assert plain.num_layers_schedule is None


def test_budget_sets_and_prints_all(parse, caplog):
    caplog.set_level(logging.INFO, logger="absl")
    fv = parse("--recipe=budget")
    pretraining_recipes.set_flags_of_model(fv, config(), records())
    assert (
        "--recipe=budget is --optimizer=muon --train_batch_size=64 "
        "--learning_rate_decay=cosine --end_learning_rate_share=0.1 "
        "--decay_after_warmup=true --train_minutes=60 --initialization=local "
        "--num_layers_schedule=2:0.33,4:0.33,6 "
        "--max_seq_length_schedule=64:0.8,128 "
        "--masked_lm_prob_schedule=0.45:0.8,0.15"
    ) in caplog.text
    assert fv.optimizer == "muon"
    assert fv.train_minutes == 60


def test_what_is_given_counts(parse):
    fv = parse(
        "--recipe=budget",
        "--optimizer=lamb",
        "--num_train_steps=100",
        "--nodecay_after_warmup",
        "--poly_power=2",
        "--num_layers_schedule=3:0.5,6",
        "--initialization=original",
    )
    pretraining_recipes.set_flags_of_model(fv, config(), records())
    assert fv.optimizer == "lamb"
    assert fv.train_minutes is None
    assert not fv.decay_after_warmup
    assert fv.learning_rate_decay == "polynomial"
    assert fv.num_layers_schedule == "3:0.5,6"
    assert fv.initialization == "original"
    assert fv.train_batch_size == 64


@pytest.mark.parametrize("flag", ["num_warmup_steps", "start_warmup_step"])
def test_other_steps_stand_for_a_training_in_steps(parse, flag):
    fv = parse("--recipe=budget", f"--{flag}=3")
    assert fv.train_minutes is None


def test_a_trained_model_does_not_grow(parse, caplog):
    caplog.set_level(logging.INFO, logger="absl")
    fv = parse("--recipe=budget", "--init_checkpoint=model")
    pretraining_recipes.set_flags_of_model(fv, config(), records())
    assert fv.num_layers_schedule is None
    assert fv.max_seq_length_schedule is None
    assert fv.initialization is None
    for name in ("initialization", "num_layers_schedule", "max_seq_length_sc"):
        assert f"--recipe=budget without --{name}" in caplog.text
    assert "what --init_checkpoint holds is trained" in caplog.text


@pytest.mark.parametrize(
    ("model", "written", "depth", "length"),
    [
        (config(12), records(512), "4:0.33,8:0.33,12", "128:0.8,512"),
        (config(3), records(100), "1:0.33,2:0.33,3", "64:0.8,100"),
    ],
)
def test_what_grows(model, written, depth, length):
    settings, reasons = pretraining_recipes.of_random_weights(model, written)
    assert settings == {
        "initialization": "local",
        "num_layers_schedule": depth,
        "max_seq_length_schedule": length,
        "masked_lm_prob_schedule": "0.45:0.8,0.15",
    }
    assert not reasons


@pytest.mark.parametrize(
    ("model", "written", "name", "reason"),
    [
        (config(2), records(), "num_layers_schedule", "has 2 layers"),
        (
            *(config(sharing="attention"), records(), "num_layers_schedule"),
            "do not share all",
        ),
        (
            *(config(num_hidden_groups=2), records(), "num_layers_schedule"),
            "do not share all",
        ),
        (config(), records(64), "max_seq_length_schedule", "have 64 pieces"),
        (
            *(config(), records(masked=True), "max_seq_length_schedule"),
            "make them with --masking=dynamic",
        ),
        (
            *(config(position_embedding="sinusoidal"), records()),
            *("initialization", "sinusoidal, not learned"),
        ),
    ],
)
def test_what_is_left_out_is_told(parse, caplog, model, written, name, reason):
    caplog.set_level(logging.INFO, logger="absl")
    fv = parse("--recipe=budget")
    pretraining_recipes.set_flags_of_model(fv, model, written)
    assert fv[name].value is None
    lines = [
        record.getMessage()
        for record in caplog.records
        if "without" in record.getMessage()
    ]
    # Nothing else is left out, but that two need records without masks.
    assert len(lines) == (1 if written.unmasked else 2)
    (line,) = (
        line for line in lines if f"--recipe=budget without --{name}: " in line
    )
    assert reason in line


ALREADY_MASKED = (
    "the records are masked already: make them with --masking=dynamic"
)


@pytest.mark.parametrize(
    ("more", "written", "reason"),
    [
        (["--masked_lm_prob=0.2"], records(), "--masked_lm_prob is given"),
        (
            *(["--max_predictions_per_seq=19"], records()),
            "--max_predictions_per_seq is given",
        ),
        (
            *([], records(share=0.45)),
            "0.45 of the tokens are masked in the records",
        ),
        ([], records(masked=True), ALREADY_MASKED),
        (
            *(["--init_checkpoint=model"], records()),
            "what --init_checkpoint holds is trained",
        ),
        (
            *(["--num_train_steps=2"], records()),
            "--num_train_steps=2 are too few",
        ),
    ],
)
def test_where_the_same_share_is_masked_throughout(
    parse, caplog, more, written, reason
):
    caplog.set_level(logging.INFO, logger="absl")
    fv = parse("--recipe=budget", *more)
    pretraining_recipes.set_flags_of_model(fv, config(), written)
    assert fv.masked_lm_prob_schedule is None
    assert (f"--recipe=budget without --masked_lm_prob_schedule: {reason}") in [
        record.getMessage() for record in caplog.records
    ]


@pytest.mark.parametrize(
    ("written", "last"),
    [
        (records(share=0.2), "0.2"),
        # 19 of 128 are 0.15 of them, rounded.
        (records(slots=19), "0.15"),
        # What the slots limit, evaluations have.
        (records(512, slots=20), "0.0390625"),
    ],
)
def test_masks_end_with_the_share_that_is_evaluated(parse, written, last):
    fv = parse("--recipe=budget")
    pretraining_recipes.set_flags_of_model(fv, config(), written)
    assert fv.masked_lm_prob_schedule == f"0.45:0.8,{last}"
    fv = parse("--recipe=budget", "--masked_lm_prob_schedule=0.3:0.5,0.1")
    pretraining_recipes.set_flags_of_model(fv, config(), written)
    assert fv.masked_lm_prob_schedule == "0.3:0.5,0.1"


@pytest.mark.parametrize("steps", range(1, 8))
def test_schedules_have_steps_for_all_that_they_name(parse, steps):
    """A trial of some steps is not refused for flags that nobody gave."""
    fv = parse("--recipe=budget", f"--num_train_steps={steps}")
    pretraining_recipes.set_flags_of_model(fv, config(), records())
    budget = budgets.StepBudget(steps, 1, 1)
    for name in ("num_layers", "max_seq_length", "masked_lm_prob"):
        text = fv[f"{name}_schedule"].value
        assert (text is None) == (steps < 3)
        if text:
            phases = parse_phases("--flag", text, float, text)
            assert lay_out(phases, budget, "").ends[-1] == steps
