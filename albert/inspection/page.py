# SPDX-License-Identifier: Apache-2.0
"""Draws a report as one page of HTML, without scripts and other files.

Everything that comes from records and their JSON is escaped, as are characters
that would change how others are shown, and the page forbids its browser to load
or to run anything.
"""

import html
import os

from albert import outputs
from albert.errors import UserError
from albert.inputs import read_file
from albert.inspection.findings import share
from albert.inspection.instance_text import LEGEND
from albert.inspection.instance_text import printable

# Says which pages this command may replace.
_MARK = '<meta name="generator" content="albert inspect-records">'
_BAR_HEIGHT, _PLOT_WIDTH = 120, 320
_MARGIN = 18  # Of a plot, for labels of its first and last bar.
_ROW_HEIGHT, _CHARACTER_WIDTH, _NUMBER_WIDTH = 19, 6.6, 48
_LONGEST_LABEL = 24

_STYLE = """
:root { color-scheme: light dark; --text: #1f2328; --soft: #656d76;
  --back: #fff; --box: #f6f8fa; --line: #d0d7de; --bar: #4477aa;
  --second: #0550ae; --truth: #116329; --random: #cf222e; --kept: #9a6700;
  --tag: #8250df; --odd: #fff8c5; }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3;
  --soft: #9198a1; --back: #0d1117; --box: #161b22; --line: #30363d;
  --bar: #6699cc; --second: #79c0ff; --truth: #7ee787; --random: #ff7b72;
  --kept: #e3b341; --tag: #d2a8ff; --odd: #3a2f00; } }
body { margin: 2rem auto; max-width: 70rem; padding: 0 1rem;
  color: var(--text); background: var(--back);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; }
th { text-align: left; padding: .15rem 1.2rem .15rem 0; vertical-align: top;
  font-weight: 600; white-space: nowrap; } td { overflow-wrap: anywhere; }
.odd { background: var(--odd); border: 1px solid var(--line);
  border-radius: 6px; padding: .6rem 1rem .6rem 2rem; }
.charts { columns: 18rem 3; column-gap: 1rem; }
figure { margin: 0 0 1rem; padding: .7rem; border: 1px solid var(--line);
  border-radius: 6px; background: var(--box); break-inside: avoid; }
figcaption { font-weight: 600; font-size: .9rem; }
figcaption small, .soft { color: var(--soft); font-weight: 400; }
svg { width: 100%; height: auto; } svg text { fill: var(--text); }
rect { fill: var(--bar); }
article { margin: 1rem 0; padding: .7rem 1rem; background: var(--box);
  border: 1px solid var(--line); border-radius: 6px; }
article h3 { margin: 0 0 .3rem; font-size: .85rem; color: var(--soft);
  font-weight: 400; }
article p { margin: .2rem 0; font-size: .95rem; overflow-wrap: anywhere; }
.second { color: var(--second); } .special, .mask, .mark { color: var(--soft); }
.truth { color: var(--truth); font-weight: 700; }
.random { color: var(--random); font-weight: 700; }
.kept { color: var(--kept); font-weight: 700; }
.unknown { color: var(--random); text-decoration: underline wavy; }
.tag { color: var(--tag); font-size: .8em; }
"""


def check_page(path, overwrite, inputs):
    """Refuses a page that cannot be written or may not be replaced.

    Args:
      path: str.
      overwrite: bool, whether any file is replaced.
      inputs: list of paths that are read.

    Raises:
      UserError: see ``outputs.check_file``; or it is a file that this command
        did not write.
    """
    outputs.check_file(path, "--html", inputs)
    if overwrite or not os.path.lexists(path):
        return
    if _MARK.encode() not in read_file(path):
        raise UserError(
            f"{path}: exists already and was not written by this command: "
            "choose another --html, or replace it with --overwrite"
        )


def write_page(path, report):
    """Writes a ``Report`` as a page; a file that is there is replaced."""
    with outputs.made_directories([path], "--html"):
        outputs.write_file(path, draw(report).encode(), "--html")


