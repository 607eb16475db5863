# SPDX-License-Identifier: Apache-2.0
"""Plans how many sequences a step has in the course of a training.

Small batches first: while the loss falls fast, the gradients of few sequences
point where those of many do, and cost less (McCandlish et al., "An empirical
model of large-batch training", 2018, arXiv 1812.06162; GPT-3 grew its batches
so, Brown et al. 2020, arXiv 2005.14165).
"""

from albert.errors import UserError
from albert.training import distribution
from albert.training.phases import lay_out
from albert.training.phases import parse_phases
from albert.training.phases import whole_number

_FLAG = "train_batch_size_schedule"


def parse(text):
    """Returns the ``Phases`` of sizes that the flag's value says.

    Raises:
      UserError: it is no such list.
    """
    return parse_phases(f"--{_FLAG}", text, whole_number, "16:0.2,32:0.3,64")


def plan(text, options, replicas, budget):
    """Makes the schedule that a flag describes.

    Args:
      text: str, sequences of a step with their shares of the training:
        "16:0.2,32:0.3,64". The last has what the others leave.
      options: ``TrainingOptions``.
      replicas: int, devices that share a batch.
      budget: of ``albert.training.budgets``.

    Returns:
      ``albert.training.phases.Plan``.

    Raises:
      UserError: the text is no such list, sizes do not ascend to that of
        ``options``, one cannot be divided among the devices and the parts of
        a step, or a share leaves a size without a step.
    """
    phases = parse(text)
    sizes, largest = phases.values, options.train_batch_size
    if list(sizes) != sorted({*sizes}) or sizes[-1] != largest or not sizes[0]:
        raise UserError(
            f"--{_FLAG}={text}: sizes must ascend, from 1 at least, to "
            f"--train_batch_size={largest}"
        )
    # The last one is the flag --train_batch_size, and checked as such.
    for size in sizes[:-1]:
        distribution.check_batch_size(
            _FLAG, size, replicas, options.gradient_accumulation_steps
        )
    return lay_out(phases, budget, "sequences")


def count_sequences(schedule):
    """Returns how many sequences a training of steps is made with: int.

    Args:
      schedule: ``Plan`` over a ``StepBudget``.
    """
    sizes, ends = schedule.phases.values, schedule.ends
    return sum(
        size * (end - start)
        for size, start, end in zip(sizes, (0, *ends), ends, strict=False)
    )
