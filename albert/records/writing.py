# SPDX-License-Identifier: Apache-2.0
"""Writes sets of record files that appear whole or not at all."""

import collections
import contextlib
import json
import os

from albert.errors import UserError
from albert.records import open_files
from albert.records.metadata import SCHEMA_VERSION
from albert.records.metadata import metadata_path
from albert.records.metadata import read_metadata
from albert.records.metadata import without_record_suffix


def shard_names(output_file, num_shards):
    """Returns the file names of a set.

    Args:
      output_file: one name, or a comma-separated list of names.
      num_shards: number of files that one name stands for.

    Returns:
      list of str. ``train.tfrecord`` with four shards becomes
      ``train-00000-of-00004.tfrecord`` and so on.

    Raises:
      UserError: no name, a name twice, or both a list and shards.
    """
    names = [name.strip() for name in output_file.split(",") if name.strip()]
    if not names:
        raise UserError("no output is named: give --output_file")
    if len({os.path.abspath(name) for name in names}) < len(names):
        raise UserError(f"--output_file names a file twice: {output_file}")
    if num_shards == 1:
        return names
    if num_shards < 1:
        raise UserError(f"--num_shards must be at least 1, not {num_shards}")
    if len(names) > 1:
        raise UserError(
            "give either --num_shards or a list of files as --output_file, "
            "not both"
        )
    stem = without_record_suffix(names[0])
    suffix = names[0].removeprefix(stem)
    return [
        f"{stem}-{shard:05d}-of-{num_shards:05d}{suffix}"
        for shard in range(num_shards)
    ]


@contextlib.contextmanager
def output_directories(files, output_flag="--output_file"):
    """Makes the directories of the files; removes them if left empty.

    Args:
      files: list of paths.
      output_flag: str, the flag that messages name.

    Raises:
      UserError: a file is in the way.
    """
    made = []
    try:
        for file in files:
            absent = os.path.dirname(os.path.abspath(file))
            chain = []
            while not os.path.lexists(absent):
                chain.append(absent)
                absent = os.path.dirname(absent)
            for directory in reversed(chain):
                os.mkdir(directory)
                made.append(directory)
        yield
    except NotADirectoryError as error:
        raise UserError(
            f"{error.filename}: a file is in the way: choose another "
            f"{output_flag}"
        ) from None
    finally:
        for directory in reversed(made):
            with contextlib.suppress(OSError):
                os.rmdir(directory)


