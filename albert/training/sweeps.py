# SPDX-License-Identifier: Apache-2.0
"""Compares the runs of a sweep, and finds the best."""

import numpy as np

from albert import evaluation_results
from albert import outputs
from albert.errors import UserError
from albert.training import run_lists
from albert.training.event_tags import is_loss

RESULTS_FILE = "sweep_results.json"
TABLE_FILE = "sweep_results.tsv"
# The flag whose values are no choice: a good one is luck.
_SEED = "seed"


def compare(runs, metrics, metric):
    """Compares finished runs, those that differ in their seed alone as one.

    Args:
      runs: list of ``PlannedRun``.
      metrics: list of dict of float, for each.
      metric: str, the one whose largest value is best, or smallest of a loss.

    Returns:
      dict, what RESULTS_FILE holds: "metric"; "settings", a list in order of
      the median, the best first; and "best", the first of them with the
      directory of its best run.

    Raises:
      UserError: a run does not have the metric.
    """
    sign = -1 if is_loss(metric) else 1
    groups = {}
    for run, values in zip(runs, metrics, strict=True):
        if metric not in values:
            common = [
                name for name in values if all(name in each for each in metrics)
            ]
            raise UserError(
                f"{run.directory}: its results have no {metric}: give the same "
                "command with a --best_metric that all runs have: "
                f"{', '.join(common) or 'there is none'}"
            )
        settings = {n: v for n, v in run.settings.items() if n != _SEED}
        key = tuple(settings.items())
        groups.setdefault(key, []).append((values[metric], run))
    compared = []
    for key, scored in groups.items():
        values = [value for value, _ in scored]
        # Of equal ones the first.
        _, best_run = max(scored, key=lambda pair: sign * pair[0])
        compared.append(
            {
                "flags": dict(key),
                "runs": len(values),
                "median": float(np.median(values)),
                "lowest": min(values),
                "highest": max(values),
                "best_run": best_run.directory,
            }
        )
    compared.sort(key=lambda row: -sign * row["median"])
    return {"metric": metric, "settings": compared, "best": compared[0]}


def write(directory, data, runs, metrics, comparison, failed):
    """Writes what was compared, and a table of all runs; returns the paths.

    Those of another sweep that are there are kept, as results of evaluations
    are.

    Args:
      directory: str, the directory of the sweep.
      data: list of dict, of ``evaluation_results.describe_data``, what all
        runs were evaluated on.
      runs, metrics: as of ``compare``.
      comparison: what it returned.
      failed: list of ``PlannedRun``, those that are missing in it.
    """
    names = list(dict.fromkeys(name for each in metrics for name in each))
    rows = [
        [*runs[0].settings, *names],
        *(
            [*run.settings.values(), *(each.get(name, "") for name in names)]
            for run, each in zip(runs, metrics, strict=True)
        ),
    ]
    content = {
        "data": data,
        **comparison,
        "failed": [
            {"flags": run.settings, "directory": run.directory}
            for run in failed
        ],
        "runs": [
            {"flags": run.settings, "directory": run.directory, **each}
            for run, each in zip(runs, metrics, strict=True)
        ],
    }
    files = {
        TABLE_FILE: run_lists.table_bytes(rows),
        RESULTS_FILE: outputs.json_bytes(content),
    }
    return evaluation_results.write_together(
        directory, RESULTS_FILE, data, files
    )


def describe(comparison):
    """Returns the table of a comparison and a line on the best: str."""
    rows = comparison["settings"]
    metric, best = comparison["metric"], comparison["best"]
    single = all(row["runs"] == 1 for row in rows)
    # Without other settings than the seed there is one row and no choice.
    header = [*best["flags"], *([metric] if single else _of_seeds(metric))]
    table = [header] + [
        [
            *row["flags"].values(),
            *(
                [row["median"]]
                if single
                else [row["runs"]]
                + [row[name] for name in ("median", "lowest", "highest")]
            ),
        ]
        for row in rows
    ]
    setting = " ".join(f"--{n}={v}" for n, v in best["flags"].items())
    lines = [run_lists.format_table(table), ""]
    if len(rows) > 1:
        lines.append(
            f"Best: {setting} ({metric} {best['median']:.4f}), chosen on what "
            "it was measured on, so a little too good"
        )
    lines.append(f"Its best run: {best['best_run']}")
    return "\n".join(lines)


def _of_seeds(metric):
    return ["seeds", f"median {metric}", "lowest", "highest"]
