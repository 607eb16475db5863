# SPDX-License-Identifier: Apache-2.0
"""Writes the flags that were given as a command, with some of them changed."""

import os
import shlex


def write_command(program, fv, without=(), **changes):
    """Returns a command with the flags that were given.

    Args:
      program: str, the command without flags, such as "albert classify".
      fv: ``absl.flags.FlagValues``, parsed.
      without: names of flags that are left out.
      **changes: values of flags instead of the given ones; those that were
        not given are added.

    Returns:
      str, a line for a shell.
    """
    written = {
        name: _write(fv[name])
        for name in fv
        # The flag itself says what an alias says.
        if fv[name].present
        and not fv[name].help.startswith("Alias for --")
        and name not in without
    }
    written |= {name: f"--{name}={value}" for name, value in changes.items()}
    return " ".join([program, *map(shlex.quote, written.values())])


def _write(flag):
    if flag.boolean:
        return f"--{'' if flag.value else 'no'}{flag.name}"
    return f"--{flag.name}={text_of(flag, flag.value)}"


def text_of(flag, value):
    """Returns the text of which a flag's parser makes a value.

    Args:
      flag: ``absl.flags.Flag``.
      value: as ``flag.value``, not None.
    """
    if flag.serializer:
        return flag.serializer.serialize(value)
    if flag.boolean:
        return "true" if value else "false"
    return str(value)


def find_free_directory(directory):
    """Returns the path with the first number behind it that is not there.

    Args:
      directory: str.
    """
    path = os.path.normpath(directory)
    number = 2
    while os.path.lexists(f"{path}-{number}"):
        number += 1
    return f"{path}-{number}"
