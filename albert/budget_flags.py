# SPDX-License-Identifier: Apache-2.0
"""Defines the flags of what changes while `albert pretrain` trains."""

from albert import flag_parsers
from albert import flags
from albert.errors import UserError

# What counts steps, and what to give instead where a training counts minutes.
_COUNT_STEPS = {
    "num_train_steps": "leave one of the two out",
    "num_warmup_steps": "give --warmup_proportion",
    "start_warmup_step": "give --warmup_proportion",
}


# What `albert pretrain` has no use for where it does not train.
_OF_TRAINING = (
    *("recipe", "initialization", "train_minutes", "warmup_proportion"),
    *("num_layers_schedule", "train_batch_size_schedule"),
    *("max_seq_length_schedule", "masked_lm_prob_schedule"),
    *("weight_average_decay", "init_optimizer", "bucket_by_length"),
)


def define(fv):
    """Defines the flags on ``fv``."""
    training = flags.FlagGroup(fv, "Training")
    training.real(
        "train_minutes",
        None,
        "Minutes to train for, instead of --num_train_steps: warm-up, decay "
        "and schedules follow the time, of which evaluations, checkpoints and "
        "compiling are no part. Two such trainings are never the same.",
        lower_bound=0.01,
        upper_bound=flag_parsers.MOST_MINUTES,
    )
    training.real(
        "warmup_proportion",
        None,
        "Part of the training that is warm-up, instead of --num_warmup_steps. "
        "Default: 0.06 of --train_minutes.",
        lower_bound=0.0,
        upper_bound=0.9,
    )
    training.string(
        "num_layers_schedule",
        None,
        "Layers to apply and their shares of the training, as in "
        "2:0.33,4:0.33,6 for a model of 6: it begins shallow, where steps "
        "cost less, with the same weights. Evaluations are of all layers. "
        "Default: all layers at all steps, as in the original.",
    )
    training.string(
        "train_batch_size_schedule",
        None,
        "Sequences of a step and their shares of the training, as in "
        "16:0.2,32:0.3,64 for --train_batch_size=64: steps that cost less at "
        "first. Default: as many in all steps, as in the original.",
    )
    training.string(
        "max_seq_length_schedule",
        None,
        "Lengths of sequences and their shares of the training, as in "
        "64:0.5,128 for records of 128 pieces and --masking=dynamic, which are "
        "cut. Evaluations are of whole records. Default: whole records.",
    )


def check(fv):
    """Refuses flags that do not work together.

    Raises:
      UserError: naming them.
    """
    if not fv.do_train:
        for name in _OF_TRAINING:
            if fv[name].value:
                raise UserError(
                    f"--{name} is of training, and --nodo_train evaluates "
                    "what --init_checkpoint or --output_dir holds: leave it out"
                )
    flags.refuse_both(fv, "warmup_proportion", "num_warmup_steps")
    if fv.train_batch_size_schedule and fv.bucket_by_length:
        raise UserError(
            "--bucket_by_length sorts records into batches of one size, and "
            "--train_batch_size_schedule changes it: leave one of the two out"
        )
    if fv.train_minutes is None:
        return
    if fv.bucket_by_length:
        raise UserError(
            "--bucket_by_length makes batches of many lengths, each of which "
            "is compiled when its first batch comes, and --train_minutes would "
            "take that for training: leave it out, or give --num_train_steps "
            "instead of the minutes"
        )
    for name, remedy in _COUNT_STEPS.items():
        if fv[name].present:
            raise UserError(
                f"--{name} counts steps, --train_minutes minutes: {remedy}"
            )
