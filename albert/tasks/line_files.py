# SPDX-License-Identifier: Apache-2.0
"""Files of tasks, read as numbered lines."""

import codecs
import os
import shlex

from albert.errors import UserError
from albert.inputs import read_file
from albert.text.encodings import find_utf16


def find_file(data_dir, folder, names, purpose, remedy=None):
    """Finds a task's file.

    Args:
      data_dir: str, the folder that holds the tasks' folders, or that of the
        task itself.
      folder: str, the task's own folder in it; "" where it has none.
      names: sequence of str, the names that the file may have.
      purpose: str, for the message: "training data of cola".
      remedy: str, what to do where there is none; None for the usual.

    Returns:
      str, the path of the one that exists.

    Raises:
      UserError: there is none, or several in one folder: what the user meant
        is not known.
    """
    wanted = os.path.join(folder, names[0])
    if not data_dir:
        raise UserError(
            f"no folder for the {purpose}: give the one that holds {wanted} "
            "as --data_dir"
        )
    if os.path.isfile(data_dir):
        raise UserError(
            f"{data_dir}: a file: give the folder that holds it as "
            f"--data_dir ({os.path.dirname(data_dir) or '.'}); the {purpose} "
            f"is read from {wanted} in it"
        )
    if not os.path.isdir(data_dir):
        raise UserError(
            f"{data_dir}: no such folder: give the one that holds {wanted} "
            "as --data_dir"
        )
    candidates = []
    for inner in (folder, ""):
        place = os.path.join(data_dir, inner) if inner else data_dir
        paths = [os.path.join(place, name) for name in names]
        found = list(filter(os.path.exists, paths))
        if len(found) > 1:
            there = ", ".join(os.path.relpath(path, place) for path in found)
            raise UserError(
                f"{place}: {there}: one file is read for the {purpose}: move "
                "the others away"
            )
        if found:
            return found[0]
        candidates += paths
    raise UserError(
        f"{candidates[0]}: no such file, and it is the {purpose}: "
        f"{remedy or _find_remedy(candidates)}"
    )


def _find_remedy(candidates):
    """Returns what to do about a missing file: list of str, its paths."""
    for path in candidates:
        csv_path = path.removesuffix(".tsv") + ".csv"
        if path.endswith(".tsv") and os.path.exists(csv_path):
            return (
                f"{os.path.basename(csv_path)} is there, which --delimiter=, "
                "reads (--task_name=tsv; or --delimiter=';')"
            )
    return "put it there, or correct --data_dir"


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
      UserError: it cannot be read or holds nothing, or it is UTF-16 or has
        the line ends of old Macs.
    """
    content = read_file(path)
    utf16 = find_utf16(content)
    if utf16:
        command = conversion(f"iconv -f {utf16} -t UTF-8", path)
        raise UserError(f"{path}: UTF-16, not UTF-8: convert it: {command}")
    content = content.removeprefix(codecs.BOM_UTF8)
    lines = content.split(b"\n")
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise UserError(f"{path}: empty: put the task's data there")
    if len(lines) == 1 and b"\r" in lines[0].strip():
        command = conversion("tr '\\r' '\\n' <", path)
        raise UserError(
            f"{path}: its lines end as on old Macs (CR alone): convert it: "
            f"{command}"
        )
    return [
        (number, decode(number, line, bad_rows))
        for number, line in enumerate(lines, start=1)
    ]


def decode(number, line, bad_rows):
    """Returns a line as text, or None where it is bad.

    Args:
      number: int, of the line, from 1.
      line: bytes.
      bad_rows: ``BadRows``, for what is not UTF-8 or holds NUL.
    """
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        command = conversion("iconv -f CP1252 -t UTF-8", bad_rows.path)
        bad_rows.add(
            number,
            f"not UTF-8 (byte 0x{line[error.start]:02x})",
            f"convert the file, from Windows for Western Europe with {command}",
        )
        return None
    if "\0" in text:
        bad_rows.add(number, "holds a NUL byte", "remove it")
        return None
    return text.removesuffix("\r")


def conversion(command, path, is_gzip=False):
    """Returns the command that converts a file: to another, then back.

    Args:
      command: str, to which the name of a file can be added.
      path: str.
      is_gzip: bool, unpack it too.
    """
    old, new = shlex.quote(path), shlex.quote(f"{path}.new")
    run = f"gzip -dc < {old} | {command}" if is_gzip else f"{command} {old}"
    return f"{run} > {new} && mv {new} {old}"


def shorten(text):
    """Returns a text of a file so short that a message can quote it."""
    return text if len(text) <= 60 else text[:57] + "…"
