# SPDX-License-Identifier: Apache-2.0
"""Makes the steps of a run, with what is due between them."""

import time

from absl import logging

from albert.errors import StopRequested
from albert.records.record_stream import explained_damage
from albert.training.event_tags import is_loss
from albert.training.monitoring import check_finite
from albert.training.reporting import explained_write
from albert.training.weight_averages import averaged_weights


class RunSteps:
    """The steps that this process makes of a run.

    Args:
      run: ``Run``.
      budget: of ``albert.training.budgets``, restored.
      loop: ``TrainingLoop``.
      checkpoints: ``TrainingCheckpoints``, restored.
      reporter: ``Reporter``.
    """

    def __init__(self, run, budget, loop, checkpoints, reporter):
        self.options = run.options
        self.data = run.data
        self.evaluation = run.evaluation
        self.depths = run.depths
        self.batch_sizes = run.batch_sizes
        self.data_plans = run.data_plans
        self.budget = budget
        self.loop = loop
        self.checkpoints = checkpoints
        self.reporter = reporter
        self.best = self.metrics = None
        self.since_best = 0
        # The layers that the last steps were made with; None: all.
        self.depth = None
        # Those that all steps were made with, where their number changes.
        self.sequences = None

    def make(self, progress, watch):
        """Makes the remaining steps; returns the last metrics or None."""
        self.best, self.since_best = progress.best, progress.since_best
        step = self.checkpoints.step
        if self.batch_sizes:
            self.sequences = progress.sequences
            if self.sequences is None:
                self.sequences = step * self.options.train_batch_size
        if step and not self.budget.is_spent:
            # That of the step before, which may have been its phase's last.
            self.depth, *_ = self._phase(max(0, self.budget.used - 1))
        if step and self.budget.is_milestone and not progress.evaluated:
            self._evaluate_and_save(step)
        iterator = of_iterator = None
        compiled = set()
        while not self._is_done():
            depth, of_data, end = self._phase(self.budget.used)
            self.depth = depth
            if of_data != of_iterator:
                iterator = iter(
                    self.loop.distribute(self._batches(step, **of_data))
                )
                of_iterator = of_data
            shape = (depth, *of_data.items())
            compiles = shape not in compiled
            compiled.add(shape)
            count = self.budget.steps_at_once(end, compiles)
            before = self.budget.used
            start = time.monotonic()
            with explained_damage(self.data.locate_damage):
                history = self.loop.train(iterator, count, depth)
            seconds = time.monotonic() - start
            check_finite(step, history)
            made = self.checkpoints.step - step
            self.budget.add(made, seconds, compiles)
            step += made
            if self.batch_sizes:
                self.sequences += made * of_data["train_batch_size"]
            self._warn_of_skipped(before)
            self.reporter.training(
                step,
                history,
                seconds,
                self._settings_in_force(depth, of_data),
                compiles,
            )
            warning = watch and watch.update(step, history)
            if warning:
                self.reporter.warning(warning)
            if self.loop.stopped:
                self._save_and_stop()
            if self.budget.is_milestone:
                self._evaluate_and_save(step)
            elif self.budget.is_unsaved:
                self._save(evaluated=False)
        if not self.budget.is_spent:
            logging.info(
                "stopped early at %s: in %d evaluations %s has not become "
                "better than %.4f",
                self.budget.describe(step),
                self.since_best,
                self.evaluation.best_metric,
                self._sign() * self.best,
            )
        return self.metrics

    def _phase(self, used):
        """Returns what holds at a place of the budget, and until when.

        Args:
          used: int, units of the budget that are over.

        Returns:
          (layers to apply, or None: all; dict of settings of the data; units
          of the budget at which one of them changes).
        """
        end, depth = self.budget.total, None
        if self.depths:
            depth, end = self.depths.at(used)
        of_data = {}
        for name, plan in self._plans_of_data().items():
            of_data[name], its_end = plan.at(used)
            end = min(end, its_end)
        return depth, of_data, end

    def _plans_of_data(self):
        sizes = {"train_batch_size": self.batch_sizes}
        return (sizes if self.batch_sizes else {}) | self.data_plans

    def _warn_of_skipped(self, before):
        """Warns of phases that were over before a step began with them."""
        after = self.budget.total if self.budget.is_spent else self.budget.used
        for plan in (self.depths, *self._plans_of_data().values()):
            for value in plan.skipped(before, after) if plan else ():
                self.reporter.warning(
                    f"{plan.phases.flag}={plan.phases.text}: {value} had no "
                    "step, because one before it took so long"
                )

    def _settings_in_force(self, depth, of_data):
        """Returns what changes in the course of the training, by name."""
        settings = dict(of_data)
        if depth is not None:
            settings["num_layers"] = depth
        milliseconds = self.budget.milliseconds
        if milliseconds is not None:
            settings["train_minutes"] = milliseconds / 60_000
        return settings

    def _is_done(self):
        patience = self.options.early_stopping_patience
        if patience is not None and self.since_best >= patience:
            return True
        return self.budget.is_spent

    def _batches(self, step, train_batch_size=None, **phase):
        if self.batch_sizes:
            phase["start_record"] = self.sequences
        return self.data.training_batches(
            train_batch_size or self.options.train_batch_size,
            seed=self.options.seed,
            num_steps=self.budget.num_steps,
            start_step=step,
            bucket_by_length=self.options.bucket_by_length,
            **phase,
        )

    def _evaluate_and_save(self, step):
        """Evaluates, keeps the best weights, and saves a checkpoint."""
        if self.evaluation:
            try:
                with averaged_weights(self.loop):
                    self._evaluate(step)
            except StopRequested:
                self._save_and_stop()
        self._save(evaluated=True)

    def _evaluate(self, step):
        """Evaluates the weights that are set, and keeps them if they are best.

        Raises:
          StopRequested: before the end; nothing is kept.
        """
        self._evaluate_trained_layers(step)
        start = time.monotonic()
        self.metrics = self.evaluation.metrics(self.loop)
        self.reporter.evaluation(step, self.metrics, time.monotonic() - start)
        value = self._sign() * self.metrics[self.evaluation.best_metric]
        self.since_best += 1
        if self.best is None or value > self.best:
            self.since_best = 0
        # Of equally good weights the later ones are kept.
        if self.best is None or value >= self.best:
            self.best = value
            with self._explained_write():
                self.checkpoints.save_best()

    def _evaluate_trained_layers(self, step):
        """Evaluates the layers that are trained, where these are not all.

        It is for the log. What becomes of the weights is judged by all layers,
        which are what everything else applies.
        """
        if not self.depths or self.depth in (
            None,
            self.depths.phases.values[-1],
        ):
            return
        start = time.monotonic()
        metrics = self.evaluation.metrics(self.loop, self.depth)
        seconds = time.monotonic() - start
        self.reporter.evaluation(step, metrics, seconds, self.depth)

    def _sign(self):
        """Returns -1 where the smallest value of the metric is the best."""
        return -1 if is_loss(self.evaluation.best_metric) else 1

    def _save(self, evaluated):
        with self._explained_write():
            self.checkpoints.save(
                self.best,
                evaluated,
                self.since_best,
                self.budget.milliseconds,
                self.sequences,
            )

    def _save_and_stop(self):
        self._save(evaluated=False)
        raise StopRequested(
            f"{self.checkpoints.directory}: asked to stop (SIGTERM): saved at "
            f"step {self.checkpoints.step}; the same command continues from "
            "there"
        )

    def _explained_write(self):
        return explained_write(
            f"{self.checkpoints.directory}: step {self.checkpoints.step} "
            "cannot be saved"
        )
