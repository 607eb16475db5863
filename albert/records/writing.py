# SPDX-License-Identifier: Apache-2.0
"""Writes sets of record files that appear whole or not at all."""

import collections
import contextlib
import json
import os

from albert import outputs
from albert.errors import UserError
from albert.records import framing
from albert.records import open_files
from albert.records.metadata import SCHEMA_VERSION
from albert.records.metadata import metadata_path
from albert.records.metadata import read_metadata
from albert.records.metadata import without_record_suffix
from albert.workspaces import recover
from albert.workspaces import workspace


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


class RecordSetWriter:
    """Writer of the files of a set, and of the JSON beside them.

    Everything is written in a workspace in each directory of the outputs,
    which no other process can hold. ``commit`` gives it the final names;
    leaving the context without it removes what was written. A kill within
    ``commit`` leaves a set whose JSON names files that are not there, which
    its readers notice, until the next writer of the set ends the work.

    Attributes:
      files: the final names.
      records, sizes: lists, records and bytes written to each file.
      scratch: str, an empty directory for what is needed meanwhile.
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

        What a kill has left of a set between its final names is ended first.

        Args:
          output_file, num_shards: see ``shard_names``.
          overwrite: whether an existing set is replaced.
          inputs: files that must not be overwritten in any case.
          output_flag: str, the flag that messages name.

        Raises:
          UserError: see ``shard_names`` and ``outputs.check_file``; or a file
            exists (without ``overwrite``), or holds no records.
        """
        self.files = shard_names(output_file, num_shards)
        self._overwrite = overwrite
        self._inputs = list(inputs)
        self._output_flag = output_flag
        self._groups = self._group_by_directory(output_file)
        for path in self._groups:
            with outputs.explained(path, output_flag):
                recover(path, output_flag)
        self._check_paths()
        self.records = [0] * len(self.files)
        self.sizes = [0] * len(self.files)
        self._streams = []
        self._places = {}

    def __enter__(self):
        open_files.allow(len(self.files))
        with contextlib.ExitStack() as stack:
            flag = self._output_flag
            stack.enter_context(outputs.made_directories(self._groups, flag))
            for path in self._groups:
                stack.enter_context(outputs.explained(path, flag))
                self._places[path] = stack.enter_context(workspace(path, flag))
            # Another process may have been quicker.
            self._check_paths()
            self.scratch = self._places[next(iter(self._groups))].scratch
            places = {
                member: self._places[path].new
                for path, members in self._groups.items()
                for member in members
            }
            for index, file in enumerate(self.files):
                name = os.path.join(places[index], os.path.basename(file))
                self._streams.append(stack.enter_context(open(name, "xb")))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception):
        return self._stack.__exit__(*exception)

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

        Raises:
          UserError: something has appeared that may not be replaced.
        """
        for stream in self._streams:
            stream.close()
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
            name = os.path.join(self._places[path].new, os.path.basename(path))
            with open(name, "x", encoding="utf-8") as stream:
                stream.write(json.dumps(value, indent=2) + "\n")
        self._check_paths()
        for path, members in self._groups.items():
            stale = self._files_of_replaced_set(path, members)
            # The JSON first: without the files that it names it is noticed.
            self._places[path].commit(
                [
                    os.path.basename(path),
                    *(os.path.basename(self.files[each]) for each in members),
                ],
                replace=self._overwrite,
                removed=stale,
            )
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

    def _check_paths(self):
        """Refuses what cannot be written, or may not be replaced."""
        of_shards = filter(None, map(self._own_json, self.files))
        for path in [*self.files, *self._groups, *of_shards]:
            outputs.check_file(path, self._output_flag, self._inputs)
            if os.path.lexists(path) and not self._overwrite:
                raise UserError(
                    f"{path} exists: remove it, choose another "
                    f"{self._output_flag} or give --overwrite"
                )
        for path in self._groups:
            # A power cut may leave one without content.
            if (
                os.path.exists(path)
                and os.path.getsize(path)
                and not read_metadata(path)
            ):
                raise UserError(
                    f"{path} exists and does not describe records: choose "
                    f"another {self._output_flag}"
                )
        for path in self.files:
            if os.path.exists(path) and not framing.begins_with_record(path):
                raise UserError(
                    f"{path} exists and holds no records, so --overwrite does "
                    f"not replace it: choose another {self._output_flag}"
                )

    def _files_of_replaced_set(self, path, members):
        """Returns names of a replaced set that the new one does not have.

        They are those in its JSON, and the JSON that each shard of the work
        has of its own, also where there is none of the whole set.
        """
        directory = os.path.dirname(path)
        replaced = os.path.exists(path) and read_metadata(path)
        stale = [
            file
            for name in (_names(replaced) if replaced else ())
            if (file := os.path.join(directory, name)) not in self.files
            and os.path.isfile(file)
            and framing.begins_with_record(file)
        ]
        files = [*stale, *(self.files[each] for each in members)]
        stale += filter(None, map(self._own_json, files))
        return [os.path.basename(file) for file in stale if file != path]

    def _own_json(self, file):
        """Returns the JSON of a file alone, which is none of the new set's."""
        own = metadata_path(file)
        if own in self._groups or not os.path.isfile(own):
            return None
        value = read_metadata(own)
        is_own = value and _names(value) == [os.path.basename(file)]
        return own if is_own else None


def _names(metadata):
    return [entry["name"] for entry in metadata["files"]]
