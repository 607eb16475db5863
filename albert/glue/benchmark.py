# SPDX-License-Identifier: Apache-2.0
"""The benchmark GLUE: its tasks, what its server wants, published results.

What a task is stands in ``albert/tasks/table.py``; this is what the benchmark
adds to it. Sources: the paper is Lan et al. 2020 (arXiv:1909.11942), the
release the README of google-research/albert; rows of test sets are those of
the files that GLUE publishes, which its server counts.
"""

import dataclasses
import math

from albert.tasks.table import TASKS


@dataclasses.dataclass(frozen=True)
class Entry:
    """A task as a part of the benchmark.

    Attributes:
      name: str, a key of ``TASKS``.
      metric: str, the one that published results are taken to be of.
      test_rows: dict from a file of the submission to its number of rows.
      starts_from: str, the task whose model it starts from in the
        paper, or is asked of; None for the pretrained model.
    """

    name: str
    metric: str
    test_rows: dict
    starts_from: str | None = None

    @property
    def task(self):
        """The ``Task``."""
        return TASKS[self.name]

    @property
    def is_trained(self):
        """Whether it has training data of its own, as the diagnostics lack."""
        return bool(self.task.splits("train"))


# In the order of GLUE's table.
BENCHMARK = (
    Entry("cola", "matthews", {"CoLA.tsv": 1063}),
    Entry("sst-2", "accuracy", {"SST-2.tsv": 1821}),
    Entry("mrpc", "accuracy", {"MRPC.tsv": 1725}, "mnli"),
    Entry("sts-b", "pearson", {"STS-B.tsv": 1379}, "mnli"),
    Entry("qqp", "accuracy", {"QQP.tsv": 390965}),
    Entry("mnli", "accuracy", {"MNLI-m.tsv": 9796, "MNLI-mm.tsv": 9847}),
    Entry("qnli", "accuracy", {"QNLI.tsv": 5463}),
    Entry("rte", "accuracy", {"RTE.tsv": 3000}, "mnli"),
    Entry("wnli", "accuracy", {"WNLI.tsv": 146}),
    Entry("ax", "matthews", {"AX.tsv": 1104}, "mnli"),
)


def find(name):
    """Returns the entry of a task, by the name that the table has."""
    return next(entry for entry in BENCHMARK if entry.name == name)


@dataclasses.dataclass(frozen=True)
class Published:
    """Results on the dev sets of one size, in percent.

    Attributes:
      size: str, as the paper calls it.
      hidden_size: int.
      where: str, the table of the paper.
      paper: dict from the name of a task to a result.
      release: dict, of version 2 of the released models.
    """

    size: str
    hidden_size: int
    where: str
    paper: dict
    release: dict


PUBLISHED = (
    Published(
        "base",
        768,
        "table 2",
        {"mnli": 81.6, "sst-2": 90.3},
        {"mnli": 84.6, "sst-2": 92.9},
    ),
    Published(
        "large",
        1024,
        "table 2",
        {"mnli": 83.5, "sst-2": 91.7},
        {"mnli": 86.5, "sst-2": 94.9},
    ),
    Published(
        "xlarge",
        2048,
        "table 2",
        {"mnli": 86.4, "sst-2": 92.4},
        {"mnli": 87.9, "sst-2": 95.4},
    ),
    Published(
        "xxlarge",
        4096,
        "table 9, 1.5M steps",
        {
            "mnli": 90.8,
            "qnli": 95.3,
            "qqp": 92.2,
            "rte": 89.2,
            "sst-2": 96.9,
            "mrpc": 90.9,
            "cola": 71.4,
            "sts-b": 93.0,
        },
        {"mnli": 90.6, "sst-2": 96.8},
    ),
)


def nearest_published(hidden_size):
    """Returns the ``Published`` results of the size nearest to a width."""
    return min(
        PUBLISHED,
        key=lambda each: abs(math.log(each.hidden_size / hidden_size)),
    )


def in_order_of_work(entries):
    """Returns entries with those that others start from before these."""
    return sorted(entries, key=lambda entry: entry.starts_from is not None)
