# SPDX-License-Identifier: Apache-2.0
"""Runs recipes for benchmarks: each once, and to its end.

Every command is one of this project's recipes, in a process of its own. What
a command has finished is marked beside its output, so that it is not done
again; one that was interrupted continues, as the recipes do.
"""

import json
import os
import pathlib
import subprocess
import sys
import time

import ablation_files

ROOT = pathlib.Path(__file__).resolve().parents[1]
# Starts a recipe that ends when this program does, even if that is killed
# (PR_SET_PDEATHSIG of Linux): else it would be in the way of the next try.
_START = (
    "import ctypes, os, sys\n"
    "ctypes.CDLL(None).prctl(1, 9)\n"
    "os.execv(sys.executable, [sys.executable, *sys.argv[1:]])\n"
)
_PACKAGES = ("tensorflow", "keras", "numpy", "sentencepiece")


class OutOfTimeError(Exception):
    """The end of the time after which nothing begins."""


class RecipeError(Exception):
    """A recipe that ended with an error."""


class Runner:
    """A folder in which recipes are run.

    Args:
      folder: str, need not exist; has ``logs``.
      deadline: float, of ``time.monotonic``, after which no command begins.
    """

    def __init__(self, folder, deadline):
        self.folder = os.path.abspath(folder)
        self.deadline = deadline

    def run(self, recipe, flags, done, log, arguments=()):
        """Runs a recipe, if it was not run to its end before.

        Args:
          recipe: str, a script, or a module of the package.
          flags: dict of its flags.
          done: str, the file that says that it has ended; of this folder.
          log: str, the file that its output is added to; of ``logs``.
          arguments: list of str, what else it is given.

        Raises:
          OutOfTimeError: it is too late to begin.
          RecipeError: it failed, or was run with other flags before.
        """
        done = f"{self.folder}/{done}"
        # Those of the folder say nothing, wherever it lies.
        compared = {
            name: value
            for name, value in flags.items()
            if not str(value).startswith(self.folder)
        }
        if os.path.exists(done):
            _check_same(compared, done)
            return
        if time.monotonic() > self.deadline:
            raise OutOfTimeError
        words = [f"--{name}={value}" for name, value in flags.items()]
        is_script = recipe.endswith(".py")
        program = [str(ROOT / recipe)] if is_script else ["-m", recipe]
        path = f"{self.folder}/logs/{log}"
        start = time.monotonic()
        with open(path, "ab") as file:
            process = subprocess.Popen(
                [sys.executable, "-c", _START, *program, *arguments, *words],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise RecipeError(
                f"{recipe} ended with status {process.returncode}: see {path}"
            )
        ablation_files.write_json(
            done,
            {
                "seconds": time.monotonic() - start,
                "cpu_seconds": usage.ru_utime + usage.ru_stime,
                "flags": compared,
            },
        )


def _check_same(flags, done):
    """Refuses flags that are not those that a file was made with."""
    before = ablation_files.read_json(done)["flags"]
    now = json.loads(json.dumps(flags))
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            raise RecipeError(
                f"{done}: --{name} is {now.get(name)} now and was "
                f"{before.get(name)}: give another --output_dir"
            )


def versions():
    """Returns the versions of what computes: dict of str."""
    import importlib.metadata

    import albert

    return {
        "albert": albert.__version__,
        **{name: importlib.metadata.version(name) for name in _PACKAGES},
    }
