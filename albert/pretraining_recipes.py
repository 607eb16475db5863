# SPDX-License-Identifier: Apache-2.0
"""Sets the flags of `albert pretrain` that --recipe stands for.

A recipe is a few flags, of which each can be given beside it and then counts.
``docs/learning.md`` compares them by what is learnt in the same minutes.
"""

from absl import logging

RECIPES = ("paper", "budget")

# A batch that small models learn well with, and a machine without accelerators
# makes many of.
_BUDGET = {
    "optimizer": "muon",
    "train_batch_size": 64,
    "learning_rate_decay": "cosine",
    "end_learning_rate_share": 0.1,
    "decay_after_warmup": True,
}
_MINUTES = 60.0
# What makes a training one of steps.
_STEPS = ("num_train_steps", "num_warmup_steps", "start_warmup_step")
# Growing pays where the first layers and lengths are well below the last.
_FEWEST_LAYERS = 3
_SHORTEST_LENGTH = 64


def set_flags(fv):
    """Sets the flags of --recipe that need no model and no records.

    Args:
      fv: ``absl.flags.FlagValues`` with the flags of `albert pretrain`. Those
        that are given stay.
    """
    if fv.recipe != "budget":
        return
    settings = dict(_BUDGET)
    if not any(fv[name].present for name in _STEPS):
        settings["train_minutes"] = _MINUTES
    if fv["poly_power"].present:
        settings["learning_rate_decay"] = "polynomial"
    _set(fv, settings)


def set_schedules(fv, config, records):
    """Sets the flags of --recipe that follow from the model and its records.

    Args:
      fv: ``absl.flags.FlagValues`` with the flags of `albert pretrain`. Those
        that are given stay.
      config: ``AlbertConfig``.
      records: ``RecordSet`` to train on.
    """
    if fv.recipe != "budget":
        return
    # What was trained before knows all depths and lengths.
    settings = {} if fv.init_checkpoint else of_random_weights(config, records)
    _set(fv, settings)
    names = [*_BUDGET, "train_minutes", "initialization"]
    names += ["num_layers_schedule", "max_seq_length_schedule"]
    logging.info(
        "--recipe=budget is %s",
        " ".join(
            f"--{name}={_text(fv[name].value)}"
            for name in names
            if fv[name].value is not None
        ),
    )


def of_random_weights(config, records):
    """Returns how a model begins, and its schedules of depth and length.

    Args:
      config: ``AlbertConfig``.
      records: ``RecordSet`` to train on.

    Returns:
      dict of flags. Heads that look at neighbours are for learned positions,
      a depth that grows for layers that share all of their weights, and a
      length that grows for records that are masked while training: without
      them, there is none.
    """
    # TensorFlow comes with it.
    from albert.modeling import local_attention

    flags = {}
    if not local_attention.refusal(config):
        flags["initialization"] = "local"
    layers = config.num_hidden_layers
    shared = config.num_attention_groups == config.num_ffn_groups == 1
    if shared and layers >= _FEWEST_LAYERS:
        first, second = round(layers / 3), round(2 * layers / 3)
        flags["num_layers_schedule"] = f"{first}:0.33,{second}:0.33,{layers}"
    longest = records.schema.max_seq_length
    shortest = max(_SHORTEST_LENGTH, longest // 4)
    if records.unmasked is not None and longest > shortest:
        flags["max_seq_length_schedule"] = f"{shortest}:0.8,{longest}"
    return flags


def _set(fv, settings):
    """Sets flags that are not given."""
    for name, value in settings.items():
        if not fv[name].present:
            fv[name].value = value


def _text(value):
    """Returns a value as it is written on a command line."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
