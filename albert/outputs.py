# SPDX-License-Identifier: Apache-2.0
"""Creates files and directories that appear whole or not at all.

Everything that is written goes through here: what cannot be written is
refused before the work begins, two writers of one destination do not both
succeed, and what the disk refuses later is one line.
"""

import contextlib
import errno
import json
import os
import re
import tempfile

from albert.errors import UserError
from albert.workspaces import SUFFIX
from albert.workspaces import workspace

_IN_WORKSPACE = re.compile(rf"/\.[^/]+{re.escape(SUFFIX)}/new/")

# What to do about errors that are the machine's or the user's, not ours.
_FULL = {
    errno.ENOSPC: "make room there",
    errno.EDQUOT: "make room there",
    errno.EFBIG: "a file must not be so large there (see ulimit -f)",
}
_REMEDIES = {
    **_FULL,
    errno.EACCES: "change the permissions",
    errno.EPERM: "change the permissions",
    errno.EROFS: "mount it writable",
    errno.EIO: "check the disk",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENAMETOOLONG: "give a shorter name",
    errno.ELOOP: "remove the link that leads to itself",
    errno.ENOTDIR: "move the file that is in the way",
    errno.EISDIR: "move the directory of that name",
    errno.EBUSY: "name a directory inside, if it is where a disk is mounted",
    errno.EEXIST: "move it, as it appeared while this was at work",
    errno.ENOTEMPTY: "move it, as it appeared while this was at work",
    errno.ENOENT: "make its directory again",
    errno.ESTALE: "mount it again",
}


# ---------------------------------------------------------------------- checks


def check_directory(path, flag="destination"):
    """Refuses a place where no directory can be made or written.

    Args:
      path: str or path-like; need not exist.
      flag: str, what messages tell to choose another of.

    Raises:
      UserError: it is an address, a file is there or on the way, a link leads
        to itself, a name is too long, or permissions forbid it.
    """
    existing = _check_way(path, flag)
    if not os.path.isdir(existing):
        raise UserError(
            f"{path}: {existing} is not a directory and in the way: choose "
            f"another {flag}"
        )
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(
            f"{path}: {existing} cannot be written: choose another {flag} or "
            "change its permissions"
        )


def check_file(path, flag="destination", inputs=()):
    """Refuses a place where no file can be written.

    A file that is there is not refused.

    Args:
      path: str or path-like; neither it nor its directory need exist.
      flag: str, what messages tell to choose another of.
      inputs: paths of files that are read.

    Raises:
      UserError: as ``check_directory``; it is a directory, or something else
        that is no file; or one of the inputs, by whatever name.
    """
    path = os.fspath(path)
    if not os.path.basename(path):
        raise UserError(f"{path!r} names no file: choose another {flag}")
    _check_way(path, flag)
    check_directory(os.path.dirname(os.path.abspath(path)), flag)
    if not os.path.exists(path):
        return
    if os.path.isdir(path):
        raise UserError(
            f"{path} is a directory: name a file in it as {flag}, such as "
            f"{os.path.join(path, 'new')}"
        )
    if not os.path.isfile(path):
        raise UserError(f"{path} is not a file: choose another {flag}")
    for name in inputs:
        if os.path.exists(name) and os.path.samefile(name, path):
            raise UserError(
                f"{path} is both input and output: choose another {flag}"
            )


def check_new(path, flag="destination", check_replaced=None):
    """Refuses a destination where no directory can be made.

    Args:
      path: str or path-like; need not exist.
      flag: str, what messages tell to choose another of.
      check_replaced: function of the path of what is there, which raises
        ``UserError`` unless it may be replaced; None: nothing is.

    Returns:
      bool, whether something is there that is to be replaced.

    Raises:
      UserError: as ``check_directory``; or something is there, which is not
        an empty directory and may not be replaced.
    """
    is_new = not os.path.lexists(path)
    is_new |= os.path.isdir(path) and not os.listdir(path)
    if not is_new and check_replaced is None:
        raise UserError(
            f"{path}: exists already and is not empty: choose another {flag}; "
            "nothing is overwritten"
        )
    check_directory(path, flag)
    # Where the workspace is made.
    check_directory(os.path.dirname(os.path.realpath(path)), flag)
    if not is_new:
        check_replaced(path)
    return not is_new


