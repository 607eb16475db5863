# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/memory.py."""

import pytest

from albert.errors import UserError
from albert.memory import available_memory

MEMORY = "MemTotal:  900 kB\nMemFree:  30 kB\nMemAvailable:   100 kB\n"
GROUP = "/sys/fs/cgroup/"


@pytest.fixture
def system(monkeypatch):
    """Files of a system: dict of path to content; others are not there."""
    contents = {"/proc/meminfo": MEMORY}

    def read_file(path):
        if path not in contents:
            raise UserError(f"{path}: there is none")
        return contents[path].encode()

    monkeypatch.setattr("albert.memory.read_file", read_file)
    return contents


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, 102_400),
        ({"memory.max": "max\n", "memory.current": "5\n"}, 102_400),
        ({"memory.max": "5000\n", "memory.current": "2000\n"}, 3000),
        ({"memory.max": "5000\n", "memory.current": "7000\n"}, 0),
        ({"memory.max": "5000\n"}, 102_400),
        (
            # What is only cached of files is given back.
            {
                "memory.max": "5000\n",
                "memory.current": "4900\n",
                "memory.stat": "anon 7\ninactive_file 1500\n",
            },
            1600,
        ),
        (
            {
                "memory/memory.limit_in_bytes": "5000\n",
                "memory/memory.usage_in_bytes": "1\n",
            },
            4999,
        ),
    ],
)
def test_available_memory(system, more, expected):
    system |= {f"{GROUP}{name}": content for name, content in more.items()}
    assert available_memory() == expected


def test_this_system():
    free = available_memory()
    assert free is None or free > 1 << 20


@pytest.mark.parametrize("content", [None, "", "MemTotal: 3 kB\n", "x"])
def test_a_system_that_does_not_tell(system, content):
    del system["/proc/meminfo"]
    if content is not None:
        system["/proc/meminfo"] = content
    assert available_memory() is None
