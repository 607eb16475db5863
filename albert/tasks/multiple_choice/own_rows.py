# SPDX-License-Identifier: Apache-2.0
"""Reads rows of one's own: a question, its options, and what may be there.

Flags name the columns, or they have the names that are looked for here.
"""

import dataclasses
import re

from albert.tasks.multiple_choice.raw_questions import RawQuestion
from albert.tasks.multiple_choice.raw_questions import as_id
from albert.tasks.multiple_choice.raw_questions import without_empty_end

_CONTEXTS = ("context", "article")
_ANSWERS = ("label", "answer")
_OPTION = re.compile(r"option[ _]?(\d+|[A-Za-z])", re.ASCII)


@dataclasses.dataclass(frozen=True)
class Columns:
    """The columns of a table of one's own, as flags name them.

    Attributes:
      text: str, the context; None: "context" or "article" where there is one.
      text_b: str, the question; None: "question".
      options: tuple of str; None: "option 1", "option 2", …
      label: str, the answer; None: "label" or "answer".
      id: str; None: "id", or the number of the row.
    """

    text: str | None = None
    text_b: str | None = None
    options: tuple | None = None
    label: str | None = None
    id: str | None = None

    def are_given(self):
        """Returns whether any column is named."""
        return any(dataclasses.astuple(self))

    def find_missing(self, header, label_may_lack):
        """Returns the columns that are named and not in a header.

        Args:
          header: container of str.
          label_may_lack: bool, whether that of the label need not be there.
        """
        named = [self.text, self.text_b, *(self.options or ()), self.id]
        if not label_may_lack:
            named.append(self.label)
        return [name for name in named if name and name not in header]


def is_own_row(item, columns):
    """Tells whether an item is a question with options in columns.

    Args:
      item: JSON value, or dict of the columns of a row.
      columns: ``Columns``; what is not named has its usual name.
    """
    if not isinstance(item, dict):
        return False
    if columns.are_given():
        return not columns.find_missing(item, label_may_lack=True)
    return "question" in item and bool(
        isinstance(item.get("options"), list) or _find_options(item)
    )


def read_own_row(item, columns, id_):
    """Reads a row; see ``layouts.Layout.read``.

    Args:
      item, columns: as of ``is_own_row``, which is true of them.
      id_: str, the id where the row has none.

    Returns:
      ``RawQuestion``.
    """
    ids = (columns.id,) if columns.id else ("id",)
    contexts = (columns.text,) if columns.text else _CONTEXTS
    question = columns.text_b or "question"
    known = (columns.label,) if columns.label else _ANSWERS
    if columns.options or not isinstance(item.get("options"), list):
        names = columns.options or _option_columns(item)
        options = without_empty_end(item[name] for name in names)
    else:
        names = ("options",)
        options = item["options"]
    return RawQuestion(
        as_id(_only_of(item, ids, "--id_column"), id_),
        _only_of(item, contexts, "--text_column"),
        item[question],
        options,
        _only_of(item, known, "--label_column"),
        columns=tuple(
            key
            for key in (*ids, *contexts, question, *names, *known)
            if key in item
        ),
    )


def _only_of(item, keys, flag):
    """Returns the value that one or more of the keys hold; None for none.

    Raises:
      ValueError: the keys hold different values.
    """
    found = {key: item[key] for key in keys if item.get(key) not in (None, "")}
    values = list(found.values())
    if any(value != values[0] for value in values):
        raise ValueError(
            f"{' and '.join(map(repr, found))} differ: name the one that is "
            f"meant with {flag}"
        )
    return values[0] if values else None


def _find_options(item):
    """Returns the keys "option 1", "option 2", …: dict to what tells them."""
    return {
        key: match[1].upper()
        for key in item
        if (match := _OPTION.fullmatch(key.strip()))
    }


def _option_columns(item):
    """Returns the keys "option 1", "option 2", … in their order.

    They begin at 0, at 1 or at A.

    Raises:
      ValueError: one is left out or there twice, or some have numbers and
        some letters.
    """
    found = _find_options(item)
    keys = sorted(found, key=lambda key: (len(found[key]), found[key]))
    marks = [found[key] for key in keys]
    letters = [chr(ord("A") + place) for place in range(len(marks))]
    if marks != letters and marks not in (
        [str(first + place) for place in range(len(marks))] for first in (0, 1)
    ):
        raise ValueError(
            f"the options are {', '.join(keys)}: number them from 1, with none "
            "left out, or name the columns with --option_columns"
        )
    return keys
