# SPDX-License-Identifier: Apache-2.0
"""Makes the runs of a list, one after another, each in its own process.

This process does not load TensorFlow, and takes no GPU.
"""

import hashlib
import json
import os
import sys

from absl import logging

from albert import file_fingerprints
from albert import model_directory
from albert.errors import UserError
from albert.file_fingerprints import describe_files
from albert.file_patterns import expand_files
from albert.interchange import weight_paths
from albert.records.finetuning_writing import fingerprint
from albert.training import run_process
from albert.training.finished_runs import FinishedRun

# In the directory of each run: that it is finished, and what it was.
FINISHED_FILE = "finished.json"
# What is read of a run.
_RESULTS = (model_directory.EVALUATION_FILE, "*_predictions.*")


def check(runs):
    """Refuses directories that cannot be written, before the first run.

    Args:
      runs: list of ``PlannedRun``.

    Raises:
      UserError: naming one of them.
    """
    for run in runs:
        model_directory.check_writable(run.directory)
        _finished(run, {}).check()


def carry_out(runs, program, data, starts, models, files):
    """Makes those runs of a list that are not finished.

    Args:
      runs: list of ``PlannedRun``.
      program: str, the script whose command line a run has.
      data: str, tells the data of the runs from others.
      starts: list of what each run is given as weights: str, or None.
      models: list of lists of str, the files of configuration and vocabulary
        that each run is given.
      files: list of dict, of ``describe_files`` of these data.

    Returns:
      list of the ``PlannedRun`` that failed; why is on standard error.

    Raises:
      UserError: a run has read other files, or its weights have changed while
        it was made; there is no use in the others.
      StopRequested: SIGTERM arrived; the run that was at work has saved.
      KeyboardInterrupt: so has Ctrl-C.
    """
    failed = []
    planned = zip(runs, starts, models, strict=True)
    for number, (run, start, of_model) in enumerate(planned, 1):
        title = f"run {number} of {len(runs)}, {run.name}"
        made_of = {"data": data} | {
            path: file_fingerprints.fingerprint([path]) for path in of_model
        }
        if start:
            made_of["weights"] = weight_paths.fingerprint(start)
        finished = _finished(run, made_of)
        if finished.is_there():
            logging.info("---- %s: finished before", title)
            continue
        logging.info("---- %s: %s", title, run.directory)
        status = run_process.run(
            title,
            [sys.executable, program, *run.arguments],
        )
        if status:
            how = f"status {status}" if status > 0 else f"signal {-status}"
            logging.warning("%s: it ended with %s", title, how)
            failed.append(run)
        else:
            _check_files(run, files)
            if start:
                weight_paths.check_unchanged(start, made_of["weights"])
            finished.write()
    return failed


def explain_failures(failed, runs):
    """Returns a line about the runs that failed.

    Args:
      failed, runs: lists of ``PlannedRun``, some and all.
    """
    return (
        f"{len(failed)} of {len(runs)} runs failed: "
        f"{', '.join(run.name for run in failed)}: see what each printed; the "
        "same command makes only these again"
    )


def identify_data(texts, records):
    """Returns what tells the data of runs from others: str.

    Args:
      texts: dict from split to examples.
      records: list of comma-separated globs of record files.
    """
    files = [path for globs in records for path in expand_files(globs)]
    states = [
        [path, os.path.getsize(path), os.path.getmtime(path)] for path in files
    ]
    sums = [[split, fingerprint(each)] for split, each in texts.items()]
    return hashlib.sha256(json.dumps([sums, states]).encode()).hexdigest()


def list_files(texts, records):
    """Returns the files that runs say they have read: list of dict.

    Args:
      texts: dict from split to examples.
      records: iterable of comma-separated globs of record files that are read
        as a whole.
    """
    files = [each for examples in texts.values() for each in examples.files]
    for globs in records:
        files += describe_files(
            path for path in expand_files(globs) if not path.endswith(".json")
        )
    return files


def read_metrics(run):
    """Returns the metrics of a finished run: dict of float.

    Args:
      run: ``PlannedRun``.

    Raises:
      UserError: its results are missing or damaged.
    """
    results = model_directory.read_evaluation(run.directory)
    if not results:
        raise UserError(
            f"{run.directory}: there is no {model_directory.EVALUATION_FILE} "
            "any more: the same command makes it again"
        )
    return {
        name: float(value)
        for name, value in results.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }


def format_table(rows):
    """Returns rows as lines with aligned columns, numbers to the right.

    Args:
      rows: list of lists of str or float, the header first.
    """
    texts = [
        [f"{v:.4f}" if isinstance(v, float) else str(v) for v in row]
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    numeric = [isinstance(value, int | float) for value in rows[-1]]
    return "\n".join(
        "  ".join(
            text.rjust(width) if number else text.ljust(width)
            for text, width, number in zip(row, widths, numeric, strict=True)
        ).rstrip()
        for row in texts
    )


def table_bytes(rows):
    """Returns rows as the content of a .tsv file, numbers with all digits."""
    return "".join("\t".join(map(str, row)) + "\n" for row in rows).encode()


def _check_files(run, files):
    """Refuses a run that has read other data than the list began with."""
    known = {each["sha256"] for each in files}
    for content in (
        model_directory.read_training_data(run.directory),
        model_directory.read_evaluation(run.directory),
    ):
        for data in content.get("data", ()):
            for file in data.get("files", ()):
                if file["sha256"] not in known:
                    raise UserError(
                        f"{run.directory}: {file['path']} was another file "
                        "there than when the first run was begun, so that "
                        "the runs cannot be compared: leave the data as they "
                        "are, and give the same command with another "
                        "--output_dir"
                    )


def _finished(run, made_of):
    """Returns what a run leaves when it has finished: ``FinishedRun``."""
    return FinishedRun(
        directory=run.directory,
        name=FINISHED_FILE,
        arguments=tuple(run.arguments),
        made_of=made_of,
        results=_RESULTS,
    )
