# SPDX-License-Identifier: Apache-2.0
"""Medians, GLUE's average and the table."""

import pytest

from albert.glue import benchmark
from albert.glue import results
from albert.glue.results import TaskResults


def make(name, **values):
    (number,) = {len(each) for each in values.values()}
    return TaskResults(
        entry=benchmark.find(name),
        seeds=list(range(number)),
        values=values,
        baseline=dict.fromkeys(values, 0.125),
        best=0,
        model=None,
    )


def test_average_of_the_nine():
    """The mean over tasks of the mean over metrics, as GLUE has it."""
    found = [
        # Matthews' correlation alone.
        make("cola", matthews=[0.3], accuracy=[0.9]),
        make("sst-2", accuracy=[0.5]),
        make("mrpc", f1=[0.2, 0.9, 0.4], accuracy=[0.6, 0.8, 0.8]),
        make("qqp", f1=[0.4], accuracy=[0.5]),
        make("sts-b", pearson=[0.7], spearman=[0.6]),
        make("mnli", accuracy=[0.2], accuracy_mismatched=[0.3]),
        make("qnli", accuracy=[0.5]),
        make("rte", accuracy=[0.5]),
    ]
    assert results.average(found) is None
    found.append(make("wnli", accuracy=[0.5]))
    scores = [0.3, 0.5, 0.6, 0.45, 0.65, 0.25, 0.5, 0.5, 0.5]
    assert results.average(found) == pytest.approx(sum(scores) / 9)
    # The diagnostics do not count.
    found.append(make("ax", matthews=[0.0], accuracy=[0.0]))
    assert results.average(found) == pytest.approx(sum(scores) / 9)


def test_table():
    found = [
        make("sst-2", accuracy=[0.5, 0.7, 0.6]),
        make("mnli", accuracy=[0.25], accuracy_mismatched=[0.75]),
    ]
    published = benchmark.nearest_published(1024)
    text = results.format_table(
        found, published, 900, ["--a=b", "--c"], {"qqp": "no folder"}, ["So."]
    )
    header, rule, *rows = text.split("\n\n")[0].splitlines()
    cells = [[c.strip() for c in row.split("|")[1:-1]] for row in rows]
    assert cells == [
        *(
            ["sst-2", "accuracy", "60.0", "50.0, 70.0, 60.0", "12.5"]
            + ["91.7", "94.9"],
            ["mnli", "accuracy", "25.0", "", "12.5", "83.5", "86.5"],
            ["mnli", "accuracy_mismatched", "75.0", "", "12.5", "", ""],
            ["qqp", "no folder", "", "", "", "", ""],
        )
    ]
    assert "paper, large" in header and "released large v2" in header
    assert len({len(line) for line in (header, rule, *rows)}) == 1
    assert text.endswith("\n\nTrained with other settings: --a=b --c.\n\nSo.\n")
    assert "No average: cola, mrpc" in text
    assert "width of 900: large (1024), table 2" in text
