# SPDX-License-Identifier: Apache-2.0
"""Trains to the last step in a directory, from its last checkpoint if any."""

import contextlib
import dataclasses
import os
import typing

from absl import logging

from albert import run_settings
from albert.config import AlbertConfig
from albert.errors import StopRequested
from albert.errors import UserError
from albert.interchange.kept_heads import KeptHead
from albert.interchange.starting_point import StartingPoint
from albert.interchange.starting_point import holds_foreign_weights
from albert.interchange.weights import load_slots
from albert.interchange.weights import load_weights
from albert.text.tokenizers import TokenizerInterface
from albert.training import agreement
from albert.training import coordination
from albert.training import freezing
from albert.training import preemption
from albert.training.checkpoints import TrainingCheckpoints
from albert.training.loop import TrainingLoop
from albert.training.options import TrainingOptions
from albert.training.phases import Plan
from albert.training.reporting import Reporter
from albert.training.run_steps import RunSteps


class Data(typing.Protocol):
    """Data to train on."""

    # Tells them from others: a continued run must repeat it.
    settings: dict

    def training_batches(
        self,
        batch_size,
        *,
        seed,
        num_steps,
        start_step,
        bucket_by_length,
        **phase,
    ):
        """Returns a dataset of the global batches after ``start_step`` ones.

        Its settings in a phase of ``Run.data_plans`` are given by name; with
        ``Run.batch_sizes`` so is ``start_record``, int, the number of examples
        in those batches.
        """

    def locate_damage(self):
        """Returns a line that names the damaged file, or None."""


class Evaluation(typing.Protocol):
    """Evaluation of a model on data that it is not trained on."""

    # The metric whose best value marks the best weights: the largest one, the
    # smallest of a loss; of equal ones the last.
    best_metric: str
    # Tells the data from others: a best value on others is forgotten.
    evaluated_on: str

    def metrics(self, loop):
        """Returns a dict of float for the model of an ``InferenceLoop``.

        Of a ``Run`` with ``depths`` it takes the layers to apply, too.
        """