def _check_way(path, flag):
    """Checks the names of a path; returns the part of it that exists."""
    path = os.fspath(path)
    if "://" in path:
        raise UserError(
            f"{path}: give a path of a file system as {flag}; gcsfuse and its "
            "like mount a bucket as one"
        )
    existing = os.path.abspath(path)
    names = []
    while not os.path.lexists(existing):
        existing, name = os.path.split(existing)
        names.append(name)
    try:
        os.stat(existing)
    except OSError as error:  # A link to itself, or to nothing.
        raise UserError(_line(path, error, flag)) from None
    # The workspace has a longer name.
    most = _limit(existing, "PC_NAME_MAX") - len(f".{SUFFIX}")
    longest = max((len(os.fsencode(name)) for name in names), default=0)
    if longest > most:
        raise UserError(
            f"{path}: a name of {longest} bytes is too long, {most} are "
            f"possible there: choose another {flag}"
        )
    # Two more names: those of the workspace and of a file in it.
    most = _limit(existing, "PC_PATH_MAX") - 512
    if len(os.fsencode(os.path.abspath(path))) > most:
        raise UserError(
            f"{path}: the path is too long, {most} bytes are possible there: "
            f"choose another {flag}"
        )
    return existing


def _limit(existing, name):
    """Returns a limit of a file system, a large number where it has none."""
    limit = os.pathconf(existing, name)
    return limit if limit > 0 else 1 << 30


# ---------------------------------------------------------------------- errors


@contextlib.contextmanager
def explained(destination, flag="destination"):
    """Turns what a disk or a permission forbids into a ``UserError``.

    Errors of libraries count too, if they tell that a disk is full.

    Args:
      destination: str or path-like, what is written in the block.
      flag: str, what the message tells to choose another of.

    Raises:
      UserError: one line with the file, the reason and the remedy.
    """
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        number = _find_reason(destination, error)
        if not number:
            raise
        if _may_be_elsewhere(error):
            destination = f"{destination}, {tempfile.gettempdir()}"
        reason = OSError(number, os.strerror(number))
        raise UserError(_line(destination, reason, flag)) from error


def _may_be_elsewhere(error):
    """Whether an error may be about TensorFlow's other temporary files."""
    return type(error).__module__.startswith(
        "tensorflow"
    ) and SUFFIX not in str(error)


def _find_reason(destination, error):
    """Returns the number of what the system refused, or None."""
    number = getattr(error, "errno", None)
    if not number:
        text = str(error)
        found = (each for each in _FULL if os.strerror(each) in text)
        return next(found, None)
    names = [
        os.path.realpath(os.fsdecode(name))
        for name in (error.filename, error.filename2)
        if isinstance(name, str | bytes | os.PathLike)
    ]
    if not names:
        return number if number in _FULL else None
    destination = os.path.realpath(destination)
    is_about_it = any(
        SUFFIX in name
        or destination == name
        or destination.startswith(os.path.join(name, ""))
        for name in names
    )
    return number if is_about_it and number in _REMEDIES else None


def _line(path, error, flag):
    # The name that a file in the making will have.
    path = _IN_WORKSPACE.sub(os.sep, os.fspath(path))
    return (
        f"{path}: cannot be written ({error.strerror}): "
        f"{_REMEDIES.get(error.errno, 'look at it')}, or choose another {flag}"
    )


# --------------------------------------------------------------------- writing


@contextlib.contextmanager
def made_directories(paths, flag="destination"):
    """Makes the directories that paths lie in; removes them if left empty.

    Args:
      paths: list of str.
      flag: str, what messages tell to choose another of.

    Raises:
      UserError: one cannot be made.
    """
    directories = [os.path.dirname(os.path.abspath(path)) for path in paths]
    for directory in directories:
        check_directory(directory, flag)
    made = []
    try:
        for directory in directories:
            with explained(directory, flag):
                chain = []
                while not os.path.lexists(directory):
                    chain.append(directory)
                    directory = os.path.dirname(directory)
                for absent in reversed(chain):
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(absent)
                        made.append(absent)
        yield
    finally:
        for directory in reversed(made):
            with contextlib.suppress(OSError):
                os.rmdir(directory)


