# SPDX-License-Identifier: Apache-2.0
"""The results of the ablations by model: medians, ranges and differences."""

import statistics
import typing

import ablation_grid

# In the place of what was not measured.
NOTHING = "—"
# Fewer tell nothing of the spread. Of two equal models with three each, the
# ranges lie apart one time in ten; with two each, one time in three.
LEAST_SEEDS = 3


class Metric(typing.NamedTuple):
    """A metric: its title, where it is found, and its unit.

    ``value_of`` takes a row of results, and ``paper_of``, which is None where
    the paper does not have the metric, an ``ablation_paper.PaperRow``. Values
    are multiplied by ``factor``; the paper's are in percent already.
    """

    title: str
    value_of: typing.Callable
    factor: int
    paper_of: typing.Callable | None = None

    def paper_difference(self, first, second):
        """Returns the difference of two of the paper's rows, or None."""
        if not (self.paper_of and first and second):
            return None
        values = self.paper_of(first), self.paper_of(second)
        if None in values:
            return None
        return round(values[0] - values[1], 1)


def masked_lm(row, metric):
    """Returns a masked-LM metric of a row, or None.

    It is that on pairs of segments, for all objectives.
    """
    results = row["pretraining"]
    results = results.get("sop") or next(iter(results.values()), {})
    return results.get(f"masked_lm_{metric}")


def sentence_accuracy(row, objective):
    """Returns the accuracy on an objective's records, or None."""
    if row["cell"]["objective"] in (None, "none"):
        return None  # There is no head that was trained for it.
    results = row["pretraining"].get(objective, {})
    return results.get("sentence_order_accuracy")


# What is compared.
METRICS = (
    Metric(
        "masked-LM accuracy",
        lambda row: masked_lm(row, "accuracy"),
        100,
        lambda paper: paper.masked_lm,
    ),
    Metric(
        "SST-2",
        lambda row: row["finetuning"]["sst-2"]["accuracy"],
        100,
        lambda paper: paper.sst2,
    ),
    Metric("MRPC", lambda row: row["finetuning"]["mrpc"]["accuracy"], 100),
)
LOSS = Metric("masked-LM loss", lambda row: masked_lm(row, "loss"), 1)
ORDER = Metric("SOP", lambda row: sentence_accuracy(row, "sop"), 100)
NEXT = Metric("NSP", lambda row: sentence_accuracy(row, "nsp"), 100)


def describe_row(row):
    """Returns a line of the results of one model with one seed."""
    parts = []
    for metric in (LOSS, *METRICS):
        value = metric.value_of(row)
        if value is not None:
            digits = _digits(metric.factor)
            parts.append(f"{metric.title} {metric.factor * value:.{digits}f}")
    seconds = sum(each["seconds"] for each in row["commands"].values())
    return f"{', '.join(parts)}, {seconds:.0f} s"


class Results:
    """The results of all models, by their cells.

    Args:
      rows: list of dict, of ``Workshop.rows``.
    """

    def __init__(self, rows):
        self._rows = {}
        for row in rows:
            cell = ablation_grid.Cell(**row["cell"])
            self._rows.setdefault(cell, []).append(row)

    def rows(self, cell):
        """Returns the rows of a cell, one a seed."""
        return self._rows.get(cell, [])

    def values(self, cell, metric):
        """Returns the values of a metric of ``METRICS``, one a seed."""
        values = [metric.value_of(row) for row in self.rows(cell)]
        return [metric.factor * value for value in values if value is not None]

    def summary(self, cell, metric):
        """Returns "median (least to most)" of a metric."""
        values = self.values(cell, metric)
        if not values:
            return NOTHING
        digits = _digits(metric.factor)
        middle = f"{statistics.median(values):.{digits}f}"
        if len(values) == 1:
            return middle
        return (
            f"{middle} ({min(values):.{digits}f} to {max(values):.{digits}f})"
        )

    def baseline(self, cell):
        """Returns the masked-LM loss of word frequencies alone, or None."""
        for row in self.rows(cell):
            for results in row["pretraining"].values():
                return results["baseline"]["masked_lm_loss"]
        return None

    def difference(self, first, second, metric):
        """Compares two cells.

        Returns:
          (difference of the medians, whether the ranges of the seeds lie
          apart), or None where one of them has no results. Whether they lie
          apart is None where one of them has fewer than ``LEAST_SEEDS``.
        """
        ours = self.values(first, metric)
        others = self.values(second, metric)
        if not ours or not others:
            return None
        difference = statistics.median(ours) - statistics.median(others)
        if min(len(ours), len(others)) < LEAST_SEEDS:
            return difference, None
        apart = min(ours) > max(others) or max(ours) < min(others)
        return difference, apart


def _digits(factor):
    return 1 if factor == 100 else 3
