# SPDX-License-Identifier: Apache-2.0
"""Output that reaches terminals of any encoding, and readers that leave."""

import contextlib
import os
import sys

from albert.errors import UserError


def prepare():
    """Makes standard output and error take any text.

    What an encoding lacks (PYTHONIOENCODING=ascii, LC_ALL=C), and the bytes of
    file names that are not UTF-8, are written as escapes. A stream that was
    closed becomes the null device: the next file that is opened would get its
    number otherwise, and what libraries write to it. What is printed after the
    reader has gone (``albert classify … | head -1``) is lost, and nothing else:
    a training goes on, and files are written.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # The lowest number that is free, which is this one.
            os.open(os.devnull, os.O_RDWR)
    for name, number in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            stream = open(number, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)
        with contextlib.suppress(AttributeError):  # A test's own stream.
            getattr(sys, name).reconfigure(errors="backslashreplace")
    if not isinstance(sys.stdout, _LastingOutput):
        sys.stdout = _LastingOutput(sys.stdout)


class _LastingOutput:
    """Standard output that goes to nowhere once its reader has gone.

    Attributes:
      stream: the text stream that is written to.
    """

    def __init__(self, stream):
        self.stream = stream

    def write(self, text):
        """Writes a text; returns its length."""
        try:
            return self.stream.write(text)
        except BrokenPipeError:
            discard()
            return len(text)

    def flush(self):
        """Writes out what is buffered."""
        try:
            self.stream.flush()
        except BrokenPipeError:
            discard()

    def __getattr__(self, name):
        return getattr(self.stream, name)


def rows():
    """Returns standard output for what a command is asked for.

    Without a reader there is no use in more: it raises ``BrokenPipeError``
    then, with which ``command_line.run`` ends the program.
    """
    if isinstance(sys.stdout, _LastingOutput):
        return sys.stdout.stream
    return sys.stdout


def flush():
    """Writes out what is printed so far.

    Raises:
      UserError: it cannot be written.
    """
    try:
        sys.stdout.flush()
    except OSError as error:
        discard()
        raise UserError(
            f"standard output: {error.strerror}: what was printed is lost, "
            "send it elsewhere"
        ) from None


def discard():
    """Sends standard output to nowhere.

    What is still buffered for a reader that has gone must not raise again
    when Python ends.
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
