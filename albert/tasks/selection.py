# SPDX-License-Identifier: Apache-2.0
"""A task by its name, as flags may change it."""

import dataclasses

from albert.errors import UserError
from albert.tasks.race_files import LEVELS
from albert.tasks.table import TASKS


def get_task(
    name,
    *,
    text_column=None,
    text_b_column=None,
    label_column=None,
    labels=None,
    regression=False,
    high_only=False,
    middle_only=False,
):
    """Returns a task, as flags may change it.

    Args:
      name: str, a key of ``TASKS``; upper case and "_" for "-" are taken too.
      text_column, text_b_column, label_column: str or None, the columns of
        tsv or ner: a name in the header or a number from 1. A tsv file whose
        columns are all numbers has no header.
      labels: sequence of str, or None to find them in the training data.
      regression: tsv only: the labels are numbers.
      high_only, middle_only: race only: one level of the schools.

    Raises:
      UserError: there is no such task, or it does not take these settings.
    """
    task = TASKS.get(name.lower().replace("_", "-"))
    if task is None:
        raise UserError(
            f"--task_name {name}: no such task: choose one of "
            f"{', '.join(TASKS)}"
        )
    columns = {
        "text": text_column,
        "text_b": text_b_column,
        "label": label_column,
    }
    columns = {key: value for key, value in columns.items() if value}
    if columns:
        task = _with_columns(task, columns)
    if regression:
        if task.name != "tsv":
            raise UserError(f"{task.name} is not tsv: leave out --regression")
        task = dataclasses.replace(
            task,
            head="regression",
            labels=(),
            metrics=("pearson", "spearman", "mse"),
            best_metric="pearson",
        )
    if high_only or middle_only:
        task = _with_level(task, high_only, middle_only)
    return task if labels is None else task.with_labels(labels)


def _with_columns(task, columns):
    if task.name not in ("tsv", "ner"):
        raise UserError(
            f"the columns of {task.name} are fixed: leave out --text_column, "
            "--text_b_column and --label_column, or use --task_name=tsv"
        )
    numbers = {
        name: int(column) - 1
        for name, column in columns.items()
        if column.isdecimal() and int(column)
    }
    if task.name == "tsv":
        by_number = len(numbers) == len(columns)
        if by_number and not {"text", "label"} <= columns.keys():
            raise UserError(
                "columns by number: give --text_column and --label_column, "
                "both as numbers"
            )
        columns = {**columns, **numbers, "header": not by_number}
    elif "text_b" in columns or len(numbers) < len(columns):
        raise UserError(
            "ner takes --text_column and --label_column as numbers from 1: "
            "its files have no header"
        )
    else:
        columns = numbers
    return dataclasses.replace(
        task,
        files={
            split: dataclasses.replace(file, **columns)
            for split, file in task.files.items()
        },
    )


def _with_level(task, high_only, middle_only):
    if task.name != "race" or (high_only and middle_only):
        raise UserError(
            "--high_only and --middle_only are for race, one of them at a time"
        )
    level = LEVELS[0] if high_only else LEVELS[1]
    return dataclasses.replace(
        task,
        files={
            split: dataclasses.replace(file, levels=(level,))
            for split, file in task.files.items()
        },
    )
