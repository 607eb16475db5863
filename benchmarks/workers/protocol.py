# SPDX-License-Identifier: Apache-2.0
"""The conversation with a worker process, in lines of JSON.

The command sends a work, the worker builds it and answers with its versions;
then, for each line "run", the worker makes one run and answers with its time.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time


class WorkerError(Exception):
    """The end of a worker before its work was done."""


def serve(works, versions):
    """Answers the command until it closes the worker's standard input.

    Args:
      works: dict from kind to a function of the work (dict), which builds it
        and returns a function that makes one run of it, to its end.
      versions: dict from package to version.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    # What libraries print goes elsewhere.
    os.dup2(2, 1)

    def answer(values):
        print(json.dumps(values), file=answers, flush=True)

    work = json.loads(sys.stdin.readline())
    run = works[work["kind"]](work)
    answer({"versions": versions})
    for _ in sys.stdin:
        start = time.perf_counter()
        run()
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        answer({"seconds": seconds, "peak_memory_bytes": peak})


class Worker:
    """A worker process.

    Args:
      name: str, for messages.
      python: str, the interpreter.
      module: str, the worker's module.
      folders: list of str, where it and its packages are looked for first.
      work: dict, what it is to build.

    Attributes:
      versions: dict, what it answered with.
      peak_memory_bytes: int, its largest resident memory up to its last run.
      first_seconds: float, from the start of the process to the end of its
        first run.

    Raises:
      WorkerError: it ended before its first run was made.
    """

    def __init__(self, name, python, module, folders, work):
        self._name = name
        path = os.pathsep.join([*folders, os.getenv("PYTHONPATH", "")])
        environment = {
            **os.environ,
            "KERAS_BACKEND": "tensorflow",
            "PYTHONPATH": path.rstrip(os.pathsep),
            "TF_CPP_MIN_LOG_LEVEL": "3",
        }
        # Shown where it fails: libraries say much.
        self._errors = tempfile.TemporaryFile(  # noqa: SIM115
            "w+", encoding="utf-8"
        )
        start = time.perf_counter()
        self._process = subprocess.Popen(
            # Not from the directory that it is started in.
            [python, "-P", "-m", module],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            encoding="utf-8",
        )
        self.peak_memory_bytes = 0
        self.versions = self._ask(json.dumps(work))["versions"]
        self.run()
        self.first_seconds = time.perf_counter() - start

    def run(self):
        """Makes one run; returns its time in seconds."""
        answer = self._ask("run")
        self.peak_memory_bytes = answer["peak_memory_bytes"]
        return answer["seconds"]

    def median_seconds(self, runs):
        """Makes several runs; returns the median of their times."""
        return statistics.median(self.run() for _ in range(runs))

    def close(self):
        """Ends the process."""
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
        self._errors.close()

    def _ask(self, line):
        try:
            print(line, file=self._process.stdin, flush=True)
            answer = self._process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            status = self._process.wait()
            self._errors.seek(0)
            sys.stderr.write(self._errors.read())
            raise WorkerError(
                f"{self._name}: its worker ended with status {status}: see "
                "what it wrote above"
            )
        return json.loads(answer)
