#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares recipes of pretraining: what is learnt in the same minutes.

    python benchmarks/learning.py --output_dir=learning --minutes=8 \\
        --text='novels/*.txt' --held_out='other_novels/*.txt' \\
        --pairs='blimp/*.jsonl'
    python benchmarks/learning.py --output_dir=learning --report

Each recipe is trained for the same minutes on the same records, one after
another, so that nothing else may run on the machine. It may be killed at any
moment: the same command continues, with the time that was used. --quick
trains two recipes for seconds: it shows that the program works.
"""

import argparse
import dataclasses
import glob
import itertools
import json
import math
import os
import pathlib
import shutil
import statistics
import sys
import time

import ablation_files
import learning_recipes
import measurements
import recipe_runner

PAGE = recipe_runner.ROOT / "docs" / "learning.md"
LENGTH = 128
PREDICTIONS = 38  # Twice what 15% of the pieces need.
VOCABULARY = 8000
# Of each set of pairs, of which BLiMP has 67 with 1,000 each.
PAIRS_OF_A_SET = 100
# What --quick changes.
QUICK = {
    "model_size": "tiny",
    "train_batch_size": 8,
    "num_layers_schedule": "1:0.5,2",
}
# In a checkpoint, before the name of a weight.
_AVERAGE = "training_state/average/"
_PLACE = ("<!-- results -->\n", "<!-- end -->\n")


def main():
    parser = make_parser()
    arguments = parser.parse_args()
    bench = Bench(arguments.output_dir)
    if arguments.report:
        write_report(arguments.report, bench.rows())
        return
    for name in ("text", "held_out", *["pairs"] * bool(arguments.pairs)):
        if not glob.glob(getattr(arguments, name) or ""):
            parser.error(f"--{name}: give a pattern of files that are there")
    recipes = choose(parser, arguments.only)
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    minutes = arguments.minutes
    if arguments.quick:
        recipes = [
            dataclasses.replace(each, flags={**each.flags, **QUICK})
            for each in (recipes[0], recipes[2])
        ]
        seeds, minutes = seeds[:1], 0.5
    bench.prepare(arguments)
    for seed, recipe in itertools.product(seeds, recipes):
        row = bench.train(recipe, seed, minutes, arguments)
        print(
            json.dumps(
                {name: row[name] for name in ("recipe", "seed")}
                | row["results"]
            ),
            flush=True,
        )


def make_parser():
    """Returns the parser of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--output_dir", required=True, help="data, models, logs, results")
    add("--text", help="glob of plain text to pretrain on")
    add("--held_out", help="glob of other text, to measure on")
    add(
        "--pairs",
        help="glob of minimal pairs, of which each set's first "
        f"{PAIRS_OF_A_SET} are scored",
    )
    add("--minutes", type=float, default=8.0, help="of training, each")
    add("--seeds", default="1,2")
    add("--only", help="comma-separated names of recipes")
    add("--dtype", default="float32", help="of the training")
    add("--quick", action="store_true", help="tiny, to see that all works")
    add(
        "--report",
        nargs="?",
        const=str(PAGE),
        help="only write the table of this page and its picture",
    )
    return parser


def choose(parser, only):
    """Returns the recipes that --only names, or all."""
    known = {recipe.name: recipe for recipe in learning_recipes.RECIPES}
    names = only.split(",") if only else list(known)
    for name in names:
        if name not in known:
            parser.error(f"--only: {name} is none of {', '.join(known)}")
    return [known[name] for name in names]


