# SPDX-License-Identifier: Apache-2.0
"""Weights into a model and out of it, every variable accounted for."""

import dataclasses
import re

from albert.errors import UserError
from albert.interchange import checkpoint
from albert.interchange.names import google_name
from albert.interchange.names import named_variables

# What training checkpoints hold besides the model.
_TRAINING_STATE = re.compile(
    r"(^|/)(global_step|adam_m|adam_v)$|^training_state/"
)


@dataclasses.dataclass(frozen=True)
class LoadReport:
    """What ``load_weights`` did.

    Attributes:
      source: str, the checkpoint prefix that was read.
      loaded: list of str, the model's variables that were set (all of them).
      unused: list of str, weights of heads that this model does not have.
    """

    source: str
    loaded: list
    unused: list


def load_weights(model, path):
    """Sets every weight of ``model`` from a checkpoint, or none.

    Args:
      model: ``AlbertEncoder`` or ``AlbertPretrainer``.
      path: a model directory, a training checkpoint of this project, or a
        checkpoint of Google's release (a directory or a prefix).

    Returns:
      ``LoadReport``.

    Raises:
      UserError: nothing there, a variable that is missing or has another
        shape, or an encoder weight in the checkpoint that the model has no
        place for; one message lists them all, and the model is unchanged.
    """
    prefix = checkpoint.resolve(path)
    tensors = checkpoint.read(prefix)
    targets = {
        google_name(name): variable
        for name, variable in named_variables(model).items()
    }
    components = {_component(name) for name in targets}
    extra = sorted(
        name
        for name in tensors
        if name not in targets and not _TRAINING_STATE.search(name)
    )
    misfits = [f"missing {name}" for name in targets if name not in tensors]
    misfits += [
        f"{name} has shape {list(tensors[name].shape)} instead of "
        f"{list(variable.shape)}"
        for name, variable in targets.items()
        if name in tensors
        and tuple(tensors[name].shape) != tuple(variable.shape)
    ]
    misfits += [
        f"no place for {name}"
        for name in extra
        if _component(name) in components
    ]
    if misfits:
        raise UserError(
            f"{prefix} does not fit the model ({len(misfits)} differences): "
            f"{'; '.join(misfits)}. Use the configuration that the "
            "checkpoint was trained with"
        )
    for name, variable in targets.items():
        variable.assign(tensors[name])
    return LoadReport(
        source=prefix,
        loaded=sorted(targets),
        unused=[name for name in extra if _component(name) not in components],
    )


def save_weights(model, path, format="google"):
    """Writes the weights of ``model`` under Google's variable names.

    Args:
      model: ``AlbertEncoder`` or ``AlbertPretrainer``.
      path: prefix of the checkpoint to write, e.g. "dir/model.ckpt-best".
      format: "google", the one format so far.
    """
    if format != "google":
        raise ValueError(f"format is {format!r}: only 'google' is known")
    checkpoint.write(path, google_tensors(model))


def google_tensors(model):
    """Returns the model's weights as a dict of Google's name to tensor."""
    return {
        google_name(name): variable.value
        for name, variable in named_variables(model).items()
    }


def _component(name):
    """The part of a model that a variable belongs to: encoder or a head."""
    return "bert" if name.startswith("bert/") else name.split("/")[:2][-1]
