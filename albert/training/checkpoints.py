# SPDX-License-Identifier: Apache-2.0
"""Saves and restores everything that the next training step depends on.

Checkpoints have Google's format and names: weights, ``NAME/adam_m``,
``NAME/adam_v`` and ``global_step`` are as the original writes them. What it
does not have is under ``training_state/``: the state of dropout's generators,
averages of the weights, the best evaluation so far and how many have followed
it, and, where a training is of a time, how much of it is over. The position in
the input is the step times the batch size; where batches grow, it is there too.
"""

import dataclasses
import os

import numpy as np
from absl import logging

from albert.errors import UserError
from albert.interchange import tensor_bundle
from albert.interchange.names import google_name
from albert.interchange.names import named_variables
from albert.interchange.weights import google_tensors

_STATE = "training_state/"


@dataclasses.dataclass(frozen=True)
class Progress:
    """Facts about the training that a checkpoint holds beside its variables.

    Attributes:
      restored: bool, whether there was one.
      best: float, the best evaluation so far; None before the first.
      evaluated: bool, whether the weights of this step were evaluated.
      since_best: int, evaluations after the best one.
      milliseconds: int, time that the steps took, of a training in time.
      sequences: int, those that the steps were made with; None where each
        had as many.
    """

    restored: bool = False
    best: float | None = None
    evaluated: bool = False
    since_best: int = 0
    milliseconds: int = 0
    sequences: int | None = None


