# SPDX-License-Identifier: Apache-2.0
"""Defines and reads the flags of ``albert predict``."""

from albert.device_flags import define_inference_flags
from albert.errors import UserError
from albert.export import engine_flags
from albert.flag_groups import FlagGroup
from albert.flag_parsers import LARGEST_SCORE
from albert.prediction import row_files
from albert.prediction import row_output
from albert.prediction.row_kinds import Columns
from albert.tasks.delimited_rows import QUOTINGS

# How the flags of files name the standard input or output.
_STANDARD_STREAM = "-"

# What is for some types of labels, or some forms of files, alone.
_OF_LABEL_TYPES = {
    "option_columns": ("choice",),
    "text_b_column": ("class", "classes", "number", "choice", "span"),
}
_TABLES = ("tsv", "csv")


def define_flags(fv):
    """Defines the command's flags."""
    rows = FlagGroup(fv, "Rows")
    rows.path(
        "input_file",
        None,
        "Rows to predict; plain or compressed. Default, or -: the standard "
        "input.",
    )
    rows.choice(
        "input_format",
        None,
        list(row_files.FORMS),
        "tsv, csv: a table; jsonl: a JSON object a line; lines: a text a "
        "line; conll: for tagging, a word a line. Default: as the ending of "
        "--input_file says.",
    )
    rows.string(
        "text_column",
        None,
        "Column or key of the text, by default text; of multiple choice and "
        "of questions about a text, of the context; of tagging, of the words. "
        "In a table a number from 1 if all columns are so given: it has no "
        "header then.",
    )
    rows.string(
        "text_b_column",
        None,
        "Column of the second text of a pair, by default text_b; or of the "
        "question.",
    )
    rows.names(
        "option_columns",
        None,
        "Multiple choice: columns of the options, in their order. Default: "
        "option 1, option 2, …",
    )
    rows.string(
        "id_column",
        None,
        "Column of what predictions are named by. Default: id, or the number "
        "of the row, from 0.",
    )
    rows.string(
        "delimiter",
        None,
        "The character between the columns of a table. Default: a tab in tsv, "
        "a comma in csv.",
    )
    rows.choice(
        "quoting",
        None,
        list(QUOTINGS),
        "csv: fields of a table may be in quotes; none: quotes are characters "
        "of the texts. Default: none in tsv, csv elsewhere.",
    )
    rows.boolean(
        "skip_bad_rows",
        False,
        "Leave out rows that cannot be used, and count them, instead of "
        "stopping at the first.",
    )
    predictions = FlagGroup(fv, "Predictions")
    predictions.path(
        "output_file",
        None,
        "Where predictions are written. Default, or -: the standard output.",
    )
    predictions.choice(
        "output_format",
        None,
        list(row_output.WRITERS),
        "As --input_format. Default: as the ending of --output_file says, "
        "else that of the input, else tsv.",
    )
    predictions.boolean(
        "overwrite", False, "Replace --output_file if it is there already."
    )
    predictions.real(
        "null_score_diff_threshold",
        None,
        "A question whose null score is above it gets no answer. Default: 0; "
        "for models of questions that may have none.",
        lower_bound=-LARGEST_SCORE,
        upper_bound=LARGEST_SCORE,
    )
    define_inference_flags(fv)
    engine_flags.define_flags(fv)
    FlagGroup(fv, "Model").alias("predict_batch_size", "eval_batch_size")


def check_flags(fv, label_type, engine):
    """Refuses flags that are not for the model.

    Args:
      fv: values of the flags.
      label_type: str, of the model's head.
      engine: str, what computes the model, or None for TensorFlow.
    """
    if engine and fv.jit_compile:
        raise UserError(
            f"--jit_compile is of TensorFlow, and {engine} computes the model: "
            "leave it out"
        )
    for name, label_types in _OF_LABEL_TYPES.items():
        if fv[name].value and label_type not in label_types:
            raise UserError(
                f"--{name} is not for this model, which predicts a "
                f"{label_type}: leave it out"
            )
    if label_type != "span" and fv["null_score_diff_threshold"].present:
        raise UserError(
            "--null_score_diff_threshold is for models that answer questions: "
            "leave it out"
        )


def columns(fv):
    """Returns the ``Columns`` that flags name."""
    return Columns(
        text=fv.text_column,
        text_b=fv.text_b_column,
        id=fv.id_column,
        options=tuple(fv.option_columns) if fv.option_columns else None,
    )


def find_rows(fv, label_type):
    """Returns the ``RowFile`` that is read.

    Raises:
      UserError: its form is not known, or is not for the model or the flags.
    """
    path = _without_standard(fv.input_file)
    form = fv.input_format or (path and row_files.find_form(path))
    if not form:
        raise UserError(
            f"{path or 'standard input'}: nothing says what its rows are: give "
            f"--input_format, one of {', '.join(row_files.FORMS)}"
        )
    if form not in _TABLES:
        for name in ("delimiter", "quoting"):
            if fv[name].value:
                raise UserError(
                    f"--{name} is for tables, and the rows are {form}: leave "
                    "it out, or give --input_format=tsv"
                )
    if fv.delimiter is not None and (
        len(_delimiter(fv)) != 1 or _delimiter(fv) in '"\r\n'
    ):
        raise UserError(
            f"--delimiter={fv.delimiter}: give one character, such as , or ;"
        )
    if form == "conll" and label_type != "tag":
        raise UserError(
            "--input_format=conll is for models that tag words: give another"
        )
    named = [
        name
        for name in (
            fv.text_column,
            fv.text_b_column,
            fv.id_column,
            *(fv.option_columns or ()),
        )
        if name
    ]
    by_number = bool(named) and all(map(_is_number, named))
    if form == "conll" and named and not (by_number and fv.text_column):
        raise UserError(
            "--input_format=conll takes --text_column as a number from 1, and "
            "no other column"
        )
    return row_files.RowFile(
        path=path or "/dev/stdin",
        form=form,
        header=not by_number,
        delimiter=_delimiter(fv),
        quoting=fv.quoting,
        text_column=int(fv.text_column) - 1
        if by_number and fv.text_column
        else None,
    )


def find_destination(fv):
    """Returns the path that is written, or None for the standard output."""
    return _without_standard(fv.output_file)


def find_output_form(fv, input_form, label_type):
    """Returns the form of what is written, a key of ``row_output.WRITERS``.

    Raises:
      UserError: it is not for the model.
    """
    destination = find_destination(fv)
    form = fv.output_format
    if not form and destination:
        form = row_files.find_form(destination)
    if not form:
        form = input_form
    if form not in row_output.WRITERS:
        form = "tsv"
    if form == "conll" and label_type != "tag":
        raise UserError(
            "--output_format=conll is for models that tag words: give another"
        )
    return form


def _without_standard(path):
    return None if path == _STANDARD_STREAM else path


def _delimiter(fv):
    names = {"tab": "\t", "\\t": "\t"}
    return names.get(fv.delimiter, fv.delimiter)


def _is_number(name):
    # "0" can only be the name that pandas gives the first column.
    return name.isascii() and name.isdecimal() and int(name) > 0
