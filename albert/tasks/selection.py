# SPDX-License-Identifier: Apache-2.0
"""Selection of a task by its name, changed as flags say."""

import dataclasses
import difflib

from albert.errors import UserError
from albert.tasks.delimited_rows import QUOTINGS
from albert.tasks.multiple_choice.own_rows import Columns
from albert.tasks.multiple_choice.question_files import LEVELS
from albert.tasks.table import TASKS
from albert.tasks.tag_schemes import TAG_SCHEMES

# What people call the parts of MNLI, and other tasks.
_MEANT = {
    "mnlim": "mnli",
    "mnlimm": "mnli",
    "mnlimatched": "mnli",
    "mnlimismatched": "mnli",
    "diagnostic": "ax",
    "aclimdb": "imdb",
    **dict.fromkeys(
        ("conll2003", "conll", "conllu", "pos", "upos", "tagging"), "ner"
    ),
    "csv": "tsv",
    **dict.fromkeys(
        (
            *("dream", "swag", "hellaswag", "cosmosqa", "commonsenseqa"),
            *("arc", "arceasy", "arcchallenge"),
        ),
        "multiple-choice",
    ),
}


def get_task(
    name,
    *,
    text_column=None,
    text_b_column=None,
    label_column=None,
    id_column=None,
    option_columns=None,
    delimiter=None,
    quoting=None,
    tag_scheme=None,
    labels=None,
    regression=False,
    multi_label=False,
    label_separator=None,
    label_columns=None,
    high_only=False,
    middle_only=False,
):
    """Returns a task, as flags may change it.

    Args:
      name: str, a key of ``TASKS``; upper case, "_" for "-" and no "-" are
        taken too.
      text_column, text_b_column, label_column, id_column: str or None, the
        columns of tsv, ner or multiple-choice: a name in the header or a
        number from 1. A tsv file whose columns are all numbers has no header;
        tables of multiple-choice always have one.
      option_columns: sequence of str or None, multiple-choice only: the
        columns of the options, in their order.
      delimiter: str or None, tsv and multiple-choice: the character between
        columns. Other than a tab, quoting is that of CSV unless it is given.
      quoting: str of ``QUOTINGS`` or None, tsv and multiple-choice.
      tag_scheme: str of ``TAG_SCHEMES`` or None, ner only.
      labels: sequence of str, or None to find them in the training data.
      regression: tsv only: the labels are numbers.
      multi_label: tsv only: a text has any number of labels.
      label_separator: str or None, multi_label only: what stands between the
        labels of a cell.
      label_columns: sequence of str or None, multi_label only: columns of 0
        and 1, by name, each for the label of its name.
      high_only, middle_only: race only: one level of the schools.

    Raises:
      UserError: there is no such task, or it does not take these settings.
    """
    task = _find(name)
    columns = {
        "text": text_column,
        "text_b": text_b_column,
        "label": label_column,
        "id": id_column,
    }
    columns = {key: value for key, value in columns.items() if value}
    if task.name == "multiple-choice":
        task = _with_option_columns(task, columns, option_columns)
    elif option_columns:
        raise UserError(
            f"--option_columns is for multiple-choice, not for {task.name}: "
            "leave it out, or use another --task_name"
        )
    elif columns:
        task = _with_columns(task, columns)
    if delimiter or quoting:
        task = _with_delimiter(task, delimiter, quoting)
    if multi_label or label_columns or label_separator is not None:
        if not multi_label or regression:
            raise UserError(
                "--label_separator and --label_columns are for --multi_label, "
                "which does not go with --regression: give --multi_label "
                "alone with them"
            )
        task = _with_several_labels(
            task, columns, label_separator, label_columns
        )
    if tag_scheme:
        task = _with_tag_scheme(task, tag_scheme)
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


def _find(name):
    """Finds a task by its name."""
    key = name.lower().replace("_", "").replace("-", "")
    tasks = {known.replace("-", ""): task for known, task in TASKS.items()}
    if key in tasks:
        return tasks[key]
    near = _MEANT.get(key)
    if near is None:
        near = next(iter(difflib.get_close_matches(key, tasks, 1)), None)
        near = near and tasks[near].name
    meant = f"is {near} meant? " if near else ""
    if near == "mnli":
        meant += "it reads the matched and the mismatched sets; "
    raise UserError(
        f"--task_name {name}: no such task: {meant}choose one of "
        f"{', '.join(TASKS)}"
    )


def _with_columns(task, columns):
    if task.name not in ("tsv", "ner"):
        raise UserError(
            f"the columns of {task.name} are fixed: leave out --text_column, "
            "--text_b_column, --label_column and --id_column, or use "
            "--task_name=tsv"
        )
    # Columns are numbered from 1: "0" can only be the name that pandas gives
    # the first one, and the numbers given with it are names too.
    are_names = task.name == "tsv" and "0" in columns.values()
    numbers = {
        name: int(column) - 1
        for name, column in columns.items()
        if column.isdecimal() and int(column) and not are_names
    }
    by_number = len(numbers) == len(columns)
    if task.name == "ner":
        if {"text_b", "id"} & columns.keys():
            raise UserError(
                "ner has a column of words and one of tags: leave out "
                "--text_b_column and --id_column"
            )
    elif by_number and not {"text", "label"} <= columns.keys():
        raise UserError(
            "columns by number: give --text_column and --label_column, both "
            "as numbers"
        )
    columns = {**columns, **numbers}
    if task.name == "tsv":
        columns["header"] = not by_number
    return _with_files(task, **columns)


