# SPDX-License-Identifier: Apache-2.0
"""Writes the predictions of rows, in the form that is wanted."""

import csv
import json

from albert.tasks.label_types import shortest
from albert.tasks.prediction_files import tsv_line

# In tables the tags alone: a word may hold what stands between words there.
_NOT_IN_TABLES = ("words",)


def write_tsv(stream, windows):
    """Writes a table with tabs, escaped as `SPLIT_predictions.tsv` is.

    Args:
      stream: text stream.
      windows: iterable of lists of dict, of ``RowPredictor.predict``.
    """
    for row in _rows(windows):
        stream.write(f"{tsv_line(row)}\n")


def write_csv(stream, windows):
    """Writes a table with commas and quotes; see ``write_tsv``."""
    writer = csv.writer(stream, lineterminator="\n")
    quoting = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for row in _rows(windows):
        # Which the first one would leave bare, as the end of a line.
        ends_lines = any("\r" in cell for cell in row)
        (quoting if ends_lines else writer).writerow(row)


def write_jsonl(stream, windows):
    """Writes one JSON object a line; see ``write_tsv``."""
    for window in windows:
        for values in window:
            stream.write(json.dumps(values, ensure_ascii=False) + "\n")


def write_conll(stream, windows):
    """Writes a word and its tag a line, and a blank line after sentences.

    Args:
      stream, windows: as of ``write_tsv``, of tagging.
    """
    for window in windows:
        for values in window:
            pairs = zip(values["words"], values["tags"], strict=True)
            stream.writelines(f"{word}\t{tag}\n" for word, tag in pairs)
            stream.write("\n")


def _rows(windows):
    """Yields the header of a table, and lists of str."""
    names = None
    for window in windows:
        for values in window:
            columns = _flat(values)
            if names is None:
                names = list(columns)
                yield names
            yield list(columns.values())


def _flat(values):
    """Returns the cells of a row by the names of their columns."""
    cells = {}
    for name, value in values.items():
        if name in _NOT_IN_TABLES:
            continue
        if isinstance(value, dict):
            cells |= {
                f"{name} of {key}": _cell(each) for key, each in value.items()
            }
        else:
            cells[name] = _cell(value)
    return cells


def _cell(value):
    if value is None:
        return ""
    if isinstance(value, float):
        return shortest(value)
    return " ".join(value) if isinstance(value, list) else str(value)


# By the form of a file, of ``row_files.FORMS``.
WRITERS = {
    "tsv": write_tsv,
    "csv": write_csv,
    "jsonl": write_jsonl,
    "conll": write_conll,
}
