# SPDX-License-Identifier: Apache-2.0
"""Draws the pictures of the ablations."""

import statistics

import ablation_results
import numpy as np

# Lines of the first picture: (title, table, what its rows have in common).
_SERIES = (
    ("all shared, by E", "table_3", {"sharing": "all"}),
    ("not shared, by E", "table_3", {"sharing": "none"}),
    ("attention shared, by E", "table_4", {"sharing": "attention"}),
    ("feed-forward shared, by E", "table_4", {"sharing": "ffn"}),
    ("all shared, by H", "width", {}),
)
# Share of the steps that is left out of the curves.
_BEGINNING = 0.15


def draw(stem, tables, results):
    """Draws all pictures.

    Args:
      stem: path without suffix: names begin with it.
      tables: dict of name to ``ablation_grid.Table``.
      results: ``ablation_results.Results``.

    Returns:
      dict of the picture's name to its path.
    """
    paths = {
        name: stem.with_name(f"{stem.name}_{name}.png")
        for name in ("parameters", "curves")
    }
    draw_parameters(paths["parameters"], tables, results)
    draw_curves(paths["curves"], tables, results)
    return paths


def draw_parameters(path, tables, results):
    """Draws accuracies by the number of parameters."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter
    from matplotlib.ticker import LogLocator
    from matplotlib.ticker import NullFormatter

    metrics = ablation_results.METRICS
    figure = Figure(figsize=(12, 4.6), layout="constrained")
    shown = {}  # Title to its points.
    for axes, metric in zip(
        figure.subplots(1, len(metrics)), metrics, strict=True
    ):
        for number, (title, table, common) in enumerate(_SERIES):
            points = _points(tables.get(table), common, results, metric)
            if not points:
                continue
            counts, middles, least, most = zip(*points, strict=True)
            shown[title] = axes.errorbar(
                counts,
                middles,
                yerr=[
                    [m - low for m, low in zip(middles, least, strict=True)],
                    [high - m for m, high in zip(middles, most, strict=True)],
                ],
                color=f"C{number}",
                marker="os^vD"[number],
                markersize=5,
                linewidth=1.2,
                capsize=3,
            )
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("parameters of the encoder")
        axes.set_ylabel(f"{metric.title}, %")
        axes.grid(alpha=0.3)
    if shown:
        figure.legend(
            shown.values(), shown, loc="outside upper center", ncols=len(shown)
        )
    figure.savefig(path, dpi=110)


def _points(table, common, results, metric):
    """Returns (parameters, median, least, most) of the rows that are shown."""
    points = []
    for row in table.rows if table else ():
        values = results.values(row.cell, metric)
        if values and all(
            getattr(row.cell, name) == value for name, value in common.items()
        ):
            count = results.rows(row.cell)[0]["encoder_parameters"]
            middle = statistics.median(values)
            points.append((count, middle, min(values), max(values)))
    return sorted(points)


def draw_curves(path, tables, results):
    """Draws the masked-LM loss by step, a panel for each table."""
    from matplotlib.figure import Figure

    shown = [
        table
        for table in tables.values()
        if sum(bool(_curves(results, row.cell)) for row in table.rows) > 1
    ]
    columns = min(3, max(1, len(shown)))
    lines = -(-len(shown) // columns) or 1
    figure = Figure(figsize=(4.6 * columns, 4.2 * lines), layout="constrained")
    panels = list(figure.subplots(lines, columns, squeeze=False).flat)
    for unused in panels[len(shown) :]:
        unused.set_axis_off()
    for axes, table in zip(panels, shown, strict=False):
        _draw_panel(axes, table, results)
    figure.savefig(path, dpi=110)


def _draw_panel(axes, table, results):
    """Draws the losses of a table's models: median and range of the seeds."""
    highest, last = 0.0, 0
    for number, row in enumerate(table.rows):
        curves = _curves(results, row.cell)
        if not curves:
            continue
        steps, losses = align(curves)
        least, most = list(map(min, losses)), list(map(max, losses))
        middles = list(map(statistics.median, losses))
        color = f"C{number}"
        axes.plot(steps, middles, color=color, linewidth=1, label=row.label)
        axes.fill_between(
            steps, least, most, color=color, alpha=0.2, linewidth=0
        )
        last = max(last, steps[-1])
        behind = int(_BEGINNING * len(most))
        highest = max(highest, *most[behind:])
    # What everything begins with would hide what differs.
    axes.set_xlim(_BEGINNING * last, last)
    axes.set_ylim(top=highest + 0.05)
    level = _baseline(table, results)
    if level is not None:
        axes.axhline(
            level,
            color="0.4",
            linestyle="--",
            linewidth=1,
            label="word frequencies",
        )
    axes.set_title(table.title, fontsize="small")
    axes.set_xlabel("step")
    axes.set_ylabel("masked-LM loss")
    axes.grid(alpha=0.3)
    # Below: curves fill the panel.
    axes.legend(
        fontsize="x-small",
        loc="upper center",
        bbox_to_anchor=(0.5, -0.14),
        ncols=3,
    )


def align(curves):
    """Returns steps, and a list of the curves' losses for each of them.

    Args:
      curves: list of lists of [step, loss], of any steps.

    Returns:
      (list of steps, list of lists): all steps of any curve between the last
      beginning and the first end. A curve without one of them is interpolated.
    """
    first = max(curve[0][0] for curve in curves)
    last = min(curve[-1][0] for curve in curves)
    steps = sorted(
        {step for curve in curves for step, _ in curve if first <= step <= last}
    )
    interpolated = [
        np.interp(steps, *zip(*curve, strict=True)).tolist() for curve in curves
    ]
    return steps, [list(losses) for losses in zip(*interpolated, strict=True)]


def _baseline(table, results):
    """Returns the loss of word frequencies, or None: of one set of records."""
    if len({row.cell.objective for row in table.rows}) > 1:
        return None  # There is one for the records of each objective.
    levels = (results.baseline(row.cell) for row in table.rows)
    return next((level for level in levels if level is not None), None)


def _curves(results, cell):
    return [
        row["training_loss"]
        for row in results.rows(cell)
        if row["training_loss"]
    ]
