# SPDX-License-Identifier: Apache-2.0
"""Decides how long a training is, with its warm-up: in steps or in minutes."""

import math

from absl import logging

from albert.errors import UserError
from albert.training import defaults

# More epochs are taken for a mistake.
_MOST_EPOCHS = 100


def of_time(train_minutes, warmup_proportion, save_checkpoints_steps):
    """Returns the options of a pretraining in minutes.

    Args:
      train_minutes: float.
      warmup_proportion: float, or None for 6%.
      save_checkpoints_steps: int, or None for a tenth of the time.

    Returns:
      dict, arguments of ``TrainingOptions``.
    """
    if warmup_proportion is None:
        warmup_proportion = defaults.WARMUP_SHARE
        logging.info("warm-up over %.0f%% of the time", 100 * warmup_proportion)
    return {
        "train_minutes": train_minutes,
        "num_train_steps": None,
        "num_warmup_steps": None,
        "warmup_proportion": warmup_proportion,
        "save_checkpoints_steps": save_checkpoints_steps,
    }


def of_steps(num_train_steps, num_warmup_steps, start, warmup_proportion):
    """Returns the options of a pretraining in steps.

    Args:
      num_train_steps: int.
      num_warmup_steps: int, or None for a part of them.
      start: int, the step at which the warm-up starts.
      warmup_proportion: float, that part, or None for the default.

    Returns:
      dict, arguments of ``TrainingOptions``.

    Raises:
      UserError: a warm-up that does not end before the training.
    """
    if warmup_proportion is not None:
        num_warmup_steps = round(warmup_proportion * num_train_steps)
    elif num_warmup_steps is None:
        num_warmup_steps = defaults.warmup_steps(num_train_steps)
        logging.info("warm-up over %d steps", num_warmup_steps)
    check_warmup(start, num_warmup_steps, num_train_steps)
    return {"num_warmup_steps": num_warmup_steps, "warmup_proportion": None}


def check_warmup(start, warmup_steps, steps):
    """Refuses a schedule that never reaches the peak of its rate.

    Args:
      start, warmup_steps: int, the first step of the warm-up, and its length.
      steps: int, of the training.

    Raises:
      UserError: naming the three, or a start of no warm-up.
    """
    if start and not warmup_steps:
        raise UserError(
            f"--start_warmup_step={start} has no effect without a warm-up, "
            "which is of 0 steps here: give --num_warmup_steps, or leave "
            "--start_warmup_step out"
        )
    if warmup_steps and start >= steps - 1:
        raise UserError(
            f"the learning rate of all --num_train_steps={steps} would be 0, "
            f"with a warm-up from step {start} on: give --num_warmup_steps=0, "
            "or train for longer"
        )
    if start + warmup_steps > steps:
        raise UserError(
            f"--start_warmup_step={start} and --num_warmup_steps="
            f"{warmup_steps} are more than --num_train_steps={steps}: the "
            "learning rate would never reach its peak; give fewer, or train "
            "for longer"
        )


def log(options, num_examples, num_sequences):
    """Logs how often examples are seen, and warns where that is too often.

    Args:
      options: ``TrainingOptions``.
      num_examples: int, examples to train on.
      num_sequences: int, those of all steps; None for a training in time.
    """
    if num_sequences is None:
        logging.info(
            "%s examples, for %s; that is no fixed number of steps, so that "
            "the same command gives other weights each time",
            f"{num_examples:,}",
            options.make_budget(),
        )
        return
    epochs = num_sequences / num_examples
    logging.info(
        "%s examples; %d steps are %s epochs",
        f"{num_examples:,}",
        options.num_train_steps,
        f"{epochs:,.0f}" if epochs >= 100 else f"{epochs:.3g}",
    )
    if epochs > _MOST_EPOCHS:
        logging.warning(
            "more than %d epochs, in which a model learns its examples by "
            "heart: --num_train_steps=%d are 10 epochs. How long this takes "
            "is logged as soon as its speed is known",
            _MOST_EPOCHS,
            math.ceil(
                10 * num_examples * options.num_train_steps / num_sequences
            ),
        )
