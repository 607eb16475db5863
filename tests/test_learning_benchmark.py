# SPDX-License-Identifier: Apache-2.0
"""The comparison of recipes: their flags, and the page of its results."""

import pathlib
from importlib import import_module

import pytest
from absl import flags

import run_pretraining

ROOT = pathlib.Path(__file__).parents[1]


RECIPES = import_module("learning_recipes").RECIPES


def test_recipes_have_names_of_their_own():
    assert len({recipe.name for recipe in RECIPES}) == len(RECIPES)
    assert len({recipe.words for recipe in RECIPES}) == len(RECIPES)
    assert not RECIPES[0].flags


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
def test_flags_of_recipes_work_together(recipe, tmp_path):
    (tmp_path / "records").touch()
    fv = flags.FlagValues()
    run_pretraining.define_flags(fv)
    words = {
        **recipe.all_flags(),
        "input_file": tmp_path / "records",
        "eval_input_file": tmp_path / "records",
        "output_dir": tmp_path,
        "train_minutes": 5,
    }
    fv(["pretrain", *(f"--{name}={value}" for name, value in words.items())])
    assert run_pretraining.check_flags(fv)


def row(recipe, seed, loss, **results):
    return {
        "recipe": recipe.name,
        "words": recipe.words,
        "minutes": 8.0,
        "seed": seed,
        "results": {"masked_lm_loss": loss, **results},
        "curve": [[10, 1.0, 6.5], [100 * seed, 8.0, loss]],
    }


def test_the_page_has_the_best_recipe_first(tmp_path):
    learning = import_module("learning")
    page = tmp_path / "learning.md"
    page.write_text((ROOT / "docs" / "learning.md").read_text())
    rows = [
        row(RECIPES[0], 1, 5.0, pairs=0.5),
        row(RECIPES[0], 2, 5.2, pairs=0.6),
        row(RECIPES[1], 1, 4.5),
    ]
    for _ in range(2):  # What was written before is replaced.
        learning.write_report(page, rows)
    text = page.read_text()
    assert "No recipe has been measured yet" not in text
    lines = [line for line in text.splitlines() if line.startswith("| 8 |")]
    assert lines == [
        f"| 8 | {RECIPES[1].words} | 1 | 100 | 4.500 | — | — | — |",
        f"| 8 | {RECIPES[0].words} | 1, 2 | 150 | 5.100 (5.000 to 5.200) "
        "| — | — | 0.550 (0.500 to 0.600) |",
    ]
    assert text.endswith("told apart by the loss.\n")
    assert (tmp_path / "learning.png").stat().st_size > 10_000
