# SPDX-License-Identifier: Apache-2.0
"""Combines flags with the recipe of a task to the options of a training."""

import dataclasses
import math

from absl import logging

from albert.errors import UserError
from albert.records import batch_plan
from albert.training import budgets
from albert.training import defaults
from albert.training import distribution
from albert.training import freezing
from albert.training import schedules
from albert.training import training_length
from albert.training.muon import Muon
from albert.training.optimizers import AdamW
from albert.training.optimizers import Lamb
from albert.training.regularizers import AttentionRegularizer

# Not compared when a run is continued: they change how it is computed and
# saved, not what comes out.
_NOT_COMPARED = (
    "gradient_accumulation_steps",
    "steps_per_loop",
    "save_checkpoints_steps",
    "keep_checkpoint_max",
    "jit_compile",
    "recompute_layers",
    "early_stopping_patience",
)


# Fine-tuning plans the order of all examples beforehand, in 4 bytes each.
_MOST_EXAMPLES = 10**9

# By the name that --optimizer gives.
OPTIMIZERS = {"lamb": Lamb, "adamw": AdamW, "muon": Muon}

# Keras's policies of the values of --dtype.
DTYPE_POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """Options of a training; the fields are the flags of the same names."""

    learning_rate: float
    train_batch_size: int
    num_train_steps: int | None
    num_warmup_steps: int | None
    start_warmup_step: int
    optimizer: str
    poly_power: float
    layer_decay_rate: float
    embedding_learning_rate_scale: float
    attention_head_l2: float
    attention_l2: float
    bias_correction: bool
    dtype: str
    seed: int
    gradient_accumulation_steps: int
    steps_per_loop: int
    save_checkpoints_steps: int | None
    keep_checkpoint_max: int
    jit_compile: bool
    bucket_by_length: bool
    recompute_layers: bool
    # Of fine-tuning alone.
    early_stopping_patience: int | None = None
    freeze: str | None = None
    # Of the schedule of the learning rate, besides the original's.
    learning_rate_decay: str = "polynomial"
    end_learning_rate_share: float = 0.0
    decay_after_warmup: bool = False
    # Of a training in time, whose steps are not known beforehand.
    train_minutes: float | None = None
    warmup_proportion: float | None = None
    # Of pretraining alone.
    weight_average_decay: float | None = None

    @classmethod
    def from_flags(cls, fv, **resolved):
        """Makes options of the values of flags.

        Args:
          fv: ``absl.flags.FlagValues``.
          **resolved: fields whose value is not that of the flag.
        """
        names = {field.name for field in dataclasses.fields(cls)}
        values = {name: fv[name].value for name in names - set(resolved)}
        return cls(**values, **resolved)

    def settings(self):
        """Returns the options that a continued run must repeat."""
        values = dataclasses.asdict(self)
        return {k: v for k, v in values.items() if k not in _NOT_COMPARED}

    def make_budget(self):
        """Returns what the training may take, of ``budgets``."""
        pace = (self.steps_per_loop, self.save_checkpoints_steps)
        if self.train_minutes is not None:
            return budgets.TimeBudget(self.train_minutes, *pace)
        return budgets.StepBudget(self.num_train_steps, *pace)

    def make_schedule(self, budget):
        """Returns the schedule of the learning rate over a budget."""
        warmup = self.num_warmup_steps
        if self.train_minutes is not None:
            warmup = round(self.warmup_proportion * budget.total)
        decay = schedules.DECAYS[self.learning_rate_decay]
        powers = {}
        if self.learning_rate_decay == "polynomial":
            powers["power"] = self.poly_power
        schedule = decay(
            self.learning_rate,
            num_train_steps=budget.total,
            num_warmup_steps=warmup,
            start_warmup_step=self.start_warmup_step,
            end_learning_rate_share=self.end_learning_rate_share,
            decay_after_warmup=self.decay_after_warmup,
            **powers,
        )
        return budget.follow(schedule)

    def make_optimizer(self, model, budget):
        """Returns the optimizer, built for the model's variables."""
        optimizer = OPTIMIZERS[self.optimizer](
            self.make_schedule(budget),
            bias_correction=self.bias_correction,
            layer_decay_rate=self.layer_decay_rate,
            embedding_learning_rate_scale=self.embedding_learning_rate_scale,
            model_config=model.config,
            weight_average_decay=self.weight_average_decay,
        )
        optimizer.build(model.trainable_variables)
        return optimizer

    def make_regularizer(self, model):
        """Returns the regulariser of the model, None where it has no term."""
        if not (self.attention_head_l2 or self.attention_l2):
            return None
        return AttentionRegularizer(
            model,
            attention_head_l2=self.attention_head_l2,
            attention_l2=self.attention_l2,
        )


def find_pretraining_options(fv, config):
    """Returns the ``TrainingOptions`` of flags, else of known defaults.

    Args:
      fv: values of the flags of ``define_training_flags``.
      config: ``AlbertConfig``.

    Raises:
      UserError: a warm-up that does not end before the training, or a power
        of a decay that has none.
    """
    _check_decay(fv)
    if fv.train_minutes is None:
        length = training_length.of_steps(
            fv.num_train_steps,
            fv.num_warmup_steps,
            fv.start_warmup_step,
            fv.warmup_proportion,
        )
    else:
        every = fv["save_checkpoints_steps"]
        length = training_length.of_time(
            fv.train_minutes,
            fv.warmup_proportion,
            # The default is of trainings of 125,000 steps.
            every.value if every.present else None,
        )
    size = (config, fv.optimizer, fv.train_batch_size)
    learning_rate = fv.learning_rate
    if learning_rate is None:
        learning_rate = defaults.pretraining_learning_rate(*size)
        logging.info(
            "learning rate %.3g: derived for %s, width %d, batch size %d",
            learning_rate,
            fv.optimizer,
            config.hidden_size,
            fv.train_batch_size,
        )
    warning = defaults.learning_rate_warning(*size, learning_rate)
    if warning:
        logging.warning("%s", warning)
    return TrainingOptions.from_flags(
        fv,
        learning_rate=learning_rate,
        early_stopping_patience=None,
        freeze=None,
        **length,
    )


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
    _check_decay(fv)
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


def _check_decay(fv):
    """Refuses the power of a decay that has none."""
    if fv.learning_rate_decay != "polynomial" and fv["poly_power"].present:
        raise UserError(
            "--poly_power is of --learning_rate_decay=polynomial: leave it "
            f"out with {fv.learning_rate_decay}"
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


def check_and_log_batch(strategy, options, num_examples, max_seq_length):
    """Logs how a batch is divided, and refuses one that does not divide.

    Args:
      strategy: ``tf.distribute.Strategy``.
      options: ``TrainingOptions``.
      num_examples: int, examples to train on.
      max_seq_length: int, pieces of a sequence at most.

    Raises:
      UserError: the batch size is not divisible by the number of parts.
    """
    replicas = strategy.num_replicas_in_sync
    workers = distribution.num_workers(strategy)
    steps = options.gradient_accumulation_steps
    per_step = distribution.check_batch_size(
        "train_batch_size", options.train_batch_size, replicas, steps
    )
    training_length.log(options, num_examples)
    logging.info(
        "global batch %d = %d replica(s) (%s%s) x %d accumulation step(s) x "
        "%d sequences; at most %s pieces (%d each) per step",
        options.train_batch_size,
        replicas,
        distribution.device_name(strategy),
        f", {workers} workers" if workers > 1 else "",
        steps,
        per_step,
        f"{options.train_batch_size * max_seq_length:,}",
        max_seq_length,
    )
