# SPDX-License-Identifier: Apache-2.0
"""The page: whole, escaped, without scripts; only our own is replaced."""

import html.parser
import json
import os
import pathlib
import re

import pytest

from albert.errors import UserError
from albert.inspection import page
from albert.inspection import reading
from albert.records.metadata import find_metadata

HOSTILE = '<script>alert("x")</script><img src=x onerror=y>&'


class Reader(html.parser.HTMLParser):
    """A reader that fails where a tag is not closed, and collects text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self._open = [], [], []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag != "meta":
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture
def drawn(finetuning_set, run, tmp_path):
    """The page of records whose JSON is hostile, as a ``Reader``."""

    def draw():
        files = finetuning_set(
            "classification",
            [0, 1, 1],
            labels=["cat", HOSTILE],
            settings={"do_lower_case": True, "split": HOSTILE},
            task=HOSTILE,
        )
        path = tmp_path / "pages" / "records.html"
        code, printed, errors = run(*files, f"--html={path}")
        assert code == 0, errors
        assert printed.endswith(f"wrote {path}\n")
        return path.read_text("utf-8")

    return draw


def test_what_comes_from_records_is_escaped(drawn):
    text = drawn()
    read = Reader(text)
    tags = {tag for tag, _ in read.tags}
    assert not tags & {"script", "img", "link", "iframe", "object"}
    assert not [
        name
        for _, attributes in read.tags
        for name in attributes
        if name.startswith("on") or name in ("src", "href", "style")
    ]
    shown = "".join(read.text)
    # The title twice, the settings, the label in figures, bars, an instance.
    assert shown.count(HOSTILE) >= 5
    assert "url(" not in text and "//" not in text


def test_no_character_commands_the_browser(finetuning_set, run, tmp_path):
    # A half of a pair, which JSON may hold, "right to left" and a bell.
    files = finetuning_set(
        "classification",
        [0, 1, 1],
        labels=["cat", "d\u202eg"],
        settings={"do_lower_case": True, "split": "\ud800\x07"},
        task="\u2066pets",
    )
    path = tmp_path / "records.html"
    code, printed, errors = run(*files, f"--html={path}")
    assert code == 0, errors
    shown = "".join(Reader(path.read_text("utf-8")).text)
    assert r"d\u202eg" in shown and r"\u2066pets" in shown
    assert r"split=\ud800\x07" in shown
    assert all(char.isprintable() or char == "\n" for char in shown)


def test_the_page_shows_what_the_terminal_shows(pretraining_set, run, tmp_path):
    files = pretraining_set(num_files=2)
    path = tmp_path / "records.html"
    code, printed, errors = run(*files, f"--html={path}", "--num_examples=2")
    assert code == 0, errors
    read = Reader(path.read_text("utf-8"))
    shown = " ".join("".join(read.text).split())
    for part in (
        "2 files of pretraining records",
        "Nothing looks odd",
        "57.1%",
    ):
        assert part in shown, part
    assert shown.count("[CLS] {the old > [MASK] old} ▁·ward·en of") == 2
    spans = [a["class"] for tag, a in read.tags if tag == "span"]
    assert set(spans) == {
        *("first", "second", "special", "truth"),
        *("mask", "random", "kept", "mark"),
    }
    figures = [tag for tag, _ in read.tags].count("figure")
    assert figures == len(re.findall(r"^\S.*\n  .*%  ", printed, re.M))


def test_only_own_pages_are_replaced(pretraining_set, run, tmp_path):
    (file,) = pretraining_set()
    path = tmp_path / "records.html"
    path.write_text("mine")
    code, printed, errors = run(file, f"--html={path}")
    assert (code, printed, path.read_text()) == (2, "", "mine")
    assert "--overwrite" in errors
    for flags in (["--overwrite"], []):
        code, printed, errors = run(file, f"--html={path}", *flags)
        assert code == 0, errors
        assert path.read_text().startswith("<!DOCTYPE html>")
    # Nothing is written of what is damaged.
    path.unlink()
    file.write_bytes(file.read_bytes()[:-1])
    code, printed, errors = run(file, f"--html={path}")
    assert (code, printed, path.exists()) == (2, "", False)


def test_a_page_that_cannot_be_written(pretraining_set, run, assert_refused):
    (file,) = pretraining_set()
    assert_refused(*run(file, f"--html={file}/x.html"), ["--html"])
    with pytest.raises(page.UserError, match="directory"):
        page.check_page(str(file.parent), True, [])


def test_no_page_replaces_what_is_read(pretraining_set):
    """The JSON and the vocabulary are read too, and --overwrite is no leave."""
    files = [str(file) for file in pretraining_set()]
    path = find_metadata(files)[0][0]
    value = json.loads(pathlib.Path(path).read_text())
    value["vocabulary"]["model_file"] = "named.model"
    pathlib.Path(path).write_text(json.dumps(value))
    folder = os.path.dirname(path)
    for name in ("named.model", "given.model"):
        pathlib.Path(folder, name).touch()
    given = os.path.join(folder, "given.model")
    read = reading.list_read(files, given)
    for each in (*files, path, os.path.join(folder, "named.model"), given):
        with pytest.raises(UserError, match="both input and output"):
            page.check_page(each, True, read)
