# SPDX-License-Identifier: Apache-2.0
"""Finds the files of questions with options, and reads a split of them.

RACE is a folder of articles; other questions are in one file, or in a folder
as RACE is. The layouts that a file may have are in ``layouts``.
"""

import dataclasses
import os
import re

from absl import logging

from albert.errors import UserError
from albert.inputs import list_directory
from albert.tasks import line_files
from albert.tasks.bad_rows import BadRows
from albert.tasks.multiple_choice.item_files import read_items
from albert.tasks.multiple_choice.own_rows import Columns
from albert.tasks.multiple_choice.split_reading import SplitReader

LEVELS = ("high", "middle")

_ARTICLE_FILE = re.compile(r"(\d+)\.txt", re.ASCII)
# What the original wants: the articles of a folder in one file.
_JOINED_FILE = "all.txt"
_ENDINGS = (".jsonl", ".json", ".csv", ".tsv", ".txt")


@dataclasses.dataclass(frozen=True)
class RaceFolder:
    """One split of RACE: ``{high,middle}/N.txt``, or ``all.txt`` in each.

    Attributes:
      name: str, the split's folder.
      levels: tuple of the levels to read.
    """

    name: str
    levels: tuple = LEVELS

    def read(self, task, data_dir, split, skip_bad_rows=False):
        """Reads all articles of the split, in the order of their numbers.

        Args:
          task: ``Task``; its labels are the names of the options.
          data_dir: str, the folder that holds RACE, or RACE itself.
          split: str, for messages.
          skip_bad_rows: leave out what cannot be used instead of raising.

        Returns:
          ``QuestionExamples``.

        Raises:
          UserError: a folder is missing or holds no article, or an article
            cannot be used.
        """
        folders = [
            line_files.find_file(
                data_dir,
                task.folder,
                (os.path.join(self.name, level),),
                f"{split} data of {task.name}",
                self._remedy(data_dir, task, level),
            )
            for level in self.levels
        ]
        reader = SplitReader(
            task,
            BadRows(os.path.dirname(folders[0]), skip_bad_rows),
            Columns(),
        )
        _read_folders(reader, dict(zip(self.levels, folders, strict=True)))
        return reader.finish()

    def _remedy(self, data_dir, task, level):
        """Returns what to do where only the other level is there, or None."""
        (other,) = set(LEVELS) - {level}
        is_there = any(
            os.path.isdir(os.path.join(data_dir or "", inner, self.name, other))
            for inner in (task.folder, "")
        )
        if not is_there or other not in self.levels:
            return None
        return (
            f"put it there, or give --{other}_only to read {self.name}/{other} "
            "alone"
        )


@dataclasses.dataclass(frozen=True)
class QuestionFile:
    """One split of questions of one's own, in any of the layouts.

    Attributes:
      names: tuple of str, the names that the file may have, without its
        ending; or a folder of articles, as RACE's or without levels.
      columns: ``Columns`` of a table of one's own.
      delimiter: str, the character between columns; None: as the ending says.
      quoting: str of ``delimited_rows.QUOTINGS``, or None for the usual one.
    """

    names: tuple
    columns: Columns = Columns()
    delimiter: str | None = None
    quoting: str | None = None

    def read(self, task, data_dir, split, skip_bad_rows=False):
        """Reads the file; see ``RaceFolder.read``.

        Raises:
          UserError: no file or several, or it cannot be used.
        """
        path = self._find(task, data_dir, split)
        reader = SplitReader(task, BadRows(path, skip_bad_rows), self.columns)
        if os.path.isdir(path):
            levels = {
                level: inner
                for level in LEVELS
                if os.path.isdir(inner := os.path.join(path, level))
            }
            _read_folders(reader, levels or {None: path})
        else:
            items = read_items(
                path, reader.bad_rows, self.delimiter, self.quoting
            )
            self._check_columns(path, items, split)
            reader.add_file(path, items)
        return reader.finish()

    def _check_columns(self, path, items, split):
        """Refuses a file that lacks a column that is named."""
        header = items[0].value if items else {}
        if items and isinstance(header, dict):
            missing = self.columns.find_missing(
                header, label_may_lack=split.startswith("test")
            )
            if missing:
                names = ", ".join(map(repr, missing))
                raise UserError(
                    f"{path}: no column {names} in the header "
                    f"({line_files.shorten(', '.join(header))}): correct "
                    "--option_columns, --text_column, --text_b_column, "
                    "--label_column or --id_column"
                )

    def _find(self, task, data_dir, split):
        names = [
            name + ending for name in self.names for ending in (*_ENDINGS, "")
        ]
        return line_files.find_file(
            data_dir,
            task.folder,
            names,
            f"{split} data of {task.name}",
            f"put it there as {', '.join(names[: len(_ENDINGS)])} or a folder "
            f"{self.names[0]}, or correct --data_dir",
        )


def _read_folders(reader, folders):
    """Reads the articles of folders: dict from level to path."""
    for level, folder in folders.items():
        for path in _article_files(folder):
            reader.add_file(
                path,
                read_items(path, reader.bad_rows),
                level,
                # The id that RACE gives an article.
                f"{level or ''}{os.path.basename(path)}",
            )


def _article_files(folder):
    """Returns the paths of a folder's articles, by number."""
    names = list_directory(folder, "it should be a folder of articles")
    numbered = sorted(
        (int(match[1]), name)
        for name in names
        if (match := _ARTICLE_FILE.fullmatch(name))
    )
    found = [name for _, name in numbered]
    if not found and _JOINED_FILE in names:
        found = [_JOINED_FILE]
    if not found:
        raise UserError(
            f"{folder}: no articles in it (1.txt, 2.txt, … or {_JOINED_FILE}): "
            "put RACE there as it is published"
        )
    others = sorted(set(names) - set(found))
    if others:
        logging.info(
            "%s: %d articles' files read, %d others passed over: %s%s",
            folder,
            len(found),
            len(others),
            ", ".join(others[:3]),
            ", …" if len(others) > 3 else "",
        )
    return [os.path.join(folder, name) for name in found]
