# SPDX-License-Identifier: Apache-2.0
"""Plans how many layers are applied at each step of a training.

A model whose layers share their weights has the same variables at any depth,
so that it can begin shallow, where a step costs less, and grow. Shallow nets
are also what the paper started its deeper ones from (appendix A.1); there each
was a training of its own.
"""

import dataclasses
import itertools
import re

from albert.errors import UserError

_PHASE = re.compile(r"(?P<depth>\d+)(:(?P<share>\d*\.?\d+))?")
_FLAG = "--num_layers_schedule"
# What rounding shares to two digits may leave, as .33 three times.
_TOLERANCE = 0.02


@dataclasses.dataclass(frozen=True)
class DepthSchedule:
    """Depths of a training, one after another.

    Attributes:
      text: str, as the user gave it.
      depths: tuple of int, ascending; the last is that of the model.
      ends: tuple of int, the step at which each depth ends.
    """

    text: str
    depths: tuple
    ends: tuple

    def at(self, step):
        """Returns (depth, steps left with it) after ``step`` updates."""
        for depth, end in zip(self.depths, self.ends, strict=True):
            if step < end:
                return depth, end - step
        raise ValueError(f"step {step} is behind the last, {self.ends[-1]}")

    def __str__(self):
        return ", ".join(
            f"{depth} layers to step {end:,}"
            for depth, end in zip(self.depths, self.ends, strict=True)
        )


def plan(text, config, num_train_steps):
    """Makes the schedule that a flag describes.

    Args:
      text: str, depths with their shares of the steps: "2:0.33,4:0.33,6". The
        last depth has what the others leave.
      config: ``AlbertConfig``.
      num_train_steps: int.

    Returns:
      ``DepthSchedule``.

    Raises:
      UserError: the text is no such list, depths do not ascend to that of the
        model, a share leaves a depth without a step, or the model has
        weights that a shallower one does not use.
    """
    phases = [_PHASE.fullmatch(part.strip()) for part in text.split(",")]
    if not all(phases):
        raise UserError(
            f"{_FLAG}={text}: give depths with their shares of the steps, as "
            "in 2:0.33,4:0.33,6"
        )
    depths = tuple(int(phase["depth"]) for phase in phases)
    if not all(phase["share"] for phase in phases[:-1]):
        raise UserError(
            f"{_FLAG}={text}: each depth but the last needs its share of the "
            "steps, as in 2:0.33,4:0.33,6"
        )
    shares = [float(phase["share"]) for phase in phases[:-1]]
    rest = 1.0 - sum(shares)
    said = phases[-1]["share"]
    if said and abs(float(said) - rest) > _TOLERANCE:
        raise UserError(
            f"{_FLAG}={text}: the shares add up to "
            f"{sum(shares) + float(said):g}, not to 1: correct them, or leave "
            "the last one out"
        )
    _check_depths(text, depths, config)
    ends = tuple(
        round(share * num_train_steps) for share in itertools.accumulate(shares)
    ) + (num_train_steps,)
    starts = (0, *ends)
    for depth, start, end in zip(depths, starts, ends, strict=False):
        if end <= start:
            raise UserError(
                f"{_FLAG}={text}: {depth} layers would have no step of "
                f"{num_train_steps}: give them a larger share"
            )
    return DepthSchedule(text, depths, ends)


def _check_depths(text, depths, config):
    """Refuses depths that do not ascend, or that leave weights unused."""
    layers = config.num_hidden_layers
    if list(depths) != sorted({*depths}) or depths[-1] != layers:
        raise UserError(
            f"{_FLAG}={text}: depths must ascend to the {layers} layers of "
            "the model"
        )
    groups = max(config.num_attention_groups, config.num_ffn_groups)
    if depths[0] < groups:
        raise UserError(
            f"{_FLAG}={text}: {depths[0]} layers would leave weights of the "
            f"model unused, which has {groups} groups of layers: begin with "
            f"{groups}, or share more"
        )
