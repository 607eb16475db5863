# SPDX-License-Identifier: Apache-2.0
"""Exit status and the one line that a user reads."""

import errno
import os
import re
import signal
import subprocess
import sys

import pytest
import tqdm
from absl import flags
from absl import logging as absl_logging

from albert import command_line
from albert.errors import ServerStopped
from albert.errors import StopRequested
from albert.errors import UserError


@pytest.fixture
def run(run_main):
    """Runs a program: (exit status, stdout, stderr)."""

    def define_flags(fv):
        flags.DEFINE_integer(
            "number", 7, "How many. " * 9, lower_bound=0, flag_values=fv
        )
        flags.DEFINE_enum(
            "colour", None, ["red", "blue"], "Which one.", flag_values=fv
        )

    return lambda main, *arguments, positional=(): run_main(
        main, define_flags, *arguments, positional=positional
    )


def raising(error):
    def main(fv):
        raise error

    return main


def test_flags_and_arguments_reach_main(run):
    seen = []
    run(
        lambda fv, first, rest: seen.append((fv.number, first, rest)),
        "--number=3",
        "one",
        "two",
        "three",
        positional=("FIRST", "REST..."),
    )
    assert seen == [(3, "one", ["two", "three"])]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--numbr=3"], "numbr"),
        (["--number=x"], "--number=x"),
        (["--number=-1"], "--number=-1"),
        (["--number=1.5"], "--number=1.5"),
        (["--colour=green"], "--colour=green.*red.blue"),
        (["--colour"], "colour"),
        (["word"], "unexpected argument 'word'"),
        (["number=3"], "unexpected argument 'number=3'.*--name=value"),
    ],
)
def test_wrong_flags(run, arguments, words):
    code, out, err = run(raising(AssertionError), *arguments)
    assert (code, out) == (2, "")
    assert re.fullmatch(f"error: .*{words}.*\n", err)


def test_missing_argument(run):
    code, _, err = run(lambda fv, a, b: None, "x", positional=("A", "B"))
    assert (code, err) == (2, "error: B is missing; see --help\n")


def test_errors_of_the_user_are_one_line(run):
    code, out, err = run(raising(UserError("a.txt:\n  broken")))
    assert (code, out, err) == (2, "", "error: a.txt: broken\n")


def test_errors_of_the_machine_are_one_line(run):
    error = OSError(errno.ENOSPC, "No space left on device", "out/a")
    code, _, err = run(raising(error))
    assert code == 2
    assert err == (
        "error: out/a: No space left on device: make room there, or choose "
        "another place\n"
    )


@pytest.mark.parametrize(
    "error", [ValueError("ours"), OSError(errno.EBADF, "ours")]
)
def test_our_faults_keep_their_traceback(run, error):
    with pytest.raises(type(error), match="ours"):
        run(raising(error))


def test_interrupt(run):
    code, _, err = run(raising(KeyboardInterrupt()))
    assert (code, err) == (130, "error: interrupted\n")


def test_interrupt_with_a_way_to_go_on(run):
    code, _, err = run(raising(KeyboardInterrupt("it continues")))
    assert (code, err) == (130, "error: interrupted: it continues\n")


@pytest.mark.parametrize(
    "stop, status",
    [(StopRequested("saved; goes on"), 143), (ServerStopped("Stopped."), 0)],
)
def test_a_request_to_stop_does_not_pass_for_the_end(
    run, stop, status, monkeypatch
):
    monkeypatch.setattr(command_line, "leave", sys.exit)
    assert run(raising(stop)) == (status, "", f"{stop}\n")


