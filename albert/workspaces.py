# SPDX-License-Identifier: Apache-2.0
"""Workspaces: what is in the making beside its destination.

A workspace is the hidden directory ``.NAME.albert-incomplete`` beside NAME,
with a lock that ends with its process. What is finished is renamed out of it.
A kill leaves the workspace; the next writer of the same destination finds the
lock free and clears it, after it has ended or undone a replacement that the
kill interrupted.

The lock is on a file and not on a directory, so that it holds between machines
that share a disk (NFS), where the number of a process says nothing.
"""

import contextlib
import ctypes
import errno
import fcntl
import os
import re
import shutil
import stat

from albert.errors import UserError

SUFFIX = ".albert-incomplete"
_WORKSPACE = re.compile(r"\.(.+)" + re.escape(SUFFIX))
_LOCK_FILE = "lock"
# In a workspace: what is in the making; the same when it is complete and is
# being renamed into place; what it replaces; what is needed meanwhile.
_NEW, _READY, _OLD, _SCRATCH = "new", "ready", "old", "scratch"

# A power cut may leave the name and not the content of what was renamed before
# its content was on the disk. Of larger files that is noticed by their sizes,
# which JSON beside them says, and to wait for these would take long.
_SYNCED_BYTES = 1 << 20

# Of Linux's renameat2.
_RENAME_NOREPLACE, _RENAME_EXCHANGE = 1, 2
_AT_FDCWD = -100


class Workspace:
    """Directory for what is in the making beside a destination.

    Attributes:
      new: str, the directory in it that files and directories are made in,
        by the names that they will have.
      scratch: str, a directory in it for what is needed meanwhile.
    """

    def __init__(self, path):
        self._path = path
        self._directory = os.path.dirname(path)
        self.new = self._part(_NEW)
        self.scratch = self._part(_SCRATCH)

    def commit(self, names, replace=False, removed=()):
        """Gives what was made its final names, all or none.

        A single one is swapped in at once. Where there are several, or the
        system cannot swap, a kill in between leaves the destination without
        some of them, until the next writer takes the workspace and ends what
        was begun: the new ones are complete then.

        Args:
          names: list of str, in ``new``, in the order to appear in.
          replace: bool, whether they replace what has their names.
          removed: names beside the destination that go with what is replaced.

        Raises:
          FileExistsError: something has a name, and ``replace`` is not given.
        """
        for name in names:
            _sync(os.path.join(self.new, name))
        if len(names) == 1 and not removed and self._swap(names[0], replace):
            return
        replaced = [name for name in names if os.path.lexists(self._at(name))]
        if replaced and not replace:
            raise _exists(self._at(replaced[0]))
        old, ready = self._part(_OLD), self._part(_READY)
        os.mkdir(old)
        # What appears last goes first, and what appears first goes last.
        *others, last = replaced or [None]
        for name in filter(None, (last, *removed, *reversed(others))):
            os.rename(self._at(name), os.path.join(old, name))
        os.rename(self.new, ready)
        made = []
        try:
            for name in names:
                _rename_new(os.path.join(ready, name), self._at(name))
                made.append(name)
        except BaseException:
            for name in made:
                os.rename(self._at(name), os.path.join(ready, name))
            os.rename(ready, self.new)
            raise

    def recover(self):
        """Ends a commit that was interrupted, or undoes it."""
        # Once all that is new was complete, the old is not put among it.
        begun = next(filter(os.path.isdir, map(self._part, (_READY, _OLD))), "")
        for name in os.listdir(begun) if begun else ():
            with contextlib.suppress(FileExistsError):
                _rename_new(os.path.join(begun, name), self._at(name))

    def begin(self):
        """Makes the directories."""
        os.mkdir(self.new)
        os.mkdir(self.scratch)

    def clear(self):
        """Removes everything but the lock."""
        for part in (_NEW, _READY, _OLD, _SCRATCH):
            shutil.rmtree(self._part(part), ignore_errors=True)

    def _swap(self, name, replace):
        """Renames one in a single step; returns False where that cannot be."""
        new = os.path.join(self.new, name)
        if not replace or not os.path.lexists(self._at(name)):
            _rename_new(new, self._at(name))
        elif not os.path.isdir(new):
            os.replace(new, self._at(name))
        else:
            # The old one is in ``new`` then, and is removed with it.
            return _rename_with(new, self._at(name), _RENAME_EXCHANGE)
        return True

    def _at(self, name):
        return os.path.join(self._directory, name)

    def _part(self, part):
        return os.path.join(self._path, part)


