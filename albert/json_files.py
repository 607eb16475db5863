# SPDX-License-Identifier: Apache-2.0
"""Reads JSON without trusting it: a schema says what a file must hold.

A schema is a small value such as ``Object({"labels": List(Text())})``, kept
beside the code that reads the file. ``read_object`` refuses a file that is not
as its schema says, with one line that names the place and what was found.
"""

import dataclasses
import json
import os
import sys

from albert.errors import UserError
from albert.inputs import open_file

# A tokenizer.json of 30,000 pieces has 2 MB.
_MAX_BYTES = 1 << 28
# A preset of KerasHub has 7. What is deeper is an attack on whoever prints it.
_MAX_DEPTH = 100
# transformers writes 10^30 where there is no limit.
_MAX_DIGITS = 100
_SHOWN = 40

REMEDY = "get the file again"


class Mismatch(Exception):
    """A value that is not as its schema says.

    Attributes:
      place: str, where in the file, such as "files[0].name".
      reason: str, what was expected and what was found.
    """

    def __init__(self, place, reason):
        super().__init__(f"{place}: {reason}" if place else reason)
        self.place = place
        self.reason = reason


# ---------------------------------------------------------------- the schemas


class Schema:
    """What a value of a JSON file must be; in itself, any value will do.

    Subclasses say it in words (``expected``), decide it (``accepts``), and
    look into the value, if it has parts (``parts``).
    """

    def expected(self):
        """Returns what is expected, in words that follow "expected"."""
        return "a value"

    def accepts(self, value):
        """Returns whether a value is right, its parts left aside."""
        del value
        return True

    def parts(self, value, place):
        """Yields (place, value, schema) of each part of a value."""
        del value, place
        return ()

    def check(self, value, place=""):
        """Raises ``Mismatch`` where a value or a part of it is wrong.

        Args:
          value: of ``parse``.
          place: str, where in the file it stands.
        """
        if not self.accepts(value):
            raise Mismatch(
                place, f"expected {self.expected()}, found {_show(value)}"
            )
        for inner_place, inner, schema in self.parts(value, place):
            schema.check(inner, inner_place)


@dataclasses.dataclass(frozen=True)
class Boolean(Schema):
    """True or false."""

    def expected(self):
        return "true or false"

    def accepts(self, value):
        return isinstance(value, bool)


