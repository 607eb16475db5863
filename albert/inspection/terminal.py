# SPDX-License-Identifier: Apache-2.0
"""Draws a report on a terminal, in colour where that is wanted."""

import os
import textwrap
import unicodedata

from albert.inspection.findings import share
from albert.inspection.instance_text import INSIDE_WORD
from albert.inspection.instance_text import LEGEND
from albert.inspection.instance_text import printable

_BAR_WIDTH = 40
_LONGEST_LABEL = 32
# Select Graphic Rendition, ECMA-48: by style of a span.
_CODES = {
    "first": "",
    "second": "34",
    "special": "2",
    "truth": "1;32",
    "mask": "2",
    "random": "31",
    "kept": "33",
    "mark": "2",
    "unknown": "1;31",
    "tag": "35",
    "heading": "1",
    "bar": "36",
    "odd": "33",
}
_EIGHTHS = " ▏▎▍▌▋▊▉"


def wants_colour(stream, environment=os.environ):
    """Returns whether a stream takes colour, and its user does not forbid it.

    NO_COLOR forbids it if it is set to anything, see no-color.org.
    """
    return (
        stream.isatty()
        and not environment.get("NO_COLOR")
        and environment.get("TERM") != "dumb"
    )


class Terminal:
    """Draws reports as text.

    Attributes:
      width: int, columns.
    """

    def __init__(self, width, colour, encoding="utf-8"):
        """Says what the terminal can show.

        Args:
          width: int, columns.
          colour: bool.
          encoding: str; where it lacks the marks, plainer ones are drawn.
        """
        self.width = width
        self._colour = colour
        try:
            (_EIGHTHS + "█" + INSIDE_WORD).encode(encoding)
            self._is_plain = False
        except UnicodeEncodeError:
            self._is_plain = True

    def draw(self, report):
        """Returns a ``Report`` as text."""
        # What matters most comes last, where the reader of a terminal is.
        lines = []
        for chart in report.charts:
            lines += [*self._chart(chart), ""]
        if report.instances:
            lines += [*self._legend(report), ""]
        for shown in report.instances:
            lines += [*self._instance(shown), ""]
        lines.append(self._styled(report.title, "heading"))
        lines += self._figures(report.figures)
        for text in report.oddities:
            lines += self._wrapped(f"looks odd: {text}", 2, "odd")
        if not report.oddities:
            lines.append("nothing looks odd")
        text = "\n".join(lines)
        return text.replace(INSIDE_WORD, "-") if self._is_plain else text

    def _figures(self, figures):
        width = max((len(name) for name, _ in figures), default=0)
        for name, text in figures:
            yield from textwrap.wrap(
                printable(text),
                max(40, self.width),
                initial_indent=f"  {name:<{width}}  ",
                subsequent_indent=" " * (width + 4),
                break_on_hyphens=False,
            )

    def _chart(self, chart):
        note = f" ({chart.note})" if chart.note else ""
        yield self._styled(chart.title, "heading") + note
        labels = [_cut(printable(label)) for label, _ in chart.bars]
        width = max(map(columns, labels))
        digits = max(len(f"{count:,}") for _, count in chart.bars)
        most = max(count for _, count in chart.bars)
        room = max(10, min(_BAR_WIDTH, self.width - width - digits - 14))
        for label, (_, count) in zip(labels, chart.bars, strict=True):
            spaces = " " * (width - columns(label))
            label = spaces + label if chart.is_histogram else label + spaces
            bar = self._bar(count / max(1, most), room)
            percent = share(count, chart.total)
            line = f"  {label}  {count:>{digits},}  {percent:>6}  {bar}"
            yield line.rstrip()

    def _bar(self, part, room):
        eighths = round(part * room * 8)
        if self._is_plain:
            return "#" * round(part * room)
        bar = "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
        return self._styled(bar, "bar")

    def _legend(self, report):
        yield self._styled("instances", "heading")
        pieces, masks = LEGEND
        texts = [pieces] * report.has_words + [masks] * report.has_masks
        for text in texts:
            yield from self._wrapped(text, 2, "first", first_indent=2)
        if self._colour:
            names = {"first": "segment A", "second": "segment B"}
            if report.has_masks:
                names |= {
                    "truth": "hidden",
                    "mask": "[MASK]",
                    "random": "another piece",
                    "kept": "unchanged",
                }
            yield "  " + ", ".join(
                self._styled(name, style) for style, name in names.items()
            )

    def _instance(self, shown):
        yield from self._wrapped(shown.heading, 4, "heading")
        for name, tokens in shown.texts:
            if name:
                yield f"  {name}:"
            line, used = [], 2
            for token in tokens:
                size = columns("".join(span.text for span in token))
                if line and used + 1 + size > self.width:
                    yield "  " + " ".join(line)
                    line, used = [], 2
                used += size + bool(line)
                line.append(
                    "".join(self._styled(s.text, s.style) for s in token)
                )
            yield "  " + " ".join(line)

    def _wrapped(self, text, indent, style, first_indent=0):
        for line in textwrap.wrap(
            printable(text),
            max(40, self.width),
            initial_indent=" " * first_indent,
            subsequent_indent=" " * indent,
            break_on_hyphens=False,
        ):
            yield self._styled(line, style)

    def _styled(self, text, style):
        text = printable(text)
        code = _CODES[style]
        if not (self._colour and code and text):
            return text
        return f"\x1b[{code}m{text}\x1b[0m"


def columns(text):
    """Returns how many columns of a terminal a text takes."""
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    marks = sum(unicodedata.combining(char) > 0 for char in text)
    return len(text) + wide - marks


def _cut(text):
    if len(text) <= _LONGEST_LABEL:
        return text
    return f"{text[: _LONGEST_LABEL - 3]}..."
