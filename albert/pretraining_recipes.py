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
# What says how much is masked in all steps.
_MASKS = ("masked_lm_prob", "max_predictions_per_seq")
_ALREADY_MASKED = (
    "the records are masked already: make them with --masking=dynamic"
)
# Much at first, less later: more is learnt from the same text, as a prediction
# costs less than the layers below it, and the end is as it is evaluated.
_MASKED_AT_FIRST, _SHARE_OF_MORE_MASKS = 0.45, 0.8
# Below it, a schedule has no steps for all that it names.
_FEWEST_STEPS = 3
_MASKS_SCHEDULE = "masked_lm_prob_schedule"
_SCHEDULES = ("num_layers_schedule", "max_seq_length_schedule", _MASKS_SCHEDULE)
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


def set_flags_of_model(fv, config, records):
    """Sets the flags of --recipe that follow from the model and its records.

    All flags of the recipe are logged, and why some are left out.

    Args:
      fv: ``absl.flags.FlagValues`` with the flags of `albert pretrain`. Those
        that are given stay.
      config: ``AlbertConfig``.
      records: ``RecordSet`` to train on.
    """
    if fv.recipe != "budget":
        return
    settings, reasons = of_random_weights(config, records)
    steps = fv.num_train_steps if fv["num_train_steps"].present else None
    if fv.init_checkpoint:
        _leave_out(
            (*settings, *reasons),
            "what --init_checkpoint holds is trained",
            settings,
            reasons,
        )
    elif steps and steps < _FEWEST_STEPS:
        reason = f"--num_train_steps={steps} are too few"
        _leave_out(_SCHEDULES, reason, settings, reasons)
    for name in _MASKS:
        if fv[name].value is not None:
            reason = f"--{name} is given"
            _leave_out((_MASKS_SCHEDULE,), reason, settings, reasons)
    _set(fv, settings)
    names = [*_BUDGET, "train_minutes", "initialization", *_SCHEDULES]
    logging.info(
        "--recipe=budget is %s",
        " ".join(
            f"--{name}={_text(fv[name].value)}"
            for name in names
            if fv[name].value is not None
        ),
    )
    for name, reason in reasons.items():
        if fv[name].value is None:
            logging.info("--recipe=budget without --%s: %s", name, reason)


def of_random_weights(config, records):
    """Decides how a model begins, and how it and its data change.

    Args:
      config: ``AlbertConfig``.
      records: ``RecordSet`` to train on.

    Returns:
      (settings, reasons): dict of the values of flags, and of why flags are
      left out.
    """
    # TensorFlow comes with it.
    from albert.modeling import local_attention

    settings, reasons = {}, {}
    refusal = local_attention.refusal(config)
    if refusal:
        reasons["initialization"] = refusal
    else:
        settings["initialization"] = "local"

    layers = config.num_hidden_layers
    name = "num_layers_schedule"
    if layers < _FEWEST_LAYERS:
        reasons[name] = f"the model has {layers} layers"
    elif config.num_attention_groups > 1 or config.num_ffn_groups > 1:
        reasons[name] = "the layers do not share all of their weights"
    else:
        first, second = round(layers / 3), round(2 * layers / 3)
        settings[name] = f"{first}:0.33,{second}:0.33,{layers}"

    longest = records.schema.max_seq_length
    shortest = max(_SHORTEST_LENGTH, longest // 4)
    name = "max_seq_length_schedule"
    if longest <= shortest:
        reasons[name] = f"the records have {longest} pieces"
    elif records.unmasked is None:
        reasons[name] = _ALREADY_MASKED
    else:
        settings[name] = f"{shortest}:0.8,{longest}"

    name = _MASKS_SCHEDULE
    if records.unmasked is None:
        reasons[name] = _ALREADY_MASKED
        return settings, reasons
    last = records.unmasked.masking.masked_lm_prob
    slots = records.schema.max_predictions_per_seq
    if slots < round(last * longest):
        last = slots / longest  # As evaluations have it, of full sequences.
    if last >= _MASKED_AT_FIRST:
        reasons[name] = f"{last:g} of the tokens are masked in the records"
    else:
        settings[name] = f"{_MASKED_AT_FIRST}:{_SHARE_OF_MORE_MASKS},{last:g}"
    return settings, reasons


def _leave_out(names, reason, settings, reasons):
    """Moves flags from the settings to the reasons."""
    for name in names:
        settings.pop(name, None)
        reasons[name] = reason


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