class Bench(recipe_runner.Runner):
    """The folder of all trainings: data, models, logs and results."""

    def __init__(self, folder):
        super().__init__(folder, math.inf)

    def prepare(self, arguments):
        """Makes vocabulary, records and the sample of pairs."""
        for name in ("data", "models", "logs", "results"):
            os.makedirs(f"{self.folder}/{name}", exist_ok=True)
        data = f"{self.folder}/data"
        self.run(
            "data/create_vocabulary.py",
            {
                "input_file": arguments.text,
                "output_prefix": f"{data}/vocabulary",
                "vocab_size": VOCABULARY,
                "overwrite": "true",
            },
            "data/vocabulary.done.json",
            "data.log",
        )
        for split, files, masking in (
            ("train", arguments.text, {"masking": "dynamic"}),
            ("held_out", arguments.held_out, {"dupe_factor": 1}),
        ):
            self.run(
                "data/create_pretraining_data.py",
                {
                    "input_file": files,
                    "output_file": f"{data}/{split}.tfrecord",
                    "spm_model_file": f"{data}/vocabulary.model",
                    "max_seq_length": LENGTH,
                    "max_predictions_per_seq": PREDICTIONS,
                    "overwrite": "true",
                    **masking,
                },
                f"data/{split}.done.json",
                "data.log",
            )
        if arguments.pairs:
            self._draw_pairs(pathlib.Path(data, "pairs.jsonl"), arguments.pairs)

    def _draw_pairs(self, sample, pattern):
        """Writes the sample of pairs, or compares it with that of before."""
        lines = []
        for path in sorted(glob.glob(pattern)):
            with open(path, encoding="utf-8") as file:
                lines += itertools.islice(file, PAIRS_OF_A_SET)
        content = "".join(lines)
        if not sample.exists():
            sample.write_text(content, encoding="utf-8")
        elif sample.read_text(encoding="utf-8") != content:
            raise recipe_runner.RecipeError(
                f"{sample}: --pairs={pattern} gives other pairs than before: "
                "give another --output_dir"
            )

    def rows(self):
        """Returns all results so far: list of dict."""
        paths = sorted(pathlib.Path(self.folder, "results").glob("*.json"))
        return [ablation_files.read_json(path) for path in paths]

    def train(self, recipe, seed, minutes, arguments):
        """Trains and measures a recipe; stores and returns its row."""
        name = name_result(recipe.name, minutes, arguments.dtype, seed)
        result = f"{self.folder}/results/{name}.json"
        if os.path.exists(result):
            row = ablation_files.read_json(result)
            if row["flags"] != recipe.all_flags():
                raise recipe_runner.RecipeError(
                    f"{result}: the recipe has other flags now: give another "
                    "--output_dir"
                )
            if "pairs" in row["results"] or not arguments.pairs:
                return row
        data, model = f"{self.folder}/data", f"{self.folder}/models/{name}"
        self.run(
            "run_pretraining.py",
            {
                **recipe.all_flags(),
                "input_file": f"{data}/train.tfrecord",
                "eval_input_file": f"{data}/held_out.tfrecord",
                "max_eval_steps": 60,
                "train_minutes": minutes,
                "keep_checkpoint_max": 1,
                "dtype": arguments.dtype,
                "output_dir": model,
                "seed": seed,
            },
            f"models/{name}.done.json",
            f"{name}.log",
        )
        results = ablation_files.read_json(f"{model}/eval_results.json")
        row = {
            "recipe": recipe.name,
            "words": recipe.words,
            "flags": recipe.all_flags(),
            "minutes": minutes,
            "seed": seed,
            "dtype": arguments.dtype,
            "results": {
                metric: value
                for metric, value in results.items()
                if isinstance(value, float)
            },
            "baseline": results["baseline"],
            "curve": read_curve(model, recipe.all_flags()["train_batch_size"]),
            "versions": recipe_runner.versions(),
            "machine": measurements.machine(),
            "time": time.time(),
        }
        if arguments.pairs:
            row["results"]["pairs"] = self.score_pairs(
                name, last_weights(model, results["checkpoint"])
            )
        ablation_files.write_json(result, row)
        return row

    def forget_pairs(self, name):
        """Removes the scores of pairs that a training of this name has."""
        pathlib.Path(f"{self.folder}/models/{name}.pairs.done.json").unlink(
            missing_ok=True
        )
        shutil.rmtree(f"{self.folder}/models/{name}/pairs", ignore_errors=True)

    def score_pairs(self, name, model):
        """Returns the share of the sample of pairs that a model tells.

        Args:
          name: str, of the training; the scores lie in its folder.
          model: str, a model, or a prefix of weights.
        """
        scores = f"{self.folder}/models/{name}/pairs"
        self.run(
            "albert.score",
            {
                "pairs_file": f"{self.folder}/data/pairs.jsonl",
                "output_dir": scores,
            },
            f"models/{name}.pairs.done.json",
            f"{name}.log",
            [model],
        )
        return ablation_files.read_json(f"{scores}/results.json")["accuracy"]


def name_result(recipe, minutes, dtype, seed):
    """Returns the name of the result of a training, and of its files."""
    return f"{recipe}_{minutes:g}min_{dtype}_seed{seed}"


def last_weights(model, checkpoint):
    """Returns the weights that the losses at the end are of: str, a prefix.

    A directory would stand for the best weights of the training.

    Args:
      model: str, the model directory.
      checkpoint: str, that of the last step, wherever it lay. Where a recipe
        keeps averages, these are put into a checkpoint of their own beside it.
    """
    from albert import command_line

    command_line.load_tensorflow()
    from albert.interchange import tensor_bundle

    checkpoint = os.path.join(model, os.path.basename(checkpoint))
    averages = {
        name.removeprefix(_AVERAGE): tensor
        for name, tensor in tensor_bundle.read(checkpoint).items()
        if name.startswith(_AVERAGE)
    }
    if not averages:
        return checkpoint
    prefix = os.path.join(model, "averages")
    tensor_bundle.write(prefix, averages)
    return prefix


