# SPDX-License-Identifier: Apache-2.0
"""Opens the files that users name, and refuses what cannot be one.

Everything that reads a user's file opens it here, or checks it here before a
library opens it. A named pipe that nobody writes to and a device without an
end would otherwise be waited for without a word, and the pointer that Git LFS
leaves in the place of a file would be read as the file.
"""

import contextlib
import io
import os
import re
import stat

from albert.errors import UserError

REMEDY = "check the path and its permissions"

# What this process was started with: `... | albert` and `<(...)` of a shell.
_DESCRIPTOR = re.compile(r"/dev/(stdin|fd/\d+)|/proc/(self|\d+)/fd/\d+")

_KINDS = (
    (stat.S_ISDIR, "is a directory, not a file"),
    (stat.S_ISFIFO, "is a pipe, not a file"),
    (stat.S_ISCHR, "is a device, not a file"),
    (stat.S_ISBLK, "is a device, not a file"),
    (stat.S_ISSOCK, "is a socket, not a file"),
)

# The longest that its specification allows a pointer of Git LFS to be.
_POINTER_BYTES = 1024
_POINTERS = (
    (
        re.compile(rb"version https://(git-lfs|hawser)\.github\.com/spec/v1\s"),
        "Git LFS",
        "git lfs pull",
    ),
    (
        re.compile(rb"(/|(\.\./)*\.git/)annex/objects/"),
        "git-annex",
        "git annex get",
    ),
)
_ANNEX_LINK = re.compile(r"(^|/)\.git/annex/objects/")


def open_file(path, remedy=REMEDY, *, allow_pipe=False):
    """Opens a file for reading.

    Args:
      path: str or ``os.PathLike``.
      remedy: str, what to do if it cannot be read; the end of the message.
      allow_pipe: bool, whether standard input and a shell's ``<(...)`` will
        do as well: they can be read once, from beginning to end.

    Returns:
      A buffered binary stream. Reading raises ``UserError`` too.

    Raises:
      UserError: there is no such file, it is of another kind (a directory, a
        named pipe, a device), must not be read, or is a pointer of Git LFS or
        git-annex; or its name is not UTF-8.
    """
    name = os.fsdecode(path)
    with _one_line(name, remedy):
        is_file = _check_kind(name, remedy, allow_pipe)
        stream = io.BufferedReader(_InputFile(name, remedy))
    try:
        if is_file:
            _check_pointer(name, stream)
    except BaseException:
        stream.close()
        raise
    return stream


def check_file(path, remedy=REMEDY):
    """Refuses what ``open_file`` refuses, before a library opens the file.

    Args:
      path, remedy: as of ``open_file``.

    Raises:
      UserError: as of ``open_file``.
    """
    open_file(path, remedy).close()


def identify(path):
    """Returns what changes when a file is replaced or written to: tuple.

    Args:
      path: str or path-like.

    Raises:
      OSError: it cannot be asked for.
    """
    found = os.stat(path)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def check_same(path, identity):
    """Refuses a file that was replaced since it was looked at.

    Args:
      path: str or path-like.
      identity: tuple, of ``identify`` then.

    Raises:
      UserError: it is another file now, or gone.
    """
    with contextlib.suppress(OSError):
        if identify(path) == identity:
            return
    raise UserError(
        f"{path}: was replaced while it was read: run the command again"
    )


def identify_all(paths):
    """Returns the identity of each file; pipes are left out: dict."""
    return {path: identify(path) for path in paths if os.path.isfile(path)}


def check_all_same(identities):
    """Refuses files that were replaced, or written to, since.

    Args:
      identities: dict of ``identify_all``.

    Raises:
      UserError: naming the first one.
    """
    for path, identity in identities.items():
        check_same(path, identity)


def read_file(path, remedy=REMEDY, *, allow_pipe=False):
    """Returns the content of a file: bytes.

    Args:
      path, remedy, allow_pipe: as of ``open_file``.

    Raises:
      UserError: as of ``open_file``.
    """
    with open_file(path, remedy, allow_pipe=allow_pipe) as stream:
        return stream.read()


def list_directory(path, remedy=REMEDY):
    """Returns the names in a directory: list of str, sorted.

    Args:
      path: str or ``os.PathLike``; "" is the current directory.
      remedy: as of ``open_file``.

    Raises:
      UserError: it is no directory or must not be read.
    """
    name = os.fsdecode(path)
    with _one_line(name, remedy):
        return sorted(os.listdir(name or "."))


class _InputFile(io.FileIO):
    """A file whose errors name it, at whatever place it is read."""

    def __init__(self, path, remedy):
        super().__init__(path, "rb")
        self._remedy = remedy

    def readinto(self, buffer):
        with _one_line(self.name, self._remedy):
            return super().readinto(buffer)

    def readall(self):
        with _one_line(self.name, self._remedy):
            return super().readall()


@contextlib.contextmanager
def _one_line(path, remedy):
    try:
        yield
    except OSError as error:
        if _ANNEX_LINK.search(_link_target(path)):
            raise _pointer_error(path, *_POINTERS[-1][1:]) from None
        raise UserError(
            f"{path}: cannot be read ({error.strerror or error}): {remedy}"
        ) from error
    except ValueError as error:  # of a NUL, or of surrogates
        raise UserError(
            f"{path!a}: cannot be read ({error}): {remedy}"
        ) from error


def _check_kind(path, remedy, allow_pipe):
    """Refuses what is neither a file nor allowed; returns whether it is one."""
    # What is not UTF-8 cannot be given to TensorFlow, nor printed. Python
    # has surrogates in its place.
    path.encode()
    mode = os.stat(path).st_mode
    if stat.S_ISREG(mode):
        return True
    if (
        allow_pipe
        and _DESCRIPTOR.fullmatch(path)
        and (stat.S_ISFIFO(mode) or _is_terminal(path))
    ):
        return False
    what = next((text for is_kind, text in _KINDS if is_kind(mode)), "no file")
    raise UserError(f"{path}: cannot be read ({what}): {remedy}")


def _is_terminal(path):
    descriptor = os.open(path, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        return os.isatty(descriptor)
    finally:
        os.close(descriptor)


def _check_pointer(path, stream):
    """Refuses a file in whose place a tool of Git has put a pointer."""
    if os.fstat(stream.fileno()).st_size > _POINTER_BYTES:
        return
    start = stream.read(_POINTER_BYTES)
    stream.seek(0)
    for pattern, tool, command in _POINTERS:
        if pattern.match(start):
            raise _pointer_error(path, tool, command)


def _pointer_error(path, tool, command):
    return UserError(
        f"{path}: is the pointer that {tool} puts in the place of a file, not "
        f"the file itself: get it with `{command}` in its repository"
    )


def _link_target(path):
    try:
        return os.readlink(path)
    except (OSError, ValueError):
        return ""
