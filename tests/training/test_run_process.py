# SPDX-License-Identifier: Apache-2.0
"""A run in a process of its own: how its end is taken."""

import os
import signal
import sys
import threading
import time

import pytest

from albert.errors import StopRequested
from albert.training import run_process


def program(code):
    """Returns the command that runs Python code."""
    return [sys.executable, "-c", code]


def test_the_status_of_a_run_that_fails():
    for status in (2, -signal.SIGKILL):
        code = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
        if status > 0:
            code = f"raise SystemExit({status})"
        assert run_process.run("cola", program(code)) == status


def test_a_run_that_ends_by_ctrl_c():
    with pytest.raises(KeyboardInterrupt):
        run_process.run("cola", program("raise SystemExit(130)"))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_are_passed_on(tmp_path, time_limit, number):
    ready, seen = tmp_path / "ready", tmp_path / "seen"
    command = program(
        "import pathlib, signal, sys, time\n"
        "def end(number, frame):\n"
        f"    pathlib.Path({str(seen)!r}).write_text(str(number))\n"
        "    sys.exit(0)\n"
        f"signal.signal({int(number)}, end)\n"
        f"pathlib.Path({str(ready)!r}).touch()\n"
        "time.sleep(50)\n"
    )

    def send():
        while not ready.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), number)

    thread = threading.Thread(target=send)
    thread.start()
    stopped = {
        signal.SIGTERM: StopRequested,
        signal.SIGINT: KeyboardInterrupt,
    }[number]
    with time_limit(), pytest.raises(stopped):
        run_process.run("cola", command)
    thread.join()
    assert seen.read_text() == str(int(number))


@pytest.mark.parametrize(
    "code", ["raise SystemExit(143)", "import os; os.kill(os.getpid(), 15)"]
)
def test_a_run_that_was_stopped(code):
    with pytest.raises(StopRequested, match="cola: asked to stop"):
        run_process.run("cola", program(code))
