# SPDX-License-Identifier: Apache-2.0
"""Reads phases of a training: values, one after another, with their shares.

They are laid out over a budget of ``albert.training.budgets``.
"""

import dataclasses
import itertools
import re

from albert.errors import UserError

_PHASE = re.compile(r"(?P<value>[^:]+)(:(?P<share>\d*\.?\d+))?")
# What rounding shares to two digits may leave, as .33 three times.
_TOLERANCE = 0.02


@dataclasses.dataclass(frozen=True)
class Phases:
    """Values that hold one after another, each for a share of a training.

    Attributes:
      flag: str, that describes them, as in "--num_layers_schedule".
      text: str, as the user gave it.
      values: tuple, of what was asked for.
      ends: tuple of float, ascending, the share of the training that is over
        when each value ends; the last is 1.
    """

    flag: str
    text: str
    values: tuple
    ends: tuple

    def ends_in(self, budget):
        """Returns a tuple of int: the unit of a budget where each value ends.

        Args:
          budget: of ``albert.training.budgets``.

        Raises:
          UserError: a value would hold for no unit.
        """
        ends = tuple(round(end * budget.total) for end in self.ends)
        for value, start, end in zip(
            self.values, (0, *ends), ends, strict=False
        ):
            if end <= start:
                raise UserError(
                    f"{self.flag}={self.text}: {value} would have nothing of "
                    f"{budget}: give it a larger share"
                )
        return ends


@dataclasses.dataclass(frozen=True)
class Plan:
    """Phases that are laid out over a training.

    Attributes:
      phases: ``Phases``.
      ends: tuple of int, the units of the budget that are over when each
        value ends.
      description: str, for the log.
    """

    phases: Phases
    ends: tuple
    description: str

    def at(self, used):
        """Returns (value, units at which it ends) after ``used`` units."""
        for value, end in zip(self.phases.values, self.ends, strict=True):
            if used < end:
                return value, end
        raise ValueError(f"{used} is behind the end, {self.ends[-1]}")

    def skipped(self, before, after):
        """Returns the values that no step began with: list.

        Args:
          before, after: units that were over as a step began, and after it.
        """
        starts = (0, *self.ends)
        return [
            value
            for value, start, end in zip(
                self.phases.values, starts, self.ends, strict=False
            )
            if before < start and end <= after
        ]

    def __str__(self):
        return self.description


def cost(plans, used):
    """Returns what the units before a place cost: float.

    Args:
      plans: list of ``Plan``, whose values a step's cost is in proportion to.
      used: int, units of the budget that are over.
    """
    total = start = 0
    while start < used:
        end, price = used, 1
        for plan in plans:
            value, its_end = plan.at(start)
            end, price = min(end, its_end), price * value
        total += (end - start) * price
        start = end
    return float(total)


def lay_out(phases, budget, unit):
    """Lays phases out over a training.

    Args:
      phases: ``Phases``.
      budget: of ``albert.training.budgets``.
      unit: str, what the values count, as in "layers".

    Returns:
      ``Plan``.

    Raises:
      UserError: a value would hold for no unit.
    """
    ends = phases.ends_in(budget)
    parts = [
        f"{value} {unit} to {budget.name(end)}"
        for value, end in zip(phases.values, ends, strict=True)
    ]
    return Plan(phases, ends, ", ".join(parts))


def parse_phases(flag, text, parse_value, example):
    """Reads "value:share,...,value", where the last value has what is left.

    Args:
      flag: str, for messages.
      text: str, its value: the shares are of the training, in (0, 1).
      parse_value: function of str to the value; ValueError where it is none.
      example: str, values as they should be, as in "2:0.33,4:0.33,6".

    Returns:
      ``Phases``.

    Raises:
      UserError: the text is no such list, or its shares are not those of a
        whole.
    """

    def refuse(why):
        raise UserError(f"{flag}={text}: {why}")

    phases = [_PHASE.fullmatch(part.strip()) for part in text.split(",")]
    if not all(phases):
        refuse(f"give values with their shares, as in {example}")
    try:
        values = tuple(parse_value(phase["value"]) for phase in phases)
    except ValueError:
        refuse(f"give values with their shares, as in {example}")
    if not all(phase["share"] for phase in phases[:-1]):
        refuse(f"each value but the last needs its share, as in {example}")
    shares = [float(phase["share"]) for phase in phases[:-1]]
    said = phases[-1]["share"]
    if said and abs(sum(shares) + float(said) - 1.0) > _TOLERANCE:
        refuse(
            f"the shares add up to {sum(shares) + float(said):g}, not to 1: "
            "correct them, or leave the last one out"
        )
    if sum(shares) >= 1.0 or 0.0 in shares:
        refuse(
            f"shares of {', '.join(f'{share:g}' for share in shares)} leave "
            "nothing for one of the values: the last has what is left of 1"
        )
    ends = (*itertools.accumulate(shares), 1.0)
    return Phases(flag, text, values, ends)


def whole_number(text):
    """Returns the number that is written; refuses signs and dots."""
    if not re.fullmatch(r"\d{1,9}", text):
        raise ValueError(text)
    return int(text)
