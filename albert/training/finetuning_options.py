# SPDX-License-Identifier: Apache-2.0
"""Combines flags with the recipe of a task to the options of a fine-tuning."""

import dataclasses
import math

from absl import logging

from albert.errors import UserError
from albert.records import batch_plan
from albert.training import defaults
from albert.training import freezing
from albert.training import training_length
from albert.training.options import TrainingOptions
from albert.training.options import check_decay

# Fine-tuning plans the order of all examples beforehand, in 4 bytes each.
_MOST_EXAMPLES = 10**9


def adjust_recipe(fv, recipe):
    """Returns a ``Recipe`` with the flags' values of dropout and warm-up.

    Args:
      fv: values of the flags of ``finetuning_flags.define``.
      recipe: ``albert.tasks.task.Recipe`` of the task.
    """
    names = ("dropout_prob", "classifier_dropout", "warmup_proportion")
    given = {
        name.removesuffix("_prob"): fv[name].value
        for name in names
        if name in fv and fv[name].value is not None
    }
    return dataclasses.replace(recipe, **given)


def find_finetuning_options(
    fv, recipe, config, num_examples, steps_per_epoch=None
):
    """Returns the ``TrainingOptions`` of flags, else of the task's recipe.

    Args:
      fv: values of the flags of ``define_training_flags`` and
        ``finetuning_flags.define``.
      recipe: ``albert.tasks.task.Recipe``.
      config: ``AlbertConfig``.
      num_examples: int, examples to train on.
      steps_per_epoch: int, where batches differ in their number of examples.

    Raises:
      UserError: a warm-up that does not end before the training, a power of
        a decay that has none, or more examples than can be planned.
    """
    check_decay(fv)
    batch_size = fv.train_batch_size or recipe.train_batch_size
    steps_per_epoch = steps_per_epoch or num_examples / batch_size
    steps = fv.num_train_steps
    if steps is None:
        epochs = fv.num_train_epochs
        if epochs is None:
            steps = recipe.num_train_steps
            epochs = recipe.num_train_epochs
        if steps is None:
            steps = max(1, math.ceil(epochs * steps_per_epoch))
    warmup_steps = fv.num_warmup_steps
    if warmup_steps is None:
        # The recipe's share of its own steps, where there are other ones.
        share = recipe.warmup_proportion
        if recipe.num_train_steps:
            share = recipe.num_warmup_steps / recipe.num_train_steps
        warmup_steps = round(share * steps)
    training_length.check_warmup(fv.start_warmup_step, warmup_steps, steps)
    planned = round(steps * num_examples / steps_per_epoch)
    if planned > _MOST_EXAMPLES:
        raise UserError(
            f"{steps} steps (--num_train_steps, or --num_train_epochs of "
            f"{num_examples} examples) take {planned} examples, which "
            f"fine-tuning plans in memory: at most {_MOST_EXAMPLES} are "
            "possible, so give fewer steps or smaller batches"
        )
    learning_rate = fv.learning_rate
    if learning_rate is None:
        learning_rate = defaults.finetuning_learning_rate(
            config, recipe.learning_rate
        )
    every = fv.save_checkpoints_steps or max(1, steps // 10)
    _warn_of_idle_patience(fv.early_stopping_patience, math.ceil(steps / every))
    return TrainingOptions.from_flags(
        fv,
        learning_rate=learning_rate,
        train_batch_size=batch_size,
        num_train_steps=steps,
        num_warmup_steps=warmup_steps,
        save_checkpoints_steps=every,
        train_minutes=None,
        warmup_proportion=None,
        freeze=freezing.canonical(fv.freeze),
        weight_average_decay=None,
        initialization=None,
    )


def _warn_of_idle_patience(patience, evaluations):
    """Warns where no evaluation before the last one can stop the training."""
    if patience is not None and patience + 1 >= evaluations:
        logging.warning(
            "--early_stopping_patience=%d cannot end the training early: there "
            "are %d evaluations; give a smaller --save_checkpoints_steps, or "
            "less patience",
            patience,
            evaluations,
        )


def check_shorter_than_sequence(fv, max_seq_length, *names):
    """Refuses lengths of parts of a sequence that the sequence cannot hold.

    Args:
      fv: values of flags.
      max_seq_length: int.
      *names: flags of such lengths; one that is not given adapts itself.

    Raises:
      UserError: one is not below ``max_seq_length``.
    """
    for name in names:
        value = fv[name].value
        if value is not None and value >= max_seq_length:
            raise UserError(
                f"--{name}={value} is not below --max_seq_length, which is "
                f"{max_seq_length}: give a smaller --{name}"
            )


def find_max_seq_length(flag_value, default, config, record_lengths=()):
    """Returns the maximum sequence length: of the flag, else of the task.

    Args:
      flag_value: int, --max_seq_length, or None.
      default: int, that of the task, or of the model that was trained for it.
      config: ``AlbertConfig``.
      record_lengths: list of int, lengths of the records that are read.

    Raises:
      UserError: the model has too few positions, or records differ.
    """
    positions = config.longest_sequence
    lengths = {flag_value, *record_lengths} - {None}
    if len(lengths) > 1:
        raise UserError(
            "records and --max_seq_length must have one length, not "
            f"{', '.join(map(str, sorted(lengths)))}: make the records again, "
            "or leave the flag out"
        )
    length = lengths.pop() if lengths else min(default, positions)
    if length > positions:
        raise UserError(
            f"sequences of {length} pieces are longer than the {positions} "
            "positions of the model: give a smaller --max_seq_length"
        )
    return length


def find_lengths(fv, max_seq_length):
    """Returns the lengths that batches may have, see ``padded_lengths``.

    Args:
      fv: values of flags.
      max_seq_length: int, the largest of them.
    """
    if fv.pad_to_max_length or fv.distribution_strategy == "tpu":
        shapes = "one"
    else:
        shapes = "few" if fv.jit_compile else "many"
    return batch_plan.padded_lengths(max_seq_length, shapes)


def log_defaults(fv, task_name, config, settings, options):
    """Logs the settings that no flag sets, written as flags.

    Args:
      fv: values of flags.
      task_name: str.
      config: ``AlbertConfig``, for its dropout.
      settings: dict from flag to the value that is used.
      options: ``TrainingOptions``.
    """
    values = {
        "dropout_prob": config.hidden_dropout_prob,
        **settings,
        **dataclasses.asdict(options),
    }
    derived = [
        f"--{name}={value:g}"
        if isinstance(value, float)
        else f"--{name}={value}"
        for name, value in values.items()
        if value is not None and fv[name].value is None
    ]
    if derived:
        logging.info(
            "settings of %s, which flags of these names override: %s",
            task_name,
            " ".join(derived),
        )
