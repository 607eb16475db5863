# SPDX-License-Identifier: Apache-2.0
"""Mistakes in command lines that absl's parser takes for something else."""

import os
import re

from absl import logging

from albert.errors import UserError
from albert.flag_parsers import FilesParser

# What absl says of an alias.
ALIAS = re.compile(r"Alias for --(\w+)\.")

# What is written for the value of a boolean flag.
_TRUTH = ("true", "false", "t", "f", "yes", "no", "1", "0")


def check(fv, arguments):
    """Refuses flags whose values would be lost, and warns of repeated ones.

    Args:
      fv: ``absl.flags.FlagValues``, not parsed yet.
      arguments: list of str, the command line without the program.

    Raises:
      UserError: a boolean flag with a space before its value, or with "no"
        and a value; a flag of files that stands twice in a row, which is what
        the shell makes of ``--input_file={a,b}.txt``.
    """
    given = {}
    last = None
    rest = iter([*arguments, None])
    argument = next(rest)
    while argument not in (None, "--"):
        name, equals, value = argument.lstrip("-").partition("=")
        following = next(rest)
        flag = _find(fv, name) if argument.startswith("-") else None
        if flag is not None and flag.boolean:
            _check_boolean(flag, argument, following)
        elif flag is not None:
            if not equals:
                value, following = following, next(rest, None)
            values = given.setdefault(flag.name, [])
            values.append(value)
            if flag is last and isinstance(flag.parser, FilesParser):
                raise UserError(
                    f"--{flag.name} stands there again and again, with "
                    f"{' and '.join(values)}: give it once, with commas "
                    "between the files or a pattern in quotes"
                )
        last = flag
        argument = following
    for name, values in given.items():
        if len(set(values)) > 1:
            logging.warning(
                "--%s is given %d times: the last one counts, %s",
                name,
                len(values),
                values[-1],
            )


def explain_unexpected(argument):
    """Returns a line about an argument that a command has no use for.

    Args:
      argument: str, neither a flag nor the value of one.
    """
    if os.path.lexists(argument):
        return (
            f"unexpected argument {argument!r}: if the shell has replaced a "
            "pattern by the names of files, quote it, as in "
            "--input_file='*.txt'"
        )
    return (
        f"unexpected argument {argument!r}: every setting is a flag of the "
        "form --name=value; see --help"
    )


def _find(fv, name):
    """Returns the flag of a name, an alias, or a name with "no" before it."""
    if name in fv:
        alias = ALIAS.fullmatch(fv[name].help)
        return fv[alias[1]] if alias else fv[name]
    negated = name.removeprefix("no")
    if negated in fv and fv[negated].boolean:
        return fv[negated]
    return None


def _check_boolean(flag, argument, following):
    spelling, equals, value = argument.partition("=")
    if equals and spelling.lstrip("-") != flag.name:
        raise UserError(
            f"{argument}: write --{flag.name}=true or --{flag.name}=false"
        )
    if not equals and (following or "").lower() in _TRUTH:
        raise UserError(
            f"{argument} {following}: write --{flag.name}={following}, with "
            '"=" and without a space'
        )
