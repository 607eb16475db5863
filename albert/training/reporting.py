# SPDX-License-Identifier: Apache-2.0
"""Reports a run's steps: log lines, a progress bar, TensorBoard events."""

import contextlib
import os
import re
import sys
import time

import numpy as np
import tensorflow as tf
import tqdm
from absl import logging

from albert.errors import UserError
from albert.training import event_tags
from albert.training import phases

# How TensorFlow's messages name the operation that failed.
_OPERATION = re.compile(r"\{\{.*?\}\} ?| \[Op:\w+\].*")
# Of a history, what is added up and no metric.
_AMOUNTS = ("sequences", "tokens")
_PAIRS = "pairs"


@contextlib.contextmanager
def explained_write(failure):
    """Turns an error about a write into a ``UserError``.

    Args:
      failure: str, what cannot be written where.

    Raises:
      UserError: with that, the reason and the remedy.
    """
    try:
        yield
    except (tf.errors.OpError, OSError) as error:
        message = getattr(error, "message", None) or error.strerror or "?"
        reason = _OPERATION.sub("", message.splitlines()[0])
        raise UserError(
            f"{failure} ({reason}): make room there, or remove what is in the "
            "way; the same command continues from the last checkpoint"
        ) from error


class Reporter:
    """Reporter of the steps of a training run.

    Args:
      directory: where TensorBoard's event files go (``train``, ``eval`` and,
        of evaluations with fewer layers than the model has,
        ``eval_trained_layers``); None for a worker that does not report.
      budget: of ``albert.training.budgets``; whoever trains counts with it.
      step: int, steps already made (after a restart).
      plans: list of ``phases.Plan``, whose values the cost of a step is in
        proportion to, for a forecast of the time that is left.
    """

    # Seconds between two log lines.
    LINE_INTERVAL = 60.0

    def __init__(self, directory, budget, step, plans=()):
        self.budget = budget
        self._plans = plans
        self._first_step = step
        # (steps, sequences, seconds, whether they waited for a compilation).
        self._loops = []
        # (cost of what is over, time) at the end of the first loop.
        self._compiled = None
        self._last_line = -np.inf
        self._reports = directory is not None
        self._directory = directory
        with self._explained_write():
            self._train, self._eval = (
                tf.summary.create_file_writer(os.path.join(directory, name))
                if self._reports
                else tf.summary.create_noop_writer()
                for name in ("train", "eval")
            )
        # Made with its first evaluation, of which most runs have none.
        self._eval_trained_layers = None
        self._bar = tqdm.tqdm(
            desc="training",
            total=budget.total,
            initial=budget.used,
            unit=budget.unit,
            unit_scale=budget.unit_scale,
            disable=not (self._reports and sys.stderr.isatty()),
        )

    def training(self, step, history, seconds, settings=None, compiled=False):
        """Reports the steps that end at ``step``.

        Args:
          step: int, updates made.
          history: dict of metric name to array [steps].
          seconds: float, what they took.
          settings: dict of float, what changes in the course of the training.
          compiled: bool, whether they waited for their compilation.
        """
        count = len(history["tokens"])
        sums = {name: float(np.sum(history[name])) for name in _AMOUNTS}
        speed = {
            f"{name}_per_second": value / seconds
            for name, value in sums.items()
        }
        with self._explained_write(), self._train.as_default():
            for name, value in _means(history).items():
                tf.summary.scalar(event_tags.tag_of(name), value, step)
            for name, value in {**speed, **(settings or {})}.items():
                tf.summary.scalar(event_tags.tag_of(name), value, step)
        self._bar.update(self.budget.used - self._bar.n)
        self._loops.append((count, sums["sequences"], seconds, compiled))
        now = time.monotonic()
        if self._compiled is None:
            self._compiled = (phases.cost(self._plans, self.budget.used), now)
        # The second loop is the first to tell how long all will take.
        due = now - self._last_line >= self.LINE_INTERVAL
        if due or len(self._loops) == 2 or self.budget.is_spent:
            self._last_line = now
            self._write_line(step, history, speed["sequences_per_second"], now)

    def _write_line(self, step, history, speed, now):
        """Writes a line with the losses; TensorBoard has the rest."""
        if not self._reports:
            return
        losses = {
            name: value
            for name, value in _means(history).items()
            if event_tags.is_loss(name)
        }
        parts = [format_metrics(losses), f"{speed:.1f} sequences/s"]
        compiled, compiled_at = self._compiled
        over, total = (
            phases.cost(self._plans, used)
            for used in (self.budget.used, self.budget.total)
        )
        if compiled < over and not self.budget.is_spent:
            # With the evaluations and checkpoints on the way.
            left = (now - compiled_at) / (over - compiled) * (total - over)
            parts.append(f"{format_duration(left)} left")
        logging.info("%s: %s", self.budget.describe(step), ", ".join(parts))

    def evaluation(self, step, metrics, seconds, num_layers=None):
        """Reports an evaluation.

        Args:
          step: int, updates made.
          metrics: dict of float.
          seconds: float, what it took.
          num_layers: int, the layers that were applied; None: all.
        """
        if not self._reports:
            return
        with self._explained_write():
            writer = self._eval
            if num_layers is not None:
                writer = self._eval_trained_layers = (
                    self._eval_trained_layers
                    or tf.summary.create_file_writer(
                        os.path.join(self._directory, event_tags.TRAINED_LAYERS)
                    )
                )
            with writer.as_default():
                for name, value in metrics.items():
                    tf.summary.scalar(event_tags.tag_of(name), value, step)
            writer.flush()
        logging.info(
            "evaluation%s at step %d: %s (%.0f s)",
            "" if num_layers is None else f" of {num_layers} layers",
            step,
            format_metrics(
                {
                    name: value
                    for name, value in metrics.items()
                    if event_tags.is_metric(name)
                }
            ),
            seconds,
        )

    def warning(self, message):
        """Reports something that the user should act on."""
        if self._reports:
            logging.warning("%s", message)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        """Ends the bar and writes what is buffered."""
        self._bar.close()
        try:
            with self._explained_write():
                self._train.close()
                self._eval.close()
                if self._eval_trained_layers:
                    self._eval_trained_layers.close()
        except UserError:
            # What ended the run says more than that this cannot be written.
            if exception[0] is None:
                raise

    def _explained_write(self):
        return explained_write(f"{self._directory}: cannot be written")

    def summary(self):
        """Returns a line on the time and speed of this process's steps."""
        if not self._loops:
            if not self.budget.is_spent:
                return (
                    "Training: it stopped early before, at "
                    f"{self.budget.describe(self._first_step)}"
                )
            return f"Training: all {self.budget} were made before"
        steps, _, seconds, _ = map(sum, zip(*self._loops, strict=True))
        timed = [loop for loop in self._loops if not loop[-1]] or self._loops
        _, sequences, timed_seconds, _ = map(sum, zip(*timed, strict=True))
        return (
            f"Training: {steps} steps in {seconds:.1f} s, "
            f"{sequences / timed_seconds:.1f} sequences/s once compiled"
            f"{self.budget.summary()}"
        )


def _means(history):
    """Returns the mean over the steps of each metric: dict of float.

    Metrics of sentence order are of the pairs of a step, which may have none;
    where no step has one, they are left out.
    """
    means = {}
    for name, values in history.items():
        weights = None
        if _PAIRS in history and name.startswith("sentence_order"):
            weights = history[_PAIRS]
            if not weights.any():
                continue
        if name not in (*_AMOUNTS, _PAIRS):
            means[name] = float(np.average(values, weights=weights))
    return means


def format_metrics(metrics):
    """Returns metrics as one readable line."""
    return ", ".join(f"{name} {value:.4f}" for name, value in metrics.items())


def format_duration(seconds):
    """Returns a time in its two largest units: "9 days 4 hours"."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    counts = {"day": days, "hour": hours, "minute": minutes, "second": seconds}
    units = list(counts)
    first = next((unit for unit in units if counts[unit]), "second")
    return " ".join(
        f"{counts[unit]} {unit}{'' if counts[unit] == 1 else 's'}"
        for unit in units[units.index(first) :][:2]
        if counts[unit] or unit == first
    )
