#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Repeats the paper's ablations at a small scale, and writes their tables.

    python benchmarks/ablations.py --output_dir=ablations \\
        --text='novels/*.txt' --held_out='other_novels/*.txt' \\
        --glue_dir=glue_data
    python benchmarks/ablations.py --output_dir=ablations --report

Each model is pretrained, and fine-tuned for SST-2 and MRPC, with the recipes
of this project. It may be killed at any moment: the same command continues.
All models are trained with the first seed before any with the second, so that
the report of what is there is of whole tables. --quick trains two models for
a few steps: it shows that the program works, and measures nothing.
"""

import argparse
import concurrent.futures
import dataclasses
import fcntl
import glob
import itertools
import math
import os
import statistics
import sys
import time

import ablation_files
import ablation_grid
import ablation_report
import ablation_results
import ablation_runs
import flops
import recipe_runner

PAGE = recipe_runner.ROOT / "docs" / "ablations.md"


def main():
    parser = make_parser()
    arguments = parser.parse_args()
    scale = ablation_grid.QUICK if arguments.quick else ablation_grid.FULL
    tables = ablation_grid.tables(scale)
    chosen = choose_tables(parser, arguments.only, tables)
    deadline = time.monotonic() + 60 * arguments.minutes
    workshop = ablation_runs.Workshop(arguments.output_dir, scale, deadline)
    if arguments.report:
        check_report(parser, arguments, workshop)
        ablation_report.write(arguments.report, tables, workshop.rows(), scale)
        return
    check_sources(parser, arguments)
    workshop.make_folders()
    with open(f"{workshop.folder}/lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            parser.error(f"{arguments.output_dir}: another process is at it")
        difference = workshop.check_settings(
            {
                **dataclasses.asdict(scale),
                "text": ablation_files.describe_files(
                    glob.glob(arguments.text)
                ),
                "held_out": ablation_files.describe_files(
                    glob.glob(arguments.held_out)
                ),
                "glue_dir": ablation_files.describe_files(
                    task_files(arguments.glue_dir)
                ),
            }
        )
        if difference:
            parser.error(
                f"{arguments.output_dir} has results of other settings "
                f"({difference}): give another --output_dir"
            )
        cells = ablation_grid.list_cells(chosen.values())
        sys.exit(train_all(workshop, arguments, cells))


def make_parser():
    """Returns the parser of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--output_dir", required=True, help="data, logs and results go there")
    add("--text", help="glob of plain text to pretrain on")
    add("--held_out", help="glob of other text, to measure on")
    add("--glue_dir", help="has GLUE's folders SST-2 and MRPC")
    add(
        "--seeds",
        type=parse_seeds,
        help="of initial weights, the order of the data, and dropout; "
        "default: 1,2,3, and 1 with --quick",
    )
    add("--only", help="comma-separated names of tables: table_3, depth, …")
    add(
        "--minutes",
        type=parse_minutes,
        default=math.inf,
        help="after which no command begins",
    )
    add(
        "--processes",
        type=parse_count,
        default=1,
        help="models at a time, each with its share of the processors",
    )
    add("--quick", action="store_true", help="tiny, to see that all works")
    add(
        "--report",
        nargs="?",
        const=str(PAGE),
        help="only write the tables of this page, and pictures beside it, "
        "from the results so far (default: docs/ablations.md)",
    )
    return parser


def parse_seeds(text):
    """Returns the seeds that a comma-separated list names."""
    try:
        seeds = [int(seed) for seed in text.split(",")]
    except ValueError:
        seeds = []
    if not seeds or min(seeds) < 0 or len({*seeds}) < len(seeds):
        raise argparse.ArgumentTypeError(
            f"{text} is not a list of different numbers, as 1,2,3"
        )
    return seeds


def parse_minutes(text):
    """Returns a time, which may be without end."""
    try:
        minutes = float(text)
    except ValueError:
        minutes = math.nan
    if not minutes >= 0:
        raise argparse.ArgumentTypeError(f"{text} is no number of 0 or more")
    return minutes


def parse_count(text):
    """Returns a whole number of at least 1."""
    if not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(
            f"{text} is no whole number of 1 or more"
        )
    return int(text)


def check_report(parser, arguments, workshop):
    """Refuses to report what is not there, or of another scale."""
    folder = arguments.output_dir
    if not os.path.isfile(f"{workshop.folder}/settings.json"):
        parser.error(f"{folder}: no folder of results (no settings.json)")
    if not os.path.isfile(arguments.report):
        parser.error(f"{arguments.report}: no such page")
    difference = workshop.difference(dataclasses.asdict(workshop.scale))
    if difference:
        other = "without" if arguments.quick else "with"
        parser.error(
            f"{folder} has results of other settings ({difference}): try "
            f"{other} --quick"
        )


