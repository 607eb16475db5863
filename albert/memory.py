# SPDX-License-Identifier: Apache-2.0
"""Tells how much memory is free."""

import contextlib

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
        with open("/proc/meminfo", encoding="ascii") as stream:
            fields = dict(line.split(":", 1) for line in stream)
        free = 1024 * int(fields["MemAvailable"].split()[0])
    except (OSError, KeyError, ValueError):
        return None
    for limit, used in _MEMORY_GROUPS:
        # No group, or a limit of "max".
        with contextlib.suppress(OSError, ValueError):
            free = min(free, _read_number(limit) - _read_number(used))
    return max(free, 0)


def _read_number(path):
    with open(path, encoding="ascii") as stream:
        return int(stream.read())
