# SPDX-License-Identifier: Apache-2.0
"""Progress without and with a terminal."""

import sys

from absl import logging

from albert import progress


class Clock:
    def __init__(self):
        self.seconds = 0.0

    def monotonic(self):
        return self.seconds


def test_lines_where_there_is_no_terminal(monkeypatch):
    lines = []
    clock = Clock()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    monkeypatch.setattr(progress.time, "monotonic", clock.monotonic)
    monkeypatch.setattr(
        logging, "info", lambda text, *values: lines.append(text % values)
    )
    with progress.show_progress("reading", 7, unit="files") as advance:
        for _ in range(7):
            clock.seconds += 4
            advance()
    assert lines == [
        "reading: 3 of 7 files, 12 s",
        "reading: 6 of 7 files, 24 s",
        "reading: 7 of 7 files, 28 s",
    ]


def test_large_numbers_and_unknown_ends(monkeypatch):
    lines = []
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    monkeypatch.setattr(
        logging, "info", lambda text, *values: lines.append(text % values)
    )
    with progress.show_progress(
        "encoding", unit="B", unit_scale=True
    ) as advance:
        advance(2_500_000)
    assert lines == ["encoding: 2.50M B, 0 s"]


def test_bar_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with progress.show_progress("reading", 7, unit="files") as advance:
        advance(7)
    assert "7/7" in capsys.readouterr().err


def test_the_last_line_is_written_once(monkeypatch):
    lines = []
    clock = Clock()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    monkeypatch.setattr(progress.time, "monotonic", clock.monotonic)
    monkeypatch.setattr(
        logging, "info", lambda text, *values: lines.append(text % values)
    )
    with progress.show_progress("reading", 7, unit="files") as advance:
        clock.seconds += 12
        advance(7)
    assert lines == ["reading: 7 of 7 files, 12 s"]
