# SPDX-License-Identifier: Apache-2.0
"""Limit of how many files a process may have open."""

import os
import resource

from albert.errors import UserError

# Besides those that are open: of text, of libraries, of processes' pipes.
_SPARE = 128


def allow(num_files):
    """Lets this process open many more files at once.

    Args:
      num_files: int, files that will be open together.

    Raises:
      UserError: the system does not allow so many.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = len(os.listdir("/dev/fd")) + num_files + _SPARE
    if soft == resource.RLIM_INFINITY or needed <= soft:
        return
    if hard != resource.RLIM_INFINITY and needed > hard:
        raise UserError(
            f"{num_files} files of records are open at once, and with others "
            f"{needed}, but this system allows {hard}: give fewer "
            "--num_shards, or raise the limit (ulimit -Hn)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
