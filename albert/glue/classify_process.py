# SPDX-License-Identifier: Apache-2.0
"""Runs `albert classify` in a process of its own.

Each run has a fresh process: what one leaves in a GPU's memory, or dies of,
is no matter of the next one.
"""

import contextlib
import os
import shlex
import signal
import subprocess
import sys

from albert.errors import StopRequested
from albert.errors import UserError
from albert.training import preemption

_SAME = "the same command goes on from there"
# What a process may take to save, before it is told to end.
_PATIENCE = 60


def command(arguments):
    """Returns the command line of a run, for people: str."""
    return shlex.join(("albert", "classify", *arguments))


def run(title, arguments, results_path):
    """Runs `albert classify` to its end.

    SIGTERM is passed on: the run saves and ends.

    Args:
      title: str, for messages.
      arguments: sequence of str.
      results_path: str, the file that it writes last. A run that was asked
        to stop ends as one that succeeds does, but for this file.

    Raises:
      UserError: it failed; it has said why.
      StopRequested: it was asked to stop, and what it did is saved.
    """
    before = _identity(results_path)
    sys.stdout.flush()
    with subprocess.Popen(
        (sys.executable, "-m", "albert", "classify", *arguments)
    ) as process:
        try:
            with preemption.on_sigterm(process.terminate):
                process.wait()
        except BaseException:
            # Ctrl-C reaches it too, where there is a terminal.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=1)
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=_PATIENCE)
            process.kill()
            raise
    if process.returncode == -signal.SIGTERM:
        raise StopRequested(f"{title}: asked to stop (SIGTERM): {_SAME}")
    if process.returncode:
        raise UserError(
            f"{title}: `albert classify` ended with status "
            f"{process.returncode}, for the reason above: correct it and give "
            "the same command again, which keeps the runs that have finished"
        )
    if _identity(results_path) == before:
        raise StopRequested(f"{title}: asked to stop: {_SAME}")


def _identity(path):
    """Returns what changes when a file is written anew; None without it."""
    try:
        state = os.stat(path)
    except FileNotFoundError:
        return None
    return state.st_ino, state.st_mtime_ns
