# SPDX-License-Identifier: Apache-2.0
"""Plans how many layers are applied at each step of a training.

A model whose layers share their weights has the same variables at any depth,
so that it can begin shallow, where a step costs less, and grow. Shallow nets
are also what the paper started its deeper ones from (appendix A.1); there each
was a training of its own.
"""

from albert.errors import UserError
from albert.training.phases import lay_out
from albert.training.phases import parse_phases
from albert.training.phases import whole_number

_FLAG = "--num_layers_schedule"


def plan(text, config, budget):
    """Makes the schedule that a flag describes.

    Args:
      text: str, depths with their shares of the training: "2:0.33,4:0.33,6".
        The last depth has what the others leave.
      config: ``AlbertConfig``.
      budget: of ``albert.training.budgets``.

    Returns:
      ``albert.training.phases.Plan``.

    Raises:
      UserError: the text is no such list, depths do not ascend to that of the
        model, a share leaves a depth without a step, or the model has
        weights that a shallower one does not use.
    """
    phases = parse_phases(_FLAG, text, whole_number, "2:0.33,4:0.33,6")
    _check_depths(text, phases.values, config)
    return lay_out(phases, budget, "layers")


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