def _with_option_columns(task, columns, option_columns):
    """Returns the task with the columns of its tables, by name."""
    options = tuple(option_columns or ()) or None
    if options and (len(options) < 2 or len(set(options)) < len(options)):
        raise UserError(
            f"--option_columns={','.join(options)}: name two or more, each once"
        )
    used = [*(options or ()), *columns.values()]
    double = next((name for name in used if used.count(name) > 1), None)
    if double:
        raise UserError(
            f"column {double} is given twice: correct --option_columns, "
            "--text_column, --text_b_column, --label_column or --id_column"
        )
    return _with_files(task, columns=Columns(options=options, **columns))


def _with_delimiter(task, delimiter, quoting):
    if task.name not in ("tsv", "multiple-choice"):
        raise UserError(
            f"the files of {task.name} are what they are: leave out "
            "--delimiter and --quoting, or use --task_name=tsv"
        )
    if delimiter is None and task.name != "tsv":
        # The ending of the file's name says it.
        return _with_files(task, quoting=quoting)
    delimiter = {None: "\t", "tab": "\t", "\\t": "\t"}.get(delimiter, delimiter)
    if len(delimiter) != 1 or delimiter in '"\r\n':
        raise UserError(
            f"--delimiter={delimiter}: give one character, such as , or ;"
        )
    if quoting is None and delimiter != "\t":
        quoting = "csv"
    if quoting not in (None, *QUOTINGS):
        raise UserError(
            f"--quoting={quoting}: choose one of {', '.join(QUOTINGS)}"
        )
    return _with_files(task, delimiter=delimiter, quoting=quoting)


def _with_several_labels(task, columns, separator, label_columns):
    """Returns the task whose texts have any number of labels.

    Args:
      task: ``Task``.
      columns: dict from "text", … to the columns that flags name.
      separator, label_columns: as of ``get_task``.
    """
    if task.name != "tsv":
        raise UserError(
            f"{task.name} is not tsv: leave out --multi_label, or use "
            "--task_name=tsv"
        )
    task = dataclasses.replace(
        task,
        head="multi_label",
        metrics=(
            "micro_f1",
            "macro_f1",
            "average_precision",
            "subset_accuracy",
        ),
        best_metric="micro_f1",
    )
    if label_columns is not None:
        return _with_label_columns(task, columns, separator, label_columns)
    if separator is None:
        return task
    file = next(iter(task.files.values()))
    # A cell in quotes may hold what stands between columns.
    is_taken = file.delimiter in separator and file.quoting != "csv"
    if not separator or is_taken or set(separator) & set("\r\n"):
        raise UserError(
            f"--label_separator={separator!r}: give what stands between the "
            "labels of a cell, other than what stands between columns"
        )
    return dataclasses.replace(task, label_separator=separator)


def _with_label_columns(task, columns, separator, names):
    """Returns the task with a column of 0 and 1 for each label."""
    if separator is not None or "label" in columns:
        raise UserError(
            "--label_columns are columns of 0 and 1: leave out "
            "--label_separator and --label_column, which are for one column "
            "with all labels"
        )
    file = next(iter(task.files.values()))
    if not file.header:
        raise UserError(
            "--label_columns are names in a header, which files with columns "
            "by number do not have: name --text_column too"
        )
    used = [file.text, file.text_b, file.id]
    double = next((n for n in names if names.count(n) > 1 or n in used), None)
    if double is not None:
        raise UserError(
            f"column {double} is given twice: correct --label_columns, or the "
            "flag that names it too"
        )
    task = _with_files(task, label=None, label_columns=tuple(names))
    return task.with_labels(names)


def _with_tag_scheme(task, tag_scheme):
    if task.name != "ner":
        raise UserError(f"{task.name} is not ner: leave out --tag_scheme")
    if tag_scheme not in TAG_SCHEMES:
        raise UserError(
            f"--tag_scheme={tag_scheme}: choose one of {', '.join(TAG_SCHEMES)}"
        )
    return _with_files(task, scheme=tag_scheme)


def _with_files(task, **values):
    """Returns the task with attributes of its files replaced."""
    return dataclasses.replace(
        task,
        files={
            split: dataclasses.replace(file, **values)
            for split, file in task.files.items()
        },
    )


def _with_level(task, high_only, middle_only):
    if task.name != "race" or (high_only and middle_only):
        raise UserError(
            "--high_only and --middle_only are for race, one of them at a time"
        )
    level = LEVELS[0] if high_only else LEVELS[1]
    return _with_files(task, levels=(level,))
