# SPDX-License-Identifier: Apache-2.0
"""Output on terminals of any encoding, and on streams that are closed."""

import logging
import os
import shlex
import subprocess
import sys

import pytest
from absl import flags

import albert.__main__

# Another encoding than that of the machine, which Python must not mend.
PLAIN = {
    "PYTHONUTF8": "0",
    "PYTHONCOERCECLOCALE": "0",
    "PYTHONUNBUFFERED": "",
}
PRINTING = """
from albert import command_line
def main(fv):
    print("f\\xfcr \\udcff \\xa3")
command_line.run(main, lambda fv: None)
"""


def start(redirection, *arguments, **environment):
    """Runs Python with a shell's redirection; gives what it wrote."""
    return subprocess.run(
        f"{shlex.join([sys.executable, *arguments])} {redirection}",
        shell=True,
        env={**os.environ, **PLAIN, **environment},
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize(
    "environment",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C"}, {"LC_ALL": "POSIX"}],
    ids=str,
)
def test_what_an_encoding_lacks_is_written_as_escapes(environment):
    done = start("", "-c", PRINTING, **environment)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"f\\xfcr \\udcff \\xa3\n"


@pytest.mark.parametrize("name", ["", *albert.__main__.COMMANDS])
def test_help_is_printed_on_any_terminal(name, monkeypatch, capfdbinary):
    monkeypatch.setenv("COLUMNS", "1")
    with open(os.dup(1), "w", encoding="ascii") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        arguments = [name, "--help"] if name else ["--help"]
        monkeypatch.setattr(sys, "argv", ["albert", *arguments])
        monkeypatch.setattr(flags, "FLAGS", flags.FlagValues())
        monkeypatch.setattr(logging.getLogger(), "handlers", [])
        try:
            albert.__main__.main()
        except SystemExit as end:
            assert end.code == 0
    printed, errors = capfdbinary.readouterr()
    assert errors == b""
    assert b"albert" in printed


@pytest.mark.parametrize(
    "redirection, code, errors",
    [
        (">&-", 0, b""),
        ("2>&-", 0, b""),
        ("<&- >&- 2>&-", 0, b""),
        (">/dev/full", 2, b"error: standard output: No space left on device"),
    ],
)
def test_streams_that_take_nothing(redirection, code, errors):
    done = start(redirection, "-c", PRINTING)
    assert done.returncode == code
    assert done.stderr.startswith(errors)
    assert done.stderr.count(b"\n") == bool(errors)


# More than any pipe holds; "rows" raises, and "print" goes on.
LEFT_ALONE = """
import sys
from albert import command_line, standard_streams
def main(fv):
    for _ in range(1 << 14):
        if sys.argv[2] == "rows":
            standard_streams.rows().write(99 * "x" + "\\n")
        else:
            print(99 * "x")
    open(sys.argv[1], "x").close()
command_line.run(lambda fv, path, how: main(fv), lambda fv: None, ("A", "B"))
"""


@pytest.mark.parametrize("buffered", ["", "1"])
def test_a_reader_that_leaves_ends_what_it_asked_for_alone(tmp_path, buffered):
    for how, is_written in (("print", True), ("rows", False)):
        path = tmp_path / how
        done = start(
            "| head -n 1",
            *("-c", LEFT_ALONE, str(path), how),
            PYTHONUNBUFFERED=buffered,
        )
        assert (done.stdout, done.stderr) == (99 * b"x" + b"\n", b"")
        assert path.exists() == is_written


def test_the_next_file_does_not_become_standard_error(tmp_path):
    program = (
        "import os, sys\n"
        "from albert import standard_streams\n"
        "standard_streams.prepare()\n"
        "with open(sys.argv[1], 'w') as file:\n"
        "    os.write(2, b'of a library')\n"
        "    file.write('mine')\n"
    )
    done = start("2>&-", "-c", program, str(tmp_path / "file"))
    assert done.returncode == 0
    assert (tmp_path / "file").read_text() == "mine"
