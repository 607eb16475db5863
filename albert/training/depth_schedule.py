# SPDX-License-Identifier: Apache-2.0
"""Plans how many layers are applied at each step of a training.

A model whose layers share their weights has the same variables at any depth,
so that it can begin shallow, where a step costs less, and grow. Shallow nets
are also what the paper started its deeper ones from (appendix A.1); there each
was a training of its own.
"""

import dataclasses
import re

from albert.errors import UserError
from albert.training.phases import parse_phases

_FLAG = "--num_layers_schedule"


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
    phases = parse_phases(_FLAG, text, _depth, "2:0.33,4:0.33,6")
    _check_depths(text, phases.values, config)
    ends = phases.end_steps(num_train_steps)
    return DepthSchedule(text, phases.values, ends)


def _depth(text):
    """Returns the depth that is written; refuses signs and dots."""
    if not re.fullmatch(r"\d+", text):
        raise ValueError(text)
    return int(text)


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
