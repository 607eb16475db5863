# SPDX-License-Identifier: Apache-2.0
"""Reading of RACE as it is published."""

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
    "not JSON": ('{"article": ', "7.txt:1: not an article of RACE"),
    "no article": ("[1, 2]", "not a JSON object"),
    "a field is missing": ({"article": "A"}, "no 'questions'"),
    "lists differ": (article(7, options=[]), "2 questions, 0 lists"),
    "three options": (
        article(7, options=[["a", "b", "c"]] * 2),
        "question 1: it needs 4 options",
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
    with pytest.raises(UserError, match="dev/middle: no such file"):
        load(race)