def read_curve(model, batch_size):
    """Returns the evaluations: [step, minutes, loss, pieces] of each.

    Args:
      model: str, the model directory.
      batch_size: int, sequences in a step, where their number stays.
    """
    from albert import command_line

    command_line.load_tensorflow()
    from albert.training import curves
    from albert.training import event_tags

    train = curves.read_scalars(f"{model}/tensorboard/train")
    held_out = {}
    # While a model grows, the layers that are trained: all of them are not yet
    # what they will be.
    for part in ("eval", event_tags.TRAINED_LAYERS):
        scalars = curves.read_scalars(f"{model}/tensorboard/{part}")
        held_out |= dict(scalars.get("masked_lm_loss", ()))
    minutes = dict(train["train_minutes"])
    lengths = dict(train.get("max_seq_length", ()))
    sizes = dict(train.get("train_batch_size", ()))
    pieces, total, before = {}, 0, 0
    for step in minutes:
        sequences = (step - before) * sizes.get(step, batch_size)
        total += sequences * lengths.get(step, LENGTH)
        pieces[step], before = total, step
    return [
        [step, minutes[step], loss, pieces[step]]
        for step, loss in sorted(held_out.items())
        if step in minutes
    ]


def write_report(page, rows):
    """Writes the table into a page, and the picture beside it."""
    page = pathlib.Path(page)
    if not rows:
        sys.exit("there are no results in --output_dir yet")
    before, _, rest = page.read_text().partition(_PLACE[0])
    after = rest.partition(_PLACE[1])[2]
    lines = list(table(rows))
    page.write_text(
        before + _PLACE[0] + "\n".join(["", *lines, "", ""]) + _PLACE[1] + after
    )
    draw(page.with_suffix(".png"), rows)


def by_recipe(rows):
    """Returns dict from (words, minutes) to its rows, the best loss first."""
    groups = {}
    for row in rows:
        words = row["words"]
        if row["dtype"] != "float32":
            words += f", {row['dtype']}"
        groups.setdefault((words, row["minutes"]), []).append(row)
    return dict(
        sorted(
            groups.items(),
            key=lambda group: (
                group[0][1],
                _median(group[1], "masked_lm_loss"),
            ),
        )
    )


def table(rows):
    """Yields the lines of the table of all recipes."""
    columns = {
        "masked_lm_loss": "masked-LM loss",
        "masked_lm_accuracy": "accuracy",
        "sentence_order_accuracy": "sentence order",
        "pairs": "BLiMP, sample",
    }
    yield (
        "| minutes | recipe | seeds | steps | "
        + " | ".join(columns.values())
        + " |"
    )
    yield "|" + "---|" * (4 + len(columns))
    for (words, minutes), group in by_recipe(rows).items():
        steps = statistics.median(row["curve"][-1][0] for row in group)
        cells = [
            f"{minutes:g}",
            words,
            ", ".join(str(row["seed"]) for row in group),
            f"{steps:,.0f}",
        ]
        for metric in columns:
            values = [
                row["results"][metric]
                for row in group
                if metric in row["results"]
            ]
            text = "—"
            if values:
                text = f"{statistics.median(values):.3f}"
                if len(values) > 1:
                    text += f" ({min(values):.3f} to {max(values):.3f})"
            cells.append(text)
        yield "| " + " | ".join(cells) + " |"


def draw(path, rows):
    """Draws the held-out loss of each recipe by minutes and by pieces.

    What is better in minutes and not in pieces is quicker; what is better in
    both learns more of the same text.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator

    figure = Figure(figsize=(9, 5), layout="constrained")
    for axis, (place, unit, title) in zip(
        figure.subplots(1, 2, sharey=True),
        (
            (1, 1, "minutes of training"),
            (3, 1_000_000, "million pieces seen, with padding"),
        ),
        strict=True,
    ):
        for (words, minutes), group in by_recipe(rows).items():
            row = group[0]
            axis.plot(
                [point[place] / unit for point in row["curve"]],
                [point[2] for point in row["curve"]],
                marker=".",
                label=f"{words.replace('`', '')} ({minutes:g} min)",
            )
        # Trainings of minutes and of hours are in one picture.
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_formatter("")
        axis.set_xlabel(title)
    axis.figure.axes[0].set_ylabel("masked-LM loss, held out")
    figure.legend(
        *axis.get_legend_handles_labels(),
        loc="outside lower center",
        fontsize="small",
    )
    figure.savefig(path, dpi=120)


def _median(rows, metric):
    return statistics.median(row["results"][metric] for row in rows)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except recipe_runner.RecipeError as error:
        sys.exit(f"FAILED: {error}")