@dataclasses.dataclass(frozen=True)
class Number(Schema):
    """A finite number, from ``low`` to ``high`` where these are given."""

    low: float | None = None
    high: float | None = None
    noun = "a number"
    types = (int, float)

    def expected(self):
        low = "" if self.low is None else f" from {self.low:,}"
        high = "" if self.high is None else f" to {self.high:,}"
        return self.noun + low + high

    def accepts(self, value):
        # Not isinstance: JSON's true is an int to Python.
        return (
            type(value) in self.types
            # Neither NaN nor infinite, nor an integer that is no float.
            and abs(value) <= sys.float_info.max
            and (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
        )


@dataclasses.dataclass(frozen=True)
class Integer(Number):
    """An integer of 64 bits, from ``low`` to ``high``."""

    high: int = (1 << 63) - 1
    noun = "an integer"
    types = (int,)


@dataclasses.dataclass(frozen=True)
class Text(Schema):
    """A text that a file can hold; one of ``choices`` where they are given."""

    choices: tuple = ()

    def expected(self):
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        return "a text"

    def accepts(self, value):
        if not isinstance(value, str):
            return False
        if "\0" in value:
            return False
        try:
            value.encode()
        except UnicodeEncodeError:  # half of a surrogate pair
            return False
        return not self.choices or value in self.choices


@dataclasses.dataclass(frozen=True)
class FileName(Text):
    """The name of a file that lies beside the JSON; no path."""

    def expected(self):
        return "the name of a file"

    def accepts(self, value):
        return (
            super().accepts(value)
            and value not in ("", ".", "..")
            and value == os.path.basename(value)
        )


@dataclasses.dataclass(frozen=True)
class Nullable(Schema):
    """A value of the schema, or null."""

    schema: Schema

    def expected(self):
        return f"{self.schema.expected()} or null"

    def accepts(self, value):
        return value is None or self.schema.accepts(value)

    def parts(self, value, place):
        return () if value is None else self.schema.parts(value, place)


@dataclasses.dataclass(frozen=True)
class List(Schema):
    """A list of at least ``shortest`` values of one schema."""

    item: Schema
    shortest: int = 0

    def expected(self):
        return (
            f"a list of {self.shortest} or more" if self.shortest else "a list"
        )

    def accepts(self, value):
        return isinstance(value, list) and len(value) >= self.shortest

    def parts(self, value, place):
        for index, each in enumerate(value):
            yield f"{place}[{index}]", each, self.item


@dataclasses.dataclass(frozen=True)
class Object(Schema):
    """An object, with a schema for each key.

    Args:
      keys: dict of str to ``Schema``; they may be missing.
      required: tuple of str, those that may not.
      others: ``Schema`` of all other keys, or None where there must be none.
    """

    keys: dict = dataclasses.field(default_factory=dict)
    required: tuple = ()
    others: Schema | None = Schema()

    def expected(self):
        return "an object"

    def accepts(self, value):
        return isinstance(value, dict)

    def parts(self, value, place):
        for key in self.required:
            if key not in value:
                raise Mismatch(place, f"there is no {_show(key)}")
        for key, each in value.items():
            schema = self.keys.get(key, self.others)
            if schema is None:
                raise Mismatch(
                    place,
                    f"{_show(key)} is not one of {', '.join(self.keys)}",
                )
            key = key[:_SHOWN]
            yield f"{place}.{key}" if place else key, each, schema


ANY_OBJECT = Object()


def _show(value):
    """Returns a value for a message, in JSON, its beginning."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    text = json.dumps(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


# ------------------------------------------------------------------- reading


def parse(text):
    """Returns the value of a JSON text that comes from anywhere.

    Args:
      text: str, or bytes in UTF-8.

    Raises:
      ValueError: it is no JSON (``json.JSONDecodeError``, which knows the
        line), not UTF-8, or what readers differ in: a key twice, integers of
        hundreds of digits, hundreds of brackets. NaN is left to the schema.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8-sig")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_make_object,
            parse_int=_parse_integer,
        )
    except RecursionError:
        raise ValueError(f"brackets inside {_MAX_DEPTH} brackets") from None
    _check_depth(value)
    return value


def read_object(path, schema=ANY_OBJECT, remedy=REMEDY):
    """Reads a JSON file that must hold an object.

    Args:
      path: str.
      schema: ``Object``, what it must hold.
      remedy: str, what the user can do about a file that is damaged.

    Returns:
      dict.

    Raises:
      UserError: not readable, too large, not JSON, or not as the schema says.
    """
    with open_file(path, remedy) as file:
        if os.fstat(file.fileno()).st_size > _MAX_BYTES:
            raise UserError(
                f"{path}: larger than {_MAX_BYTES >> 20} MB, which no "
                f"description of a model or of records is: {remedy}"
            )
        content = file.read()
    try:
        value = parse(content)
    except ValueError as error:
        raise UserError(f"{path}: not valid JSON ({error}): {remedy}") from None
    check(value, schema, path, remedy)
    return value


def check(value, schema, path, remedy=REMEDY, place=""):
    """Refuses a value of a file that is not as its schema says.

    Args:
      value: of ``parse``.
      schema: ``Schema``.
      path: str, the file, for messages.
      remedy: str, what the user can do about it.
      place: str, where in the file the value stands.

    Raises:
      UserError: naming the place, what is expected and what was found.
    """
    try:
        schema.check(value, place)
    except Mismatch as error:
        raise UserError(f"{path}: {error}: {remedy}") from None


def _make_object(pairs):
    value = dict(pairs)
    if len(value) < len(pairs):
        seen = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {_show(key)} is there twice")
            seen.add(key)
    return value


def _parse_integer(digits):
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"an integer of {len(digits):,} digits")
    return int(digits)


def _check_depth(value):
    level = [value]
    for _ in range(_MAX_DEPTH):
        level = [
            inner
            for each in level
            if isinstance(each, list | dict)
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, list | dict)
        ]
        if not level:
            return
    raise ValueError(f"brackets inside {_MAX_DEPTH} brackets")
