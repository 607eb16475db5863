# SPDX-License-Identifier: Apache-2.0
"""Makes the options of a training of flags, and what follows from them."""

import dataclasses

from absl import logging

from albert.errors import UserError
from albert.modeling import local_attention
from albert.training import batch_size_schedule
from albert.training import budgets
from albert.training import coordination
from albert.training import defaults
from albert.training import distribution
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
    # None: as the original.
    initialization: str | None = None

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
    check_decay(fv)
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
    smallest = fv.train_batch_size
    if fv.train_batch_size_schedule:
        smallest = min(
            batch_size_schedule.parse(fv.train_batch_size_schedule).values
        )
    warning = defaults.learning_rate_warning(
        config, fv.optimizer, smallest, learning_rate
    )
    if warning:
        logging.warning("%s", warning)
    return TrainingOptions.from_flags(
        fv,
        learning_rate=learning_rate,
        early_stopping_patience=None,
        freeze=None,
        initialization=_initialization(fv, config),
        **length,
    )


def _initialization(fv, config):
    """Returns how a model begins: "local", or None for the original's way.

    Raises:
      UserError: the model cannot begin so.
    """
    if fv.initialization != "local":
        return None
    refusal = local_attention.refusal(config)
    if refusal:
        raise UserError(
            f"--initialization=local does not fit this model: {refusal}; "
            "leave the flag out"
        )
    return "local"


def check_decay(fv):
    """Refuses the power of a decay that has none.

    Args:
      fv: values of the flags of ``define_training_flags``.

    Raises:
      UserError: --poly_power is given, and the decay is no polynomial.
    """
    if fv.learning_rate_decay != "polynomial" and fv["poly_power"].present:
        raise UserError(
            "--poly_power is of --learning_rate_decay=polynomial: leave it "
            f"out with {fv.learning_rate_decay}"
        )


def check_and_log_batch(
    strategy, options, num_examples, max_seq_length, batch_sizes=None
):
    """Logs how a batch is divided, and refuses one that does not divide.

    Args:
      strategy: ``tf.distribute.Strategy``.
      options: ``TrainingOptions``.
      num_examples: int, examples to train on.
      max_seq_length: int, pieces of a sequence at most.
      batch_sizes: ``Plan`` of sizes that change, up to that of ``options``, or
        None.

    Raises:
      UserError: the batch size is not divisible by the number of parts.
    """
    replicas = strategy.num_replicas_in_sync
    workers = coordination.num_workers(strategy)
    steps = options.gradient_accumulation_steps
    per_step = distribution.check_batch_size(
        "train_batch_size", options.train_batch_size, replicas, steps
    )
    num_sequences = None
    if options.num_train_steps is not None:
        num_sequences = options.num_train_steps * options.train_batch_size
        if batch_sizes:
            num_sequences = batch_size_schedule.count_sequences(batch_sizes)
    training_length.log(options, num_examples, num_sequences)
    logging.info(
        "global batch%s %d = %d replica(s) (%s%s) x %d accumulation step(s) x "
        "%d sequences; at most %s pieces (%d each) per step",
        " in the end" if batch_sizes else "",
        options.train_batch_size,
        replicas,
        distribution.device_name(strategy),
        f", {workers} workers" if workers > 1 else "",
        steps,
        per_step,
        f"{options.train_batch_size * max_seq_length:,}",
        max_seq_length,
    )
