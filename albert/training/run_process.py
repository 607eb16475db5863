# SPDX-License-Identifier: Apache-2.0
"""Makes a run of a list in a process of its own.

A process of its own gives everything back when it ends: TensorFlow keeps the
graph of every model that was traced, about 20 MB of a small one and more of
XLA, and memory on a GPU, so that the tenth run would fail where the first one
fits. A run that ends in an error ends itself alone. And each is the very
command that makes it without the list, so that it can be continued, evaluated
or moved to another machine by that. The price is TensorFlow's start, seconds
for each run.
"""

import contextlib
import signal
import subprocess
import sys
import threading

from albert.errors import StopRequested
from albert.training import preemption

_SAME = "the same command continues"
_INTERRUPTED = 130
# Of a run that SIGTERM has ended, after it has saved or before it was ready to.
_STOPPED = (StopRequested.status, -signal.SIGTERM)
# What a process may take to save, before it is killed.
_PATIENCE = 60


def run(title, command):
    """Runs a command to its end.

    SIGTERM and Ctrl-C are passed on: the run saves and ends.

    Args:
      title: str, for messages.
      command: sequence of str.

    Returns:
      int, its exit status; below 0 for a signal. It has said why.

    Raises:
      StopRequested: it was asked to stop, and what it did is saved.
      KeyboardInterrupt: by Ctrl-C.
    """
    asked = threading.Event()
    # What this process has printed comes first.
    sys.stdout.flush()
    sys.stderr.flush()
    with subprocess.Popen(command) as process:

        def stop():
            asked.set()
            process.terminate()

        try:
            with preemption.on_sigterm(stop):
                status = process.wait()
        except BaseException:
            # Ctrl-C reaches it too, where there is a terminal.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=1)
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=_PATIENCE)
            process.kill()
            raise
    if asked.is_set() or status in _STOPPED:
        raise StopRequested(f"{title}: asked to stop (SIGTERM): {_SAME}")
    if status == _INTERRUPTED:
        raise KeyboardInterrupt(f"{title}: {_SAME}")
    return status