class RecordSetWriter:
    """Writer of the files of a set, and of the JSON beside them.

    Everything is written under temporary names in the directories of the
    outputs. ``commit`` gives it the final names; leaving the context without
    it removes what was written. Of the final names the JSON comes first: a
    set that was interrupted just then is noticed by its readers, because its
    JSON names files that are not there or have another size.

    Attributes:
      files: the final names.
      records, sizes: lists, records and bytes written to each file.
    """

    def __init__(
        self,
        output_file,
        num_shards=1,
        overwrite=False,
        inputs=(),
        output_flag="--output_file",
    ):
        """Checks that the set can be written; writes nothing yet.

        Args:
          output_file, num_shards: see ``shard_names``.
          overwrite: whether an existing set is replaced.
          inputs: files that must not be overwritten in any case.
          output_flag: str, the flag that messages name.

        Raises:
          UserError: see ``shard_names``; a directory does not exist or
            cannot be written; a file exists (without ``overwrite``), is one
            of the inputs or is a directory.
        """
        self.files = shard_names(output_file, num_shards)
        self._output_flag = output_flag
        self._groups = self._group_by_directory(output_file)
        self._check_paths(overwrite, inputs)
        self._replaced = self._files_of_replaced_sets()
        self.records = [0] * len(self.files)
        self.sizes = [0] * len(self.files)
        self._streams = []
        self._temporary_names = []

    def __enter__(self):
        open_files.allow(len(self.files))
        with contextlib.ExitStack() as stack:
            stack.callback(self._discard)
            for file in self.files:
                self._streams.append(self._create_temporary(file))
            self._cleanup = stack.pop_all()
        return self

    def __exit__(self, *exception):
        self._cleanup.close()

    def write(self, shard, content, records):
        """Appends bytes that hold ``records`` framed records to a file."""
        self._streams[shard].write(content)
        self.records[shard] += records
        self.sizes[shard] += len(content)

    def commit(self, metadata):
        """Gives everything its final name.

        Args:
          metadata: dict for the JSON; kind, schema version and files are
            added here.

        Returns:
          list of str, the JSON files (one in each directory).
        """
        renames = []
        for path, members in self._groups.items():
            value = {
                "kind": metadata["kind"],
                "schema_version": SCHEMA_VERSION,
                **metadata,
                "files": [
                    {
                        "name": os.path.basename(self.files[member]),
                        "records": self.records[member],
                        "bytes": self.sizes[member],
                    }
                    for member in members
                ],
            }
            stream = self._create_temporary(path)
            stream.write((json.dumps(value, indent=2) + "\n").encode())
            stream.close()
            renames.append((stream.name, path))
        for stream, file in zip(self._streams, self.files, strict=True):
            stream.close()
            renames.append((stream.name, file))
        for stale in self._replaced:
            os.remove(stale)
        for temporary, final in renames:
            os.replace(temporary, final)
        self._temporary_names = []
        return list(self._groups)

    def _group_by_directory(self, output_file):
        """Returns a dict of JSON path to indices of the files that it lists."""
        members = collections.defaultdict(list)
        for index, file in enumerate(self.files):
            members[os.path.dirname(file)].append(index)
        groups = {}
        for directory, indices in members.items():
            first = self.files[indices[0]]
            if len(self.files) > 1 and "," not in output_file:
                first = output_file.strip()
            path = metadata_path(first)
            groups[os.path.join(directory, os.path.basename(path))] = indices
        return groups

    def _check_paths(self, overwrite, inputs):
        protected = {os.path.realpath(path) for path in inputs}
        for path in [*self.files, *self._groups]:
            directory = os.path.dirname(path) or "."
            if not os.path.isdir(directory):
                raise UserError(
                    f"{path}: the directory {directory} does not exist: "
                    f"make it with mkdir -p {directory}"
                )
            if not os.access(directory, os.W_OK | os.X_OK):
                raise UserError(
                    f"{path}: the directory {directory} cannot be written: "
                    "choose another or change its permissions"
                )
            if os.path.realpath(path) in protected:
                raise UserError(
                    f"{path} is both input and output: choose another "
                    f"{self._output_flag}"
                )
            if os.path.isdir(path):
                raise UserError(
                    f"{path} is a directory: name a file in it, such as "
                    f"{os.path.join(path, 'train.tfrecord')}"
                )
            if os.path.exists(path) and not overwrite:
                raise UserError(
                    f"{path} exists: remove it, choose another "
                    f"{self._output_flag} or give --overwrite"
                )
        for path in self._groups:
            if os.path.exists(path) and not read_metadata(path):
                raise UserError(
                    f"{path} exists and does not describe records: choose "
                    f"another {self._output_flag}"
                )

    def _files_of_replaced_sets(self):
        """Returns files of replaced sets that the new set does not have."""
        ours = set(self.files)
        stale = []
        for path in self._groups:
            if not os.path.exists(path):
                continue
            for entry in read_metadata(path)["files"]:
                file = os.path.join(os.path.dirname(path), entry["name"])
                if file not in ours and os.path.isfile(file):
                    stale.append(file)
        return stale

    def _create_temporary(self, path):
        directory, name = os.path.split(path)
        stream = open(  # noqa: SIM115, closed by commit or _discard
            os.path.join(directory, f".{name}.{os.getpid()}.incomplete"), "xb"
        )
        self._temporary_names.append(stream.name)
        return stream

    def _discard(self):
        for stream in self._streams:
            stream.close()
        for name in self._temporary_names:
            with contextlib.suppress(FileNotFoundError):
                os.remove(name)
