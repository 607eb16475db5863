# SPDX-License-Identifier: Apache-2.0
"""Definition of a task: files, labels, metrics and recipe."""

import dataclasses

from albert.errors import UserError
from albert.heads import HEADS
from albert.tasks import tag_schemes
from albert.tasks.label_types import LABEL_TYPES

# The mean of a task's metrics, which is what enters GLUE's average.
GLUE_SCORE = "glue_score"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """Training settings of a task, which flags override.

    Attributes:
      learning_rate: float.
      train_batch_size: int, examples of an update.
      num_train_steps: int, or None to train ``num_train_epochs``.
      num_warmup_steps: int, or None for ``warmup_proportion`` of the steps.
      num_train_epochs: float.
      warmup_proportion: float.
      dropout: float, of the encoder; None leaves the configuration's.
      classifier_dropout: float.
      max_seq_length: int.
    """

    learning_rate: float = 2e-5
    train_batch_size: int = 32
    num_train_steps: int | None = None
    num_warmup_steps: int | None = None
    num_train_epochs: float = 3.0
    warmup_proportion: float = 0.1
    dropout: float | None = None
    classifier_dropout: float = 0.1
    max_seq_length: int = 512


@dataclasses.dataclass(frozen=True)
class Task:
    """A task to fine-tune for.

    Attributes:
      name: str, as in ``--task_name``.
      head: str, a key of ``albert.heads.HEADS`` with one of
        ``LABEL_TYPES``.
      folder: str, its folder in the data directory; "" for none.
      files: dict from split to ``TsvFile``, ``RaceFolder``, ``QuestionFile``,
        ``ConllFile`` or ``TextFolders``.
        A split is "train", or begins with "dev" or "test".
      labels: tuple of str, index to label; None where they are found in the
        training data; empty for a regression. Of multiple choice the names
        of the options; a question may have fewer.
      metrics: tuple of names of ``albert.tasks.metrics.METRICS``. Tagging
        with labels that are no entities has the accuracy alone.
      best_metric: str, the one the best checkpoint is chosen by, on the
        first dev split: one of ``metrics``, or ``GLUE_SCORE``. Larger is
        better.
      recipe: ``Recipe``.
      submissions: dict from test split to the file name that GLUE's server
        wants.
      value_range: (lowest, highest) value of a regression, or None.
      label_separator: str, what stands between several labels of a text, in
        the cells of tables and in predictions.
      trained_as: str, the task whose training data and labels this task
        uses, where it has no training data itself.
    """

    name: str
    head: str
    folder: str
    files: dict
    labels: tuple | None
    metrics: tuple
    best_metric: str
    recipe: Recipe
    submissions: dict = dataclasses.field(default_factory=dict)
    value_range: tuple | None = None
    label_separator: str = ","
    trained_as: str | None = None

    @property
    def label_type(self):
        """A key of ``LABEL_TYPES``."""
        return HEADS[self.head].label_type

    @property
    def num_labels(self):
        """The number of outputs of the head: 1 for a regression or a choice."""
        takes_labels = HEADS[self.head].takes_num_labels
        return (len(self.labels) or 1) if takes_labels else 1

    @property
    def choices(self):
        """The number of sequences of an example: 1, or the most options."""
        return len(self.labels) if self.label_type == "choice" else 1

    def describe(self):
        """Returns what a model directory remembers of the task: dict."""
        description = {
            "task_name": self.name,
            "kind": HEADS[self.head].task_kind,
            "labels": list(self.labels),
        }
        if self.label_type == "classes":
            description["label_separator"] = self.label_separator
        return description

    def splits(self, purpose):
        """Returns the names of the splits of a purpose, the main one first.

        Args:
          purpose: "train", "dev" or "test".
        """
        return [name for name in self.files if name.startswith(purpose)]

    def with_labels(self, labels):
        """Returns the task with its labels known.

        Args:
          labels: sequence of str: index to label, for example those that a
            model directory remembers.

        Raises:
          UserError: the task has other labels, or these cannot be labels.
        """
        labels = tuple(labels)
        if self.labels is not None and labels != self.labels:
            raise UserError(
                f"{self.name} has the labels {', '.join(self.labels)}, not "
                f"{', '.join(labels)}: use a model of this task, or another "
                "--task_name"
            )
        LABEL_TYPES[self.label_type].check(self.name, labels)
        self._check_separator(labels)
        task = dataclasses.replace(self, labels=labels)
        if self.label_type == "tag" and tag_schemes.are_plain(labels):
            # There are no entities to count.
            task = dataclasses.replace(
                task, metrics=("accuracy",), best_metric="accuracy"
            )
        return task

    def _check_separator(self, labels):
        """Refuses labels that could not be told apart where they are joined."""
        joined = [label for label in labels if self.label_separator in label]
        if joined and self.label_type == "classes":
            remedy = "give another --label_separator, that of the training data"
            if any(file.label_columns for file in self.files.values()):
                remedy = "rename that column"
            raise UserError(
                f"the label {joined[0]!r} has {self.label_separator!r} in it, "
                f"which stands between labels: {remedy}"
            )

    def with_labels_of(self, examples):
        """Returns the task with its labels, found in examples if need be.

        Args:
          examples: what was read of the training data.

        Raises:
          UserError: they have fewer than two labels.
        """
        if self.labels is not None:
            return self
        labels = LABEL_TYPES[self.label_type].find(examples)
        if len(labels) < 2:
            found = f"only the label {labels[0]!r}" if labels else "no label"
            raise UserError(
                f"the training data of {self.name} has {found}: a task needs "
                "two or more"
            )
        return self.with_labels(labels)