def draw(report):
    """Returns a ``Report`` as a page: str."""
    odd = "".join(f"<li>{_text(each)}</li>" for each in report.oddities)
    figures = "".join(
        f"<tr><th>{_text(name)}</th><td>{_text(text)}</td></tr>"
        for name, text in report.figures
    )
    charts = "".join(map(_chart, report.charts))
    instances = "".join(map(_instance, report.instances))
    title = _text(report.title)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width">
{_MARK}
<title>{title}</title>
<style>{_STYLE}</style>
</head>
<body>
<h1>{title}</h1>
{f'<ul class="odd">{odd}</ul>' if odd else "<p>Nothing looks odd.</p>"}
<table>{figures}</table>
<h2>Statistics</h2>
<div class="charts">{charts}</div>
{_legend(report) if instances else ""}
{instances}
</body>
</html>
"""


def _legend(report):
    pieces, masks = LEGEND
    parts = [
        '<span class="first">segment A</span>',
        '<span class="second">segment B</span>',
    ]
    if report.has_masks:
        parts += [
            '<span class="truth">hidden</span>',
            '<span class="mask">[MASK]</span>',
            '<span class="random">another piece</span>',
            '<span class="kept">unchanged</span>',
            _text(masks),
        ]
    if report.has_words:
        parts.append(_text(pieces))
    return f"<h2>Instances</h2><p>{', '.join(parts)}</p>"


def _instance(shown):
    texts = []
    for name, tokens in shown.texts:
        text = " ".join(
            "".join(
                f'<span class="{span.style}">{_text(span.text)}</span>'
                for span in token
            )
            for token in tokens
        )
        name = f"<b>{_text(name)}</b> " if name else ""
        texts.append(f'<p dir="auto">{name}{text}</p>')
    return (
        f"<article><h3>{_text(shown.heading)}</h3>{''.join(texts)}</article>\n"
    )


def _chart(chart):
    plot = _columns(chart) if chart.is_histogram else _rows(chart)
    note = f" <small>{_text(chart.note)}</small>" if chart.note else ""
    caption = f"<figcaption>{_text(chart.title)}{note}</figcaption>"
    return f"<figure>{caption}{plot}</figure>\n"


def _columns(chart):
    """Draws a histogram: bars side by side, with their shares above."""
    most = max(count for _, count in chart.bars)
    width = (_PLOT_WIDTH - 2 * _MARGIN) / len(chart.bars)
    parts = []
    for index, (label, count) in enumerate(chart.bars):
        height = _BAR_HEIGHT * count / max(1, most)
        left = _MARGIN + index * width
        middle = left + width / 2
        percent = share(count, chart.total)
        top = 14 + _BAR_HEIGHT - height
        parts.append(
            f'<rect x="{left + 1:.1f}" y="{top:.1f}" '
            f'width="{max(1, width - 2):.1f}" height="{height:.1f}">'
            f"<title>{_text(label)}: {count:,} ({percent})</title></rect>"
        )
        if len(chart.bars) <= 6 or count == most:
            parts.append(_label(middle, top - 3, percent))
        # As many labels as fit, the last one among them.
        every = -(-len(chart.bars) // 6)
        if (len(chart.bars) - 1 - index) % every == 0:
            parts.append(_label(middle, _BAR_HEIGHT + 28, label))
    return _svg(parts, _BAR_HEIGHT + 36)


def _rows(chart):
    """Draws named bars: one below the other, with their shares behind."""
    most = max(count for _, count in chart.bars)
    bars = [(printable(label), count) for label, count in chart.bars]
    longest = max(len(label) for label, _ in bars)
    begin = 10 + _CHARACTER_WIDTH * min(max(longest, 4), _LONGEST_LABEL)
    room = _PLOT_WIDTH - begin - _NUMBER_WIDTH
    parts = []
    for index, (label, count) in enumerate(bars):
        top = 4 + index * _ROW_HEIGHT
        width = room * count / max(1, most)
        shown = label
        if len(label) > _LONGEST_LABEL:
            shown = f"{label[: _LONGEST_LABEL - 1]}…"
        percent = share(count, chart.total)
        title = f"<title>{_text(label)}: {count:,} ({percent})</title>"
        parts += [
            _label(begin - 6, top + 12, shown, "end"),
            f'<rect x="{begin:.1f}" y="{top}" width="{width:.1f}" '
            f'height="{_ROW_HEIGHT - 4}">{title}</rect>',
            _label(begin + width + 5, top + 12, percent, "start"),
        ]
    return _svg(parts, len(chart.bars) * _ROW_HEIGHT + 6)


def _svg(parts, height):
    return (
        f'<svg viewBox="0 0 {_PLOT_WIDTH} {height}" font-size="11" '
        f'role="img">{"".join(parts)}</svg>'
    )


def _label(x, y, text, anchor="middle"):
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">'
        f"{_text(text)}</text>"
    )


def _text(text):
    return html.escape(printable(str(text)))
