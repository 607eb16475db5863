# SPDX-License-Identifier: Apache-2.0
"""`albert classify` in a process of its own: how its end is taken."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from albert.errors import StopRequested
from albert.errors import UserError
from albert.glue import classify_process


@pytest.fixture
def program(monkeypatch):
    """Function of Python code, which is run instead of the command."""
    real = subprocess.Popen

    def replace(code):
        monkeypatch.setattr(
            subprocess,
            "Popen",
            lambda arguments: real((sys.executable, "-c", code)),
        )

    return replace


def test_the_command_that_people_read():
    assert classify_process.command(["--task_name=cola", "--a=b c"]) == (
        "albert classify --task_name=cola '--a=b c'"
    )


def test_a_run_that_fails():
    with pytest.raises(UserError, match="cola: .*ended with status 2, for"):
        classify_process.run("cola", ["--no_such_flag"], "missing")


@pytest.mark.parametrize("before", [None, "old"])
def test_results_are_written(tmp_path, program, before):
    path = tmp_path / "results"
    if before:
        path.write_text(before)
        os.utime(path, ns=(5, 5))
    program(f"open({str(path)!r}, 'w').write('new')")
    classify_process.run("cola", [], str(path))
    assert path.read_text() == "new"


@pytest.mark.parametrize("before", [None, "old"])
def test_a_run_that_was_stopped_writes_none(tmp_path, program, before):
    path = tmp_path / "results"
    if before:
        path.write_text(before)
    program("pass")
    with pytest.raises(StopRequested, match="cola: asked to stop"):
        classify_process.run("cola", [], str(path))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_are_passed_on(tmp_path, program, time_limit, number):
    ready, seen = tmp_path / "ready", tmp_path / "seen"
    program(
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
        classify_process.run("cola", [], str(tmp_path / "results"))
    thread.join()
    assert seen.read_text() == str(int(number))


def test_a_run_that_dies_of_the_signal(tmp_path, program):
    program("import os; os.kill(os.getpid(), 15)")
    with pytest.raises(StopRequested):
        classify_process.run("cola", [], str(tmp_path / "results"))
