# SPDX-License-Identifier: Apache-2.0
"""Plans how long the sequences are in the course of a training.

Short sequences cost less and leave the plateau sooner. The records are of the
longest; what is longer than a sequence is cut before it is masked, so that each
pair is one at any length: ``albert.records.dynamic_masking.shorten``.
"""

from albert.errors import UserError
from albert.text.instances import SPECIAL_TOKENS
from albert.training.phases import lay_out
from albert.training.phases import parse_phases
from albert.training.phases import whole_number

_FLAG = "--max_seq_length_schedule"


def plan(text, records, budget):
    """Makes the schedule that a flag describes.

    Args:
      text: str, lengths with their shares of the training: "64:0.5,128". The
        last one has what the others leave.
      records: ``RecordSet`` to train on.
      budget: of ``albert.training.budgets``.

    Returns:
      ``albert.training.phases.Plan``.

    Raises:
      UserError: the text is no such list, lengths do not ascend to that of the
        records, one has no room for two segments, a share leaves a length
        without a step, or the records are masked already.
    """
    phases = parse_phases(_FLAG, text, whole_number, "64:0.5,128")
    if records.unmasked is None:
        raise UserError(
            f"{_FLAG}={text}: {records.files[0]} holds masked records, which "
            "cannot be cut: make records with --masking=dynamic, or leave the "
            "flag out"
        )
    lengths, longest = phases.values, records.schema.max_seq_length
    if list(lengths) != sorted({*lengths}) or lengths[-1] != longest:
        raise UserError(
            f"{_FLAG}={text}: lengths must ascend to the {longest} pieces of "
            "the records"
        )
    objective = records.unmasked.objective
    # As the writer of the records wants it.
    shortest = SPECIAL_TOKENS[objective] + 2
    if lengths[0] < shortest:
        raise UserError(
            f"{_FLAG}={text}: sequences of {lengths[0]} pieces have no room "
            f"for text, with --objective={objective}: begin with {shortest} at "
            "least"
        )
    return lay_out(phases, budget, "pieces")
