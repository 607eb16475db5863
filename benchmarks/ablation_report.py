# SPDX-License-Identifier: Apache-2.0
"""Writes the tables and pictures of the ablations, from what is there so far.

A page of Markdown has places for them, between ``<!-- results: NAME -->`` and
``<!-- end -->``: what stands there is replaced.
"""

import pathlib
import re
import statistics

import ablation_grid
import measurements

_PLACE = r"(<!-- results: {} -->\n).*?(<!-- end -->)"
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
_LOSS = ("masked-LM loss", lambda row: masked_lm(row, "loss"), 1)
_ORDER = ("SOP", lambda row: sentence_accuracy(row, "sop"), 100)
_NEXT = ("NSP", lambda row: sentence_accuracy(row, "nsp"), 100)


def describe_row(row):
    """Returns a line of the results of one model with one seed."""
    parts = []
    for title, value_of, factor in (_LOSS, *METRICS):
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


def write(page, tables, rows, scale):
    """Fills the places of a page, and draws the pictures beside it.

    Args:
      page: str, a Markdown file with the places.
      tables: dict of name to ``ablation_grid.Table``.
      rows: list of dict, of ``Workshop.rows``.
      scale: ``ablation_grid.Scale``.
    """
    import ablation_pictures

    page = pathlib.Path(page)
    results = Results(rows)
    contents = {
        "state": describe_state(rows, tables),
        "exact": exact_counts(),
        "reading": count_verdicts(tables, results),
    }
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
    for path in ablation_pictures.draw(page.with_suffix(""), tables, results):
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
    return [
        f"{len(rows)} results of {len(cells)} models (seeds "
        f"{', '.join(map(str, seeds)) or NOTHING}), {hours:.1f} hours of one "
        "core in all.",
        *(f"{text}." for text in (*machines, *sorted(versions))),
    ]


def make_table(name, table, results, scale):
    """Returns the lines of a table: ours, and the paper's row beside it."""
    metrics = [_LOSS, *METRICS[:1], _ORDER, *METRICS[1:]]
    if name == "table_5":
        metrics.insert(2, _NEXT)
    with_paper = any(row.paper for row in table.rows)
    header = ["here", "parameters", *(metric[0] for metric in metrics)]
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
                row.paper.printed or NOTHING,
                scores[3] if scores else NOTHING,
                f"{row.paper.average:.1f}",
            ]
            if name == "table_5":
                line.append(row.paper.heads)
        lines.append(line)
    return _markdown(header, lines)


def compare(table, results):
    """Returns the lines of the table of differences."""
    header = ["difference", *(metric[0] for metric in METRICS), "the paper's"]
    lines = []
    for row, other in table.comparisons():
        line = [f"{row.label} − {other.label}"]
        for metric in METRICS:
            line.append(_show(results.difference(row.cell, other.cell, metric)))
        line.append(
            f"{row.paper.average - other.paper.average:+.1f}"
            if row.paper
            else NOTHING
        )
        lines.append(line)
    return _markdown(header, lines)


def count_verdicts(tables, results):
    """Returns how often the direction is the paper's, for each table."""
    header = ["table", *(metric[0] for metric in METRICS)]
    lines = []
    for table in tables.values():
        pairs = [
            (row, other) for row, other in table.comparisons() if row.paper
        ]
        if not pairs:
            continue
        line = [table.title]
        for metric in METRICS:
            counts = {"as the paper": 0, "opposite": 0, "within the spread": 0}
            for row, other in pairs:
                found = results.difference(row.cell, other.cell, metric)
                if found:
                    wanted = row.paper.average - other.paper.average
                    counts[verdict(found, wanted)] += 1
            line.append(
                ", ".join(f"{number} {text}" for text, number in counts.items())
            )
        lines.append(line)
    return _markdown(header, lines)


def verdict(found, wanted):
    """Returns what a difference says beside the paper's.

    Args:
      found: of ``Results.difference``.
      wanted: float, the paper's difference.
    """
    difference, apart = found
    if not apart:
        return "within the spread"
    return "as the paper" if difference * wanted > 0 else "opposite"


def exact_counts():
    """Returns the lines of the exact parameter counts of the paper's models."""
    lines = [
        [
            name.replace("_", " ").capitalize(),
            row.label,
            f"{ablation_grid.encoder_parameters(row.config):,}",
            row.printed or NOTHING,
        ]
        for name, rows in ablation_grid.paper_tables().items()
        for row in rows
    ]
    header = ["table", "model", "parameters of the encoder", "printed"]
    return _markdown(header, lines)


def _digits(factor):
    return 1 if factor == 100 else 3


def _show(found):
    if found is None:
        return NOTHING
    text = f"{found[0]:+.1f}"
    return f"**{text}**" if found[1] else text


def _markdown(header, lines):
    rows = [header, ["---"] * len(header), *lines]
    return [f"| {' | '.join(row)} |" for row in rows]


def _fill(text, name, lines):
    pattern = re.compile(_PLACE.format(re.escape(name)), re.S)
    if not pattern.search(text):
        return text
    return pattern.sub(
        lambda found: f"{found[1]}{chr(10).join(lines)}\n{found[2]}", text
    )
