# SPDX-License-Identifier: Apache-2.0
"""The results of the ablations by model: medians, ranges and differences."""

import statistics

import ablation_grid

# In the place of what was not measured.
NOTHING = "—"


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


# What is compared: (title, function of a row, factor).
METRICS = (
    ("masked-LM accuracy", lambda row: masked_lm(row, "accuracy"), 100),
    ("SST-2", lambda row: row["finetuning"]["sst-2"]["accuracy"], 100),
    ("MRPC", lambda row: row["finetuning"]["mrpc"]["accuracy"], 100),
)
LOSS = ("masked-LM loss", lambda row: masked_lm(row, "loss"), 1)
ORDER = ("SOP", lambda row: sentence_accuracy(row, "sop"), 100)
NEXT = ("NSP", lambda row: sentence_accuracy(row, "nsp"), 100)


def describe_row(row):
    """Returns a line of the results of one model with one seed."""
    parts = []
    for title, value_of, factor in (LOSS, *METRICS):
        value = value_of(row)
        if value is not None:
            parts.append(f"{title} {factor * value:.{_digits(factor)}f}")
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
        _, value_of, factor = metric
        values = [value_of(row) for row in self.rows(cell)]
        return [factor * value for value in values if value is not None]

    def summary(self, cell, metric):
        """Returns "median (least to most)" of a metric."""
        values = self.values(cell, metric)
        if not values:
            return NOTHING
        digits = _digits(metric[2])
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
          apart), or None where one of them has no results.
        """
        ours = self.values(first, metric)
        others = self.values(second, metric)
        if not ours or not others:
            return None
        apart = min(ours) > max(others) or max(ours) < min(others)
        return (
            statistics.median(ours) - statistics.median(others),
            apart and min(len(ours), len(others)) > 1,
        )


def _digits(factor):
    return 1 if factor == 100 else 3
