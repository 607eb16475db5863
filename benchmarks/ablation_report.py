# SPDX-License-Identifier: Apache-2.0
"""Writes the tables and pictures of the ablations, from what is there so far.

A page of Markdown has places for them, between ``<!-- results: NAME -->`` and
``<!-- end -->``: what stands there is replaced.
"""

import math
import pathlib
import re

import ablation_grid
import ablation_paper
import ablation_pictures
import ablation_results
import measurements

_PLACE = r"(<!-- results: {} -->\n).*?(<!-- end -->)"
# What a difference may say beside the paper's.
VERDICTS = (
    "as the paper",
    "opposite",
    "within the spread",
    "no difference there",
    "of too few seeds",
)
# What pictures show, for those who do not see them.
_DESCRIPTIONS = {
    "parameters": "Three panels: masked-LM accuracy, SST-2 and MRPC by the "
    "number of parameters, a line for each kind of sharing",
    "curves": "A panel for each table: the masked-LM loss by step, a line for "
    "each model",
}


def write(page, tables, rows, scale):
    """Fills the places of a page, and draws the pictures beside it.

    Args:
      page: str, a Markdown file with the places.
      tables: dict of name to ``ablation_grid.Table``.
      rows: list of dict, of ``Workshop.rows``.
      scale: ``ablation_grid.Scale``.
    """
    page = pathlib.Path(page)
    results = ablation_results.Results(rows)
    pictures = {}
    if rows:
        pictures = ablation_pictures.draw(page.with_suffix(""), tables, results)
    contents = {
        **dict.fromkeys(_DESCRIPTIONS, ["Nothing to draw yet."]),
        "state": describe_state(rows, tables),
        "exact": exact_counts(),
        "reading": [
            describe_progress(rows, tables, scale),
            "",
            *count_verdicts(tables, results),
            "",
            describe_chance(tables, results),
        ],
    }
    for name, path in pictures.items():
        contents[name] = [f"![{_DESCRIPTIONS[name]}]({path.name})"]
    for name, table in tables.items():
        contents[name] = [
            *make_table(name, table, results, scale),
            "",
            *compare(table, results),
        ]
    text = page.read_text(encoding="utf-8")
    for name, lines in contents.items():
        text = _fill(text, name, lines)
    page.write_text(text, encoding="utf-8")
    print(f"wrote {page}")
    for path in pictures.values():
        print(f"wrote {path}")


def describe_state(rows, tables):
    """Returns lines of what is there, and where it was measured."""
    cells = ablation_grid.list_cells(tables.values())
    seeds = sorted({row["seed"] for row in rows})
    commands = [command for row in rows for command in row["commands"].values()]
    hours = sum(command["cpu_seconds"] for command in commands) / 3600
    machines = {
        measurements.describe_machine(row["machine"]): None for row in rows
    }
    versions = {
        ", ".join(
            f"{name} {number}" for name, number in row["versions"].items()
        )
        for row in rows
    }
    numbers = ", ".join(map(str, seeds)) or ablation_results.NOTHING
    return [
        f"{len(rows)} results of {len(cells)} models (seeds {numbers}), "
        f"{hours:.1f} hours of one core in all.",
        *(f"{text}." for text in (*machines, *sorted(versions))),
    ]


def describe_progress(rows, tables, scale):
    """Returns a line of how much of the run has been made.

    A model counts once for each seed of the scale.
    """
    wanted = {
        (cell, seed)
        for cell in ablation_grid.list_cells(tables.values())
        for seed in scale.seeds
    }
    there = {(ablation_grid.Cell(**row["cell"]), row["seed"]) for row in rows}
    number = f"{len(wanted & there)} of {len(wanted)} models"
    seeds = f"a model counts once for each of {len(scale.seeds)} seeds"
    if wanted <= there:
        return f"Run to the end: {number} ({seeds})."
    return (
        f"**Not run to the end yet: {number}** ({seeds}). Nothing can be "
        "concluded before it is."
    )


def make_table(name, table, results, scale):
    """Returns the lines of a table: ours, and the paper's row beside it."""
    metrics = [
        ablation_results.LOSS,
        *ablation_results.METRICS[:1],
        ablation_results.ORDER,
        *ablation_results.METRICS[1:],
    ]
    if name == "table_5":
        metrics.insert(2, ablation_results.NEXT)
    with_paper = any(row.paper for row in table.rows)
    header = ["here", "parameters", *(metric.title for metric in metrics)]
    if with_paper:
        header += [
            "paper's model",
            "its parameters",
            "its SST-2",
            "its average",
        ]
        if name == "table_5":
            header.append("its MLM / NSP / SOP")
    lines = []
    for row in table.rows:
        count = ablation_grid.encoder_parameters(row.cell.config(scale))
        line = [row.label, f"{count:,}"]
        line += [results.summary(row.cell, metric) for metric in metrics]
        if with_paper:
            scores = row.paper.scores
            line += [
                row.paper.label,
                row.paper.printed or ablation_results.NOTHING,
                scores[3] if scores else ablation_results.NOTHING,
                f"{row.paper.average:.1f}",
            ]
            if name == "table_5":
                line.append(row.paper.heads)
        lines.append(line)
    return _markdown(header, lines)


