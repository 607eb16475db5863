# SPDX-License-Identifier: Apache-2.0
"""Checks what the methods of a loaded model are given."""

import numbers
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Set

from albert.errors import UserError


class NoBadTexts:
    """Stands where files have ``BadRows``: refuses the first bad text."""

    def add(self, line, what, remedy):
        """Refuses a text; its number takes the place of a line."""
        raise UserError(f"text {line}: {what}: correct it")


def check_number(name, value):
    """Refuses what is no whole number from 1 on."""
    if (
        isinstance(value, bool)
        or not isinstance(value, numbers.Integral)
        or value < 1
    ):
        raise UserError(f"{name} is {value!r}: give a whole number from 1 on")


def as_list(name, values):
    """Returns (whether it is one text, list of it or of all)."""
    if isinstance(values, str):
        return True, [values]
    listed = list_items(values)
    if not isinstance(listed, list):
        raise UserError(
            f"{name}: {type(values).__name__} is neither a text nor a list"
        )
    return False, listed


def list_items(value):
    """Returns the items of a sequence, as a list; anything else as it is."""
    # Sets have no order, and what a dict holds is not what it lists.
    if not isinstance(value, Iterable) or isinstance(
        value, str | bytes | Set | Mapping
    ):
        return value
    return list(value)


def as_texts(values):
    """Returns what ``as_list`` does, of texts that can be encoded."""
    is_one, texts = as_list("texts", values)
    for number, text in enumerate(texts, start=1):
        try:
            text.encode()
        except AttributeError:
            what = f"{type(text).__name__} is no text"
        except UnicodeEncodeError:
            what = "half a surrogate pair in it"
        else:
            continue
        raise UserError(f"text {number}: {what}: correct it")
    return is_one, texts
