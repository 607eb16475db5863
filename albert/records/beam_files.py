# SPDX-License-Identifier: Apache-2.0
"""Copies and removes files of any file system that Apache Beam knows."""

import contextlib
import shutil
import tempfile
import uuid

from albert.errors import UserError
from albert.records import framing

# As far as a file is read to tell whether it holds records, packed or not.
_START_BYTES = 1 << 16


def file_systems():
    """Returns Beam's ``FileSystems``.

    Raises:
      UserError: Beam is not there.
    """
    try:
        from apache_beam.io.filesystems import FileSystems
    except ImportError as error:
        raise UserError(
            f"--runner needs Apache Beam, which cannot be imported ({error}): "
            "pip install 'albert-keras[beam]'"
        ) from None
    return FileSystems


@contextlib.contextmanager
def explained():
    """Turns what Beam's file systems raise into one line."""
    from apache_beam.io.filesystem import BeamIOError

    try:
        yield
    except (BeamIOError, ValueError, OSError) as error:
        raise UserError(str(error).strip().splitlines()[0]) from error


def open_bytes(path):
    """Opens a file to read its bytes as they are."""
    from apache_beam.io.filesystem import CompressionTypes

    return file_systems().open(
        path, compression_type=CompressionTypes.UNCOMPRESSED
    )


def begins_with_record(path):
    """Returns whether a file is a TFRecord file, by its start; or empty."""
    with tempfile.NamedTemporaryFile() as here:
        with explained(), open_bytes(path) as stream:
            here.write(stream.read(_START_BYTES))
        here.flush()
        return framing.begins_with_record(here.name)


def copy_in(path, local):
    """Copies a file to this machine."""
    with open_bytes(path) as source, open(local, "wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)


def copy_out(local, path):
    """Copies a file of this machine under another name, and then renames it."""
    from apache_beam.io.filesystem import CompressionTypes

    files = file_systems()
    folder, name = files.split(path)
    if folder and not files.exists(folder):
        try:
            files.mkdirs(folder)
        except OSError:
            # Another worker may have been quicker.
            if not files.exists(folder):
                raise
    # Workers on several machines may have the same numbers of processes.
    meanwhile = files.join(folder, f".{name}.albert-incomplete-{uuid.uuid4()}")
    plain = CompressionTypes.UNCOMPRESSED
    try:
        with (
            open(local, "rb") as source,
            files.create(meanwhile, compression_type=plain) as target,
        ):
            shutil.copyfileobj(source, target, 1 << 20)
        files.rename([meanwhile], [path])
    except BaseException:
        if files.exists(meanwhile):
            files.delete([meanwhile])
        raise


def remove(path):
    """Removes a file, unless it is not there, or another worker does so."""
    files = file_systems()
    try:
        if files.exists(path):
            files.delete([path])
    except OSError:
        if files.exists(path):
            raise
