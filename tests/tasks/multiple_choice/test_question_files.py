# SPDX-License-Identifier: Apache-2.0
"""Finding and reading the files of questions with options."""

import json

import pytest

from albert.errors import UserError
from albert.tasks import interface
from albert.tasks import selection


def article(number, questions=2, **changes):
    return {
        "article": f"Article {number}.\nIts second line.",
        "questions": [f"Question {q} _ ?" for q in range(questions)],
        "options": [[f"{q}{o}" for o in "wxyz"] for q in range(questions)],
        "answers": ["D", "A", "C"][:questions],
        "id": f"high{number}.txt",
        **changes,
    }


def write(folder, name, content):
    folder.mkdir(parents=True, exist_ok=True)
    if not isinstance(content, str):
        content = json.dumps(content)
    (folder / name).write_text(content, "utf-8")


@pytest.fixture
def race(tmp_path):
    high = tmp_path / "RACE" / "dev" / "high"
    write(high, "10.txt", article(10, 3))
    write(high, "9.txt", article(9))
    write(high, "all.txt", "joined for the original")
    write(high, "9.txt.orig", "left by an editor")
    write(
        tmp_path / "RACE" / "dev" / "middle",
        "5.txt",
        article(5, 1, id="middle5.txt"),
    )
    return tmp_path


def load(folder, skip=False, **settings):
    task = selection.get_task("race", **settings)
    return interface.load(task, str(folder), "dev", skip_bad_rows=skip)


def test_both_levels(race):
    for folder in (race, race / "RACE"):
        examples = load(folder)
        assert examples.ids == [
            "high9.txt-0",
            "high9.txt-1",
            "high10.txt-0",
            "high10.txt-1",
            "high10.txt-2",
            "middle5.txt-0",
        ]
        assert examples.levels == ["high"] * 5 + ["middle"]
        assert examples.article_numbers == [0, 0, 1, 1, 1, 2]
        assert examples.articles[1] == "Article 10.\nIts second line."
        assert examples.questions[3] == "Question 1 _ ?"
        assert examples.options[3] == ["1w", "1x", "1y", "1z"]
        assert examples.labels == ["D", "A", "D", "A", "C", "D"]


def test_files_that_are_passed_over_are_counted(race, caplog):
    with caplog.at_level("INFO", "absl"):
        load(race)
    assert (
        "2 articles' files read, 2 others passed over: 9.txt.orig, all.txt"
        in caplog.text
    )
    assert "RACE's articles: 6 questions with 4 options" in caplog.text


def test_several_articles_in_a_file(race):
    articles = [article(7, 1), article(8, 2)]
    lines = "\n".join(map(json.dumps, articles))
    ids = ["high7.txt-0", "high8.txt-0", "high8.txt-1"]
    for level in ("high", "middle"):
        folder = race / "RACE" / "dev" / level
        for path in folder.iterdir():
            path.unlink()
    write(folder, "5.txt", article(5, 1, id="middle5.txt"))
    high = folder.parent / "high"
    for name, content in (
        ("1.txt", lines + "\n"),
        ("1.txt", json.dumps(articles)),
        ("all.txt", lines),
    ):
        write(high, name, content)
        assert load(race).ids == [*ids, "middle5.txt-0"]
        (high / name).unlink()
    # Without ids of their own.
    for each in articles:
        del each["id"]
    write(high, "all.txt", "\n".join(map(json.dumps, articles)))
    assert load(race).ids[:3] == [
        "highall.txt-0",
        "highall.txt-1-0",
        "highall.txt-1-1",
    ]


def test_the_same_id_twice(race):
    write(race / "RACE" / "dev" / "high", "11.txt", article(10))
    with pytest.raises(UserError, match="its id is that of .*10.txt:1 too"):
        load(race)
    assert load(race, skip=True).bad_rows == 2


def test_articles_without_questions_are_counted(race, caplog):
    write(race / "RACE" / "dev" / "high", "7.txt", article(7, 0))
    with caplog.at_level("INFO", "absl"):
        assert len(load(race)) == 6
    assert "articles without questions, passed over: 1" in caplog.text


def test_fewer_options(race):
    entry = article(7, options=[["a", "b"], list("abc")], answers=["B", "C"])
    write(race / "RACE" / "dev" / "high", "7.txt", entry)
    examples = load(race)
    assert examples.options[:2] == [["a", "b"], ["a", "b", "c"]]
    entry["answers"] = ["C", "C"]
    write(race / "RACE" / "dev" / "high", "7.txt", entry)
    with pytest.raises(UserError, match="answer 'C' is not one of its 2"):
        load(race)


