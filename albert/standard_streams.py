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
    number otherwise, and what libraries write to it.
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


def flush():
    """Writes out what is printed so far.

    Raises:
      BrokenPipeError: the reader has gone.
      UserError: it cannot be written.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
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