def workspace_path(destination):
    """Returns the path of a destination's workspace."""
    directory, name = os.path.split(os.path.abspath(destination))
    return os.path.join(directory, f".{name}{SUFFIX}")


@contextlib.contextmanager
def workspace(destination, flag="destination", wait=False):
    """Holds the workspace of a destination: a context manager.

    What a killed process left in it is removed first, and at the end all that
    has not been committed.

    Args:
      destination: str or path-like; its directory exists.
      flag: str, what the message tells to choose another of.
      wait: bool, whether to wait for another writer instead of refusing.

    Yields:
      ``Workspace``.

    Raises:
      UserError: another process is writing the destination.
      OSError: the directory cannot be written.
    """
    path = workspace_path(destination)
    lock = os.path.join(path, _LOCK_FILE)
    place = Workspace(path)
    with contextlib.ExitStack() as stack:
        descriptor = _take(path, lock, destination, flag, wait)
        stack.callback(os.close, descriptor)
        try:
            place.recover()
            place.clear()
            place.begin()
            yield place
        finally:
            place.recover()
            place.clear()
            # Fails if another process waits in it.
            with contextlib.suppress(OSError):
                os.remove(lock)
                os.rmdir(path)


def recover(destination, flag="destination"):
    """Ends or undoes what a kill has interrupted at a destination.

    Raises:
      UserError: another process is writing the destination.
      OSError: the directory cannot be written.
    """
    if os.path.exists(workspace_path(destination)):
        with workspace(destination, flag):
            pass


def _take(path, lock, destination, flag, wait):
    """Makes a workspace and locks it; returns the lock's descriptor."""
    while True:
        is_new = True
        try:
            os.mkdir(path)
        except FileExistsError:
            is_new = False
        try:
            # Its last holder may remove it at any moment.
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                raise UserError(
                    f"{path}: is in the way of a temporary directory: remove it"
                )
            descriptor, is_locked = open_locked(lock, wait)
        except FileNotFoundError:
            continue
        if is_locked or (is_locked is None and is_new):
            return descriptor
        os.close(descriptor)
        raise UserError(
            f"{destination}: another process is writing there: wait for "
            f"it or choose another {flag}; if none is, remove {path}"
        )


def open_locked(path, wait=False):
    """Makes a file, if there is none, and locks it.

    Args:
      path: str. Whoever has locked it may remove it.
      wait: bool, whether to wait until it is free.

    Returns:
      (descriptor, is_locked): int, whose closing ends the lock; and bool, or
      None where the file system has no locks.

    Raises:
      OSError: the file cannot be made.
    """
    while True:
        descriptor = os.open(
            path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666
        )
        is_locked = _try_lock(descriptor, wait)
        with contextlib.suppress(FileNotFoundError):
            if is_locked is False or os.path.samestat(
                os.fstat(descriptor), os.stat(path)
            ):
                return descriptor, is_locked
        os.close(descriptor)


def _try_lock(descriptor, wait):
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def remove_leftovers(directory):
    """Clears the workspaces in a directory whose processes were killed.

    Raises:
      OSError: the directory cannot be written.
    """
    for name in os.listdir(directory):
        match = _WORKSPACE.fullmatch(name)
        if match:
            # Refused if another process holds it, or if it is none.
            with (
                contextlib.suppress(UserError),
                workspace(os.path.join(directory, match[1])),
            ):
                pass


def _sync(path):
    """Waits until the content of a small file is on the disk."""
    if os.path.isfile(path) and os.path.getsize(path) <= _SYNCED_BYTES:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _rename_new(source, target):
    """Renames to a name that nothing has but, of directories, an empty one."""
    if os.path.isdir(source) and os.path.isdir(target):
        os.rename(source, target)  # Refuses one that is not empty.
    elif not _rename_with(source, target, _RENAME_NOREPLACE):
        if os.path.lexists(target):
            raise _exists(target)
        os.rename(source, target)


def _rename_with(source, target, flags):
    """Renames as Linux can; returns False where the system cannot."""
    try:
        function = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        return False
    paths = os.fsencode(source), os.fsencode(target)
    if not function(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], flags):
        return True
    if ctypes.get_errno() == errno.EEXIST:
        raise _exists(target)
    # Not every file system can. What else is wrong, ``os.rename`` tells.
    return False


def _exists(path):
    return FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), path)
