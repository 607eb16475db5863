# SPDX-License-Identifier: Apache-2.0
"""How paths are spelled, and that every flag of a path is read so."""

import pytest
from absl import flags

from albert import __main__ as command
from albert.flag_groups import FlagGroup
from albert.paths import read_path
from albert.paths import read_paths
from albert.paths import split_paths

# Flags whose values are no paths, though their names or help might say so.
NO_PATHS = {"input_file_mode"}


@pytest.fixture(autouse=True)
def home(monkeypatch):
    monkeypatch.setenv("HOME", "/home/of/me")


@pytest.mark.parametrize(
    "text, path",
    [
        ("a/b.txt", "a/b.txt"),
        ("/a b", "/a b"),
        ("~", "/home/of/me"),
        ("~/a/~b", "/home/of/me/a/~b"),
        ("./~a", "./~a"),
        ("a~", "a~"),
        ("C:/a", "C:/a"),
        ("a:b", "a:b"),
        ("-", "-"),
    ],
)
def test_paths(text, path):
    assert read_path(text) == path
    assert read_paths(text) == path


def test_commas_in_names(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("a, b", "a", "a, b,c", "c"):
        (tmp_path / name).write_text("x")
    assert split_paths("~/a, b") == ["~/a, b"]
    assert split_paths("~/a, b,c") == ["~/a, b,c"]
    assert split_paths("~/a, b, ~/c") == ["~/a, b", "~/c"]
    assert split_paths("~/a,~/b, ~/c,") == ["~/a", "~/b", "~/c"]
    assert read_paths("~/a, b, ~/a") == f"{tmp_path}/a, b,{tmp_path}/a"
    assert split_paths(",".join(["~/a"] * 100)) == ["~/a"] * 100
    assert split_paths(" , ,") == []


def test_several_paths():
    assert read_paths("~/a*, b ,,~/c") == "/home/of/me/a*,b,/home/of/me/c"


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "it is empty"),
        (" ", "it is empty"),
        ("~nobody_of_the_name/a", "no home directory ~nobody_of_the_name"),
        ("gs://bucket/model", "gcsfuse"),
        ("S3://bucket/model", "a path of a file system"),
        ("hdfs://host:1/a", "a path of a file system"),
        ("https://example.org/a.tar.gz", "download it"),
        ("file:///a/b", "give the path alone, /a/b"),
        ("hf://albert/albert-base-v2", "hf download albert/albert-base-v2 "),
        (
            "https://huggingface.co/albert/albert-base-v2/tree/main",
            "hf download albert/albert-base-v2 --local-dir",
        ),
        ("https://example.org/a/b", "download it"),
    ],
)
def test_what_is_no_path(text, words):
    with pytest.raises(ValueError, match=words):
        read_path(text)
    with pytest.raises(ValueError, match=words):
        read_paths(f"a, {text}" if text.strip() else text)


@pytest.mark.parametrize("name", command.COMMANDS)
def test_every_flag_of_a_path_is_read_as_one(name):
    """Known by what it is called: one that is new is not forgotten."""
    values = flags.FlagValues()
    command.load_script(name).define_flags(values)
    for flag in map(values.__getitem__, values):
        if flag.name in NO_PATHS or flag.flag_type() != "string":
            continue
        assert not flag.name.endswith(
            ("_file", "_dir", "_prefix", "_checkpoint", "_path")
        ), flag.name


def test_flags(run_main):
    seen = []

    def define(fv):
        group = FlagGroup(fv, "Files")
        group.path("one", None, "A path.")
        group.files("many", None, "Paths.")

    def main(fv):
        seen.append((fv.one, fv.many))

    assert run_main(main, define, "--one=~/a", "--many=~/b,c")[0] == 0
    assert run_main(main, define)[0] == 0
    assert seen == [("/home/of/me/a", "/home/of/me/b,c"), (None, None)]
    for flag in ("--one=gs://a/b", "--many=x,gs://a/b"):
        code, _, errors = run_main(main, define, flag)
        assert code == 2
        assert errors.startswith(f"error: flag {flag}: an address: give a path")


def test_arguments(run_main):
    seen = []

    def main(fv, *arguments):
        seen.append(arguments)

    def run(*arguments, positional):
        return run_main(
            main, lambda fv: None, *arguments, positional=positional
        )

    assert run("~/a", "~ [MASK]", positional=("MODEL", "TEXT..."))[0] == 0
    assert run("~/a", "~/b", "c", positional=("MODEL", "DIR..."))[0] == 0
    assert seen == [
        ("/home/of/me/a", ["~ [MASK]"]),
        ("/home/of/me/a", ["/home/of/me/b", "c"]),
    ]
    for arguments, name in (
        (("s3://x", "t"), "MODEL s3://x"),
        (("a", "b", "s3://x"), "DIR s3://x"),
    ):
        outcome = run(*arguments, positional=("MODEL", "DIR..."))
        assert outcome[0] == 2
        assert outcome[2].startswith(f"error: {name}: an address")


@pytest.mark.parametrize("argument", ["--name=caf\udce9", "caf\udce9"])
def test_arguments_that_are_not_utf8(run_main, argument):
    code, _, errors = run_main(
        lambda fv, *_: None,
        lambda fv: FlagGroup(fv, "A").string("name", None, ""),
        argument,
        positional=("TEXT...",),
    )
    assert code == 2
    assert "caf\\udce9' is not UTF-8" in errors
