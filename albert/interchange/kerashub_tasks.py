# SPDX-License-Identifier: Apache-2.0
"""The tasks of KerasHub: its classes with a head, and ours that fit them.

Source: albert_masked_lm.py and albert_text_classifier.py of keras-hub 0.32.
"""

import dataclasses

from albert.errors import UserError
from albert.heads import HEADS
from albert.heads import find
from albert.interchange import kerashub_presets as presets

# KerasHub renamed the classifier.
_OLD_NAMES = {"AlbertClassifier": "AlbertTextClassifier"}


@dataclasses.dataclass(frozen=True)
class TaskClass:
    """A class of KerasHub with a head.

    Attributes:
      module: str, its module, and the name of its objects.
      component: str, first part of our names of the head's variables.
      layer: str, KerasHub's name of the layer that has them.
      learning_rate: float, what it is trained with unless told otherwise.
    """

    module: str
    component: str
    layer: str
    learning_rate: float


_TASK_CLASSES = {
    "AlbertMaskedLM": TaskClass(
        "albert_masked_lm", "masked_lm", "mlm_head", 5e-5
    ),
    "AlbertTextClassifier": TaskClass(
        "albert_text_classifier", "classifier", "logits", 1e-5
    ),
}


@dataclasses.dataclass(frozen=True)
class Task:
    """A task of KerasHub.

    Attributes:
      class_name: str, a key of ``_TASK_CLASSES``.
      num_labels: int, or None without a classifier.
      dropout: float before the classifier, or None.
    """

    class_name: str
    num_labels: int | None = None
    dropout: float | None = None

    @property
    def description(self):
        """``TaskClass``."""
        return _TASK_CLASSES[self.class_name]

    @property
    def head(self):
        """Our head with the weights that KerasHub's class has."""
        components = (self.description.component,)
        return find(kerashub=self.class_name, components=components)[0]


def read(description, backbone, path):
    """Returns the ``Task`` of a task.json.

    Args:
      description: dict, the content of the file.
      backbone: the result of ``presets.read_backbone``.
      path: str, for messages.

    Raises:
      UserError: a task that has no counterpart here.
    """
    name = presets.class_name_of(description, path)
    known = _OLD_NAMES.get(name, name)
    if known not in _TASK_CLASSES:
        raise UserError(
            f"{path}: {description['registered_name']!r} is none of "
            f"{', '.join((*_TASK_CLASSES, *_OLD_NAMES))}: save its backbone "
            "alone (model.backbone.save_to_preset)"
        )
    settings = presets.json_object(description.get("config"), "config", path)
    inner = presets.json_object(settings.get("backbone"), "backbone", path)
    if presets.read_backbone(inner, path) != backbone:
        raise UserError(
            f"{path}: its backbone is another than that of "
            f"{presets.CONFIG_FILE}: get the directory again"
        )
    if known == "AlbertMaskedLM":
        return Task(known)
    activation = settings.get("activation", "linear")
    if activation not in (None, "linear"):
        raise UserError(
            f"{path}: the classifier's activation is {activation!r}, and ours "
            "gives logits: save it with activation=None"
        )
    num_labels, dropout = settings.get("num_classes"), settings.get("dropout")
    if type(num_labels) is not int or num_labels < 1:
        raise UserError(
            f"{path}: num_classes is {num_labels!r}, not a number of classes: "
            "get the file again"
        )
    if type(dropout) not in (int, float) or not 0 <= dropout < 1:
        raise UserError(
            f"{path}: dropout is {dropout!r}, not in [0, 1): get the file again"
        )
    return Task(known, num_labels, float(dropout))


def find_task(head, tensors, classifier_dropout):
    """Returns the ``Task`` for one of our heads, or None for a backbone."""
    class_name = HEADS[head].kerashub
    if class_name is None:
        return None
    if class_name == "AlbertMaskedLM":
        return Task(class_name)
    num_labels = tensors.shape("classifier/output_bias")[0]
    dropout = 0.1 if classifier_dropout is None else classifier_dropout
    return Task(class_name, num_labels, dropout)
