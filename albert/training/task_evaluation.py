# SPDX-License-Identifier: Apache-2.0
"""How good a model is on the splits of a task, and what it answers."""

from albert.tasks import metrics


def predict(loop, data, batch_size, evaluate=False):
    """Predicts a split.

    Args:
      loop: ``TrainingLoop`` with the model.
      data: ``TextData`` or ``RecordData``.
      batch_size: int, examples in a batch over all devices; nothing depends
        on it.
      evaluate: whether losses are wanted too.

    Returns:
      (``Predictions``, dict of the objective's metrics).

    Raises:
      UserError: the model's outputs are not finite.
    """
    outputs, losses = loop.predict(
        loop.distribute(data.evaluation_batches(batch_size)),
        data.features.num_examples,
        evaluate=evaluate,
    )
    return data.predict(outputs["logits"]), losses


def evaluate(loop, dev, batch_size):
    """Evaluates the dev splits of a task.

    Args:
      loop: ``TrainingLoop`` with the model.
      dev: dict from split to ``TextData`` or ``RecordData``, the main one
        first.
      batch_size: int, see ``predict``.

    Returns:
      (results, predictions): dict of float, "loss" and the task's metrics,
      of further splits with a suffix ("accuracy_mismatched"); and dict from
      split to ``Predictions``.
    """
    results, predictions = {}, {}
    for split, data in dev.items():
        predictions[split], losses = predict(
            loop, data, batch_size, evaluate=True
        )
        values = data.evaluate(predictions[split])
        results |= _named({"loss": losses["loss"], **values}, split, dev)
    return results, predictions


def baseline(task, dev):
    """What one answer to everything reaches on the dev splits.

    Args:
      task: ``Task`` with labels.
      dev: as of ``evaluate``.

    Returns:
      dict of float, named as those of ``evaluate``.

    Raises:
      UserError: a split has no labels.
    """
    results = {}
    for split, data in dev.items():
        results |= _named(metrics.baseline(task, data.gold), split, dev)
    return results


def _named(values, split, splits):
    """Returns values under their names, with a suffix for a second split."""
    suffix = "" if split == next(iter(splits)) else f"_{split.split('_')[1]}"
    return {f"{name}{suffix}": value for name, value in values.items()}
