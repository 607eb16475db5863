# SPDX-License-Identifier: Apache-2.0
"""Command lines that absl's parser takes for something else."""

import pytest

from albert import flags


@pytest.fixture
def run(run_main):
    """Runs a command; gives (values, exit status, stderr)."""

    def define_flags(fv):
        group = flags.FlagGroup(fv, "Things")
        group.integer("number", 7, "A.", lower_bound=0, upper_bound=9)
        group.boolean("wanted", True, "B.")
        group.string("word", None, "C.")
        group.files("input_file", None, "D.")
        group.alias("count", "number")

    def run_command(*arguments, positional=()):
        seen = []

        def main(fv, *rest):
            seen.append((fv.number, fv.wanted, fv.word, fv.input_file, *rest))

        code, _, errors = run_main(
            main, define_flags, *arguments, positional=positional
        )
        return seen, code, errors

    return run_command


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--wanted", "False"], ["--wanted=False", '"="', "space"]),
        (["--nowanted", "true"], ["--wanted=true", '"="']),
        (["-wanted", "0"], ["--wanted=0"]),
        (["--number", "3", "--wanted", "no"], ["--wanted=no"]),
        (["--nowanted=true"], ["--nowanted=true", "--wanted=false"]),
        (["--wanted=maybe"], ["--wanted=maybe", "true or false"]),
        (["--input_file=a", "--input_file=b"], ["a and b", "commas"]),
        (["--input_file", "a", "--input_file", "b"], ["a and b", "quotes"]),
        (["--wordd=x"], ["wordd", "Did you mean", "word"]),
        (["--word", "--number=3"], ["--word=--number=3", "missing"]),
        (["--word"], ["Missing value", "--word"]),
        (["--word="], ["--word=", "empty", "shell variable"]),
        (["--word=  "], ["empty"]),
    ],
)
def test_mistakes_are_named(run, arguments, words):
    seen, code, errors = run(*arguments)
    assert (seen, code) == ([], 2)
    assert errors.startswith("error: ") and errors.count("\n") == 1
    for word in words:
        assert word in errors


def test_names_of_files_that_the_shell_put_in(run, tmp_path):
    (tmp_path / "b.txt").touch()
    code, errors = run("--input_file", "a.txt", tmp_path / "b.txt")[1:]
    assert code == 2
    assert "quote it" in errors and "b.txt" in errors


def test_a_flag_with_a_space_moves_no_other_argument(run):
    seen, code, errors = run(
        "--wanted", "false", "from", "to", positional=("A", "B")
    )
    assert (seen, code) == ([], 2)
    assert "--wanted=false" in errors


@pytest.mark.parametrize(
    "arguments, seen",
    [
        (["-number=3", "-nowanted"], (3, False, None, None)),
        (["--number", "3", "--wanted"], (3, True, None, None)),
        (["--word", "false", "--nowanted"], (7, False, "false", None)),
        (["--input_file=a", "--nowanted", "--input_file=a"], None),
    ],
)
def test_what_is_clear_is_taken(run, arguments, seen):
    values, code, errors = run(*arguments)
    assert (code, errors) == (0, "")
    assert values == [seen or (7, False, None, "a")]


@pytest.mark.parametrize("other", ["--number=2", "--count=2"])
def test_the_last_of_several_values_counts_with_a_warning(run, other):
    values, code, errors = run("--number=1", other)
    assert code == 0
    assert values == [(2, True, None, None)]
    assert errors.startswith("warning: --number is given 2 times")