def choose_tables(parser, only, tables):
    """Returns the tables that --only names, or all."""
    names = only.split(",") if only else list(tables)
    for name in names:
        if name not in tables:
            parser.error(f"--only: {name} is none of {', '.join(tables)}")
    return {name: tables[name] for name in names}


def check_sources(parser, arguments):
    """Refuses to begin without the files that are read."""
    for name in ("text", "held_out", "glue_dir"):
        if not getattr(arguments, name):
            parser.error(f"--{name} is required, except for --report")
    for name in ("text", "held_out"):
        if not glob.glob(getattr(arguments, name)):
            parser.error(f"--{name}={getattr(arguments, name)}: no such files")
    both = {*glob.glob(arguments.text)} & {*glob.glob(arguments.held_out)}
    if both:
        parser.error(f"{min(both)} is both in --text and in --held_out")
    for path in task_files(arguments.glue_dir):
        if not os.path.isfile(path):
            parser.error(f"{path}: no such file; see --glue_dir")


def task_files(folder):
    """Returns the paths of the files of GLUE that are read."""
    return [
        f"{folder}/{task}/{split}.tsv"
        for task in ablation_runs.TASKS.values()
        for split in ("train", "dev")
    ]


def train_all(workshop, arguments, cells):
    """Trains what is missing; returns the status to exit with."""
    seeds = arguments.seeds or workshop.scale.seeds
    pairs = [(cell, seed) for seed in seeds for cell in cells]
    missing = [
        pair
        for pair in pairs
        if not os.path.exists(workshop.path_of_row(*pair))
    ]
    processors = sorted(os.sched_getaffinity(0))
    numbers = itertools.count()

    def take_processors():
        # Of this thread, and of the processes that it starts.
        first = next(numbers) % len(processors)
        os.sched_setaffinity(0, processors[first :: arguments.processes])

    failures = []

    def train(pair):
        try:
            row = workshop.train(*pair)
        except recipe_runner.OutOfTimeError:
            return
        except recipe_runner.RecipeError as error:
            failures.append(pair)
            print(f"FAILED: {describe(*pair)}: {error}", flush=True)
            return
        print(
            f"{describe(*pair)}: {ablation_results.describe_row(row)}; "
            f"{estimate(workshop, pairs, arguments.processes)}",
            flush=True,
        )

    try:
        workshop.prepare(arguments.text, arguments.held_out, arguments.glue_dir)
        print(estimate(workshop, pairs, arguments.processes), flush=True)
        with concurrent.futures.ThreadPoolExecutor(
            arguments.processes, initializer=take_processors
        ) as pool:
            try:
                list(pool.map(train, missing))
            except KeyboardInterrupt:
                workshop.deadline = -math.inf
                raise
    except recipe_runner.OutOfTimeError:
        pass
    except recipe_runner.RecipeError as error:
        print(f"FAILED: {error}", flush=True)
        return 1
    return 1 if failures else 0


def describe(cell, seed):
    """Returns what messages call a model."""
    return f"{cell.name}, seed {seed}"


def estimate(workshop, pairs, processes):
    """Returns what is done, and how long the rest will take.

    A model takes as long as with another seed. Where none is done, half of its
    time is taken to be that of all models, half to grow with the FLOPs.
    """
    done, times = {}, {}
    for row in workshop.rows():
        seconds = sum(each["seconds"] for each in row["commands"].values())
        done[row["name"], row["seed"]] = seconds
        times.setdefault(row["name"], []).append(seconds)
    left = [cell for cell, seed in pairs if (cell.name, seed) not in done]
    finished = [cell for cell, seed in pairs if (cell.name, seed) in done]
    text = f"{len(finished)} of {len(pairs)} done"
    if not finished or not left:
        return text
    work = {cell.name: work_of(cell, workshop.scale) for cell, _ in pairs}
    usual_work = statistics.mean(work[cell.name] for cell in finished)
    usual = statistics.mean(
        seconds for cell in set(finished) for seconds in times[cell.name]
    )
    total = sum(
        statistics.mean(times[cell.name])
        if cell.name in times
        else usual * (1 + work[cell.name] / usual_work) / 2
        for cell in left
    )
    return f"{text}, about {total / processes / 3600:.1f} hours left"


def work_of(cell, scale):
    """Returns the FLOPs of a training step of a model, in units of 1e9."""
    per_sequence = flops.training_flops(
        cell.config(scale), scale.max_seq_length, scale.max_predictions_per_seq
    )
    # What is not pretrained is fine-tuned only.
    share = 1.0 if cell.objective else 0.5
    return share * scale.train_batch_size * per_sequence / 1e9


if __name__ == "__main__":
    main()
