# SPDX-License-Identifier: Apache-2.0
"""Accuracies over minimal pairs, by hand."""

import json
import pathlib

import pytest

from albert.errors import UserError
from albert.score import minimal_pairs
from albert.score.minimal_pairs import Pair
from albert.score.pseudo_likelihood import Score

FIELDS = ("good", "bad", "rule", "area")


def make(rows):
    """Returns (pairs, scores) of (rule, area, good's, bad's score, pieces)."""
    pairs = [
        Pair(f"file:{i}", f"good {i}", f"bad\t{i}", rule, area)
        for i, (rule, area, *_) in enumerate(rows)
    ]
    scores = [
        (Score(good, lengths[0], 0), Score(bad, lengths[1], 0))
        for _, _, good, bad, lengths in rows
    ]
    return pairs, scores


ROWS = [
    ("r1", "x", -3.0, -5.0, (2, 3)),
    ("r1", "x", -3.0, -2.0, (2, 2)),
    ("r1", "x", -3.0, -3.0, (3, 2)),
    ("r1", "x", -1.0, -2.0, (3, 2)),
    ("r2", "x", -1.0, -2.0, (1, 2)),
    ("r3", "y", -2.0, -1.0, (1, 1)),
]


def test_count():
    found = minimal_pairs.count(*make(ROWS))
    assert found["num_pairs"] == 6
    assert found["num_ties"] == 1
    paradigms = {
        name: each["accuracy"] for name, each in found["paradigms"].items()
    }
    assert paradigms == {"r1": 2.5 / 4, "r2": 1.0, "r3": 0.0}
    assert found["phenomena"] == {"x": (2.5 / 4 + 1) / 2, "y": 0.0}
    # Not over pairs, of which r1 has most.
    assert found["accuracy"] == pytest.approx((2.5 / 4 + 1) / 3)
    assert found["accuracy_by_length_alone"] == pytest.approx(
        (1.5 / 4 + 1 + 0.5) / 3
    )


def test_table_and_picture():
    results = minimal_pairs.count(*make(ROWS))
    lines = minimal_pairs.table(results).splitlines()
    assert [line.split()[0] for line in lines] == [
        *("paradigm", "x", "r1", "r2", "y", "r3", "all")
    ]
    assert "62.5%" in lines[2] and "1 ties" in lines[2]
    assert "54.2%" in lines[-1]
    assert minimal_pairs.draw(results).startswith(b"\x89PNG")


def test_write(tmp_path):
    pairs, scores = make(ROWS)
    results = minimal_pairs.count(pairs, scores)
    out = tmp_path / "out"
    minimal_pairs.write(str(out), results, pairs, scores, "--output_dir")
    assert json.loads((out / "results.json").read_text()) == results
    rows = (out / "pairs.tsv").read_text().splitlines()
    assert rows[1].split("\t") == [
        "r1",
        "-3.0000",
        "-5.0000",
        "good 0",
        "bad 0",
    ]
    assert len(rows) == 1 + len(pairs)
    with pytest.raises(UserError, match="exists already"):
        minimal_pairs.write(str(out), results, pairs, scores, "--output_dir")


def test_read_pairs(tmp_path):
    one, other = tmp_path / "some_rule.tsv", tmp_path / "named.jsonl"
    one.write_text("good\tbad\nIt barks.\tIt bark.\n")
    other.write_text(
        '{"good": "a", "bad": "b", "rule": "r", "area": "x", "n": 1}\n'
    )
    found = minimal_pairs.read_pairs([str(one), str(other)], *FIELDS)
    assert found == [
        Pair(f"{one}:2", "It barks.", "It bark.", "some_rule", ""),
        Pair(f"{other}:1", "a", "b", "r", "x"),
    ]


