# SPDX-License-Identifier: Apache-2.0
"""Says in records where the words of a sentence are, and which tags they have.

Labels of positions do not tell all: words without pieces have no position, a
long sentence is several sequences, and a dev set may have tags that the model
has no label for. So each record has a JSON text besides.
"""

import json

import numpy as np

from albert import json_files
from albert.json_files import Boolean
from albert.json_files import Integer
from albert.json_files import List
from albert.json_files import Nullable
from albert.json_files import Object
from albert.json_files import Text
from albert.tasks.featurization import WordPositions

_KEYS = {
    # Whether the sentence begins here.
    "begins": Boolean(),
    "columns": List(Integer(0)),
    "tags": Nullable(List(Text())),
}
_SCHEMA = Object(_KEYS, required=tuple(_KEYS))


def to_texts(word_positions, tags=None):
    """Returns the words of each sequence as text: list of bytes.

    Args:
      word_positions: ``WordPositions`` of all sequences, in their order.
      tags: lists of str for each sentence, or None where they are not known.
    """
    words = word_positions
    # Each sequence has words, and those of a sentence follow one another.
    firsts = np.flatnonzero(np.diff(words.rows, prepend=-1))
    begins = np.isin(firsts, words.splits)
    columns = np.split(words.columns, firsts[1:])
    joined = tags and [tag for sentence in tags for tag in sentence]
    texts = []
    for first, begin, row in zip(firsts, begins, columns, strict=True):
        value = {
            "begins": bool(begin),
            "columns": row.tolist(),
            "tags": joined and joined[first : first + len(row)],
        }
        texts.append(
            json.dumps(
                value, ensure_ascii=False, separators=(",", ":")
            ).encode()
        )
    return texts


def from_texts(texts, lengths):
    """Reads the texts of ``to_texts``, in the order of the sequences.

    Args:
      texts: list of bytes.
      lengths: integers, the number of tokens of each sequence.

    Returns:
      (``WordPositions``, tags): lists of str for each sentence, or None. A
      sentence whose first sequence is not among them begins with the next.

    Raises:
      ValueError: a text is damaged.
    """
    rows, columns, sizes, tags = [], [], [], []
    for row, (text, length) in enumerate(zip(texts, lengths, strict=True)):
        value = _parse(text, length)
        if value is None:
            raise ValueError(f"the words of record {row} (0-based) are damaged")
        size = len(value["columns"])
        if value["begins"] or not sizes:
            sizes.append(0)
            tags.append([])
        rows += [row] * size
        columns += value["columns"]
        sizes[-1] += size
        tags[-1] += value["tags"] or [None] * size
    words = WordPositions(
        rows=np.array(rows, np.int64),
        columns=np.array(columns, np.int64),
        splits=np.cumsum([0, *sizes]),
    )
    are_known = all(None not in sentence for sentence in tags)
    return words, tags if are_known else None


def _parse(text, length):
    """Returns the object of a text, or None where it cannot be right."""
    try:
        value = json_files.parse(text)
        _SCHEMA.check(value)
    except (ValueError, json_files.Mismatch):
        return None
    columns, tags = value["columns"], value["tags"]
    is_right = (
        columns
        and max(columns) < length
        and (tags is None or len(tags) == len(columns))
    )
    return value if is_right else None
