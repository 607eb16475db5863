# SPDX-License-Identifier: Apache-2.0
"""Joins the results and predictions of the folds of a task."""

import os

import numpy as np
from absl import logging

from albert import evaluation_results
from albert import inputs
from albert import model_directory
from albert import outputs
from albert.errors import UserError
from albert.records.finetuning_writing import fingerprint
from albert.tasks import folds
from albert.training import run_lists

TABLE_FILE = "fold_results.tsv"
# With the ending of the folds' own files.
PREDICTIONS = "out_of_fold_predictions"
# What a file of predictions ends with, and what its examples do.
_ENDINGS = {".tsv": "\n", ".txt": "\n\n"}
_REMEDY = "remove the directory of the fold, and the same command makes it"


def summarize(metrics):
    """Returns mean and standard deviation of each metric: two dicts of float.

    Args:
      metrics: list of dict of float, for each fold; a metric that not every
        fold has is left out.

    Raises:
      UserError: no metric is left.
    """
    names = [
        name for name in metrics[0] if all(name in each for each in metrics)
    ]
    if not names:
        raise UserError(
            "there is no metric that all folds have: remove the "
            f"{model_directory.EVALUATION_FILE} of the folds, and the same "
            "command evaluates them again"
        )
    values = {name: [each[name] for each in metrics] for name in names}
    means = {name: float(np.mean(values[name])) for name in names}
    # Of the sample: the folds are few of the many there could be.
    deviations = {name: float(np.std(values[name], ddof=1)) for name in names}
    return means, deviations


def join_predictions(runs, assigned):
    """Joins the predictions for each fold, in the order of the input.

    Args:
      runs: list of ``PlannedRun``, one for each fold.
      assigned: int64 [N], the fold of each example, from 0.

    Returns:
      (name, content): of a file, str and bytes.

    Raises:
      UserError: a fold's file is missing, or is of other examples.
    """
    parts = [None] * len(assigned)
    header = ending = None
    for number, run in enumerate(runs):
        path, ending = _find_predictions(run, number + 1)
        separator = _ENDINGS[ending]
        text = inputs.read_file(path, _REMEDY).decode()
        examples = text.removesuffix(separator).split(separator)
        if ending == ".tsv":
            first, *examples = examples
            if header not in (None, first):
                raise UserError(
                    f"{path}: its columns are not those of the other folds: "
                    f"{_REMEDY}"
                )
            header = first
        places = np.flatnonzero(assigned == number)
        if len(places) != len(examples):
            raise UserError(
                f"{path}: {len(examples)} predictions for {len(places)} "
                f"examples: {_REMEDY}"
            )
        for place, example in zip(places, examples, strict=True):
            parts[place] = example
    if header is not None:
        parts.insert(0, header)
    content = "".join(f"{part}{_ENDINGS[ending]}" for part in parts)
    return f"{PREDICTIONS}{ending}", content.encode()


def write(data_dir, directory, examples, runs, metrics, predictions):
    """Writes mean, deviation and predictions of all folds; returns the paths.

    Args:
      data_dir: str, where the examples were read, as given.
      directory: str, the directory of the folds.
      examples: all of them.
      runs: list of ``PlannedRun``, one for each fold.
      metrics: list of dict of float, for each.
      predictions: what ``join_predictions`` returned.
    """
    means, deviations = summarize(metrics)
    _warn_of_left_out(metrics, means)
    name, content = predictions
    data = [
        evaluation_results.describe_data(
            "out_of_fold",
            data_dir,
            len(examples),
            fingerprint(examples),
            examples.files,
            examples.bad_rows,
        )
    ]
    numbers = list(range(1, len(runs) + 1))
    results = {
        "data": data,
        **means,
        "standard_deviation": deviations,
        "runs": [
            {"fold": number, **each}
            for number, each in zip(numbers, metrics, strict=True)
        ],
    }
    table = [
        ["fold", *means],
        *(
            [number, *(each[metric] for metric in means)]
            for number, each in zip(numbers, metrics, strict=True)
        ),
        ["mean", *means.values()],
        ["standard deviation", *deviations.values()],
    ]
    files = {
        name: content,
        TABLE_FILE: run_lists.table_bytes(table),
        model_directory.EVALUATION_FILE: outputs.json_bytes(results),
    }
    return evaluation_results.write_together(
        directory, model_directory.EVALUATION_FILE, data, files
    )


def describe(runs, metrics):
    """Returns the table of the folds: str.

    Args:
      runs, metrics: as of ``write``.
    """
    means, deviations = summarize(metrics)
    folds_of_runs = [run.settings["fold"] for run in runs]
    rows = [["metric", *(f"fold {n}" for n in folds_of_runs), "mean", "sd"]]
    for name in means:
        values = [each[name] for each in metrics]
        rows.append([name, *values, means[name], deviations[name]])
    return run_lists.format_table(rows)


def _warn_of_left_out(metrics, kept):
    """Logs the metrics that results lack, and the folds they are missing of."""
    for name in dict.fromkeys(name for each in metrics for name in each):
        if name in kept:
            continue
        lacking = [
            str(number)
            for number, each in enumerate(metrics, 1)
            if name not in each
        ]
        logging.warning(
            "%s is left out of the mean: fold %s has none, as of a label that "
            "does not occur there",
            name,
            ", ".join(lacking),
        )


def _find_predictions(run, fold):
    for ending in _ENDINGS:
        name = f"{folds.name_of(fold)}_predictions{ending}"
        path = os.path.join(run.directory, name)
        if os.path.exists(path):
            return path, ending
    raise UserError(f"{run.directory}: there are no predictions: {_REMEDY}")
