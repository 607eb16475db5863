# SPDX-License-Identifier: Apache-2.0
"""Defines and checks the flag of the parts of a model that are not trained."""

from albert.errors import UserError
from albert.flag_groups import FlagGroup

# What it can name: ``albert.training.freezing`` finds the layers.
PARTS = ("embeddings", "encoder")
_OF_ATTENTION = (
    ("attention_head_l2", "encoder", 0.0),
    ("attention_l2", "encoder", 0.0),
)


def define(fv):
    """Defines --freeze on an ``absl.flags.FlagValues``."""
    FlagGroup(fv, "Training").names(
        "freeze",
        None,
        "Parts that keep the weights of --init_checkpoint: embeddings (with "
        "their projection), or encoder, which is all but the head. Default: "
        "none.",
    )


def check(fv, decoder=False):
    """Refuses --freeze of what there is not, or of what is not frozen.

    Args:
      fv: ``absl.flags.FlagValues``.
      decoder: bool, whether the model has a decoder, which is never frozen
        and whose attention is regularised, too.

    Raises:
      UserError: an unknown part, no weights that could be kept, or a flag
        for the training of what is frozen.
    """
    if fv.freeze is None:
        return
    for part in fv.freeze:
        if part not in PARTS:
            raise UserError(
                f"--freeze: there is no part {part!r}: the parts are "
                f"{', '.join(PARTS)}"
            )
    if not (fv.do_train and fv.init_checkpoint):
        raise UserError(
            "--freeze needs --do_train, and --init_checkpoint for the weights "
            "that are kept"
        )
    idle = [
        name
        for name, part, default in (
            ("embedding_learning_rate_scale", "embeddings", 1.0),
            ("embedding_learning_rate_scale", "encoder", 1.0),
            *(() if decoder else _OF_ATTENTION),
            # Of embeddings alone, the layers are trained.
            ("layer_decay_rate", "encoder", 1.0),
        )
        if part in fv.freeze and fv[name].value != default
    ]
    if idle:
        raise UserError(
            f"--{idle[0]} is about weights that --freeze="
            f"{','.join(fv.freeze)} leaves as they are: give one of the two"
        )
