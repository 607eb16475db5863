# SPDX-License-Identifier: Apache-2.0
"""Which model and which loss each kind of task has."""

from albert.modeling.models import AlbertClassifier
from albert.modeling.models import AlbertMultipleChoice
from albert.modeling.models import AlbertTokenClassifier
from albert.training import losses

OBJECTIVES = {
    "classification": losses.ClassificationObjective,
    "regression": losses.RegressionObjective,
    "multiple_choice": losses.ClassificationObjective,
    "tagging": losses.TokenClassificationObjective,
}


def make_model(task, config, classifier_dropout, dtype):
    """Returns a new model of a task.

    Args:
      task: ``albert.tasks.task.Task`` with labels.
      config: ``AlbertConfig``.
      classifier_dropout: float in [0, 1).
      dtype: Keras dtype policy, "float32" or "mixed_bfloat16".
    """
    if task.kind == "multiple_choice":
        return AlbertMultipleChoice(config, classifier_dropout, dtype=dtype)
    model_class = AlbertClassifier
    if task.kind == "tagging":
        model_class = AlbertTokenClassifier
    return model_class(config, task.num_labels, classifier_dropout, dtype=dtype)
