# SPDX-License-Identifier: Apache-2.0
"""Unpacks archives of released models without trusting them."""

import atexit
import errno
import gzip
import os
import shutil
import tarfile
import tempfile
import zlib

from albert.errors import UserError
from albert.inputs import open_file

SUFFIXES = (".tar.gz", ".tgz", ".tar")

# The largest release, xxlarge, unpacks to 1 GB.
_MAX_BYTES = 16 << 30
_MAX_FILES = 1000
# A name, a header or a block of a file; files are copied in small blocks.
_MAX_READ = 1 << 20
# Of the folder that is unpacked into, not of the archive.
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
_ERRORS = (tarfile.TarError, EOFError, zlib.error, ValueError, OverflowError)


# Where each archive of this process was unpacked, by what tells whether it is
# still the same: (path, size, time of its last change).
_folders = {}


def unpack(path):
    """Unpacks an archive into a temporary folder, once in a process.

    ``remove_folders`` removes it, at the latest when Python ends.

    Args:
      path: str, a tar archive, compressed with gzip or not.

    Returns:
      str, the folder.

    Raises:
      UserError: not an archive, a damaged one, one with an entry that is
        neither a file nor a folder or lies outside the archive, or one that
        is too large.
    """
    with open_file(path, "get it again") as file:
        status = os.fstat(file.fileno())
        key = os.path.realpath(path), status.st_size, status.st_mtime_ns
        if key not in _folders or not os.path.isdir(_folders[key]):
            _folders[key] = _unpack_into_new(path, file)
    return _folders[key]


def _unpack_into_new(path, file):
    """Unpacks an open archive; returns the temporary folder."""
    folder = tempfile.mkdtemp(prefix="albert-")
    is_whole = False
    try:
        _unpack(path, file, folder)
        is_whole = True
    except (*_ERRORS, OSError) as error:
        if getattr(error, "errno", None) in _OF_THE_DISK:
            raise UserError(
                f"{path}: cannot be unpacked into {tempfile.gettempdir()} "
                f"({error.strerror}): make room there, or set TMPDIR to "
                "another directory"
            ) from None
        reason = str(error).replace(f"{folder}{os.sep}", "")
        raise UserError(
            f"{path}: not a readable archive ({reason}): get it again"
        ) from None
    finally:
        if not is_whole:
            shutil.rmtree(folder)
    return folder


def name_archives(message):
    """Returns a message with archives in the place of their folders.

    Args:
      message: str; the folders are temporary, and nothing to a user.
    """
    for (path, *_), folder in _folders.items():
        message = message.replace(folder, path)
    return message


@atexit.register
def remove_folders():
    """Removes the folders of all archives of this process."""
    while _folders:
        _, folder = _folders.popitem()
        shutil.rmtree(folder, ignore_errors=True)


def _unpack(path, file, folder):
    compressed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    content = gzip.GzipFile(fileobj=file) if compressed else file
    content = _Limited(path, content)
    with tarfile.open(fileobj=content, mode="r:") as archive:
        for count, member in enumerate(archive):
            if count >= _MAX_FILES:
                raise UserError(
                    f"{path}: more than {_MAX_FILES} files: this is not a "
                    "released model"
                )
            target = _target(path, member, folder)
            if member.isdir():
                os.makedirs(target, exist_ok=True)
                continue
            os.makedirs(os.path.dirname(target), exist_ok=True)
            # "x": an archive with a name twice does not replace a file.
            with (
                archive.extractfile(member) as entry,
                open(target, "xb") as output,
            ):
                shutil.copyfileobj(entry, output, 1 << 16)
    _check_end(content)


def _check_end(content):
    """Reads an archive to its end, past what tarfile reads of it.

    The checksum of a gzip stream stands behind its last byte. tarfile stops
    at the mark of the end, and without a word at the first damaged header.

    Args:
      content: ``_Limited``, of which every entry has been read.

    Raises:
      ValueError: the mark is not there, or something stands behind it.
      OSError, EOFError, zlib.error: the checksum does not match, or bytes
        follow that are no gzip stream.
    """
    if content.last != bytes(tarfile.BLOCKSIZE):
        raise ValueError("the mark of its end is missing")
    while content.read(1 << 16):
        if content.last.strip(b"\0"):
            raise ValueError("something stands behind the mark of its end")


def _target(path, member, folder):
    """Returns where an entry goes; refuses all but plain files and folders."""
    parts = member.name.split("/")
    plain = member.isdir() or member.type in (tarfile.REGTYPE, tarfile.AREGTYPE)
    if (
        not plain
        or member.issparse()
        or member.name.startswith("/")
        or ".." in parts
        or "\\" in member.name
        or "\0" in member.name
    ):
        raise UserError(
            f"{path}: the entry {member.name!r} is a link, a device or outside "
            "the archive: this is not a released model, nothing was unpacked"
        )
    return os.path.join(folder, *filter(None, parts))


class _Limited:
    """A file that refuses to be read further than a release is long.

    Attributes:
      last: bytes, what was read last.
    """

    def __init__(self, path, file):
        self._path = path
        self._file = file
        self.last = b""

    def read(self, size=-1):
        if not 0 <= size <= _MAX_READ or self._file.tell() > _MAX_BYTES:
            raise UserError(
                f"{self._path}: larger than any released model, or damaged: "
                "get it again"
            )
        self.last = self._file.read(size)
        return self.last

    def seek(self, offset, whence=os.SEEK_SET):
        # What is skipped is unpacked too where the archive is compressed.
        if whence != os.SEEK_SET or offset > _MAX_BYTES:
            raise UserError(
                f"{self._path}: larger than any released model, or damaged: "
                "get it again"
            )
        return self._file.seek(offset)

    def tell(self):
        return self._file.tell()
