# SPDX-License-Identifier: Apache-2.0
"""Models that were fine-tuned before, and their tasks."""

import os

from absl import logging

from albert import model_directory
from albert.errors import UserError
from albert.heads import HEADS
from albert.tasks.label_types import LABEL_TYPES
from albert.tasks.label_types import find_order

# The flags that make a task one of a kind.
_FLAGS_OF_KINDS = {"regression": "--regression", "multi_label": "--multi_label"}

_HOLDS_SEVERAL = (
    "holds several runs: give the --num_runs that they were trained with"
)
_EVALUATE = "evaluate all runs, with --do_eval"


def run_directories(output_dir, num_runs):
    """Returns the directory of each run: list of str.

    Args:
      output_dir: str, the directory itself of a single run.
      num_runs: int.
    """
    if num_runs == 1:
        return [output_dir]
    return [
        os.path.join(output_dir, f"run_{number}")
        for number in range(1, num_runs + 1)
    ]


def check_place(output_dir, is_several):
    """Refuses to put several runs where a model is, or one where runs are.

    The results of the one would replace those of the other.

    Args:
      output_dir: str, need not exist.
      is_several: bool, whether there are several runs.

    Raises:
      UserError: naming it.
    """
    has_model = os.path.exists(
        os.path.join(output_dir, model_directory.CONFIG_FILE)
    )
    if is_several and has_model:
        raise UserError(
            f"{output_dir} holds a model, whose results those of several runs "
            "would replace: use another --output_dir"
        )
    if (
        not is_several
        and not has_model
        and "runs" in model_directory.read_evaluation(output_dir)
    ):
        raise UserError(
            f"{output_dir} {_HOLDS_SEVERAL}, the --output_dir of one of them, "
            "or another one"
        )


def find(output_dir, init_checkpoint):
    """Finds the model that is used without training.

    Args:
      output_dir: str; a model of a task there wins, so that the command that
        trained it finds it again.
      init_checkpoint: str, or None.

    Returns:
      str, a model directory or what ``init_checkpoint`` names.

    Raises:
      UserError: there is none, ``output_dir`` holds one of pretraining, or
        one that has nothing to do with ``init_checkpoint``.
    """
    if os.path.exists(os.path.join(output_dir, model_directory.TASK_FILE)):
        _check_same(output_dir, init_checkpoint)
        return output_dir
    if os.path.exists(os.path.join(output_dir, model_directory.CONFIG_FILE)):
        raise UserError(
            f"{output_dir} holds a model that is none of a task: use another "
            "--output_dir; --init_checkpoint starts from that model"
        )
    if init_checkpoint:
        return init_checkpoint
    if os.path.isdir(os.path.join(output_dir, "run_1")):
        raise UserError(
            f"{output_dir} {_HOLDS_SEVERAL}, or --output_dir={output_dir}/run_1"
        )
    raise UserError(
        f"{output_dir} holds no model of a task: give the --output_dir of a "
        "run with --do_train, or a model with --init_checkpoint"
    )


def _check_same(output_dir, init_checkpoint):
    """Refuses other weights than those that made the model of a directory."""
    if init_checkpoint is None:
        return
    start = model_directory.read_run(output_dir).get("init_checkpoint")
    known = [os.path.abspath(path) for path in (output_dir, start) if path]
    if os.path.abspath(init_checkpoint) not in known:
        raise UserError(
            f"{output_dir} holds a model of a task, which is used without "
            f"--do_train, and not --init_checkpoint={init_checkpoint}: leave "
            "that out, or use another --output_dir"
        )


def find_best(paths, metric, smallest=False):
    """Finds the best of several models by their last evaluations.

    Args:
      paths: list of str, model directories.
      metric: str, the metric whose largest value is best.
      smallest: bool, whether the smallest one is, as of a loss.

    Returns:
      int, its number from 0; 0 where they were not all evaluated.

    Raises:
      UserError: the evaluations are not of these models, or not of the same
        data.
    """
    if len(paths) == 1:
        return 0
    scores, data = [], []
    for path in paths:
        score = model_directory.read_metric(path, metric)
        if score is None:
            logging.warning(
                "%s: there is no %s of its evaluation, so that the best of the "
                "runs is not known: the first one is taken",
                path,
                metric,
            )
            return 0
        scores.append(score)
        results = model_directory.read_evaluation(path)
        data.append(
            [
                (each["split"], each["examples"], each["checksum"])
                for each in results.get("data", ())
            ]
        )
        if not model_directory.holds_measured(path, results):
            raise UserError(
                f"{path}: its {model_directory.EVALUATION_FILE} is of other "
                f"weights than those there: {_EVALUATE}"
            )
        if data[-1] != data[0]:
            raise UserError(
                f"{path} was evaluated on other data than {paths[0]}, so that "
                f"the best of the runs is not known: {_EVALUATE}"
            )
    return scores.index((min if smallest else max)(scores))


def read_seed(path, default):
    """Returns the seed that a model was trained with, if it says so."""
    return model_directory.read_run(path).get("seed", default)


def check_task(task, path, description):
    """Refuses a model of another task.

    Args:
      task: ``Task``.
      path: str, the model, for the message.
      description: dict, what the model says of its task; what it does not
        say is not refused.

    Raises:
      UserError: naming both.
    """
    name, kind = description.get("task_name"), description.get("kind")
    right = HEADS[task.head].task_kind
    if name not in (None, task.name, task.trained_as):
        raise UserError(
            f"{path} holds a model of {name}, not of {task.name}: use "
            f"another --output_dir, or --task_name={name}"
        )
    if kind not in (None, right):
        raise UserError(
            f"{path} holds a model of a {kind}, not of a {right}: "
            f"{_kind_remedy(kind, right)}, or use another --output_dir"
        )


def _kind_remedy(kind, right):
    """Returns which flag makes the task one of the model's kind."""
    for remedy, found in (("give", kind), ("leave out", right)):
        if found in _FLAGS_OF_KINDS:
            return f"{remedy} {_FLAGS_OF_KINDS[found]}"
    return "give another --task_name"


def with_labels(task, path, description):
    """Returns the task with the labels of the model.

    The order of the task's own labels stays: the weights are put into it when
    they are loaded (``load_weights(labels=…)``).

    Raises:
      UserError: they are not known, or others than those of the task.
    """
    labels = description.get("labels")
    if labels is None and task.labels is None:
        raise UserError(
            f"{path} does not say what its labels are: give them with "
            "--labels, in their order"
        )
    if labels is None:
        if task.labels and HEADS[task.head].takes_num_labels:
            logging.warning(
                "%s does not name its classes: they are taken for %s, in this "
                "order",
                path,
                ", ".join(task.labels),
            )
        return task
    if task.labels is None:
        labels = LABEL_TYPES[task.label_type].order(labels)
        return _named_by(path, task, labels)
    if find_order(labels, task.labels):
        return task
    return _named_by(path, task, labels)


def _named_by(path, task, labels):
    """Returns the task with labels; errors name the model that has them."""
    try:
        return task.with_labels(labels)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
