# SPDX-License-Identifier: Apache-2.0
"""Collects the results of the benchmark's runs, and makes a table of them."""

import dataclasses

import numpy as np

from albert import model_directory
from albert.errors import UserError
from albert.glue.benchmark import BENCHMARK
from albert.glue.benchmark import Entry
from albert.tasks import trained_model
from albert.tasks.task import GLUE_SCORE

# Of the nine that GLUE's average is of; the diagnostics do not count.
_AVERAGED = [entry.name for entry in BENCHMARK if entry.is_trained]


@dataclasses.dataclass(frozen=True)
class TaskResults:
    """Results of one task on its dev sets.

    Attributes:
      entry: ``Entry``.
      seeds: list of int.
      values: dict from a metric to a list of float, one for each seed.
      baseline: dict from a metric to a float, that of one constant answer.
      best: int, the seed whose model is best.
      model: str, the directory of the best model; None if it was given.
    """

    entry: Entry
    seeds: list
    values: dict
    baseline: dict
    best: int
    model: str | None

    def median(self, metric):
        """Returns the median over the seeds: float."""
        return float(np.median(self.values[metric]))

    def score(self):
        """Returns what enters GLUE's average: float.

        It is the mean of the metrics that GLUE counts, over all dev sets:
        both of MRPC, QQP and STS-B, of CoLA Matthews' correlation alone.
        """
        task = self.entry.task
        counted = task.metrics
        if task.best_metric != GLUE_SCORE:
            counted = (task.best_metric,)
        names = _of_all_dev_sets(self.entry, counted)
        return float(np.mean([self.median(metric) for metric in names]))


def collect(entry, seeds, directories, models):
    """Reads the evaluations of the runs of a task.

    Args:
      entry: ``Entry``.
      seeds: list of int.
      directories: list of str, where the evaluation of each is.
      models: list of str or None, the model directory of each.

    Returns:
      ``TaskResults``.

    Raises:
      UserError: an evaluation is damaged or lacks a metric.
    """
    found = [model_directory.read_evaluation(path) for path in directories]
    values = {}
    for metric in _of_all_dev_sets(entry, entry.task.metrics):
        for path in directories:
            value = model_directory.read_metric(path, metric)
            if value is None:
                raise UserError(
                    f"{path}: its evaluation has no {metric}: remove the "
                    "directory, and the same command trains again"
                )
            values.setdefault(metric, []).append(value)
    best = trained_model.find_best(directories, entry.task.best_metric)
    return TaskResults(
        entry=entry,
        seeds=list(seeds),
        values=values,
        baseline=found[0].get("baseline", {}),
        best=seeds[best],
        model=models[best],
    )


def _of_all_dev_sets(entry, metrics):
    """Returns the names that metrics have of all dev sets: list of str."""
    suffixes = [""] + [
        f"_{split.partition('_')[2]}" for split in entry.task.splits("dev")[1:]
    ]
    return [f"{metric}{suffix}" for suffix in suffixes for metric in metrics]


def average(results):
    """Returns GLUE's average of the nine tasks; None where some lack.

    Args:
      results: list of ``TaskResults``.
    """
    scores = {each.entry.name: each.score() for each in results}
    if not scores.keys() >= set(_AVERAGED):
        return None
    return float(np.mean([scores[name] for name in _AVERAGED]))


def to_json(results, published, hidden_size, flags, notes):
    """Returns the results as a value of JSON.

    Args:
      results: list of ``TaskResults``.
      published: ``Published``, what they are put beside.
      hidden_size: int, that of the model.
      flags: list of str, with which the runs are not those of the paper.
      notes: list of str, sentences about what else was made otherwise.
    """
    return {
        "flags": flags,
        "notes": notes,
        "hidden_size": hidden_size,
        "published": dataclasses.asdict(published),
        "average": average(results),
        "tasks": {
            each.entry.name: {
                "seeds": each.seeds,
                "best_seed": each.best,
                "medians": {
                    metric: each.median(metric) for metric in each.values
                },
                "values": each.values,
                "baseline": {
                    metric: value
                    for metric, value in each.baseline.items()
                    if metric in each.values
                },
            }
            for each in results
        },
    }


def format_table(results, published, hidden_size, flags, left_out, notes):
    """Formats a table to read, in Markdown.

    Args:
      results, published, hidden_size, flags, notes: as of ``to_json``.
      left_out: dict from the name of a task to why it has no results.

    Returns:
      str.
    """
    rows = [
        (
            *("task", "metric", "median", "seeds", "constant answer"),
            f"paper, {published.size}",
            f"released {published.size} v2",
        )
    ]
    for each in results:
        for metric in each.values:
            rows.append(_row(each, metric, published))
    for name, reason in left_out.items():
        rows.append((name, reason, *[""] * 5))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    header, *body = (
        f"| {' | '.join(map(str.ljust, row, widths))} |" for row in rows
    )
    rule = f"|{'|'.join('-' * (width + 2) for width in widths)}|"
    mean = average(results)
    absent = [
        name
        for name in _AVERAGED
        if name not in [each.entry.name for each in results]
    ]
    lines = [
        header,
        rule,
        *body,
        "",
        f"Average of the nine tasks: {_percent(mean)}."
        if mean is not None
        else f"No average: {', '.join(absent)} have no results.",
        "In percent, on the dev sets; the best checkpoints were chosen there. "
        f"The paper's row is that of the size nearest to this width of "
        f"{hidden_size}: {published.size} ({published.hidden_size}), "
        f"{published.where}. It names no metrics; they are taken to be those "
        "whose rows it stands in.",
    ]
    if flags:
        lines += ["", f"Trained with other settings: {' '.join(flags)}."]
    for note in notes:
        lines += ["", note]
    return "\n".join(lines) + "\n"


def _row(results, metric, published):
    entry = results.entry
    is_reported = metric == entry.metric
    values = results.values[metric]
    return (
        entry.name,
        metric,
        _percent(results.median(metric)),
        ", ".join(map(_percent, values)) if len(values) > 1 else "",
        _percent(results.baseline.get(metric)),
        *(
            str(numbers[entry.name])
            if is_reported and entry.name in numbers
            else ""
            for numbers in (published.paper, published.release)
        ),
    )


def _percent(value):
    return "" if value is None else f"{100 * value:.1f}"
