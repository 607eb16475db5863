# SPDX-License-Identifier: Apache-2.0
"""The comparison of recipes: their flags, and the page of its results."""

import dataclasses
import json
import pathlib
import types
from importlib import import_module

import numpy as np
import pytest
import tensorflow as tf
from absl import flags

from albert import pretraining_flags
from albert import pretraining_recipes
from albert.config import AlbertConfig
from albert.interchange import tensor_bundle
from albert.records.schema import PretrainingSchema
from albert.training import defaults

ROOT = pathlib.Path(__file__).parents[1]


RECIPES = import_module("learning_recipes").RECIPES


def test_recipes_have_names_of_their_own():
    assert len({recipe.name for recipe in RECIPES}) == len(RECIPES)
    assert len({recipe.words for recipe in RECIPES}) == len(RECIPES)
    assert not RECIPES[0].flags


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_flags_of_recipes_work_together(recipe, tmp_path):
    for name in ("records", "others"):
        (tmp_path / name).touch()
    fv = flags.FlagValues()
    pretraining_flags.define_flags(fv)
    words = {
        **recipe.all_flags(),
        "input_file": tmp_path / "records",
        "eval_input_file": tmp_path / "others",
        "output_dir": tmp_path,
        "train_minutes": 5,
    }
    fv(["pretrain", *(f"--{name}={value}" for name, value in words.items())])
    assert pretraining_flags.check_flags(fv)


def test_one_recipe_is_that_of_the_flag():
    """What --recipe=budget sets for this model is what is compared here."""
    fv = flags.FlagValues()
    pretraining_flags.define_flags(fv)
    fv(["pretrain", "--recipe=budget"])
    config = AlbertConfig.named("mini")
    masking = types.SimpleNamespace(masked_lm_prob=0.15)
    records = types.SimpleNamespace(
        schema=PretrainingSchema(128, 38),
        unmasked=types.SimpleNamespace(masking=masking),
    )
    pretraining_recipes.set_flags(fv)
    pretraining_recipes.set_flags_of_model(fv, config, records)
    rate = defaults.pretraining_learning_rate(config, fv.optimizer, 64)
    (measured,) = (r.all_flags() for r in RECIPES if r.name == "budget")
    assert measured.pop("model_size") == "mini"
    assert measured.pop("learning_rate") == rate
    assert measured.pop("decay_after_warmup") == "true"
    assert fv.decay_after_warmup
    assert {name: fv[name].value for name in measured} == measured


def test_a_curve_is_of_the_layers_that_are_trained(tmp_path):
    for part, tag, values in (
        ("train", "schedule/train_minutes", {5: 1.0, 9: 2.0}),
        ("train", "schedule/max_seq_length", {5: 64.0, 9: 128.0}),
        ("train", "schedule/train_batch_size", {5: 2.0, 9: 3.0}),
        ("eval", "loss/masked_lm_loss", {5: 6.5, 9: 4.0}),
        ("eval_trained_layers", "loss/masked_lm_loss", {5: 5.0}),
    ):
        events = tf.summary.create_file_writer(
            str(tmp_path / "tensorboard" / part)
        )
        with events.as_default():
            for step, value in values.items():
                tf.summary.scalar(tag, value, step)
        events.close()
    # Step, minutes, loss, pieces: 5 steps of 2 × 64, then 4 of 3 × 128.
    assert import_module("learning").read_curve(tmp_path, 3) == [
        [5, 1.0, 5.0, 640],
        [9, 2.0, 4.0, 2176],
    ]


@pytest.fixture
def bench(tmp_path):
    """A folder in which all has been run before, and its arguments."""
    learning = import_module("learning")
    for name in ("text", "held_out", "pairs"):
        (tmp_path / f"{name}.txt").write_text(f"{name}\n" * 200)
    arguments = learning.make_parser().parse_args(
        [
            f"--output_dir={tmp_path}/out",
            f"--text={tmp_path}/text.txt",
            f"--held_out={tmp_path}/held_out.txt",
            f"--pairs={tmp_path}/pairs.txt",
        ]
    )
    bench = learning.Bench(arguments.output_dir)
    started = []

    class Process:
        pid = returncode = 0

        def __init__(self, command, **_):
            started.append(command)

    runner = import_module("recipe_runner")
    with pytest.MonkeyPatch.context() as patch:
        usage = types.SimpleNamespace(ru_utime=0.0, ru_stime=0.0)
        patch.setattr(runner.subprocess, "Popen", Process)
        patch.setattr(runner.os, "wait4", lambda *_: (0, 0, usage))
        bench.prepare(arguments)
        assert len(started) == 3
        yield bench, arguments
    assert len(started) == 3