def test_one_level(race):
    assert len(load(race, high_only=True)) == 5
    assert load(race, middle_only=True).levels == ["middle"]
    with pytest.raises(UserError, match="one of them at a time"):
        load(race, high_only=True, middle_only=True)


def test_without_answers(race):
    for path in race.glob("RACE/dev/*/[0-9]*.txt"):
        entry = json.loads(path.read_text())
        del entry["answers"]
        path.write_text(json.dumps(entry))
    assert load(race).labels is None


BAD_ARTICLES = {
    "not JSON": ('{"article": ', "7.txt:1: not valid JSON"),
    "no article": ("[1, 2]", "in no layout that is known"),
    "a field is missing": ({"article": "A"}, "no 'questions'"),
    "lists differ": (article(7, options=[]), "2 questions, 0 lists"),
    "five options": (
        article(7, options=[list("abcde")] * 2),
        "question 1: 5 options, and race has 4 here.*--labels=A,B,C,D,E",
    ),
    "a number": (
        article(7) | {"questions": ["Q", 3]},
        "question 2: not a text",
    ),
    "answer E": (article(7, answers=["A", "E"]), "question 2: answer 'E'"),
}


@pytest.mark.parametrize("case", BAD_ARTICLES)
def test_bad_articles(race, case):
    content, message = BAD_ARTICLES[case]
    write(race / "RACE" / "dev" / "high", "7.txt", content)
    with pytest.raises(UserError, match=message) as error:
        load(race)
    assert "dev/high/7.txt:" in str(error.value)
    assert "\n" not in str(error.value)
    examples = load(race, skip=True)
    assert examples.bad_rows in (1, 2)
    others = [id_ for id_ in examples.ids if not id_.startswith("high7")]
    assert len(others) == 6
    answers = [examples.articles[n] for n in examples.article_numbers]
    assert answers[-1].startswith("Article 5.")


def test_not_utf_8(race):
    path = race / "RACE" / "dev" / "high" / "7.txt"
    path.write_bytes(b'{"article": "caf\xe9"}')
    with pytest.raises(UserError, match="not UTF-8"):
        load(race)


def test_some_answers_are_missing(race):
    path = race / "RACE" / "dev" / "high" / "9.txt"
    path.write_text(json.dumps(article(9, answers=[])))
    with pytest.raises(UserError, match="2 of 6 questions have no answer"):
        load(race)


def test_no_articles(race):
    for path in (race / "RACE" / "dev" / "middle").iterdir():
        path.unlink()
    with pytest.raises(UserError, match="middle: no articles in it"):
        load(race)
    (race / "RACE" / "dev" / "middle").rmdir()
    with pytest.raises(UserError, match="dev/middle: no such .*--high_only"):
        load(race)


# ------------------------------------------------------- questions of one's own

ROW = {"question": "Q", "options": ["x", "y"], "answer": "B"}


def load_own(folder, split="dev", skip=False, **settings):
    task = selection.get_task("multiple-choice", **settings)
    return interface.load(task, str(folder), split, skip_bad_rows=skip)


@pytest.mark.parametrize(
    "name", ["dev.json", "dev.jsonl", "dev.txt", "valid.json", "val.jsonl"]
)
def test_names(tmp_path, name):
    write(tmp_path, name, ROW)
    assert load_own(tmp_path).labels == ["B"]


def test_two_files_of_a_split(tmp_path):
    for name in ("dev.json", "valid.csv"):
        write(tmp_path, name, ROW)
    with pytest.raises(UserError, match="dev.json, valid.csv: one file is"):
        load_own(tmp_path)


def test_no_file(tmp_path):
    with pytest.raises(UserError, match="dev.jsonl, dev.json, dev.csv, .*dev"):
        load_own(tmp_path)


def test_race_by_another_name(race):
    folder = race / "RACE"
    write(
        folder / "dev" / "high",
        "7.txt",
        article(7, 1, options=[list("abcde")], answers=["E"]),
    )
    examples = load_own(folder)
    assert examples.labels[0] == "E"
    assert set(examples.levels) == {"high", "middle"}


def test_a_folder_without_levels(tmp_path):
    for number in (1, 2):
        entry = article(number, 1)
        del entry["id"]
        write(tmp_path / "dev", f"{number}.txt", entry)
    examples = load_own(tmp_path)
    assert examples.ids == ["1.txt-0", "2.txt-0"]
    assert examples.levels is None


def test_a_folder_where_a_file_is_meant(race):
    (race / "RACE" / "dev" / "high" / "11.txt").mkdir()
    with pytest.raises(UserError, match="11.txt: cannot be read"):
        load(race)
