# SPDX-License-Identifier: Apache-2.0
"""Writes results of evaluations, and what they were measured on.

Results of other data do not replace them: those that were there before go to
a folder of their own in ``earlier_results``, with the files that belong to
them.
"""

import filecmp
import os
import re

from absl import logging

from albert import model_directory
from albert import outputs
from albert.errors import UserError

# What messages tell to choose another of.
_FLAG = "--output_dir"

EARLIER = "earlier_results"
# What ``albert classify --do_predict`` says of test splits.
TEST_FILE = "test_results.json"

# Of a checksum, in the name of a folder.
_DIGITS = 8


def describe_data(split, path, examples, checksum):
    """Returns what results say about the data that they are of: dict.

    Args:
      split: str, such as "dev".
      path: str, what the user gave for it.
      examples: int, how many were evaluated.
      checksum: str, which tells whether other data are the same.
    """
    return {
        "split": split,
        "path": path,
        "examples": examples,
        "checksum": checksum.removeprefix("checksum "),
    }


def check_earlier(directory, *names):
    """Refuses damaged results before work is done whose results follow them.

    Args:
      directory: str, need not exist.
      *names: the files, as of ``keep_earlier``.

    Raises:
      UserError: a file is damaged.
    """
    for name in names:
        _read_earlier(directory, name)


def keep_earlier(directory, name, data, beside=()):
    """Moves results of other data out of the way.

    Args:
      directory: str, need not exist.
      name: str, the file whose "data" says what was there before. One that
        does not say it, as those of earlier versions, is left to be replaced.
      data: list of dict, of ``describe_data``: what will be there now.
      beside: names of the files that belong to it, as far as they are there.

    Raises:
      UserError: the file is damaged.
    """
    before, key = _read_earlier(directory, name)
    if key in (None, _key(name, data)):
        return
    folder = _free_folder(
        os.path.join(directory, EARLIER, key), directory, name
    )
    outputs.make_directory(folder, _FLAG)
    # The one that says what they are of goes last.
    for each in (*beside, name):
        path = os.path.join(directory, each)
        if os.path.exists(path):
            os.replace(path, os.path.join(folder, each))
    logging.warning(
        "%s was of other data (%s): it is in %s now, with its predictions",
        os.path.join(directory, name),
        ", ".join(each["path"] for each in before),
        folder,
    )


def _read_earlier(directory, name):
    """Returns what earlier results are of, and its key; None if not known."""
    data = model_directory.read_evaluation(directory, name).get("data")
    key = None if data is None else _key(os.path.join(directory, name), data)
    return data, key


def _free_folder(folder, directory, name):
    """Returns a folder without results, or with those that are in the way.

    Another model may have been evaluated on the same data.
    """
    number = 1
    free = folder
    while os.path.exists(os.path.join(free, name)) and not filecmp.cmp(
        os.path.join(free, name), os.path.join(directory, name), shallow=False
    ):
        number += 1
        free = f"{folder}-{number}"
    return free


def write(
    directory,
    weights,
    metrics,
    data,
    baseline,
    name=model_directory.EVALUATION_FILE,
    beside=(),
):
    """Writes an evaluation, and the baseline of its metrics.

    Args:
      directory: created where it does not exist.
      weights: str, the checkpoint that was evaluated.
      metrics: dict of float; empty where data were predicted alone.
      data: list of dict, of ``describe_data``.
      baseline: dict of float, what is reached without a model, of which the
        same metrics are written.
      name: str, the file.
      beside: see ``keep_earlier``.

    Returns:
      str, the path.
    """
    content = {"checkpoint": weights, "data": data, **metrics}
    if metrics:
        content["baseline"] = {
            name: value for name, value in baseline.items() if name in metrics
        }
    return _write(directory, name, content, beside)


def write_runs(directory, seed, results, medians, data, baseline, beside=()):
    """Writes the evaluations of several runs and their medians.

    Args:
      directory: created where it does not exist.
      seed: int, that of the first run; each has the next one.
      results: list of dict of float, for each run.
      medians: dict of float.
      data, baseline, beside: as of ``write``.

    Returns:
      str, the path.
    """
    content = {
        "data": data,
        **medians,
        "baseline": baseline,
        "runs": [
            {"seed": seed + index, **metrics}
            for index, metrics in enumerate(results)
        ],
    }
    return _write(directory, model_directory.EVALUATION_FILE, content, beside)


def _write(directory, name, content, beside):
    outputs.make_directory(directory, _FLAG)
    keep_earlier(directory, name, content["data"], beside)
    path = os.path.join(directory, name)
    outputs.write_json(path, content, _FLAG)
    return path


def _key(path, data):
    """Returns the name of the folder for results of some data."""
    key = "_".join(
        f"{each['split']}-{each['examples']}-{each['checksum'][:_DIGITS]}"
        for each in data
    )
    # It becomes part of a path.
    if not re.fullmatch(r"[\w-]+", key):
        raise UserError(
            f'{path}: its "data" does not say what was evaluated: restore the '
            "file, or remove it"
        )
    return key
