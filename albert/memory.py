# SPDX-License-Identifier: Apache-2.0
"""Tells how much memory is free."""

import contextlib

from albert.errors import UserError
from albert.inputs import read_file

# Where Linux tells the limit of a control group, what is used of it, and, by
# this name, what of that is a cache of files which it gives back; in both
# versions.
_MEMORY_GROUPS = (
    (
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory.current",
        "/sys/fs/cgroup/memory.stat",
        b"inactive_file",
    ),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        "/sys/fs/cgroup/memory/memory.stat",
        b"total_inactive_file",
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
    for limit, used, statistics, cache in _MEMORY_GROUPS:
        # No group, or a limit of "max".
        with contextlib.suppress(UserError, ValueError):
            room = int(read_file(limit)) - int(read_file(used))
            free = min(free, room + _read_field(statistics, cache))
    return max(free, 0)


def _read_field(path, name):
    """Returns the number behind a name in a file of the system, or 0."""
    try:
        fields = dict(map(bytes.split, read_file(path).splitlines()))
        return int(fields[name])
    except (UserError, KeyError, ValueError):
        return 0
