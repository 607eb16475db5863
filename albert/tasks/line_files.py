# SPDX-License-Identifier: Apache-2.0
"""Files of tasks → numbered lines, whoever made them and on what machine."""

import codecs
import os

from albert.errors import UserError


def find_file(data_dir, folder, names, purpose):
    """Finds a task's file.

    Args:
      data_dir: str, the folder that holds the tasks' folders, or that of the
        task itself.
      folder: str, the task's own folder in it; "" where it has none.
      names: tuple of str, the names that the file may have.
      purpose: str, for the message: "training data of cola".

    Returns:
      str, the path of the first that exists.

    Raises:
      UserError: there is none.
    """
    if not data_dir:
        raise UserError(
            f"no folder for the {purpose}: give the one that holds "
            f"{os.path.join(folder, names[0])} as --data_dir"
        )
    if not os.path.isdir(data_dir):
        raise UserError(
            f"{data_dir}: no such folder: give the one that holds "
            f"{os.path.join(folder, names[0])} as --data_dir"
        )
    candidates = [
        os.path.join(data_dir, *inner, name)
        for inner in ((folder,), ())
        for name in names
    ]
    for path in candidates:
        if os.path.exists(path):
            return path
    raise UserError(
        f"{candidates[0]}: no such file, and it is the {purpose}: put it "
        "there, or correct --data_dir"
    )


def read_lines(path, bad_rows):
    """Reads a UTF-8 file.

    Lines end at "\\n" and nowhere else: form feeds, U+0085 and U+2028 occur
    inside texts. A byte-order mark and the "\\r" of "\\r\\n" are removed.

    Args:
      path: str.
      bad_rows: ``BadRows``, for lines that are not UTF-8 or hold NUL.

    Returns:
      list of (int, str): number from 1, and the line; None for a bad one.
      Blank lines at the end of the file are not in it.

    Raises:
      UserError: it cannot be read or holds nothing.
    """
    try:
        with open(path, "rb") as file:
            content = file.read()
    except OSError as error:
        raise UserError(
            f"{path}: cannot be read ({error.strerror}): check the path and "
            "its permissions"
        ) from error
    content = content.removeprefix(codecs.BOM_UTF8)
    lines = content.split(b"\n")
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise UserError(f"{path}: empty: put the task's data there")
    return [
        (number, _decode(number, line, bad_rows))
        for number, line in enumerate(lines, start=1)
    ]


def _decode(number, line, bad_rows):
    """Returns a line as text, or None where it is bad."""
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        bad_rows.add(
            number,
            f"not UTF-8 (byte 0x{line[error.start]:02x})",
            "convert the file, for example with iconv -t UTF-8",
        )
        return None
    if "\0" in text:
        bad_rows.add(number, "holds a NUL byte", "remove it")
        return None
    return text.removesuffix("\r")


def shorten(text):
    """Returns a text of a file so short that a message can quote it."""
    return text if len(text) <= 60 else text[:57] + "…"
