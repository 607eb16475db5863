# SPDX-License-Identifier: Apache-2.0
"""The drawing on a terminal: colour, width, encodings, escapes."""

import io
import re

import pytest

from albert.inspection.instance_text import ShownInstance
from albert.inspection.instance_text import Span
from albert.inspection.report import Chart
from albert.inspection.report import Report
from albert.inspection.terminal import Terminal
from albert.inspection.terminal import columns
from albert.inspection.terminal import wants_colour


def report(**values):
    """Returns a report with a little of everything."""
    tokens = [
        [Span("[CLS]", "special")],
        [Span("{", "mark"), Span("猫猫", "truth")],
        [Span(">", "mark")],
        [Span("[MASK]", "mask"), Span("·", "mark"), Span("x", "random")],
    ]
    return Report(
        **{
            "title": "1 file",
            "figures": [("records", "7")],
            "charts": [
                Chart("lengths", "in pieces", [("1-5", 3), ("6-7", 1)], 4),
                Chart("labels", "", [("猫", 1), ("dog", 3)], 4, False),
            ],
            "oddities": [],
            "instances": [ShownInstance("a, record 0", [("", tokens * 4)])],
            "has_words": True,
            "has_masks": True,
        }
        | values
    )


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


@pytest.mark.parametrize(
    "stream, environment, wanted",
    [
        (Screen(), {"TERM": "xterm"}, True),
        (Screen(), {"NO_COLOR": ""}, True),
        (Screen(), {"NO_COLOR": "0"}, False),
        (Screen(), {"TERM": "dumb"}, False),
        (io.StringIO(), {"TERM": "xterm"}, False),
    ],
)
def test_colour_is_for_terminals_whose_user_wants_it(
    stream, environment, wanted
):
    assert wants_colour(stream, environment) is wanted


def test_colour_adds_nothing_but_colour():
    plain = Terminal(60, False).draw(report())
    coloured = Terminal(60, True).draw(report())
    assert "\x1b" not in plain
    assert "\x1b[1;32m猫猫\x1b[0m" in coloured
    without = re.sub(r"\x1b\[[\d;]*m", "", coloured)
    # The line that shows the colours.
    legend = [x for x in without.split("\n") if "segment A" in x]
    assert len(legend) == 1
    assert without.replace(legend[0] + "\n", "") == plain


def test_lines_fit_the_terminal():
    for width in (40, 60, 80):
        text = Terminal(width, False).draw(report())
        assert max(map(columns, text.split("\n"))) <= width
    assert columns("猫a\u0301") == 3


def test_bars_are_in_proportion():
    lines = Terminal(80, False).draw(report()).split("\n")
    three, one = (len(line.rpartition("  ")[2]) for line in lines[1:3])
    assert (three, one) == (40, 14)  # 40 / 3 is 13 and a third.
    assert lines[0] == "lengths (in pieces)"
    assert lines[1].startswith("  1-5  3   75.0%  █")


def test_an_encoding_without_bars():
    text = Terminal(80, False, "ascii").draw(report(charts=report().charts[:1]))
    assert "####" in text and "█" not in text and "·" not in text


def test_nothing_commands_the_terminal():
    bad = "\x1b[2Jx\r\u202e"
    text = Terminal(80, False).draw(
        report(
            title=bad,
            figures=[("task", bad)],
            charts=[Chart(bad, "", [(bad, 1)], 1, False)],
            oddities=[bad],
            instances=[ShownInstance(bad, [("", [[Span(bad, "tag")]])])],
        )
    )
    assert not set(text) & {"\x1b", "\r", "\u202e"}
    assert text.count("\\x1b[2Jx") == 7
