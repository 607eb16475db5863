# SPDX-License-Identifier: Apache-2.0
"""Judges exported files by the metrics of the task, on its dev set."""

from absl import logging

from albert.errors import UserError
from albert.export import verification
from albert.tasks import interface
from albert.tasks import multiple_choice_features
from albert.tasks.table import TASKS

# What a file may lose of the task's best metric without a warning.
_SMALL_LOSS = 0.01


class DevSet:
    """The dev split of the task that a model was fine-tuned for.

    Args:
      source: ``SourceModel``.
      data_dir: str, as --data_dir of `albert classify`.

    Attributes:
      metrics: dict from names to floats, those of the Keras model.

    Raises:
      UserError: the model is of no task with a dev split whose files are
        always alike, or the files cannot be used.
    """

    def __init__(self, source, data_dir):
        self._task = _find_task(source)
        # Metrics such as F1 take the second of the task's labels for "yes".
        self._columns = [source.labels.index(x) for x in self._task.labels]
        (split, *_) = self._task.splits("dev")
        self._examples = interface.load(self._task, data_dir, split)
        self._featurized = interface.featurize(
            self._task,
            self._examples,
            source.tokenizer,
            source.max_seq_length,
            source.task.get(
                "max_qa_length", multiple_choice_features.MAX_QA_LENGTH
            ),
        )
        padded = self._featurized.features.padded(source.max_seq_length)
        self._inputs = {key: padded[key] for key in source.inputs}
        self.metrics = self.evaluate(source.call)

    def evaluate(self, run, **options):
        """Returns the metrics of a function: dict from names to floats.

        Args:
          run: function of a dict of arrays to a dict of them.
          **options: of ``verification.run``.
        """
        outputs = verification.run(run, self._inputs, **options)
        logits = outputs["logits"]
        if self._columns:
            logits = logits[:, self._columns]
        predictions = interface.predict(self._task, self._featurized, logits)
        found = interface.evaluate(self._task, self._examples, predictions)
        names = dict.fromkeys((*self._task.metrics, self._task.best_metric))
        return {name: float(found[name]) for name in names}

    def compare(self, path, name, run, **options):
        """Returns the metrics of a file; warns where it loses.

        Args:
          path: str, the model, for the warning.
          name: str, what it was computed in.
          run, **options: as of ``evaluate``.
        """
        found = self.evaluate(run, **options)
        best = self._task.best_metric
        if found[best] < self.metrics[best] - _SMALL_LOSS:
            logging.warning(
                "%s as %s: %s on the dev set falls from %.4f to %.4f",
                path,
                name,
                best,
                self.metrics[best],
                found[best],
            )
        return found


def _find_task(source):
    """Returns the task that a model was fine-tuned for: ``Task``."""
    name = source.task.get("task_name")
    task = TASKS.get(name)
    problem = None
    if task is None:
        problem = f"of {name or 'no task'}, whose dev set is not read here"
    elif task.labels is None:
        # Files of one's own: no model directory tells their columns.
        problem = (
            f"of {name}, whose columns this command is not told, and others "
            "would give other metrics"
        )
    elif task.head != source.head:
        problem = (
            f"of {name} with the head {source.head}, and {name} has {task.head}"
        )
    elif sorted(source.labels or ()) != sorted(task.labels):
        problem = (
            f"of {name} with the labels {', '.join(source.labels or ())}, and "
            f"{name} has {', '.join(task.labels)}"
        )
    if problem:
        raise UserError(
            f"--data_dir: the model is {problem}: leave out --data_dir, and "
            "compare on texts of the task with --text_file"
        )
    return task


def explain(metrics):
    """Returns the end of a file's line: str, empty without metrics."""
    return "".join(
        f", {name} {value:.4f}" for name, value in (metrics or {}).items()
    )
