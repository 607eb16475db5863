# SPDX-License-Identifier: Apache-2.0
"""The examples in docstrings run as they stand and show what they give."""

import doctest
import inspect
import re

import pytest

import albert

NAMES = [name for name in albert.__all__ if name != "UserError"]


def example_of(name):
    """Returns the lines of the section ``Example:`` of a docstring."""
    docstring = inspect.getdoc(getattr(albert, name))
    section = re.search(r"^Example:\n((?:  .*\n?|\n)+)", docstring, re.M)
    assert section, f"{name} has no example"
    return section[1]


def run(text, name):
    """Runs an example by itself; returns (number failed, report)."""
    example = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
    assert example.examples[0].source == "import albert\n"
    assert any(each.want for each in example.examples)
    report = []
    result = doctest.DocTestRunner(optionflags=doctest.FAIL_FAST).run(
        example, out=report.append
    )
    return result.failed, "".join(report)


@pytest.mark.parametrize("name", NAMES)
def test_example_runs_and_shows_what_it_gives(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failed, report = run(example_of(name), name)
    assert not failed, report


def test_wrong_example_is_found():
    text = "  >>> import albert\n  >>> albert.AlbertConfig.named('tiny').{}\n"
    size = "hidden_size\n  257"
    failed, report = run(text.format(size), "wrong")
    assert failed == 1 and "Got:\n    256" in report
    failed, report = run(text.format("width\n  256"), "missing")
    assert failed == 1 and "AttributeError" in report
