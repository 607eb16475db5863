# SPDX-License-Identifier: Apache-2.0
"""Freezes parts of a model: they keep the weights that they start with."""

import math

from absl import logging

from albert.errors import UserError
from albert.interchange.names import named_variables


def _embeddings(encoder):
    # Tables, their norm and their projection: all below the first layer.
    return [encoder.embeddings, encoder.embedding_projection]


def _encoder(encoder):
    return [encoder]


# From a value of --freeze to the layers; each part holds those before it.
PARTS = {"embeddings": _embeddings, "encoder": _encoder}


def canonical(parts):
    """Returns the one part that holds all of several, or None of none.

    Args:
      parts: list of keys of ``PARTS``, or None.
    """
    return max(parts, key=list(PARTS).index) if parts else None


def freeze(model, part):
    """Freezes a part of a model, which stays frozen.

    The layers get Keras's ``trainable = False``: their variables have no
    gradient and no place in an optimizer that is built afterwards. Dropout
    in them is as before.

    Args:
      model: with an ``encoder``.
      part: a key of ``PARTS``, or None.
    """
    for layer in PARTS[part](model.encoder) if part else ():
        if layer is not None:
            layer.trainable = False


def log_trained(loop, part):
    """Logs how many parameters are trained.

    Args:
      loop: ``TrainingLoop`` of the model.
      part: str, what is frozen.
    """
    trained, there = (
        sum(math.prod(variable.shape) for variable in variables)
        for variables in (loop.trained_variables, loop.model.weights)
    )
    logging.info(
        "--freeze=%s: %s of %s parameters are trained (%.3g%%)",
        part,
        f"{trained:,}",
        f"{there:,}",
        100.0 * trained / there,
    )


def check_loaded(loop, fresh):
    """Refuses frozen weights that no checkpoint has given.

    Args:
      loop: ``TrainingLoop`` of the model.
      fresh: list of str, the variables that keep random values, by our names.

    Raises:
      UserError: naming those that the outputs depend on.
    """
    variables = named_variables(loop.model)
    random = [
        name
        for name in fresh
        if not variables[name].trainable
        and loop.objective.trains(variables[name].path)
    ]
    if random:
        raise UserError(
            f"--freeze: {', '.join(random)} would stay random, as "
            "--init_checkpoint has no such weights: freeze less, or start "
            "from a checkpoint that has them"
        )
