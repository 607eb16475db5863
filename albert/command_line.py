# SPDX-License-Identifier: Apache-2.0
"""How every entry point starts: flags, then main, then one exit status.

Exit status 0 is success, 2 is bad input (one line on standard error, no
traceback), 1 is a fault of ours (with the traceback).
"""

import sys
import textwrap

from absl import flags
from absl import logging

from albert.errors import UserError


def run(main, define_flags, positional=()):
    """Parses ``sys.argv``, calls ``main`` and exits.

    Args:
      main: function of an ``absl.flags.FlagValues``, and of one argument
        more for each name in ``positional``; its result is ignored.
      define_flags: function that defines the recipe's flags on the
        ``FlagValues`` passed to it. Flags are defined here, when the program
        runs, and not when a module is imported: two recipes can then be
        imported by one process.
      positional: names of arguments that are not flags; the last one, if it
        ends in "...", takes all that are left as a list.
    """
    fv = flags.FLAGS
    before = set(fv)
    define_flags(fv)
    own = sorted(set(fv) - before)
    logging.use_absl_handler()
    logging.set_verbosity(logging.INFO)
    logging.get_absl_handler().setFormatter(None)
    if any(argument in ("--help", "-h") for argument in sys.argv[1:]):
        print(_help(fv, own))
        sys.exit(0)
    try:
        arguments = _positional(fv(sys.argv)[1:], positional)
        main(fv, *arguments)
    except (UserError, flags.Error) as error:
        fail(error)
    except KeyboardInterrupt:
        fail("interrupted", status=130)


def fail(message, status=2):
    """Prints one line on standard error and exits with ``status``."""
    line = " ".join(str(message).split())
    print(f"error: {line}", file=sys.stderr, flush=True)
    sys.exit(status)


def _positional(arguments, names):
    if names and names[-1].endswith("..."):
        fixed = len(names) - 1
        arguments = [*arguments[:fixed], arguments[fixed:]]
    if len(arguments) > len(names):
        raise UserError(
            f"unexpected argument {arguments[len(names)]!r}: every setting "
            "is a flag of the form --name=value; see --help"
        )
    if len(arguments) < len(names):
        raise UserError(f"{names[len(arguments)]} is missing; see --help")
    return arguments


def _help(fv, names):
    lines = [(sys.modules["__main__"].__doc__ or "").strip(), "", "Flags:"]
    for name in names:
        flag = fv[name]
        default = "" if flag.default is None else f" (default: {flag.default})"
        lines.append(f"  --{name}{default}")
        lines += textwrap.wrap(
            flag.help, 76, initial_indent="      ", subsequent_indent="      "
        )
    return "\n".join(lines)
