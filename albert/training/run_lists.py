# SPDX-License-Identifier: Apache-2.0
"""Makes the runs of a list, one after another, each in its own process.

A process of its own gives everything back when it ends: TensorFlow keeps the
graph of every model that was traced, about 20 MB of a small one and more of
XLA, and memory on a GPU, so that the tenth run would fail where the first one
fits. A run that ends in an error ends itself alone. And each is the very
command that makes it without the list, so that it can be continued, evaluated
or moved to another machine by that. The price is TensorFlow's start, seconds
for each run. This process does not load TensorFlow, and takes no GPU.
"""

import glob
import hashlib
import json
import os
import subprocess
import sys
import threading

from absl import logging

from albert import file_fingerprints
from albert import json_files
from albert import model_directory
from albert import outputs
from albert.errors import StopRequested
from albert.errors import UserError
from albert.json_files import List
from albert.json_files import Object
from albert.json_files import Text
from albert.records.finetuning_writing import fingerprint
from albert.text.documents import expand_files
from albert.training import preemption

# In the directory of each run: that it is finished, and what it was.
FINISHED_FILE = "finished.json"
_SCHEMA = Object(
    {
        "arguments": List(Text()),
        "data": Text(),
        # Of each file of its results, the SHA-256.
        "results": Object(others=Text()),
    },
    required=("arguments", "data"),
)
# Beside its metrics, what is read of a run.
_PREDICTIONS = "*_predictions.*"
_REMEDY = "remove it, and the run is made again"
_FLAG = "--output_dir"
_INTERRUPTED = 130


def check(runs):
    """Refuses directories that cannot be written, before the first run.

    Args:
      runs: list of ``PlannedRun``.

    Raises:
      UserError: naming one of them.
    """
    for run in runs:
        model_directory.check_writable(run.directory)
        outputs.check_file(os.path.join(run.directory, FINISHED_FILE), _FLAG)
        _read_finished(run)


def carry_out(runs, program, data, start=None):
    """Makes those runs of a list that are not finished.

    Args:
      runs: list of ``PlannedRun``.
      program: str, the script whose command line a run has.
      data: str, tells the data of the runs from others.
      start: function of a list of str, a command, to its exit status; in
        place of starting a process.

    Returns:
      list of the ``PlannedRun`` that failed; why is on standard error.

    Raises:
      StopRequested: SIGTERM arrived; the run that was at work has saved.
      KeyboardInterrupt: so has Ctrl-C.
    """
    start = start or _start
    failed = []
    for number, run in enumerate(runs, 1):
        title = f"run {number} of {len(runs)}, {run.name}"
        if _is_finished(run, data):
            logging.info("---- %s: finished before", title)
            continue
        logging.info("---- %s: %s", title, run.directory)
        before = _identity_of_results(run)
        status = start([sys.executable, program, *run.arguments])
        if status == _INTERRUPTED:
            raise KeyboardInterrupt(
                "the same command continues with the run that was at work"
            )
        if status:
            how = f"status {status}" if status > 0 else f"signal {-status}"
            logging.warning("%s: it ended with %s", title, how)
            failed.append(run)
        elif _identity_of_results(run) == before:
            # It ended well and without results: it was asked to stop.
            raise StopRequested(
                f"{run.directory}: asked to stop; the same command continues"
            )
        else:
            outputs.write_json(
                os.path.join(run.directory, FINISHED_FILE),
                {
                    "arguments": run.arguments,
                    "data": data,
                    "results": _fingerprint_results(run.directory),
                },
                _FLAG,
            )
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


def _read_finished(run):
    path = os.path.join(run.directory, FINISHED_FILE)
    if not os.path.lexists(path):
        return None
    return json_files.read_object(path, _SCHEMA, _REMEDY)


def _is_finished(run, data):
    """Returns whether a run has been made, and its results are still its own.

    Another command can evaluate the model on other data, or remove a file.
    """
    finished = _read_finished(run)
    if not finished or (finished["arguments"], finished["data"]) != (
        run.arguments,
        data,
    ):
        return False
    before = finished.get("results", {})
    now = _fingerprint_results(run.directory)
    changed = [name for name in before if now.get(name) != before[name]]
    if changed:
        logging.warning(
            "%s: %s: no longer what the run has written: it is evaluated again",
            run.directory,
            ", ".join(changed),
        )
    return bool(before) and not changed


def _fingerprint_results(directory):
    """Returns dict from the name of each file of results to its SHA-256."""
    folder = glob.escape(directory)
    paths = [
        path
        for name in (model_directory.EVALUATION_FILE, _PREDICTIONS)
        for path in sorted(glob.glob(os.path.join(folder, name)))
    ]
    return {
        os.path.basename(path): file_fingerprints.fingerprint([path])
        for path in paths
    }


def _identity_of_results(run):
    """Returns what tells results from those that replace them."""
    path = os.path.join(run.directory, model_directory.EVALUATION_FILE)
    try:
        state = os.stat(path)
    except FileNotFoundError:
        return None
    return state.st_ino, state.st_mtime_ns


def _start(command):
    """Runs a command to its end, and passes SIGTERM on to it."""
    asked = threading.Event()
    # What this process has printed comes first.
    sys.stdout.flush()
    sys.stderr.flush()
    with subprocess.Popen(command) as process:

        def stop():
            asked.set()
            process.terminate()

        with preemption.on_sigterm(stop):
            status = process.wait()
    if asked.is_set():
        raise StopRequested(
            "asked to stop (SIGTERM): the run that was at work has saved; the "
            "same command continues"
        )
    return status
