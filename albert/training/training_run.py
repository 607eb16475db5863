# SPDX-License-Identifier: Apache-2.0
"""A training run in its directory: what all recipes share."""

import contextlib
import os

from absl import logging

from albert import model_directory
from albert.training import distribution
from albert.training import reporting
from albert.training.checkpoints import TrainingCheckpoints
from albert.training.fitting import fit
from albert.training.loop import TrainingLoop


def train(
    directory,
    model,
    objective,
    strategy,
    options,
    *,
    settings,
    tokenizer,
    make_dataset,
    load_initial,
    evaluate,
    best_metric,
    evaluated_on,
    task=None,
    watch=None,
    explain_data_error=None,
):
    """Trains, evaluating on the way, in a directory of its own.

    The same call continues after an interruption, and does nothing where all
    steps have been made. Of several workers the chief writes.

    Args:
      directory: the model directory to write.
      model: made under ``strategy.scope()``.
      objective: of ``albert.training.losses``.
      strategy: ``tf.distribute.Strategy``.
      options: ``TrainingOptions``.
      settings: dict, what a continued run must repeat besides
        ``options.settings()``.
      tokenizer: ``Tokenizer``, or None where it is not known.
      make_dataset: function of the number of records already consumed, to a
        dataset of global batches that continues there.
      load_initial: function of the optimizer that sets the first weights;
        not called where a checkpoint is continued from.
      evaluate: function of a ``TrainingLoop`` to a dict of metrics, or None.
      best_metric: str, the metric whose largest value marks the best weights.
      evaluated_on: str, what tells the evaluation's data from others.
      task: dict, what ``model_directory.read_task`` will return.
      watch: function of (step, history) to a warning or None.
      explain_data_error: function without arguments to a line that names the
        damaged file, or None.

    Returns:
      (loop, metrics): ``TrainingLoop`` of the model with its last weights,
      and those of the last evaluation in this call, or None.

    Raises:
      UserError: the directory holds another run, the loss is not finite, or
        a checkpoint cannot be written.
      WorkerLostError: another worker is gone.
      StopRequested: SIGTERM arrived; everything is saved.
    """
    settings = {**options.settings(), **settings}
    model_directory.check_run(directory, model.config, settings)
    writes = distribution.is_chief(strategy)
    model.encoder.recompute_layers = options.recompute_layers
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
        evaluation=f"{best_metric} {evaluated_on}" if evaluate else "",
        writes=writes,
    )
    with contextlib.ExitStack() as stack:
        if writes:
            stack.enter_context(model_directory.held(directory))
        # Not before the chief holds the directory.
        distribution.wait_for_workers(strategy)
        progress = checkpoints.restore()
        distribution.check_agreement(
            strategy,
            checkpoints.step,
            "they restored different checkpoints: --output_dir must be on a "
            "file system that all workers share",
        )
        if progress.restored:
            logging.info(
                "continuing at step %d of %d",
                checkpoints.step,
                options.num_train_steps,
            )
        else:
            load_initial(optimizer)
        if writes:
            model_directory.write_run(
                directory, model.config, tokenizer, settings, task
            )
        reporter = stack.enter_context(
            reporting.Reporter(
                os.path.join(directory, "tensorboard") if writes else None,
                options.num_train_steps,
                checkpoints.step,
                options.train_batch_size,
            )
        )
        metrics = fit(
            loop,
            checkpoints,
            reporter,
            make_dataset=make_dataset,
            num_steps=options.num_train_steps,
            batch_size=options.train_batch_size,
            steps_per_loop=options.steps_per_loop,
            save_steps=options.save_checkpoints_steps,
            progress=progress,
            evaluate=evaluate and (lambda: evaluate(loop)),
            best_metric=best_metric,
            watch=watch,
            explain_data_error=explain_data_error,
        )
    if writes:
        print(reporter.summary())
    return loop, metrics
