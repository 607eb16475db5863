# SPDX-License-Identifier: Apache-2.0
"""Names and patterns of files mean the files that are there, each once."""

import os

import pytest

from albert.errors import UserError
from albert.file_patterns import expand_files


def write(path, content):
    if isinstance(content, str):
        content = content.encode()
    path.write_bytes(content)
    return str(path)


def test_globs_and_names(tmp_path):
    for name in ("b.txt", "a.txt", "c.md"):
        write(tmp_path / name, "x")
    (tmp_path / "d.txt").mkdir()
    expected = [str(tmp_path / name) for name in ("a.txt", "b.txt")]
    assert expand_files(f"{tmp_path}/*.txt") == expected
    assert expand_files(f"{tmp_path}/b.txt, {tmp_path}/*.txt,") == expected
    assert expand_files([f"{tmp_path}/*.md", tmp_path / "b.txt"]) == [
        str(tmp_path / "b.txt"),
        str(tmp_path / "c.md"),
    ]


def test_one_file_of_two_spellings(tmp_path, monkeypatch):
    write(tmp_path / "a.txt", "x")
    monkeypatch.chdir(tmp_path)
    assert expand_files("a.txt,./a.txt,*.txt") == ["a.txt"]
    assert expand_files(f"./a.txt,{tmp_path}/a.txt") == ["./a.txt"]


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_links_to_one_file_are_warned_of(tmp_path, caplog, link):
    path = tmp_path / "a.txt"
    write(path, "x")
    getattr(tmp_path / "b.txt", link)(path)
    (tmp_path / "c.txt").symlink_to("nothing")
    with caplog.at_level("WARNING", logger="absl"):
        files = expand_files(f"{tmp_path}/*.txt")
    assert [os.path.basename(file) for file in files] == [
        f"{name}.txt" for name in "abc"
    ]
    assert f"a.txt and {tmp_path}/b.txt are one file" in caplog.text
    caplog.clear()
    expand_files(str(path))
    assert not caplog.text


def test_a_name_that_looks_like_a_pattern(tmp_path):
    write(tmp_path / "a[1].txt", "x")
    assert expand_files(f"{tmp_path}/a[1].txt") == [f"{tmp_path}/a[1].txt"]


def test_a_comma_in_a_name(tmp_path):
    path = write(tmp_path / "Bronte, Jane Eyre, 1847.txt", "x")
    other = write(tmp_path / "c.txt", "x")
    assert expand_files(path) == [path]
    assert expand_files([path]) == [path]
    assert expand_files(f" {other}, {path} ,{other}") == [path, other]
    assert expand_files(f"{tmp_path}/*.txt") == [path, other]
    with pytest.raises(UserError, match="Bronte: cannot be read"):
        expand_files(f"{tmp_path}/Bronte, Emily.txt")


def test_recursive(tmp_path):
    (tmp_path / "one" / "two").mkdir(parents=True)
    path = write(tmp_path / "one" / "two" / "a.txt", "x")
    assert expand_files(f"{tmp_path}/**/*.txt") == [path]


def test_nothing_found(tmp_path):
    write(tmp_path / "a.txt", "x")
    with pytest.raises(UserError, match=r"nope/\*: no such file"):
        expand_files(f"{tmp_path}/a.txt,{tmp_path}/nope/*")


def test_directory(tmp_path):
    with pytest.raises(UserError, match=r"is a directory; .*\*\.txt"):
        expand_files(str(tmp_path))


@pytest.mark.parametrize("patterns", ["", " , ", []])
def test_nothing_named(patterns):
    with pytest.raises(UserError, match="no input file"):
        expand_files(patterns)
