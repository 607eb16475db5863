# SPDX-License-Identifier: Apache-2.0
"""From the first step, or where the last process stopped, to the last."""

import contextlib
import time

import tensorflow as tf

from albert.errors import StopRequested
from albert.errors import UserError
from albert.training import distribution
from albert.training import preemption
from albert.training.monitoring import check_finite
from albert.training.reporting import OPERATION


@contextlib.contextmanager
def explained_damage(locate_damage):
    """Turns TensorFlow's error about damaged records into a ``UserError``.

    Args:
      locate_damage: function without arguments to a line that names the
        damaged file and record, or None where none is damaged; or None.

    Raises:
      UserError: with that line and the remedy.
    """
    try:
        yield
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError) as error:
        damage = locate_damage and locate_damage()
        if not damage:
            raise
        raise UserError(
            f"{damage}: copy the file again or make the records again"
        ) from error


@contextlib.contextmanager
def _explained_write(directory, step):
    """Turns TensorFlow's error about a full disk into a ``UserError``."""
    try:
        yield
    except tf.errors.OpError as error:
        reason = OPERATION.sub("", error.message.splitlines()[0])
        raise UserError(
            f"{directory}: step {step} cannot be saved ({reason}): make room "
            "there; the same command continues from the last checkpoint"
        ) from error


def fit(
    loop,
    checkpoints,
    reporter,
    *,
    make_dataset,
    num_steps,
    batch_size,
    steps_per_loop,
    save_steps,
    progress,
    evaluate=None,
    best_metric=None,
    watch=None,
    explain_data_error=None,
):
    """Trains up to ``num_steps``, evaluating and saving on the way.

    A kill at any moment loses the steps since the last checkpoint and
    nothing else: the same call continues from it, with the same records.
    SIGTERM ends it after the step or the batch of an evaluation that it is
    at, with a checkpoint.

    Args:
      loop: ``TrainingLoop``.
      checkpoints: ``TrainingCheckpoints``, restored.
      reporter: ``Reporter``.
      make_dataset: function of the number of records already consumed, to a
        dataset of global batches that continues there.
      num_steps: int, updates at the end.
      batch_size: int, records per update.
      steps_per_loop: int, updates between looks at the metrics.
      save_steps: int, updates between checkpoints and evaluations.
      progress: ``Progress`` that ``checkpoints`` restored.
      evaluate: function without arguments to a dict of metrics, or None.
      best_metric: str, the metric whose maximum is kept as best.
      watch: function of (step, history) to a warning or None.
      explain_data_error: function without arguments to a line that names the
        damaged file, or None; called when reading the data fails.

    Returns:
      dict, the last evaluation's metrics, or None.

    Raises:
      UserError: a loss that is not finite, damaged records, or a
        checkpoint that cannot be written.
      WorkerLostError: another worker is gone.
      StopRequested: SIGTERM arrived; everything is saved.
    """

    def save(evaluated):
        with _explained_write(checkpoints.directory, checkpoints.step):
            checkpoints.save(best, evaluated)

    def evaluate_and_save(step):
        """Evaluates at ``step``, keeps the best, and saves a checkpoint."""
        nonlocal metrics, best
        if evaluate is not None:
            start = time.monotonic()
            try:
                with explained_damage(explain_data_error):
                    metrics = evaluate()
            except StopRequested:
                save(evaluated=False)
                _stop(checkpoints)
            reporter.evaluation(step, metrics, time.monotonic() - start)
            if best is None or metrics[best_metric] > best:
                best = metrics[best_metric]
                with _explained_write(checkpoints.directory, step):
                    checkpoints.save_best()
        save(evaluated=True)

    def at_milestone(step):
        return step % save_steps == 0 or step == num_steps

    metrics, best = None, progress.best
    step = checkpoints.step
    with (
        preemption.on_sigterm(loop.request_stop),
        distribution.worker_loss_explained(loop.strategy),
    ):
        if step and at_milestone(step) and not progress.evaluated:
            evaluate_and_save(step)
        if step < num_steps:
            iterator = iter(loop.distribute(make_dataset(step * batch_size)))
        while step < num_steps:
            until_save = save_steps - step % save_steps
            count = min(steps_per_loop, until_save, num_steps - step)
            start = time.monotonic()
            with explained_damage(explain_data_error):
                history = loop.train(iterator, count)
            check_finite(step, history)
            step = checkpoints.step
            reporter.training(step, history, time.monotonic() - start)
            warning = watch and watch(step, history)
            if warning:
                reporter.warning(warning)
            if loop.stopped:
                save(evaluated=False)
                _stop(checkpoints)
            if at_milestone(step):
                evaluate_and_save(step)
        # What the chief has written is read by all after this.
        distribution.wait_for_workers(loop.strategy)
    return metrics


def _stop(checkpoints):
    raise StopRequested(
        f"{checkpoints.directory}: asked to stop (SIGTERM): saved at step "
        f"{checkpoints.step}; the same command continues from there"
    )
