# SPDX-License-Identifier: Apache-2.0
"""Functions that runners call, the same for every kind of task.

task = selection.get_task("cola")
train = interface.load(task, "glue", "train")
task = task.with_labels_of(train)
dev = interface.load(task, "glue", "dev")
featurized = interface.featurize(task, dev, tokenizer, 128)
logits = ...  # of a model, from featurized.features
predictions = interface.predict(task, featurized, logits)
metrics = interface.evaluate(task, dev, predictions)
"""

import dataclasses

from albert.errors import UserError
from albert.tasks import classification_features
from albert.tasks import metrics
from albert.tasks import multiple_choice_features
from albert.tasks import predictions as predictions_lib
from albert.tasks import sequences
from albert.tasks import tagging_features
from albert.tasks.label_types import LABEL_TYPES


def load(task, data_dir, split, skip_bad_rows=False):
    """Reads the examples of a split.

    Args:
      task: ``Task``.
      data_dir: str, the folder that holds the task's folder, or that folder.
      split: str, one of ``task.files``.
      skip_bad_rows: leave bad rows out, and log how many, instead of raising.

    Returns:
      ``TextExamples``, ``QuestionExamples`` or ``TaggedSentences``.

    Raises:
      UserError: the task has no such split, or its files cannot be used.
    """
    if split not in task.files:
        remedy = "choose another --task_name"
        if task.trained_as:
            remedy = (
                f"train with --task_name={task.trained_as} and give that "
                f"model with --task_name={task.name}"
            )
        raise UserError(f"{task.name} has no {split} data: {remedy}")
    return task.files[split].read(task, data_dir, split, skip_bad_rows)


def featurize(
    task,
    examples,
    tokenizer,
    max_seq_length,
    max_qa_length=multiple_choice_features.MAX_QA_LENGTH,
):
    """Turns examples into ids.

    Args:
      task: ``Task`` with labels.
      examples: of ``load``.
      tokenizer: ``Tokenizer``.
      max_seq_length: int, positions of a sequence.
      max_qa_length: int, multiple choice only: pieces of question and option.

    Returns:
      ``Featurized``.

    Raises:
      UserError: the lengths are too small or do not fit together.
    """
    arguments = (task, examples, tokenizer, max_seq_length)
    if task.label_type == "choice":
        featurized = multiple_choice_features.featurize(
            *arguments, max_qa_length
        )
    elif task.label_type == "tag":
        featurized = tagging_features.featurize(*arguments)
    else:
        featurized = classification_features.featurize(*arguments)
    pieces, unknown = sequences.count_unknown(
        tokenizer, featurized.features.input_ids
    )
    return dataclasses.replace(featurized, pieces=pieces, unknown=unknown)


def predict(task, featurized, logits):
    """Reads predictions off logits.

    Args:
      task: ``Task`` with labels.
      featurized: ``Featurized``, what the logits were computed from.
      logits: float array, see ``predictions.predict``.

    Returns:
      ``Predictions``, one for each example.

    Raises:
      UserError: logits are not finite.
    """
    return predictions_lib.predict(task, logits, featurized.word_positions)


def gold_labels(task, examples):
    """Returns gold labels as the metrics take them; see ``metrics.compute``.

    Raises:
      UserError: the examples have none.
    """
    if examples.labels is None:
        raise UserError(
            f"{task.name}: no labels in this data: it can be predicted, not "
            "trained or evaluated on"
        )
    return LABEL_TYPES[task.label_type].gold(task, examples.labels)


def evaluate(task, examples, predictions):
    """Compares predictions with gold labels.

    Args:
      task: ``Task`` with labels.
      examples: of ``load``.
      predictions: ``Predictions`` of them.

    Returns:
      dict of float: ``metrics.compute``, and for RACE the accuracy of each
      level ("accuracy_high").

    Raises:
      UserError: there are no gold labels.
    """
    gold = gold_labels(task, examples)
    results = metrics.compute(
        task, gold, predictions.values, predictions.probabilities
    )
    if task.label_type == "choice" and examples.levels is not None:
        for level in sorted(set(examples.levels)):
            chosen = [other == level for other in examples.levels]
            part = metrics.compute(
                task, gold[chosen], predictions.values[chosen]
            )
            results |= {f"{name}_{level}": v for name, v in part.items()}
    return results