def test_files_of_one_name_are_sets_of_their_own(tmp_path):
    files = []
    for name in ("a/rule.v1.tsv", "a/rule.v2.tsv", "a/other.tsv", "b/rule.tsv"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("good\tbad\na\tb\n")
        files.append(str(path))
    found = minimal_pairs.read_pairs(files, *FIELDS)
    assert [pair.paradigm for pair in found] == [
        *files[:2],
        "other",
        files[3],
    ]


def test_fields_that_are_needed(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("good\tbad\trule\tarea\na\tb\tr\t\nc\td\tq\t\n")
    found = minimal_pairs.read_pairs([str(path)], *FIELDS, needed=("rule",))
    assert [pair.paradigm for pair in found] == ["r", "q"]
    for field in ("area", "rules"):
        fields = ("good", "bad", field, "area")
        with pytest.raises(UserError, match=f"pairs.tsv: no row .* '{field}'"):
            minimal_pairs.read_pairs([str(path)], *fields, needed=(field,))


def test_each_file_has_the_fields_that_are_needed(tmp_path):
    files = [str(tmp_path / name) for name in ("one.tsv", "two.tsv")]
    for file, name in zip(files, ("rule", "Rule"), strict=True):
        pathlib.Path(file).write_text(f"good\tbad\t{name}\na\tb\tr\n")
    with pytest.raises(UserError, match="/two.tsv: no row has .* 'rule'"):
        minimal_pairs.read_pairs(files, *FIELDS, needed=("rule",))


def test_names_of_sets(tmp_path):
    """Spaces around them are no part; null is none; numbers are names."""
    path = tmp_path / "pairs.jsonl"
    names = [("r ", "a"), (" r", " a\n"), ("r\n b", None), (7, None)]
    path.write_text(
        "".join(
            json.dumps({"good": "x", "bad": "y", "rule": rule, "area": area})
            + "\n"
            for rule, area in names
        )
    )
    found = minimal_pairs.read_pairs([str(path)], *FIELDS)
    assert [(pair.paradigm, pair.phenomenon) for pair in found] == [
        ("r", "a"),
        ("r", "a"),
        ("r b", ""),
        ("7", ""),
    ]


def test_a_set_that_is_named_by_its_file_is_one_cell(tmp_path):
    path = tmp_path / "a\tb  c.tsv"
    path.write_text("good\tbad\nx\ty\n")
    (pair,) = minimal_pairs.read_pairs([str(path)], *FIELDS)
    assert pair.paradigm == "a b c"


def test_long_names_leave_room_for_the_bars(recwarn):
    rows = [(f"{'/a path' * 30}/{i}", "", -3.0, -5.0, (2, 3)) for i in (1, 2)]
    assert minimal_pairs.draw(minimal_pairs.count(*make(rows)))
    assert not recwarn.list


@pytest.mark.parametrize(
    ("rows", "words"),
    [("a\tb\tr\na\tb\t\n", "no 'rule'"), ("a\tb\t\na\tb\tr\n", "a 'rule'")],
)
def test_a_row_alone_is_no_set(tmp_path, rows, words):
    """It would weigh as much as a set of a thousand."""
    path = tmp_path / "pairs.tsv"
    path.write_text(f"good\tbad\trule\n{rows}")
    with pytest.raises(UserError, match=f":3: {words}, unlike the rows above"):
        minimal_pairs.read_pairs([str(path)], *FIELDS)


def test_different_sentences_of_the_same_pieces(caplog):
    pairs = [Pair("a:1", "x", "x", "", ""), Pair("a:2", "Go", "go", "", "")]
    minimal_pairs.warn_of_same_pieces(pairs[:1])
    assert not caplog.messages
    minimal_pairs.warn_of_same_pieces(pairs)
    (warning,) = caplog.messages
    assert warning.startswith("a:2: 'Go' and 'go' have the same pieces")
    assert "it is in 1 pairs" in warning


def test_more_sets_than_can_be_drawn(tmp_path, caplog):
    """The results of hours are written without the picture."""
    rows = [(f"r{i}", "", -3.0, -5.0, (2, 3)) for i in range(1001)]
    pairs, scores = make(rows)
    results = minimal_pairs.count(pairs, scores)
    out = tmp_path / "out"
    minimal_pairs.write(str(out), results, pairs, scores, "--output_dir")
    (warning,) = caplog.messages
    assert warning.startswith("no picture of 1,001 sets")
    found = {path.name for path in out.iterdir()}
    assert found == {"pairs.tsv", "results.json"}


def test_a_few_pairs_may_be_twice_the_same_sentence(tmp_path, caplog):
    """As in the published BLiMP."""
    path = tmp_path / "pairs.tsv"
    lines = ["good\tbad", *["a\tb"] * 197, "c\tc"]
    path.write_text("\n".join(lines))
    found = minimal_pairs.read_pairs([str(path)], *FIELDS)
    assert [pair.is_same for pair in found] == [False] * 197 + [True]
    (warning,) = caplog.messages
    assert warning.startswith(f"{path}:199: both sentences are 'c'; so it is ")
    assert "in 1 of 198 pairs, each of which counts one half" in warning
    one, other = Score(-1.0, 1, 0), Score(-2.0, 1, 0)
    scores = [(one, other)] * 197 + [(one, one)]
    results = minimal_pairs.count(found, scores)
    assert results["num_same_sentences"] == results["num_ties"] == 1
    assert results["accuracy"] == pytest.approx(197.5 / 198)
    path.write_text("\n".join([*lines, "d\td"]))
    with pytest.raises(UserError, match=r":199: .* 2 of 199 pairs: correct"):
        minimal_pairs.read_pairs([str(path)], *FIELDS)


@pytest.mark.parametrize("area", ["y", ""])
def test_a_set_of_two_phenomena(tmp_path, area):
    one, other = tmp_path / "one.tsv", tmp_path / "other.tsv"
    one.write_text("good\tbad\trule\tarea\na\tb\tr\tx\n")
    other.write_text(f"good\tbad\trule\tarea\na\tb\tq\ty\na\tb\tr\t{area}\n")
    words = f"{other}:3: the set 'r' is of '{area}' here, and of 'x' in {one}:2"
    with pytest.raises(UserError, match=words):
        minimal_pairs.read_pairs([str(one), str(other)], *FIELDS)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("good\tbad\nIt barks.\tIt barks.\n", ":2: both sentences are"),
        ("good\tbad\nIt barks.\t \n", ":2: 'bad' is empty"),
        ("good\tbad\n", "no pairs"),
        ("", "no pairs"),
    ],
)
def test_pairs_that_are_none(tmp_path, content, words):
    path = tmp_path / "pairs.tsv"
    path.write_text(content)
    with pytest.raises(UserError, match=words):
        minimal_pairs.read_pairs([str(path)], *FIELDS)