def compare(table, results):
    """Returns the lines of the table of differences."""
    header = ["difference"]
    for metric in ablation_results.METRICS:
        header += [metric.title, "the paper's"]
    header.append("the paper's average")
    lines = []
    for row, other in table.comparisons():
        line = [f"{row.label} − {other.label}"]
        for metric in ablation_results.METRICS:
            line += [
                _show(results.difference(row.cell, other.cell, metric)),
                _show_number(metric.paper_difference(row.paper, other.paper)),
            ]
        line.append(
            _show_number(row.paper and row.paper.average - other.paper.average)
        )
        lines.append(line)
    return _markdown(header, lines)


def count_verdicts(tables, results):
    """Returns how often the direction is the paper's, for each table."""
    header = ["table", *(metric.title for metric in ablation_results.METRICS)]
    lines = []
    for table in tables.values():
        pairs = [
            (row, other) for row, other in table.comparisons() if row.paper
        ]
        if not pairs:
            continue
        line = [table.title]
        for metric in ablation_results.METRICS:
            counts = {}
            for row, other in pairs:
                found = results.difference(row.cell, other.cell, metric)
                wanted = metric.paper_difference(row.paper, other.paper)
                if found and wanted is not None:
                    text = verdict(found, wanted)
                    counts[text] = counts.get(text, 0) + 1
            line.append(
                ", ".join(
                    f"{counts[text]} {text}"
                    for text in VERDICTS
                    if text in counts
                )
                or ablation_results.NOTHING
            )
        lines.append(line)
    return _markdown(header, lines)


def verdict(found, wanted):
    """Returns what a difference says beside the paper's: of ``VERDICTS``.

    Args:
      found: of ``ablation_results.Results.difference``.
      wanted: float, the paper's difference of the same metric.
    """
    difference, apart = found
    if apart is None:
        return "of too few seeds"
    if wanted == 0:
        return "no difference there"
    if not apart:
        return "within the spread"
    return "as the paper" if difference * wanted > 0 else "opposite"


def describe_chance(tables, results):
    """Returns a line of how many differences would be bold by chance."""
    pairs = {
        (row.cell, other.cell)
        for table in tables.values()
        for row, other in table.comparisons()
    }
    number, bold, chance = 0, 0, 0.0
    for first, second in pairs:
        for metric in ablation_results.METRICS:
            found = results.difference(first, second, metric)
            if found is None or found[1] is None:
                continue
            number += 1
            bold += found[1]
            ours = len(results.values(first, metric))
            others = len(results.values(second, metric))
            # Of all orders of the seeds, two keep the models apart.
            chance += 2 / math.comb(ours + others, ours)
    if not number:
        return "No comparison has three seeds on both sides yet: none is bold."
    return (
        f"{number} comparisons have at least three seeds on both sides (what "
        f"stands in two tables counts once), and {bold} of them are bold. If "
        f"no two models differed, about {chance:.1f} would be, by chance."
    )


def exact_counts():
    """Returns the lines of the exact parameter counts of the paper's models."""
    lines = [
        [
            name.replace("_", " ").capitalize(),
            row.label,
            f"{ablation_grid.encoder_parameters(row.config):,}",
            row.printed or ablation_results.NOTHING,
        ]
        for name, rows in ablation_paper.tables().items()
        for row in rows
    ]
    header = ["table", "model", "parameters of the encoder", "printed"]
    return _markdown(header, lines)


def _show(found):
    if found is None:
        return ablation_results.NOTHING
    text = _show_number(found[0])
    return f"**{text}**" if found[1] else text


def _show_number(value):
    return ablation_results.NOTHING if value is None else f"{value:+.1f}"


def _markdown(header, lines):
    rows = [header, ["---"] * len(header), *lines]
    return [f"| {' | '.join(row)} |" for row in rows]


def _fill(text, name, lines):
    pattern = re.compile(_PLACE.format(re.escape(name)), re.S)
    if not pattern.search(text):
        return text
    return pattern.sub(
        lambda found: f"{found[1]}\n{chr(10).join(lines)}\n\n{found[2]}", text
    )
