# SPDX-License-Identifier: Apache-2.0
"""Reads texts of which each is a file, in a folder named after its label.

So is IMDB published: ``{train,test}/{pos,neg}/N_RATING.txt``, and
``train/unsup`` without labels. It has no dev set. Its test set is none: the
best checkpoint would be chosen on what is reported. A tenth of the training
texts is held out instead. Which ones is decided by the texts alone, so that
it is the same for every seed and machine, and texts that are equal, of which
IMDB has a hundred, are on the same side.
"""

import dataclasses
import hashlib
import os
import re

from absl import logging

from albert.errors import UserError
from albert.file_fingerprints import describe_files
from albert.inputs import list_directory
from albert.inputs import read_file
from albert.tasks import line_files
from albert.tasks.bad_rows import BadRows
from albert.tasks.tsv_files import TextExamples

# One of so many texts is held out.
HELD_OUT = 10

_ENDING = ".txt"
# Reviews are pieces of pages: lines end with it.
_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_UNLABELLED = "unsup"


@dataclasses.dataclass(frozen=True)
class TextFolders:
    """One split, of a folder with a folder for each label.

    Attributes:
      split: str, "train", "dev" or "test". Without a folder ``dev``, "dev" is
        the part of ``train`` that is held out.
    """

    split: str

    def read(self, task, data_dir, split, skip_bad_rows=False):
        """Reads the texts, label by label, in the order of their numbers.

        Args:
          task: ``Task`` with labels, which name the folders.
          data_dir: str, the folder that holds the task's folder, or that one.
          split: str, for messages.
          skip_bad_rows: leave bad texts out instead of raising.

        Returns:
          ``TextExamples``, whose ids are the paths in the split's folder.

        Raises:
          UserError: a folder is missing, a text cannot be used, or there is
            none.
        """
        own_dev = _find_dev(data_dir, task)
        name = self.split
        if name == "dev" and own_dev:
            folder = own_dev
            logging.info("dev: %s", folder)
        else:
            name = "train" if name == "dev" else name
            folder = _find(data_dir, task, name, split)
        bad_rows = BadRows(folder, skip_bad_rows)
        rows, breaks = [], 0
        for label in task.labels:
            for path in _files(os.path.join(folder, label)):
                text = _read_text(path, bad_rows)
                if text is None:
                    continue
                text, found = _LINE_BREAK.subn(" ", text)
                breaks += found > 0
                rows.append((os.path.relpath(path, folder), text, label))
        bad_rows.report(len(rows))
        if breaks:
            logging.info(
                "%s: %d texts hold <br />, which is read as a space",
                folder,
                breaks,
            )
        _report_unlabelled(folder)
        if name == "train" and not own_dev:
            rows = self._part(folder, rows)
        if not rows:
            raise UserError(f"{folder}: no texts: put the {split} data there")
        ids, texts, labels = map(list, zip(*rows, strict=True))
        return TextExamples(
            ids=ids,
            texts=texts,
            labels=labels,
            bad_rows=bad_rows.count,
            files=tuple(
                describe_files(os.path.join(folder, name) for name in ids)
            ),
        )

    def _part(self, folder, rows):
        """Returns the rows that are held out, or the others."""
        part = [
            row for row in rows if _is_held_out(row[1]) == (self.split == "dev")
        ]
        logging.info(
            "%s: no dev set is published: %d of %d texts are %s",
            folder,
            len(part),
            len(rows),
            "held out as one, chosen by a checksum of each text"
            if self.split == "dev"
            else "trained on, the others are the dev set",
        )
        # By chance, which is none where there are thousands.
        if {row[2] for row in part} != {row[2] for row in rows}:
            raise UserError(
                f"{folder}: {len(rows)} texts are too few to hold a tenth of "
                "them out, with all labels in it: put a dev set into a folder "
                "dev beside it"
            )
        return part


def _find_dev(data_dir, task):
    """Returns the folder ``dev`` beside the texts to train on, or None.

    Another one, above or below these, is of other data. Without any texts to
    train on, it is the one that is there.

    Raises:
      UserError: it lacks the folder of a label.
    """
    if not data_dir:
        return None
    places = [os.path.join(data_dir, inner) for inner in (task.folder, "")]
    beside = [
        place
        for place in places
        if os.path.isdir(os.path.join(place, "train", task.labels[0]))
    ]
    for place in beside[:1] or places:
        folder = os.path.join(place, "dev")
        if not os.path.isdir(folder):
            continue
        for label in task.labels:
            if not os.path.isdir(os.path.join(folder, label)):
                raise UserError(
                    f"{os.path.join(folder, label)}: no such folder: put the "
                    f"folder of the texts with the label {label} there, or "
                    f"call {folder} otherwise, and a tenth of the training "
                    "data is held out instead"
                )
        return folder
    return None


def _find(data_dir, task, name, split):
    """Returns the folder of a split, which has one for each label."""
    folders = [
        line_files.find_file(
            data_dir,
            task.folder,
            (os.path.join(name, label),),
            f"{split} data of {task.name}",
            f"put the folder of the texts with the label {label} there, or "
            "correct --data_dir",
        )
        for label in task.labels
    ]
    return os.path.dirname(folders[0])


def _files(folder):
    """Returns the paths of the texts in a folder, by their first numbers."""
    names = list_directory(folder, "it should be a folder of texts")
    found = [name for name in names if name.endswith(_ENDING)]
    if len(found) < len(names):
        others = sorted(set(names) - set(found))
        logging.info(
            "%s: %d texts, %d other files passed over: %s%s",
            folder,
            len(found),
            len(others),
            ", ".join(others[:3]),
            ", …" if len(others) > 3 else "",
        )
    if not found:
        raise UserError(
            f"{folder}: no texts (files that end in {_ENDING}): put them there"
        )

    def key(name):
        number = re.match(r"\d+", name, re.ASCII)
        return (int(number[0]) if number else -1, name)

    return [os.path.join(folder, name) for name in sorted(found, key=key)]


def _read_text(path, bad_rows):
    """Returns the text of a file without line ends, or None for a bad one."""
    try:
        text = read_file(path).decode("utf-8-sig")
    except UnicodeDecodeError:
        bad_rows.add(1, "not UTF-8", "convert the file", path)
        return None
    if "\0" in text:
        bad_rows.add(1, "holds a NUL byte", "remove it", path)
        return None
    if not text.strip():
        bad_rows.add(1, "no text", "remove the file", path)
        return None
    return text.strip()


def _report_unlabelled(folder):
    unlabelled = os.path.join(folder, _UNLABELLED)
    if os.path.isdir(unlabelled):
        logging.info(
            "%s: %d texts without labels, which are not read",
            unlabelled,
            len(list_directory(unlabelled)),
        )


def _is_held_out(text):
    digest = hashlib.sha256(" ".join(text.split()).encode()).digest()
    return int.from_bytes(digest[:8]) % HELD_OUT == 0
