# SPDX-License-Identifier: Apache-2.0
"""Parsers of the values of flags, which refuse what cannot be meant.

Every number has bounds. The widest that several flags share are named here;
they leave room for the largest trainings that are known, and catch a digit too
many, an overflow and what no machine can hold.
"""

import decimal
import math
import re

from absl import flags

from albert.model_names import read_model
from albert.paths import read_path
from albert.paths import read_paths

# keras.utils.set_random_seed takes no larger one.
LARGEST_SEED = 2**32 - 1
# Sequences of this length need 16 GB for the attention weights of one head.
LONGEST_SEQUENCE = 2**16
# Thirty times the largest known batch, LAMB's of 32,768 sequences.
LARGEST_BATCH = 2**20
MOST_STEPS = 10**9
# Two years.
MOST_MINUTES = 10**6
# Of logits, which are of the order of ten.
LARGEST_SCORE = 1e9


class IntegerParser(flags.IntegerParser):
    """Parser of whole numbers between two bounds, both of them allowed."""

    def __init__(self, lower_bound, upper_bound):
        super().__init__(lower_bound, upper_bound)
        self.syntactic_help = (
            f"a whole number from {lower_bound} to {upper_bound}"
        )

    def parse(self, argument):
        """Returns the int that a str stands for.

        Raises:
          ValueError: it is none, or outside the bounds.
        """
        try:
            value = self.convert(argument)
        except ValueError:
            value = None
        if value is None or self.is_outside_bounds(value):
            raise ValueError(
                f"it must be {self.syntactic_help}{_in_digits(argument)}"
            )
        return value


class IntegerOrWordParser(IntegerParser):
    """Parser of whole numbers between two bounds, and of one word."""

    def __init__(self, word, lower_bound, upper_bound):
        super().__init__(lower_bound, upper_bound)
        self._word = word
        self.syntactic_help = f"{word} or {self.syntactic_help}"

    def parse(self, argument):
        """Returns the int that a str stands for, or the word.

        Raises:
          ValueError: it is neither, or outside the bounds.
        """
        return argument if argument == self._word else super().parse(argument)


class RealParser(flags.FloatParser):
    """Parser of finite numbers between two bounds, both of them allowed."""

    def __init__(self, lower_bound, upper_bound):
        super().__init__(lower_bound, upper_bound)
        self.syntactic_help = (
            f"a number from {lower_bound:g} to {upper_bound:g}"
        )

    def parse(self, argument):
        """Returns the float that a str stands for.

        Raises:
          ValueError: it is none, NaN, infinite, or outside the bounds.
        """
        try:
            value = self.convert(argument)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or self.is_outside_bounds(value):
            hint = ""
            if re.fullmatch(r"-?\d+,\d+", str(argument)):
                hint = f": write {argument.replace(',', '.')}"
            raise ValueError(f"it must be {self.syntactic_help}{hint}")
        return value


class BooleanParser(flags.BooleanParser):
    """Parser of true and false."""

    def parse(self, argument):
        """Returns the bool that a str stands for.

        Raises:
          ValueError: it is neither true nor false.
        """
        try:
            return super().parse(argument)
        except ValueError:
            raise ValueError("it must be true or false") from None


class StringParser(flags.ArgumentParser):
    """Parser of text that is not empty and no flag."""

    def parse(self, argument):
        """Returns the str as it is.

        Raises:
          ValueError: it is empty, or another flag.
        """
        _refuse_missing(argument)
        return argument


class PathParser(StringParser):
    """Parser of a path, spelled as ``albert.paths`` reads it."""

    syntactic_help = "a path"

    def parse(self, argument):
        """Returns the path that a str stands for.

        Raises:
          ValueError: it is empty, another flag, or no path.
        """
        return read_path(super().parse(argument))

    def flag_type(self):
        return "path"


class ModelParser(PathParser):
    """Parser of the path of a model, or of its name on a hub."""

    syntactic_help = "a path, hf://… or kaggle://…"

    def parse(self, argument):
        """Returns the path or the name that a str stands for.

        Raises:
          ValueError: it is empty, another flag, or neither.
        """
        return read_model(StringParser.parse(self, argument))


class FilesParser(StringParser):
    """Parser of names and patterns of files, which commas separate."""

    syntactic_help = "paths or patterns, separated by commas"

    def __init__(self, addresses=False):
        """Makes a parser; ``addresses``: whether these are let through."""
        super().__init__()
        self._addresses = addresses

    def parse(self, argument):
        """Returns the paths and patterns, separated by commas, as a str.

        Raises:
          ValueError: it is empty, another flag, or one of them is no path.
        """
        return read_paths(super().parse(argument), self._addresses)

    def flag_type(self):
        return "paths"


class ListParser(flags.ListParser):
    """Parser of values that are separated by commas."""

    def parse(self, argument):
        """Returns the values as a list of str.

        Raises:
          ValueError: one is empty, or there is a flag instead.
        """
        if isinstance(argument, str):
            _refuse_missing(argument)
        values = super().parse(argument)
        if "" in values:
            raise ValueError(
                "a value is empty: separate the values by single commas"
            )
        return values


def _refuse_missing(argument):
    """Refuses what a forgotten value, or an unset shell variable, leaves."""
    if not argument.strip():
        raise ValueError(
            "it is empty: give a value (is a shell variable in it not set?), "
            "or leave the flag out"
        )
    if re.match(r"--[a-z]", argument):
        raise ValueError("its value is missing: another flag follows")


def _in_digits(argument):
    """Returns what to write for a whole number in another spelling."""
    # Python's own limit of digits is far above.
    plain = str(argument).strip()[:40].replace(",", "").replace(" ", "")
    try:
        value = decimal.Decimal(plain)
    except decimal.InvalidOperation:
        return ""
    if not value.is_finite() or value.adjusted() > 20 or value % 1:
        return ""
    written = str(int(value))
    return "" if written == str(argument).strip() else f": write {written}"