def make_directory(path, flag="destination"):
    """Makes a directory and those above it, where they are not there.

    Raises:
      UserError: it cannot be made.
    """
    check_directory(path, flag)
    with explained(path, flag):
        os.makedirs(path, exist_ok=True)


@contextlib.contextmanager
def new_directory(path, flag="destination", check_replaced=None):
    """Makes a directory that appears complete or not at all.

    Args:
      path: where nothing is, or an empty directory. A link is followed.
      flag: str, what messages tell to choose another of.
      check_replaced: as of ``check_new``.

    Yields:
      str, a temporary directory, which becomes ``path`` at the end of the
      block and is removed if the block fails.

    Raises:
      UserError: something is there, now or at the end of the block; another
        process is writing there; or it cannot be written.
    """
    real = os.path.realpath(path)
    name = os.path.basename(real)

    check_new(path, flag, check_replaced)
    with (
        made_directories([real], flag),
        explained(path, flag),
        workspace(real, flag) as place,
    ):
        # What a kill had put aside may be back.
        check_new(path, flag, check_replaced)
        directory = os.path.join(place.new, name)
        os.mkdir(directory)
        yield directory
        replace = check_new(path, flag, check_replaced)
        place.commit([name], replace=replace)


@contextlib.contextmanager
def new_file(path, flag="destination", overwrite=False):
    """Opens a new file that appears when the block has ended, or not at all.

    Args:
      path: str; a directory that lacks is made.
      flag: str, what messages tell to choose another of.
      overwrite: bool, whether a file that is there is replaced.

    Yields:
      a binary stream to write to.

    Raises:
      UserError: something is there, now or at the end of the block; another
        process is writing there; or it cannot be written.
    """
    name = os.path.basename(path)
    with (
        made_directories([path], flag),
        explained(path, flag),
        workspace(path, flag) as place,
    ):
        with open(os.path.join(place.new, name), "xb") as stream:
            yield stream
        place.commit([name], replace=overwrite)


def write_file(path, content, flag="destination"):
    """Writes a file that appears complete or not at all.

    A file that is there is replaced.

    Args:
      path: str or path-like.
      content: bytes.
      flag: str, what the message tells to choose another of.

    Raises:
      UserError: it cannot be written; nothing is left behind.
    """
    write_files(path, {os.path.basename(path): content}, flag)


def write_files(path, contents, flag="destination", find_removed=tuple):
    """Writes files that belong together: all of them appear, or none.

    Files that are there are replaced. Another process that writes the same
    waits.

    Args:
      path: str or path-like, one of the files, which the lock is named after.
      contents: dict from the names of the files, which are in one directory,
        to bytes; in the order to appear in.
      flag: str, what the message tells to choose another of.
      find_removed: function that is called when no other process is writing;
        returns the names of files that are removed if they are not replaced.

    Raises:
      UserError: one cannot be written; nothing is changed then.
    """
    directory = os.path.dirname(path)
    with explained(path, flag), workspace(path, flag, wait=True) as place:
        removed = find_removed()
        for name, content in contents.items():
            target = os.path.join(directory, name)
            with explained(target, flag):
                if os.path.isdir(target):
                    # It would be put aside, and removed.
                    raise IsADirectoryError(
                        errno.EISDIR, os.strerror(errno.EISDIR), target
                    )
                with open(os.path.join(place.new, name), "xb") as file:
                    file.write(content)
        removed = [name for name in removed if name not in contents]
        place.commit(list(contents), replace=True, removed=removed)


def write_json(path, value, flag="destination"):
    """Writes a value as JSON, like ``write_file``."""
    write_file(path, json_bytes(value), flag)


def json_bytes(value):
    """Returns what ``write_json`` writes, readable in any script: bytes."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