def test_interrupt_of_a_background_job(run):
    """A shell without job control starts it with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        code, _, err = run(lambda fv: signal.raise_signal(signal.SIGINT))
    finally:
        signal.signal(signal.SIGINT, before)
    assert (code, err) == (130, "error: interrupted\n")


def test_help_names_each_flag(run):
    code, out, _ = run(raising(AssertionError), "--help")
    assert code == 0
    assert "--number (default: 7)" in out
    assert "--colour\n" in out
    assert "Which one." in out
    assert max(map(len, out.split("Usage: ")[1].splitlines())) <= 80


def test_log_lines_and_a_progress_bar_do_not_mix(run):
    def main(fv):
        with tqdm.tqdm(total=3, ncols=60, file=sys.stderr) as bar:
            bar.update(1)
            absl_logging.info("a %s", "line")
            absl_logging.warning("trouble")

    _, out, err = run(main)
    assert out == ""
    # What a terminal shows: text after a return overwrites the line.
    lines = [line.split("\r")[-1] for line in err.split("\n")]
    assert lines[:2] == ["a line", "warning: trouble"]
    assert "1/3" in lines[2]


def test_models_that_are_traced_once_each_give_no_warning(run):
    def main(fv):
        import tensorflow as tf

        class Model:
            def __init__(self):
                self.call = tf.function(self._call)

            def _call(self, x):
                return x + 1.0

        for _ in range(7):
            Model().call(tf.constant(1.0))
        tf.get_logger().warning("something else")

    code, _, errors = run(main)
    assert (code, errors) == (0, "warning: something else\n")


def test_tensorflow_starts_without_noise_and_what_is_not_used():
    program = (
        "from albert import command_line\n"
        "command_line.load_tensorflow()\n"
        "import importlib.util, keras, sys, tensorflow as tf\n"
        "for name in ('matplotlib', 'sklearn'):\n"
        "    assert name not in sys.modules, name\n"
        "    assert importlib.util.find_spec(name)\n"
        "print(float(tf.reduce_sum(tf.ones(3))))\n"
        "print('said later', file=sys.stderr)\n"
    )
    completed = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    assert completed.stdout == "3.0\n"
    assert completed.stderr == "said later\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "device, given, used",
    [
        ("/dev/nvidiactl", "", "--xla_gpu_enable_triton_gemm=false"),
        (
            "/dev/dxg",
            "--xla_cpu_enable_fast_math=false",
            "--xla_cpu_enable_fast_math=false "
            "--xla_gpu_enable_triton_gemm=false",
        ),
        (
            "/dev/nvidiactl",
            "--xla_gpu_enable_triton_gemm=true",
            "--xla_gpu_enable_triton_gemm=true",
        ),
    ],
)
def test_xla_for_gpus_does_without_triton(device, given, used):
    """TensorFlow ends a process with flags of XLA that it does not know."""
    program = (
        "import os\n"
        "exists = os.path.exists\n"
        "os.path.exists = "
        f"lambda p: p == {device!r} or exists(p)\n"
        "from albert import command_line\n"
        "command_line.load_tensorflow()\n"
        "import tensorflow as tf\n"
        "double = tf.function(lambda x: 2.0 * x, jit_compile=True)\n"
        "print(float(double(tf.constant(2.0))), os.environ['XLA_FLAGS'])\n"
    )
    completed = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, "XLA_FLAGS": given},
        check=False,
    )
    assert completed.stdout == f"4.0 {used}\n", completed.stderr


def test_last_words_of_tensorflow_are_heard():
    program = (
        "import os, sys\n"
        "from albert import command_line\n"
        "class Crash:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name == 'tensorflow':\n"
        "            os.write(2, b'I0000 noise\\nF0000 AVX is needed\\n')\n"
        "            os._exit(134)\n"
        "sys.meta_path.insert(0, Crash())\n"
        "command_line.load_tensorflow()\n"
    )
    completed = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 134
    assert completed.stderr == "F0000 AVX is needed\n"


def test_a_reader_that_stops_reading_is_no_fault():
    program = (
        "from albert import command_line\n"
        "def main(fv):\n"
        "    for line in range(100_000):\n"
        "        print(line)\n"
        "command_line.run(main, lambda fv: None)\n"
    )
    result = subprocess.run(
        f'"{sys.executable}" -c "{program}" | head -n 1',
        shell=True,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (result.stdout, result.stderr) == ("0\n", "")
