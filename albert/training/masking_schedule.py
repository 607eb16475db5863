# SPDX-License-Identifier: Apache-2.0
"""Plans what share of the tokens is masked in the course of a training.

Of records that are masked while training. Much at first and less later is what
Ankner et al., "Dynamic masking rate schedules for MLM pretraining" (2024, arXiv
2305.15096), found to pay, from 30% to 15%.
"""

from albert.errors import UserError
from albert.training.phases import lay_out
from albert.training.phases import parse_phases

_FLAG = "--masked_lm_prob_schedule"
_EXAMPLE = "0.3:0.5,0.15"


def plan(text, records, budget):
    """Makes the schedule that a flag describes.

    Args:
      text: str, shares of the tokens with their shares of the training:
        "0.3:0.5,0.15". The last has what the others leave.
      records: ``RecordSet`` to train on.
      budget: of ``albert.training.budgets``.

    Returns:
      ``albert.training.phases.Plan``.

    Raises:
      UserError: the text is no such list, a share leaves a value without a
        step, the records are masked already, or the slots that were asked for
        are too few.
    """
    phases = parse_phases(_FLAG, text, _probability, _EXAMPLE)
    if records.unmasked is None:
        raise UserError(
            f"{records.files[0]} holds masked records, in which {_FLAG} "
            "changes nothing: leave it out, or make records with "
            "--masking=dynamic"
        )
    length, slots = records.schema.max_seq_length, records.given_slots
    largest = max(phases.values)
    needed = max(1, round(largest * length))
    if slots and needed > slots:
        raise UserError(
            f"{_FLAG}={text}: {largest:g} of {length} pieces are {needed}, "
            f"more than --max_predictions_per_seq={slots}: leave that out, "
            f"or give {needed}"
        )
    return lay_out(phases, budget, "of the tokens")


def _probability(text):
    """Returns the share that is written; ValueError where it is none."""
    value = float(text)
    # In this order, so that nan is refused.
    if not 0.0 < value < 1.0:
        raise ValueError(text)
    return value
