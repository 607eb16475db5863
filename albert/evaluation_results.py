# SPDX-License-Identifier: Apache-2.0
"""Writes results of evaluations, and what they were measured on.

Results appear together with the files that belong to them, such as
predictions. Others do not replace them: those that were there before go to a
folder of their own in ``earlier_results``, with their files, unless they say
the same.
"""

import filecmp
import functools
import math
import os
import re
import shutil

from absl import logging

import albert
from albert import inputs
from albert import json_files
from albert import model_directory
from albert import outputs
from albert.errors import UserError
from albert.file_fingerprints import fingerprint_weights

# What messages tell to choose another of.
_FLAG = "--output_dir"

EARLIER = "earlier_results"
# What ``albert classify --do_predict`` says of test splits.
TEST_FILE = "test_results.json"

# Of a checksum, in the name of a folder.
_DIGITS = 8
# Numbers of the same evaluation differ by no more, on another device.
_SAME = 1e-4
# Where things lie, and who measured.
_NOT_COMPARED = {"path", "checkpoint", "albert_version"}
_NOT_IN_ALL = {"checkpoint_sha256", "files", "bad_rows"}


def describe_data(split, path, examples, checksum, files=(), bad_rows=0):
    """Returns what results say about the data that they are of: dict.

    Args:
      split: str, such as "dev".
      path: str, what the user gave for it.
      examples: int, how many were evaluated.
      checksum: str, which tells whether other data are the same.
      files: sequence of dict, of ``describe_files`` when the data were read,
        where they are known.
      bad_rows: int, how many were left out.
    """
    data = {
        "split": split,
        "path": path,
        "examples": examples,
        "checksum": checksum.removeprefix("checksum "),
    }
    data |= {"bad_rows": bad_rows} if bad_rows else {}
    return data | ({"files": [*files]} if files else {})


def describe_model(weights):
    """Returns what results say about what they were measured with: dict.

    Args:
      weights: str, the path of the checkpoint.
    """
    sha256 = fingerprint_weights(weights)
    return {
        "checkpoint": weights,
        **({"checkpoint_sha256": sha256} if sha256 else {}),
        "albert_version": albert.__version__,
    }


def check_earlier(directory, *names):
    """Refuses damaged results before work is done whose results follow them.

    Args:
      directory: str, need not exist.
      *names: the files, as of ``write_together``.

    Raises:
      UserError: a file is damaged.
    """
    for name in names:
        _read_earlier(directory, name)


def write(
    directory,
    weights,
    metrics,
    data,
    baseline,
    name=model_directory.EVALUATION_FILE,
    files=None,
    beside=(),
    details=None,
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
      files, beside: as of ``write_together``, without the results.
      details: dict, what else is known, such as "confusion"; or None.

    Returns:
      list of str, the paths.
    """
    content = {**describe_model(weights), "data": data, **metrics}
    content |= details or {}
    if metrics:
        content["baseline"] = {
            name: value for name, value in baseline.items() if name in metrics
        }
    files = {**(files or {}), name: outputs.json_bytes(content)}
    return write_together(directory, name, data, files, beside)


def write_runs(
    directory, seed, results, medians, data, baseline, files=None, beside=()
):
    """Writes the evaluations of several runs and their medians.

    Args:
      directory: created where it does not exist.
      seed: int, that of the first run; each has the next one.
      results: list of dict of float, for each run.
      medians: dict of float.
      data, baseline, files, beside: as of ``write``.

    Returns:
      list of str, the paths.
    """
    content = {
        "albert_version": albert.__version__,
        "data": data,
        **medians,
        "baseline": baseline,
        "runs": [
            {"seed": seed + index, **metrics}
            for index, metrics in enumerate(results)
        ],
    }
    name = model_directory.EVALUATION_FILE
    files = {**(files or {}), name: outputs.json_bytes(content)}
    return write_together(directory, name, data, files, beside)


def write_together(directory, name, data, files, beside=()):
    """Writes results and the files that belong to them, all or none.

    Another process that writes results there at the same time waits, so that
    it finds them complete, and keeps them.

    Args:
      directory: str, created where it does not exist.
      name: str, the file whose "data" says what all are about. One that does
        not say it, as those of earlier versions, is left to be replaced.
      data: list of dict, of ``describe_data``.
      files: dict from name to bytes; ``name`` is the last, so that what it
        says is true of all that are there.
      beside: names of the files that can belong to earlier results.

    Returns:
      list of str, the paths.

    Raises:
      UserError: the file of the earlier results is damaged, or something
        cannot be written.
    """
    outputs.make_directory(directory, _FLAG)
    outputs.write_files(
        os.path.join(directory, name),
        files,
        _FLAG,
        functools.partial(
            _keep_earlier, directory, name, data, files, {*beside, *files}
        ),
    )
    return [os.path.join(directory, each) for each in files]


def _keep_earlier(directory, name, data, new, files):
    """Copies results that go; returns the names of all their files.

    Those of the same data go too, if they say something else or if not all of
    their files are written anew: the others would be taken for files of the
    new results.
    """
    before, key = _read_earlier(directory, name)
    there = [
        each
        for each in sorted(files)
        if os.path.isfile(os.path.join(directory, each))
    ]
    is_same = key == _key(name, data)
    if key is None:
        return []
    if is_same and set(there) <= set(new) and _say_the_same(directory, new):
        return []
    folder = os.path.join(directory, EARLIER, key)
    number = 1
    # Another model may have been evaluated on the same data.
    while not _holds_copies(folder, directory, there):
        if not os.path.exists(folder):
            with outputs.new_directory(folder, _FLAG) as copies:
                for each in there:
                    shutil.copy2(os.path.join(directory, each), copies)
            break
        number += 1
        folder = os.path.join(directory, EARLIER, f"{key}-{number}")
    logging.warning(
        "%s was of %s (%s): it is in %s now, with its predictions",
        os.path.join(directory, name),
        "another evaluation" if is_same else "other data",
        ", ".join(each["path"] for each in before),
        folder,
    )
    return there


def _say_the_same(directory, new):
    """Whether the results in new files are those that are there already."""
    for name, content in new.items():
        path = os.path.join(directory, name)
        if not name.endswith(".json") or not os.path.isfile(path):
            continue
        try:
            before = json_files.parse(inputs.read_file(path))
        except ValueError:
            return False
        if not _is_close(before, json_files.parse(content)):
            return False
    return True


def _is_close(one, other):
    """Whether two values of JSON are the same, but for paths and rounding."""
    if isinstance(one, dict) and isinstance(other, dict):
        names = (one.keys() | other.keys()) - _NOT_COMPARED
        # Earlier versions wrote none.
        names -= _NOT_IN_ALL - (one.keys() & other.keys())
        return all(_is_close(one.get(n), other.get(n)) for n in names)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_close, one, other))
    if isinstance(one, float) and isinstance(other, float | int):
        return math.isclose(one, other, rel_tol=_SAME, abs_tol=_SAME)
    return one == other


def _read_earlier(directory, name):
    """Returns what earlier results are of, and its key; None if not known."""
    data = model_directory.read_evaluation(directory, name).get("data")
    key = None if data is None else _key(os.path.join(directory, name), data)
    return data, key


def _holds_copies(folder, directory, names):
    """Whether files have been kept already, as those of a killed process."""
    same, _, _ = filecmp.cmpfiles(directory, folder, names, shallow=False)
    return same == names


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