def test_what_was_made_of_the_same_is_not_made_again(bench):
    bench, arguments = bench
    bench.prepare(arguments)
    sample = pathlib.Path(bench.folder, "data", "pairs.jsonl").read_text()
    assert sample == "pairs\n" * 100


@pytest.mark.parametrize("name", ["text", "held_out", "pairs"])
def test_what_was_made_of_other_files_is_not_taken(bench, name, tmp_path):
    bench, arguments = bench
    (tmp_path / "new.txt").write_text("other")
    setattr(arguments, name, f"{tmp_path}/new.txt")
    told = f"{tmp_path}/new.txt.* give another --output_dir"
    error = import_module("recipe_runner").RecipeError
    with pytest.raises(error, match=told):
        bench.prepare(arguments)


def test_results_are_those_of_a_recipe_and_a_type(bench):
    bench, arguments = bench
    learning = import_module("learning")
    recipe, arguments.pairs = RECIPES[1], None
    names = {
        learning.name_result(recipe.name, 8.0, dtype, 1)
        for dtype in ("float32", "bfloat16")
    }
    assert names == {"long_8min_float32_seed1", "long_8min_bfloat16_seed1"}
    stored = {"flags": recipe.all_flags(), "results": {}}
    path = pathlib.Path(bench.folder, "results/long_8min_float32_seed1.json")
    path.write_text(json.dumps(stored))
    assert bench.train(recipe, 1, 8.0, arguments) == stored
    other = dataclasses.replace(recipe, flags={"learning_rate": 5.0})
    error = import_module("recipe_runner").RecipeError
    with pytest.raises(error, match="has other flags now"):
        bench.train(other, 1, 8.0, arguments)


def test_pairs_are_scored_with_the_weights_that_the_losses_are_of(tmp_path):
    learning = import_module("learning")
    weights = {"a/kernel": np.float32([1.0, 2.0])}
    slots = {"a/kernel/adam_m": np.float32([3.0, 4.0])}
    prefix = str(tmp_path / "model.ckpt-7")
    tensor_bundle.write(prefix, weights | slots)
    # Whatever was best, and wherever the folder was.
    tensor_bundle.write(tmp_path / "model.ckpt-best", weights)
    found = learning.last_weights(str(tmp_path), "elsewhere/model.ckpt-7")
    assert found == prefix
    average = {"training_state/average/a/kernel": np.float32([5.0, 6.0])}
    tensor_bundle.write(prefix, weights | slots | average)
    found = learning.last_weights(str(tmp_path), prefix)
    assert found == str(tmp_path / "averages")
    ((name, values),) = tensor_bundle.read(found).items()
    assert (name, values.tolist()) == ("a/kernel", [5.0, 6.0])


def row(recipe, seed, loss, **results):
    return {
        "recipe": recipe.name,
        "words": recipe.words,
        "minutes": 8.0,
        "seed": seed,
        "dtype": "float32",
        "results": {"masked_lm_loss": loss, **results},
        "curve": [[10, 1.0, 6.5, 40_960], [100 * seed, 8.0, loss, 819_200]],
    }


def test_the_page_has_the_best_recipe_first(tmp_path):
    learning = import_module("learning")
    page = tmp_path / "learning.md"
    page.write_text((ROOT / "docs" / "learning.md").read_text())
    rows = [
        row(RECIPES[0], 1, 5.0, pairs=0.5),
        row(RECIPES[0], 2, 5.2, pairs=0.6),
        row(RECIPES[1], 1, 4.5),
        row(RECIPES[1], 1, 4.75) | {"dtype": "bfloat16"},
    ]
    for _ in range(2):  # What was written before is replaced.
        learning.write_report(page, rows)
    text = page.read_text()
    assert "No recipe has been measured yet" not in text
    written = text.partition("<!-- end -->")[0].splitlines()
    lines = [line for line in written if line.startswith("| 8 |")]
    assert lines == [
        f"| 8 | {RECIPES[1].words} | 1 | 100 | 4.500 | — | — | — |",
        f"| 8 | {RECIPES[1].words}, bfloat16 | 1 | 100 | 4.750 | — | — | — |",
        f"| 8 | {RECIPES[0].words} | 1, 2 | 150 | 5.100 (5.000 to 5.200) "
        "| — | — | 0.550 (0.500 to 0.600) |",
    ]
    assert text.endswith("told apart by the loss.\n")
    assert (tmp_path / "learning.png").stat().st_size > 10_000
