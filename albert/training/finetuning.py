# SPDX-License-Identifier: Apache-2.0
"""From a pretrained model to one of a task: what the recipes of tasks share."""

from absl import logging

from albert.interchange.weights import load_weights
from albert.training import training_run


def load_initial(model, start, fresh):
    """Sets the first weights, and says what comes from where.

    Args:
      model: of a task.
      start: ``StartingPoint``, what --init_checkpoint names.
      fresh: tuple of str, the heads that start anew.

    Raises:
      UserError: the weights do not fit the encoder.
    """
    if start.source is None:
        logging.warning(
            "no --init_checkpoint: all weights of this model are random"
        )
        return
    report = load_weights(model, start, fresh=fresh)
    logging.info(
        "%d weights loaded from %s; new: %s; not used: %s",
        len(report.loaded),
        report.source,
        ", ".join(report.fresh) or "none",
        ", ".join(report.unused) or "none",
    )


def finetune(
    directory,
    model,
    objective,
    strategy,
    options,
    *,
    tokenizer,
    task,
    data,
    start,
    fresh,
    evaluate,
    best_metric,
    evaluated_on="",
):
    """Trains a model of a task in a directory of its own.

    Args:
      directory, model, objective, strategy, options, tokenizer: as in
        ``training_run.train``, where what is raised is described too.
      task: dict, what ``model_directory.read_task`` will return; a continued
        run must repeat it, like ``options``.
      data: with ``num_examples``, ``fingerprint``, ``training_batches`` and
        ``locate_damage`` as ``task_data.TextData`` has them.
      start: ``StartingPoint``; its weights are not read where a checkpoint is
        continued from.
      fresh: tuple of str, the heads that start anew.
      evaluate: function of a ``TrainingLoop`` to a dict of metrics, or None.
      best_metric: str, the metric whose largest value marks the best weights.
      evaluated_on: str, what tells the evaluation's data from others.

    Returns:
      ``TrainingLoop`` of the model with its last weights.
    """
    loop, _ = training_run.train(
        directory,
        model,
        objective,
        strategy,
        options,
        settings={
            **task,
            "init_checkpoint": start.path,
            "training_data": f"{data.num_examples} examples, "
            f"{data.fingerprint}",
        },
        tokenizer=tokenizer,
        make_dataset=lambda start: data.training_batches(
            options.train_batch_size,
            seed=options.seed,
            num_steps=options.num_train_steps,
            start_example=start,
            bucket_by_length=options.bucket_by_length,
        ),
        load_initial=lambda _: load_initial(model, start, fresh),
        evaluate=evaluate,
        best_metric=best_metric,
        evaluated_on=evaluated_on,
        task=task,
        explain_data_error=data.locate_damage,
    )
    return loop
