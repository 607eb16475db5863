# SPDX-License-Identifier: Apache-2.0
"""What --recipe sets, and what it leaves."""

import logging
import types

import pytest
from absl import flags

from albert import pretraining_flags
from albert import pretraining_recipes
from albert.config import AlbertConfig


def records(length=128, *, masked=False):
    return types.SimpleNamespace(
        schema=types.SimpleNamespace(max_seq_length=length),
        unmasked=None if masked else object(),
    )


def config(layers=6, **changes):
    return AlbertConfig(
        vocab_size=50,
        embedding_size=8,
        hidden_size=12,
        num_hidden_layers=layers,
        num_attention_heads=2,
        intermediate_size=24,
        **changes,
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
        pretraining_recipes.set_schedules(fv, config(), records())
    assert all_values(plain) == all_values(paper)
    assert plain.optimizer == "lamb"
    assert plain.num_layers_schedule is None


def test_budget_sets_and_prints_all(parse, caplog):
    caplog.set_level(logging.INFO, logger="absl")
    fv = parse("--recipe=budget")
    pretraining_recipes.set_schedules(fv, config(), records())
    assert (
        "--recipe=budget is --optimizer=muon --train_batch_size=64 "
        "--learning_rate_decay=cosine --end_learning_rate_share=0.1 "
        "--decay_after_warmup=true --train_minutes=60 --initialization=local "
        "--num_layers_schedule=2:0.33,4:0.33,6 "
        "--max_seq_length_schedule=64:0.8,128"
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
    pretraining_recipes.set_schedules(fv, config(), records())
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


def test_a_trained_model_does_not_grow(parse):
    fv = parse("--recipe=budget", "--init_checkpoint=model")
    pretraining_recipes.set_schedules(fv, config(), records())
    assert fv.num_layers_schedule is None
    assert fv.max_seq_length_schedule is None
    assert fv.initialization is None


@pytest.mark.parametrize(
    ("model", "written", "depth", "length"),
    [
        (config(12), records(512), "4:0.33,8:0.33,12", "128:0.8,512"),
        (config(3), records(100), "1:0.33,2:0.33,3", "64:0.8,100"),
        (config(2), records(64), None, None),
        (config(6, sharing="attention"), records(64), None, None),
        (config(6, num_hidden_groups=2), records(masked=True), None, None),
    ],
)
def test_what_grows(model, written, depth, length):
    flags = pretraining_recipes.of_random_weights(model, written)
    assert flags.get("num_layers_schedule") == depth
    assert flags.get("max_seq_length_schedule") == length
    assert flags["initialization"] == "local"


def test_heads_look_at_neighbours_where_positions_are_learned():
    model = config(position_embedding="sinusoidal")
    flags = pretraining_recipes.of_random_weights(model, records())
    assert "initialization" not in flags
    assert flags["num_layers_schedule"] == "2:0.33,4:0.33,6"
