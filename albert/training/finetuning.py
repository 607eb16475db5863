# SPDX-License-Identifier: Apache-2.0
"""From a pretrained model to one of a task: what the recipes of tasks share."""

import dataclasses
import os

from absl import logging

from albert import model_directory
from albert.training import distribution
from albert.training import optimizers
from albert.training import reporting
from albert.training import schedules
from albert.training.checkpoints import TrainingCheckpoints
from albert.training.fitting import fit
from albert.training.loop import TrainingLoop

# Not compared when a run is continued: they change how it is computed and
# saved, not what comes out.
_FREE = (
    "gradient_accumulation_steps",
    "steps_per_loop",
    "save_checkpoints_steps",
    "keep_checkpoint_max",
    "jit_compile",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How a model is trained; the fields are the flags of those names."""

    learning_rate: float
    train_batch_size: int
    num_train_steps: int
    num_warmup_steps: int
    start_warmup_step: int
    optimizer: str
    poly_power: float
    layer_decay_rate: float
    bias_correction: bool
    dtype: str
    seed: int
    gradient_accumulation_steps: int
    steps_per_loop: int
    save_checkpoints_steps: int
    keep_checkpoint_max: int
    jit_compile: bool

    @classmethod
    def from_flags(cls, fv, **resolved):
        """Takes the values of flags.

        Args:
          fv: ``absl.flags.FlagValues``.
          **resolved: fields whose value is not that of the flag.
        """
        values = {f.name: fv[f.name].value for f in dataclasses.fields(cls)}
        return cls(**values | resolved)

    def settings(self):
        """Returns what must be the same for a run to be continued."""
        values = dataclasses.asdict(self)
        return {k: v for k, v in values.items() if k not in _FREE}

    def make_optimizer(self, model):
        """Returns the optimizer, built for the model's variables."""
        optimizer = optimizers.OPTIMIZERS[self.optimizer](
            schedules.PolynomialDecayWithWarmup(
                self.learning_rate,
                num_train_steps=self.num_train_steps,
                num_warmup_steps=self.num_warmup_steps,
                start_warmup_step=self.start_warmup_step,
                power=self.poly_power,
            ),
            bias_correction=self.bias_correction,
            layer_decay_rate=self.layer_decay_rate,
            model_config=model.config,
        )
        optimizer.build(model.trainable_variables)
        return optimizer


def finetune(
    directory,
    model,
    objective,
    strategy,
    options,
    *,
    tokenizer,
    task,
    settings,
    make_dataset,
    load_initial,
    make_evaluate,
    best_metric,
):
    """Trains, evaluating on the way, in a directory of its own.

    The same call continues after an interruption, and does nothing where all
    steps have been made.

    Args:
      directory: the model directory to write.
      model: made under ``strategy.scope()``.
      objective: of ``albert.training.losses``.
      strategy: ``tf.distribute.Strategy``.
      options: ``TrainingOptions``.
      tokenizer: ``Tokenizer``.
      task: dict, what ``model_directory.write_task`` writes.
      settings: dict, what a continued run must repeat besides ``options``.
      make_dataset: function of the number of examples already consumed to a
        dataset of global batches.
      load_initial: function without arguments that sets the first weights;
        not called where a checkpoint is continued from.
      make_evaluate: function of a ``TrainingLoop`` to a function without
        arguments that returns a dict of metrics; or None.
      best_metric: str, the metric whose largest value marks the best weights.

    Raises:
      UserError: the directory holds another run, the loss is not finite, or
        a checkpoint cannot be written.
    """
    settings = {**options.settings(), **settings}
    model_directory.check_run(directory, model.config, settings)
    with strategy.scope():
        optimizer = options.make_optimizer(model)
    loop = TrainingLoop(
        model,
        optimizer,
        objective,
        strategy,
        accumulation_steps=options.gradient_accumulation_steps,
        jit_compile=options.jit_compile,
    )
    checkpoints = TrainingCheckpoints(
        directory,
        model,
        optimizer,
        options.keep_checkpoint_max,
        evaluation=best_metric if make_evaluate else "",
    )
    restored, best = checkpoints.restore()
    if restored:
        logging.info(
            "continuing at step %d of %d",
            checkpoints.step,
            options.num_train_steps,
        )
    else:
        load_initial()
    with (
        model_directory.start_run(
            directory, model.config, tokenizer, settings, task
        ),
        reporting.Reporter(
            os.path.join(directory, "tensorboard"),
            options.num_train_steps,
            checkpoints.step,
            options.train_batch_size,
        ) as reporter,
    ):
        fit(
            loop,
            checkpoints,
            reporter,
            make_dataset=make_dataset,
            num_steps=options.num_train_steps,
            batch_size=options.train_batch_size,
            steps_per_loop=options.steps_per_loop,
            save_steps=options.save_checkpoints_steps,
            best=best,
            evaluate=make_evaluate and make_evaluate(loop),
            best_metric=best_metric,
        )
    print(reporter.summary())


def log_batch(strategy, options, num_examples):
    """Logs how a batch is cut up, and refuses one that cannot be.

    Args:
      strategy: ``tf.distribute.Strategy``.
      options: ``TrainingOptions``.
      num_examples: int, examples to train on.

    Raises:
      UserError: the batch size is not divisible by the number of parts.
    """
    replicas = strategy.num_replicas_in_sync
    steps = options.gradient_accumulation_steps
    per_step = distribution.check_batch_size(
        "train_batch_size", options.train_batch_size, replicas, steps
    )
    logging.info(
        "%d examples; %d steps are %.1f epochs; global batch %d = %d "
        "replica(s) x %d accumulation step(s) x %d",
        num_examples,
        options.num_train_steps,
        options.num_train_steps * options.train_batch_size / num_examples,
        options.train_batch_size,
        replicas,
        steps,
        per_step,
    )
