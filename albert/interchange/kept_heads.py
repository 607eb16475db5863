# SPDX-License-Identifier: Apache-2.0
"""Heads that a training takes from weights that were fine-tuned before.

A head is kept where it was trained for the same task: of the same labels as it
is, of others by their names. Where the weights say nothing of a task, as
Google's do, or another one, the training gives the encoder a new head.
"""

import dataclasses

import numpy as np
from absl import logging

from albert.heads import HEADS
from albert.interchange.names import named_variables
from albert.interchange.source import Tensors
from albert.tasks.label_types import find_places

_BIAS = "classifier/output_bias"


@dataclasses.dataclass(frozen=True)
class KeptHead:
    """What a training takes of the head of the weights that it starts from.

    Attributes:
      fresh: tuple of str, the components that start anew.
      note: str, a line for the user, or "" where there was no choice.
      dropped: tuple of str, labels that the weights know and the task does
        not have.
      places: tuple, for each label of the task its row in the head of the
        weights, or None of a new label; or None where rows stay as they are.
      refused: bool, whether the user wants a new head.
    """

    fresh: tuple[str, ...] = ()
    note: str = ""
    dropped: tuple[str, ...] = ()
    places: tuple[int | None, ...] | None = None
    refused: bool = False

    def log(self, start):
        """Logs what is kept, and warns of labels that are not.

        Args:
          start: ``StartingPoint``.
        """
        if self.note:
            logging.info("%s", self.note)
        if self.dropped:
            logging.warning(
                "labels that %s knows are left out, as the training data do "
                "not have them: %s. --labels keeps them",
                start.path,
                ", ".join(self.dropped),
            )

    def put_into_order(self, start, model):
        """Returns the weights with the rows of the task's labels.

        Args:
          start: ``StartingPoint``.
          model: its initial values are the rows of new labels.
        """
        if self.places is None:
            return start
        variables = named_variables(model)
        tensors = start.source.tensors
        ours = [i for i, place in enumerate(self.places) if place is not None]
        theirs = [self.places[i] for i in ours]

        def entry(name):
            def change(rows):
                values = np.array(variables[name].numpy(), np.float32)
                values[ours] = np.asarray(rows)[theirs]
                return values

            return tensors.map(name, tuple(variables[name].shape), change)

        entries = tensors.entries() | {
            name: entry(name)
            for name in tensors
            if name.startswith("classifier/")
        }
        source = dataclasses.replace(start.source, tensors=Tensors(entries))
        return dataclasses.replace(start, source=source)


def find(start, task, fresh_head=False):
    """Finds what of the head of weights a training for a task keeps.

    Args:
      start: ``StartingPoint``.
      task: ``Task`` with labels.
      fresh_head: bool, whether a new head is wanted whatever there is.

    Returns:
      ``KeptHead``.
    """
    anew = KeptHead(fresh=HEADS[task.head].components, refused=fresh_head)
    if start.source is None or _BIAS not in start.source.tensors:
        return anew
    there = start.task
    name, kind = there.get("task_name"), there.get("kind")
    if fresh_head:
        reason = "--fresh_head"
    elif kind is None:
        reason = "its weights do not say what they were trained for"
    elif kind != HEADS[task.head].task_kind:
        reason = f"it was trained for a {kind.replace('_', ' ')}"
    # The score of an option means the same in every task.
    elif name not in (None, task.name) and task.label_type != "choice":
        reason = f"it was trained for {name}, not for {task.name}"
    else:
        return _keep(start, task, anew)
    return _fresh(start, anew, reason)


def _keep(start, task, anew):
    """Returns the ``KeptHead`` of weights of the same kind of task."""
    of = f"the head of {start.path} is kept"
    if not (HEADS[task.head].takes_num_labels and task.labels):
        return KeptHead(note=f"{of}: --fresh_head starts with a new one")
    theirs = start.task.get("labels") or ()
    if len(theirs) != start.num_labels:
        return _fresh(start, anew, "its outputs have no names")
    places = find_places(theirs, task.labels)
    taken, new = [], []
    for label, place in zip(task.labels, places, strict=True):
        (new if place is None else taken).append(label)
    dropped = tuple(
        label for place, label in enumerate(theirs) if place not in places
    )
    if not taken or ((new or dropped) and not start.task.get("task_name")):
        return _fresh(start, anew, f"it has the labels {', '.join(theirs)}")
    if not new and not dropped:
        labels = ", ".join(task.labels)
        note = f"{of}, which has the same labels ({labels})"
    else:
        note = (
            f"{of} by the names of labels: taken {', '.join(taken)}; new "
            + (", ".join(new) or "none")
        )
    return KeptHead(
        note=f"{note}: --fresh_head starts with a new one",
        dropped=dropped,
        places=tuple(places),
    )


def _fresh(start, anew, reason):
    return dataclasses.replace(
        anew, note=f"a new head instead of that of {start.path}: {reason}"
    )
