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
      loop: ``TrainingLoop``.
      checkpoints: ``TrainingCheckpoints``, restored.
      reporter: ``Reporter``.
    """

    def __init__(self, run, loop, checkpoints, reporter):
        self.options = run.options
        self.data = run.data
        self.evaluation = run.evaluation
        self.depths = run.depths
        self.loop = loop
        self.checkpoints = checkpoints
        self.reporter = reporter
        self.best = self.metrics = None
        self.since_best = 0

    def make(self, progress, watch):
        """Makes the remaining steps; returns the last metrics or None."""
        self.best, self.since_best = progress.best, progress.since_best
        step = self.checkpoints.step
        if step and self._is_milestone(step) and not progress.evaluated:
            self._evaluate_and_save(step)
        if not self._is_done(step):
            iterator = iter(self.loop.distribute(self._batches(step)))
        while not self._is_done(step):
            start = time.monotonic()
            depth, left = self._depth(step)
            count = min(left, self._steps_at_once(step))
            with explained_damage(self.data.locate_damage):
                history = self.loop.train(iterator, count, depth)
            check_finite(step, history)
            step = self.checkpoints.step
            self.reporter.training(step, history, time.monotonic() - start)
            warning = watch and watch.update(step, history)
            if warning:
                self.reporter.warning(warning)
            if self.loop.stopped:
                self._save_and_stop()
            if self._is_milestone(step):
                self._evaluate_and_save(step)
        if step < self.options.num_train_steps:
            logging.info(
                "stopped early at step %d of %d: in %d evaluations %s has not "
                "become better than %.4f",
                step,
                self.options.num_train_steps,
                self.since_best,
                self.evaluation.best_metric,
                self._sign() * self.best,
            )
        return self.metrics

    def _depth(self, step):
        """Returns (layers to apply or None, steps until it changes)."""
        if self.depths is None:
            return None, self.options.num_train_steps - step
        return self.depths.at(step)

    def _is_done(self, step):
        patience = self.options.early_stopping_patience
        if patience is not None and self.since_best >= patience:
            return True
        return step >= self.options.num_train_steps

    def _is_milestone(self, step):
        every = self.options.save_checkpoints_steps
        left = self.options.num_train_steps - step
        # Not at 140 of 141 steps: the last one is a milestone too.
        return left == 0 or (step % every == 0 and left >= every / 4)

    def _steps_at_once(self, step):
        every = self.options.save_checkpoints_steps
        return min(
            self.options.steps_per_loop,
            every - step % every,
            self.options.num_train_steps - step,
        )

    def _batches(self, step):
        return self.data.training_batches(
            self.options.train_batch_size,
            seed=self.options.seed,
            num_steps=self.options.num_train_steps,
            start_step=step,
            bucket_by_length=self.options.bucket_by_length,
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

    def _sign(self):
        """Returns -1 where the smallest value of the metric is the best."""
        return -1 if is_loss(self.evaluation.best_metric) else 1

    def _save(self, evaluated):
        with self._explained_write():
            self.checkpoints.save(self.best, evaluated, self.since_best)

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