class TrainingCheckpoints:
    """Checkpoints of a model and its optimizer in one directory.

    Args:
      directory: where ``model.ckpt-STEP`` go.
      model: the model that is trained.
      optimizer: of ``albert.training.optimizers``, built.
      keep: int, how many training checkpoints are kept.
      evaluation: str, what the best value is measured on; a best value
        that was measured on something else is forgotten.
      writes: bool, whether this process saves. Of several workers one does.
    """

    def __init__(
        self, directory, model, optimizer, keep, evaluation="", writes=True
    ):
        self.directory = str(directory)
        self.model = model
        self.optimizer = optimizer
        self.keep = keep
        self.evaluation = evaluation
        self.writes = writes
        self._passed_over = []

    @property
    def step(self):
        """Number of updates made so far."""
        return int(self.optimizer.iterations.numpy())

    @property
    def _best_prefix(self):
        return os.path.join(self.directory, tensor_bundle.BEST)

    @property
    def has_best(self):
        """Whether there is ``model.ckpt-best``, of this run or an earlier one.

        Whatever opens the directory then takes it, and not a later step.
        """
        return os.path.exists(f"{self._best_prefix}.index")

    def save(
        self,
        best,
        evaluated,
        since_best=0,
        milliseconds=None,
        sequences=None,
    ):
        """Writes ``model.ckpt-STEP`` and removes those beyond ``keep``.

        Damaged ones, which ``restore`` has passed over, are set aside.

        Args:
          best: float, the best evaluation so far, or None.
          evaluated: bool, whether these weights were evaluated.
          since_best: int, evaluations after the best one.
          milliseconds: int, time that the steps took; None where it does not
            count.
          sequences: int, those that the steps were made with; None where each
            had as many.
        """
        if not self.writes:
            return
        self._set_aside_damaged()
        tensors = {
            name: variable.numpy()
            for name, variable in self._variables().items()
        }
        tensors[f"{_STATE}evaluated"] = np.int64(evaluated)
        if milliseconds is not None:
            tensors[f"{_STATE}milliseconds"] = np.int64(milliseconds)
        if sequences is not None:
            tensors[f"{_STATE}sequences"] = np.int64(sequences)
        if best is not None:
            tensors[f"{_STATE}best"] = np.float64(best)
            tensors[f"{_STATE}since_best"] = np.int64(since_best)
            tensors[f"{_STATE}evaluation"] = self.evaluation
        tensor_bundle.write(
            tensor_bundle.step_prefix(self.directory, self.step), tensors
        )
        logging.info(
            "saved checkpoint %s at step %d", self.directory, self.step
        )
        steps = tensor_bundle.steps(self.directory)
        for step in steps[: -self.keep]:
            tensor_bundle.remove(
                tensor_bundle.step_prefix(self.directory, step)
            )

    def _set_aside_damaged(self):
        """Makes room for what is saved; nothing reads them from here on."""
        for prefix in self._passed_over:
            logging.warning(
                "%s is damaged: its files are %s.* now; remove them",
                prefix,
                tensor_bundle.set_aside(prefix),
            )
        self._passed_over = []

    def save_best(self):
        """Writes the weights alone to ``model.ckpt-best``."""
        if not self.writes:
            return
        tensor_bundle.write(
            self._best_prefix,
            {
                **google_tensors(self.model),
                "global_step": np.int64(self.step),
            },
        )

    def restore(self):
        """Restores the latest readable checkpoint, if there is one.

        Returns:
          ``Progress``.

        Raises:
          UserError: there are checkpoints and all of them are damaged, the
            machine cannot read one, or one holds something else than this
            run.
        """
        steps = tensor_bundle.steps(self.directory)
        self._passed_over = []
        for step in reversed(steps):
            prefix = tensor_bundle.step_prefix(self.directory, step)
            try:
                tensors = tensor_bundle.read(prefix)
            except tensor_bundle.DamagedError as error:
                logging.warning("%s. Trying the one before it.", error)
                self._passed_over.append(prefix)
                continue
            self._assign(prefix, tensors)
            best = self._best(tensors)
            since_best = int(tensors.get(f"{_STATE}since_best", 0))
            sequences = tensors.get(f"{_STATE}sequences")
            return Progress(
                restored=True,
                best=best,
                evaluated=bool(tensors.get(f"{_STATE}evaluated", True)),
                since_best=0 if best is None else since_best,
                milliseconds=int(tensors.get(f"{_STATE}milliseconds", 0)),
                sequences=None if sequences is None else int(sequences),
            )
        if steps:
            raise UserError(
                f"{self.directory}: none of its {len(steps)} checkpoints is "
                "readable: restore one from a backup, or use another "
                "--output_dir"
            )
        return Progress()

    def _best(self, tensors):
        if f"{_STATE}best" not in tensors:
            return None
        if tensors[f"{_STATE}evaluation"].decode() != self.evaluation:
            logging.warning(
                "the evaluation has changed: model.ckpt-best will be the best "
                "from here on"
            )
            return None
        if not self.has_best:
            # A kill within its replacement: the next evaluation makes it.
            return None
        return float(tensors[f"{_STATE}best"])

    def _assign(self, prefix, tensors):
        variables = self._variables()
        missing = sorted(set(variables) - set(tensors))
        if missing:
            raise UserError(
                f"{prefix}: not a checkpoint of this run, it lacks "
                f"{', '.join(missing)}: use another --output_dir"
            )
        for name, variable in variables.items():
            variable.assign(tensors[name])

    def _variables(self):
        """Returns everything that is saved, by its name in the checkpoint."""
        named = {
            google_name(name): variable
            for name, variable in named_variables(self.model).items()
        }
        index = {
            id(variable): position
            for position, variable in enumerate(self.model.trainable_variables)
        }
        variables = {"global_step": self.optimizer.iterations}
        for name, variable in named.items():
            variables[name] = variable
            position = index.get(id(variable))
            if position is not None:  # frozen weights have no moments
                for slot, value in self.optimizer.slots(position).items():
                    variables[f"{name}/{slot}"] = value
                if self.optimizer.averages:
                    variables[f"{_STATE}average/{name}"] = (
                        self.optimizer.averages[position]
                    )
        weights = set(map(id, named.values()))
        generators = [
            variable
            for variable in self.model.variables
            if id(variable) not in weights
        ]
        # Numbered: the paths of Keras's generators differ between processes.
        for index, variable in enumerate(generators):
            variables[f"{_STATE}dropout_{index}"] = variable
        return variables
