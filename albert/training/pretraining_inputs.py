# SPDX-License-Identifier: Apache-2.0
"""What the records and the flags say together about a pretraining run."""

import math

from absl import logging

from albert.errors import UserError
from albert.training import defaults


def find_objective(record_sets):
    """Returns "sop", "nsp" or "none", what all of the records were made for.

    Args:
      record_sets: list of ``RecordSet``; the original's records are "sop".

    Raises:
      UserError: they were made for different objectives.
    """
    found = {}
    for records in record_sets:
        found |= records.objectives
    if len(found) > 1:
        (one, file), (other, other_file) = list(found.items())[:2]
        raise UserError(
            f"{file} was made with --objective={one}, {other_file} with "
            f"--objective={other}: make both with the same one"
        )
    return next(iter(found))


def find_learning_rate(learning_rate, config, optimizer, batch_size):
    """Returns the given learning rate, or one that is derived and logged.

    Args:
      learning_rate: float, or None.
      config: ``AlbertConfig``.
      optimizer: "lamb" or "adamw".
      batch_size: int, sequences per update.

    Raises:
      UserError: it is not positive and finite.
    """
    if learning_rate is None:
        learning_rate = defaults.pretraining_learning_rate(
            config, optimizer, batch_size
        )
        logging.info(
            "learning rate %.3g: derived for %s, width %d, batch size %d",
            learning_rate,
            optimizer,
            config.hidden_size,
            batch_size,
        )
    if not 0.0 < learning_rate < math.inf:
        raise UserError(
            f"--learning_rate is {learning_rate}: it must be positive and "
            "finite; without the flag one is derived"
        )
    warning = defaults.learning_rate_warning(
        config, optimizer, batch_size, learning_rate
    )
    if warning:
        logging.warning("%s", warning)
    return learning_rate
