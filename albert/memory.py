# SPDX-License-Identifier: Apache-2.0
"""Tells how much memory is free."""

import contextlib

from albert.errors import UserError
from albert.inputs import read_file

# Where Linux tells the limit of a control group and what is used of it, in
# both versions.
_MEMORY_GROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
    ),
)


def available_memory():
    """Returns the bytes of memory that are free for this process, or None.

    A limit of its control group counts, as containers have one. None where
    the system does not tell.
    """
    try:
        lines = read_file("/proc/meminfo").splitlines()
        fields = dict(line.split(b":", 1) for line in lines)
        free = 1024 * int(fields[b"MemAvailable"].split()[0])
    except (UserError, KeyError, ValueError):
        return None
    for limit, used in _MEMORY_GROUPS:
        # No group, or a limit of "max".
        with contextlib.suppress(UserError, ValueError):
            free = min(free, int(read_file(limit)) - int(read_file(used)))
    return max(free, 0)
