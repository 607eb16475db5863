# SPDX-License-Identifier: Apache-2.0
"""Judges exported files by the metrics of the task, on its dev set."""

import dataclasses

from absl import logging

from albert.errors import UserError
from albert.export import verification
from albert.tasks import interface
from albert.tasks import multiple_choice_features
from albert.tasks import selection
from albert.tasks.table import TASKS

# What a file may lose of the task's best metric without a warning.
_SMALL_LOSS = 0.01
# Of rows with one label each, whose files need no settings to be read.
_LABEL_TYPES = ("class", "number", "tag", "choice")


class DevSet:
    """The dev split of the task that a model was fine-tuned for.

    Args:
      source: ``SourceModel``.
      data_dir: str, as --data_dir of `albert classify`.

    Attributes:
      metrics: dict from names to floats, those of the Keras model.

    Raises:
      UserError: the model is of no task with a dev split that is read without
        further flags, or the files cannot be used.
    """

    def __init__(self, source, data_dir):
        name = source.task.get("task_name")
        if name not in TASKS or TASKS[name].label_type not in _LABEL_TYPES:
            raise UserError(
                f"--data_dir: the model is of {name or 'no task'}, whose dev "
                "set is not read here: leave it out, and evaluate with "
                "`albert classify --do_eval`"
            )
        self._source = source
        self._task = dataclasses.replace(
            selection.get_task(name), labels=tuple(source.labels or ())
        )
        self._examples = interface.load(self._task, data_dir, "dev")
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
        predictions = interface.predict(
            self._task, self._featurized, outputs["logits"]
        )
        found = interface.evaluate(self._task, self._examples, predictions)
        return {name: float(found[name]) for name in self._task.metrics}

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


def explain(metrics):
    """Returns the end of a file's line: str, empty without metrics."""
    return "".join(
        f", {name} {value:.4f}" for name, value in (metrics or {}).items()
    )