class Watch(typing.Protocol):
    """An observer of the training."""

    def update(self, step, history):
        """Returns a warning for the user, or None.

        Args:
          step: int, updates made.
          history: dict of metric name to array, one value for each of the
            last steps.
        """


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """A training run that writes a model directory.

    Attributes:
      directory: str, the model directory to write.
      config: ``AlbertConfig`` of the model.
      tokenizer: ``Tokenizer``, or None where it is not known.
      options: ``TrainingOptions``.
      data: ``Data`` to train on.
      start: ``StartingPoint``; its weights are not read where a checkpoint is
        continued from.
      fresh: tuple of str, the components of the model that start anew.
      kept_head: ``KeptHead`` of ``start``, or None where there is no choice.
      remedy: str, what else to do where the directory holds another run of
        the same model; it follows the end of a sentence.
      layers_from: int, "mean" or None, as of ``load_weights``.
      init_optimizer: bool, take the optimizer's moments from ``start`` too.
      task: dict, what ``model_directory.read_task`` will return; None for
        pretraining.
      evaluation: ``Evaluation`` to make on the way, or None.
      depths: ``Plan`` of the layers that the encoder applies, or None: all at
        all steps. Evaluations are of all layers in any case, and also of
        those that are trained.
      batch_sizes: ``Plan`` of the sequences of a step, or None: as many in
        all. Of pretraining alone.
      data_plans: dict of ``Plan``, by the setting of the training data that
        changes.
    """

    directory: str
    config: AlbertConfig
    tokenizer: TokenizerInterface | None
    options: TrainingOptions
    data: Data
    start: StartingPoint
    fresh: tuple[str, ...] = ()
    kept_head: KeptHead | None = None
    remedy: str = ""
    layers_from: int | str | None = None
    init_optimizer: bool = False
    task: dict | None = None
    evaluation: Evaluation | None = None
    depths: Plan | None = None
    batch_sizes: Plan | None = None
    data_plans: dict = dataclasses.field(default_factory=dict)

    @property
    def settings(self):
        """dict, settings that a command that continues the run must repeat."""
        return {
            **self.options.settings(),
            **self.data.settings,
            "init_checkpoint": self.start.path,
            run_settings.WEIGHTS_SHA256: self.start.sha256,
            "init_layers_from": self.layers_from,
            "init_optimizer": self.init_optimizer,
            "num_layers_schedule": self.depths and self.depths.phases.text,
            "train_batch_size_schedule": (
                self.batch_sizes and self.batch_sizes.phases.text
            ),
            **{
                f"{name}_schedule": plan.phases.text
                for name, plan in self.data_plans.items()
            },
            "fresh_head": bool(self.kept_head and self.kept_head.refused),
            **(self.task or {}),
        }

    def check(self):
        """Refuses a directory that holds another run.

        Raises:
          UserError: naming what differs.
        """
        run_settings.check(
            self.directory,
            self.config,
            self.settings,
            self.remedy,
            # They would be read instead of those that are trained.
            is_foreign=holds_foreign_weights(self.directory),
        )

    def train(self, model, objective, strategy, watch=None):
        """Trains to the last step, evaluating and saving on the way.

        The same call continues after an interruption; where all steps have
        been made, or it has stopped early, it makes up for an evaluation that
        a kill prevented. A kill at any moment loses the steps since the last
        checkpoint and nothing else. SIGTERM ends the training after the step,
        or the batch of an evaluation, that it is at, with a checkpoint. Of
        several workers the chief writes.

        Args:
          model: made under ``strategy.scope()``.
          objective: of ``albert.training.losses``.
          strategy: ``tf.distribute.Strategy``.
          watch: ``Watch``, or None.

        Returns:
          (loop, metrics): ``TrainingLoop`` of the model with its last
          weights, and the metrics of the last evaluation in this call, or
          None.

        Raises:
          UserError: the directory holds another run or is in use, it was
            evaluated before and is not any more, workers
            differ in settings, weights or directory, the weights
            to start from do not fit, the loss is not finite, records are
            damaged, or a checkpoint cannot be written.
          WorkerLostError: another worker is gone.
          StopRequested: SIGTERM arrived; everything is saved.
        """
        self.check()
        budget = self.options.make_budget()
        budget.check(strategy)
        loop = self._make_loop(model, objective, strategy, budget)
        checkpoints = self._make_checkpoints(loop)
        agreement.check_same(strategy, self._settings_of_all_workers())
        with contextlib.ExitStack() as stack:
            if checkpoints.writes:
                stack.enter_context(run_settings.held(self.directory))
                # Another run may have begun there since.
                self.check()
            # Not before the chief holds the directory.
            agreement.check_shared_directory(strategy, self.directory)
            progress = self._restore_or_start(loop, checkpoints, budget)
            if not (budget.is_spent and progress.evaluated):
                self._check_best(checkpoints)
            agreement.check_weights(strategy, model)
            if checkpoints.writes:
                run_settings.write(
                    self.directory,
                    self.config,
                    self.tokenizer,
                    self.settings,
                    self.task,
                )
            reporter = stack.enter_context(
                self._make_reporter(checkpoints, budget)
            )
            stack.enter_context(preemption.on_sigterm(loop.request_stop))
            stack.enter_context(coordination.worker_loss_explained(strategy))
            steps = RunSteps(self, budget, loop, checkpoints, reporter)
            try:
                metrics = steps.make(progress, watch)
            except StopRequested:
                coordination.finish(strategy)
                raise
            except KeyboardInterrupt:
                raise KeyboardInterrupt(
                    "the same command continues from the last checkpoint, or "
                    "starts again where there is none yet"
                ) from None
            # What the chief has written is read by all after this.
            coordination.wait_for_workers(strategy)
        if checkpoints.writes:
            print(reporter.summary())
        return loop, metrics

    def _settings_of_all_workers(self):
        """Returns a dict of what must be the same in every worker."""
        found = {
            **self.settings,
            # Who saves, evaluates or stops at another step waits for ever.
            **dataclasses.asdict(self.options),
            **self.config.to_dict(),
            "vocabulary": self.tokenizer and self.tokenizer.fingerprint,
            "evaluation": self.evaluation and self.evaluation.evaluated_on,
        }
        # They can have copies of the same files, by other names. The weights
        # themselves are compared too.
        return {
            name: value
            for name, value in found.items()
            if name
            not in (
                "input_file",
                "init_checkpoint",
                run_settings.WEIGHTS_SHA256,
            )
        }

    def _make_loop(self, model, objective, strategy, budget):
        model.encoder.recompute_layers = self.options.recompute_layers
        freezing.freeze(model, self.options.freeze)
        with strategy.scope():
            optimizer = self.options.make_optimizer(model, budget)
        loop = TrainingLoop(
            model,
            optimizer,
            objective,
            strategy,
            regularizer=self.options.make_regularizer(model),
            accumulation_steps=self.options.gradient_accumulation_steps,
            jit_compile=self.options.jit_compile,
        )
        if self.options.freeze:
            freezing.log_trained(loop, self.options.freeze)
        if self.options.weight_average_decay is not None:
            logging.info(
                "averages of the weights (decay %g) are evaluated and kept as "
                "the best; training goes on with the weights themselves",
                self.options.weight_average_decay,
            )
        return loop

    def _make_checkpoints(self, loop):
        measured = ""
        if self.evaluation:
            measured = (
                f"{self.evaluation.best_metric} {self.evaluation.evaluated_on}"
            )
        return TrainingCheckpoints(
            self.directory,
            loop.model,
            loop.optimizer,
            self.options.keep_checkpoint_max,
            evaluation=measured,
            writes=coordination.is_chief(loop.strategy),
        )

    def _make_reporter(self, checkpoints, budget):
        folder = os.path.join(self.directory, "tensorboard")
        plans = (
            self.depths,
            self.batch_sizes,
            self.data_plans.get("max_seq_length"),
        )
        return Reporter(
            folder if checkpoints.writes else None,
            budget,
            checkpoints.step,
            # What a step costs; time passes as fast in all phases.
            [plan for plan in plans if plan and budget.num_steps],
        )

    def _restore_or_start(self, loop, checkpoints, budget):
        """Restores the last checkpoint, else sets the first weights."""
        progress = checkpoints.restore()
        coordination.check_agreement(
            loop.strategy,
            checkpoints.step,
            "they restored different checkpoints: --output_dir must be on a "
            "file system that all workers share",
        )
        budget.restore(checkpoints.step, progress.milliseconds)
        if progress.restored:
            logging.info("continuing at %s", budget.describe(checkpoints.step))
        else:
            self._load_first_weights(loop)
        return progress

    def _check_best(self, checkpoints):
        """Refuses to train on beside best weights that would stay the best."""
        if self.evaluation is None and checkpoints.has_best:
            raise UserError(
                f"{self.directory} holds model.ckpt-best, of an evaluation, "
                "which every command would go on to use in the place of what "
                "is trained from here on: give --do_eval and the data to "
                "evaluate on again, or remove model.ckpt-best.*"
            )

    def _load_first_weights(self, loop):
        """Loads the weights to start from, and logs which were loaded."""
        if self.start.source is None:
            if self.task is not None:  # its encoder should know something
                logging.warning(
                    "no --init_checkpoint: all weights of this model are random"
                )
            else:
                logging.info("starting from random weights")
            return
        start = self.start
        if self.kept_head:
            self.kept_head.log(start)
            start = self.kept_head.put_into_order(start, loop.model)
        report = load_weights(
            loop.model,
            start,
            fresh=self.fresh,
            layers_from=self.layers_from,
        )
        freezing.check_loaded(loop, report.fresh)
        for note in report.notes:
            logging.info("made of %s: %s", report.source, note)
        logging.info(
            "%d weights loaded from %s; new: %s; not used: %s",
            len(report.loaded),
            report.source,
            ", ".join(report.fresh) or "none",
            ", ".join(report.unused) or "none",
        )
        if self.init_optimizer:
            load_slots(loop.optimizer, loop.model, self.start)
            logging.info("the optimizer's moments too")
