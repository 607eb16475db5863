# SPDX-License-Identifier: Apache-2.0
"""Plans what share of the tokens is masked at each step of a training.

Of records that are masked while training. Much at first and less later is what
Ankner et al., "Dynamic masking rate schedules for MLM pretraining" (2024, arXiv
2305.15096), found to pay, from 30% to 15%.
"""

import dataclasses

from albert.errors import UserError
from albert.training.phases import parse_phases

_FLAG = "--masked_lm_prob_schedule"
_EXAMPLE = "0.3:0.5,0.15"


@dataclasses.dataclass(frozen=True)
class MaskingSchedule:
    """Shares of the tokens to mask, one after another.

    Attributes:
      text: str, as the user gave it.
      probabilities: tuple of float, each a ``masked_lm_prob``.
      ends: tuple of int, the step at which each ends.
    """

    text: str
    probabilities: tuple
    ends: tuple

    def __str__(self):
        return ", ".join(
            f"{probability:.3g} of the tokens to step {end:,}"
            for probability, end in zip(
                self.probabilities, self.ends, strict=True
            )
        )


def plan(text, records, num_train_steps):
    """Makes the schedule that a flag describes.

    Args:
      text: str, shares of the tokens with their shares of the steps:
        "0.3:0.5,0.15". The last has what the others leave.
      records: ``RecordSet`` to train on.
      num_train_steps: int.

    Returns:
      ``MaskingSchedule``.

    Raises:
      UserError: the text is no such list, a share of the steps is none, the
        records are masked already, or their sequences have too few slots.
    """
    phases = parse_phases(_FLAG, text, _probability, _EXAMPLE)
    if records.unmasked is None:
        raise UserError(
            f"{records.files[0]} holds masked records, in which {_FLAG} "
            "changes nothing: leave it out, or make records with "
            "--masking=dynamic"
        )
    length = records.schema.max_seq_length
    slots = records.schema.max_predictions_per_seq
    largest = max(phases.values)
    needed = max(1, round(largest * length))
    if needed > slots:
        raise UserError(
            f"{_FLAG}={text}: {largest:g} of {length} pieces are {needed}, and "
            f"there are {slots} slots for masked ones: give "
            f"--max_predictions_per_seq={needed}"
        )
    ends = phases.end_steps(num_train_steps)
    return MaskingSchedule(text, phases.values, ends)


def _probability(text):
    """Returns the share that is written; ValueError where it is none."""
    value = float(text)
    # In this order, so that nan is refused.
    if not 0.0 < value < 1.0:
        raise ValueError(text)
    return value
