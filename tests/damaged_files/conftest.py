# SPDX-License-Identifier: Apache-2.0
"""Ways in which files are damaged, and a walk over them.

Whatever a file holds, a command that reads it succeeds, or ends with status 2
and one line that names the file or its folder. It writes nothing then.
"""

import copy
import itertools
import json
import random

import numpy as np
import pytest

FLIPS = 24

# ------------------------------------------------------------------- damages

WRONG_VALUES = (
    None,
    "zork",
    "",
    "32",
    0,
    5,
    -(10**9),
    10**9,
    10**30,
    2.5,
    float("nan"),
    float("inf"),
    True,
    [],
    [5],
    {},
    {"zork": 5},
)


def damages_of(content):
    """Yields (name, bytes) of ways in which a file is damaged."""
    yield from damages_of_bytes(content)
    try:
        good = json.loads(content)
    except ValueError:
        return
    yield from damages_of_json(good)


def damages_of_bytes(content):
    """Yields (name, bytes) of ways in which any file is damaged."""
    size = len(content)
    yield "empty", b""
    for part in (1, size // 3, size // 2, size - 20, size - 1):
        yield f"cut to {part} bytes", content[:part]
    yield "NULs", bytes(min(size, 1 << 20))
    middle = size // 2
    for name, inside in (
        ("NULs", bytes(16)),
        ("a long line", b"a" * 3_000_000),
        ("bytes that are not UTF-8", b"\xff\xfe\x80"),
        ("a mark of byte order", b"\xef\xbb\xbf"),
        ("ends of lines", b"\r\n\n\r"),
        ("tabs", b"\t\t\t"),
    ):
        yield f"{name} inside", content[:middle] + inside + content[middle:]
    yield "a part is missing", content[: size // 3] + content[middle:]
    yield "twice", content + content
    yield (
        "LFS",
        (
            b"version https://git-lfs.github.com/spec/v1\n"
            b"oid sha256:" + b"5" * 64 + b"\nsize 12345\n"
        ),
    )
    yield "a web page", b"<!DOCTYPE html>\n<html><body>404</body></html>\n"
    numbers = random.Random(size)
    for _ in range(FLIPS):
        flipped = bytearray(content)
        position, bit = numbers.randrange(size), numbers.randrange(8)
        flipped[position] ^= 1 << bit
        yield f"bit {bit} of byte {position} flipped", bytes(flipped)


def damages_of_json(good):
    """Yields (name, bytes) of ways in which a JSON of this value is damaged."""
    yield "100,000 brackets", b"[" * 100_000
    yield "100,000 objects", b'{"a":' * 100_000
    yield "500 brackets", b"[" * 500 + b"]" * 500
    yield "an integer of 5,000 digits", b'{"a": ' + b"9" * 5000 + b"}"
    for value in WRONG_VALUES:
        yield f"{value!r} alone", json.dumps(value).encode()
    for path in paths_of(good):
        for value in WRONG_VALUES:
            yield f"{path} is {value!r}", changed(good, path, value)
        for digits in (90, 5000):
            text = changed(good, path, "@").replace(b'"@"', b"9" * digits)
            yield f"{path} is an integer of {digits} digits", text
        deep = b"[" * 90 + b"]" * 90
        yield (
            f"{path} is 90 brackets",
            changed(good, path, "@").replace(b'"@"', deep),
        )
        yield f"{path} is missing", changed(good, path)


def paths_of(value, path=()):
    """Yields the path of every value of a JSON; of a list, the first one."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths_of(inner, (*path, key))
    elif isinstance(value, list) and value:
        yield from paths_of(value[0], (*path, 0))


def changed(good, path, *value):
    """Returns the JSON with another value at a path, or without it."""
    content = copy.deepcopy(good)
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    if value:
        inner[path[-1]] = value[0]
    else:
        del inner[path[-1]]
    return json.dumps(content).encode()


# ------------------------------------------------------------------ the walk


@pytest.fixture
def walk_damages(run_main, time_limit, contents, tmp_path):
    """Function that damages a file in every way, and has it read each time."""

    def walk(write, file, read, is_checked=False, every=1):
        """Asserts that each damage is refused, or what is read makes sense.

        Args:
          write: function of a folder that writes the file, and others with it.
          file: str, the file that is damaged, below the folder.
          read: function of the folder that does what commands do with it.
          is_checked: bool, whether the file has checksums: what is read of it
            is right or refused.
          every: int, one of so many damages is walked, for kinds that take
            seconds each.

        Returns:
          int, how many were refused; none where the file is not read at all.
        """
        folder = tmp_path / "files"
        folder.mkdir()
        write(folder)
        good = read(folder)
        path = folder / file
        content = path.read_bytes()
        before = contents(tmp_path)
        faults = []
        walked = refused = 0
        for what, damaged in itertools.islice(
            damages_of(content), 0, None, every
        ):
            if damaged == content:
                continue
            walked += 1
            path.write_bytes(damaged)
            found = []
            try:
                with time_limit():
                    code, _, errors = run_main(
                        lambda _, found=found: found.append(read(folder)),
                        lambda _: None,
                    )
            except (Exception, pytest.fail.Exception) as error:
                faults.append(f"{what}: {type(error).__name__}: {error}"[:300])
                continue
            if code == 0:
                if is_checked and not is_same(found[0], good):
                    faults.append(f"{what}: not noticed")
                continue
            refused += 1
            fault = fault_of_refusal(code, errors, folder)
            new = {*contents(tmp_path)} ^ {*before}
            if fault or new:
                faults.append(f"{what}: {fault or new}")
        path.write_bytes(content)
        assert not faults, f"{len(faults)} faults:\n" + "\n".join(faults[:40])
        assert contents(tmp_path) == before
        print(f"{walked} damages, {refused} of them refused")
        return refused

    return walk


def fault_of_refusal(code, errors, folder):
    """Returns what is wrong with how a damage was refused, or None."""
    *_, last = errors.splitlines()
    lines = [line for line in errors.splitlines() if line.startswith("error: ")]
    if code != 2 or lines != [last] or "Traceback" in errors:
        return f"{code}, {errors[-300:]}"
    if str(folder) not in last:
        return f"names no file: {last}"[:300]
    return None


def is_same(one, two):
    """Returns whether two results are equal, arrays in them too."""
    try:
        np.testing.assert_equal(one, two)
    except AssertionError:
        return False
    return True
