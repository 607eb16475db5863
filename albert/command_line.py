# SPDX-License-Identifier: Apache-2.0
"""How every entry point starts: flags, then main, then one exit status.

Exit status 0 is success, 2 is bad input (one line on standard error, no
traceback), 1 is a fault of ours (with the traceback).
"""

import sys

from absl import flags
from absl import logging

from albert.errors import UserError


def run(main, define_flags):
    """Parses ``sys.argv``, calls ``main(flag_values)`` and exits.

    Args:
      main: function of an ``absl.flags.FlagValues``; its result is ignored.
      define_flags: function that defines the recipe's flags on the
        ``FlagValues`` passed to it. Flags are defined here, when the program
        runs, and not when a module is imported: two recipes can then be
        imported by one process.
    """
    define_flags(flags.FLAGS)
    logging.use_absl_handler()
    logging.set_verbosity(logging.INFO)
    try:
        positional = flags.FLAGS(sys.argv)[1:]
        if flags.FLAGS["help"].present and flags.FLAGS.help:
            print(sys.modules["__main__"].__doc__ or "")
            print(flags.FLAGS.main_module_help())
            sys.exit(0)
        if positional:
            raise UserError(
                f"unexpected argument {positional[0]!r}: every setting is a "
                "flag of the form --name=value; see --help"
            )
        main(flags.FLAGS)
    except (UserError, flags.Error) as error:
        fail(error)
    except KeyboardInterrupt:
        fail("interrupted", status=130)


def fail(message, status=2):
    """Prints one line on standard error and exits with ``status``."""
    line = " ".join(str(message).split())
    print(f"error: {line}", file=sys.stderr, flush=True)
    sys.exit(status)
