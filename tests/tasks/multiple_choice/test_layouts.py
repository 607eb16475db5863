# SPDX-License-Identifier: Apache-2.0
"""The layouts that questions with options are published in."""

import csv
import io
import json

import pytest

from albert.errors import UserError
from albert.tasks import interface
from albert.tasks import selection

OPTIONS = ["red", "green", "blue", "grey"]
ENDINGS = {f"ending{n}": option for n, option in enumerate(OPTIONS)}
CHOICES = [
    {"label": label, "text": text}
    for label, text in zip("ABCDE", [*OPTIONS, "none"], strict=True)
]


def lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def table(*rows, delimiter=","):
    file = io.StringIO()
    writer = csv.DictWriter(file, rows[0].keys(), delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def load(folder, name, content, **settings):
    (folder / name).write_text(content, "utf-8")
    task = selection.get_task("multiple-choice", **settings)
    return interface.load(task, str(folder), "dev")


RACE_ROWS = [
    {
        "example_id": f"high{article}.txt",
        "article": f"Article {article}",
        "question": "The door is _ .",
        "options": OPTIONS,
        "answer": answer,
    }
    for article, answer in ((7, "B"), (7, "D"), (9, "A"))
]
DREAM = [
    [
        ["M: The door is green.", "W: It is."],
        [
            {"question": "Which?", "choice": OPTIONS[:3], "answer": "green"},
            {"question": "And?", "choice": ["x", "y"], "answer": "x"},
        ],
        "4-5",
    ]
]
DREAM_ROWS = [
    {
        "id": 3,
        "dialogue_id": "4-5",
        "dialogue": DREAM[0][0],
        **question,
    }
    for question in DREAM[0][1]
]
SWAG = {
    "": "0",
    "video-id": "v1",
    "sent1": "She opens the door.",
    "sent2": "It",
    "gold-source": "gold",
    **ENDINGS,
    "label": "1",
}
HELLASWAG = {
    "ind": 24,
    "activity_label": "Painting",
    "ctx_a": "She opens the door.",
    "ctx_b": "it",
    "ctx": "She opens the door. it",
    "endings": OPTIONS,
    "label": 1,
}
STEM = {
    "id": "q1",
    "question": {
        "question_concept": "door",
        "stem": "Which colour?",
        "choices": CHOICES,
    },
    "answerKey": "E",
}
ARC = {
    "id": "Mercury_1",
    "question": {
        "stem": "Which colour?",
        "choices": [
            {"text": text, "label": str(n)} for n, text in enumerate(OPTIONS, 1)
        ],
    },
    "answerKey": "3",
}
ARC_ROW = {
    "id": "Mercury_1",
    "question": "Which colour?",
    "choices": {"text": OPTIONS[:3], "label": ["1", "2", "3"]},
    "answerKey": "3",
}
COSMOS = {
    "id": "a##b",
    "context": "The door, she said, is green.",
    "question": "Which?",
    **{f"answer{n}": option for n, option in enumerate(OPTIONS)},
    "label": 3,
}

# File, content, layout, then id, context, question, number of options and
# answer of the last question.
CASES = {
    "Hugging Face's RACE": (
        ("dev.json", lines(*RACE_ROWS), "Hugging Face's rows of RACE"),
        ("high9.txt-0", "Article 9", "The door is _ .", 4, "A"),
    ),
    "DREAM": (
        ("dev.json", json.dumps(DREAM), "DREAM's dialogues"),
        ("4-5-1", "M: The door is green.\nW: It is.", "And?", 2, "A"),
    ),
    "Hugging Face's DREAM": (
        ("dev.jsonl", lines(*DREAM_ROWS), "Hugging Face's rows of DREAM"),
        ("4-5-1", "M: The door is green.\nW: It is.", "And?", 2, "A"),
    ),
    "SWAG": (
        ("val.csv", table(SWAG), "SWAG's rows"),
        ("0", "She opens the door.", "It", 4, "B"),
    ),
    "HellaSwag": (
        ("val.jsonl", lines(HELLASWAG), "HellaSwag's rows"),
        ("0", "She opens the door.", "it", 4, "B"),
    ),
    "HellaSwag without a beginning": (
        ("dev.jsonl", lines(HELLASWAG | {"ctx_b": ""}), "HellaSwag's rows"),
        ("0", "She opens the door. it", "", 4, "B"),
    ),
    "CommonsenseQA": (
        ("dev.jsonl", lines(STEM), "CommonsenseQA's and ARC's rows"),
        ("q1", "", "Which colour?", 5, "E"),
    ),
    "ARC": (
        ("dev.jsonl", lines(STEM, ARC), "CommonsenseQA's and ARC's rows"),
        ("Mercury_1", "", "Which colour?", 4, "C"),
    ),
    "Hugging Face's ARC": (
        ("dev.jsonl", lines(ARC_ROW), "Hugging Face's rows of CommonsenseQA"),
        ("Mercury_1", "", "Which colour?", 3, "C"),
    ),
    "Cosmos QA": (
        ("valid.csv", table(COSMOS), "Cosmos QA's rows"),
        ("a##b", "The door, she said, is green.", "Which?", 4, "D"),
    ),
    "Cosmos QA's test set": (
        ("dev.jsonl", lines(COSMOS | {"label": -1}), "Cosmos QA's rows"),
        ("a##b", "The door, she said, is green.", "Which?", 4, None),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_published(tmp_path, caplog, case):
    (name, content, layout), expected = CASES[case]
    with caplog.at_level("INFO", "absl"):
        examples = load(tmp_path, name, content)
    found = (
        examples.ids[-1],
        examples.articles[examples.article_numbers[-1]],
        examples.questions[-1],
        len(examples.options[-1]),
        examples.labels and examples.labels[-1],
    )
    assert found == expected
    assert f"{name}: {layout}" in caplog.text


def test_an_article_of_several_rows_is_kept_once(tmp_path):
    examples = load(tmp_path, "dev.jsonl", lines(*RACE_ROWS))
    assert examples.ids == ["high7.txt-0", "high7.txt-1", "high9.txt-0"]
    assert examples.article_numbers == [0, 0, 1]
    assert examples.levels is None


# ------------------------------------------------------- tables of one's own

OWN = {"question": "Which?", "option 1": "x", "option 2": "y", "label": "B"}


def test_a_table(tmp_path):
    # By number, in whatever order they stand.
    others = {f"option {n}": f"z{n}" for n in (10, *range(3, 10))}
    rows = [
        {"id": "a", "context": "C", **OWN, **others},
        {"id": "b", "context": "", **OWN, **dict.fromkeys(others, "")},
    ]
    for name, delimiter in (("dev.csv", ","), ("dev.tsv", "\t")):
        content = table(*rows, delimiter=delimiter)
        examples = load(tmp_path, name, content)
        assert examples.ids == ["a", "b"]
        in_order = [f"z{n}" for n in range(3, 11)]
        assert examples.options == [["x", "y", *in_order], ["x", "y"]]
        assert examples.articles == ["C", ""]
        assert examples.labels == ["B", "B"]
        (tmp_path / name).unlink()
    with pytest.raises(UserError, match="separated by semicolons"):
        load(tmp_path, "dev.csv", table(*rows, delimiter=";"))
    examples = load(
        tmp_path, "dev.csv", table(*rows, delimiter=";"), delimiter=";"
    )
    assert examples.ids == ["a", "b"]


def test_columns_by_name(tmp_path):
    row = {"Frage": "Q", "eins": "x", "zwei": "y", "gut": "zwei?", "nr": "n7"}
    content = table(row | {"gut": "y"})
    columns = {
        "text_b_column": "Frage",
        "option_columns": ["eins", "zwei"],
        "label_column": "gut",
        "id_column": "nr",
    }
    examples = load(tmp_path, "dev.csv", content, **columns)
    assert examples.questions == ["Q"] and examples.ids == ["n7"]
    assert examples.options == [["x", "y"]] and examples.labels == ["B"]
    with pytest.raises(UserError, match="no column 'drei'"):
        load(
            tmp_path,
            "dev.csv",
            content,
            **columns | {"option_columns": ["eins", "drei"]},
        )
    columns["label_column"] = "right"
    with pytest.raises(UserError, match="no column 'right' in the header"):
        load(tmp_path, "dev.csv", content, **columns)
    # A test set may have no labels.
    (tmp_path / "test.csv").write_text(content)
    task = selection.get_task("multiple-choice", **columns)
    assert interface.load(task, str(tmp_path), "test").labels is None


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("race", {"option_columns": ["a", "b"]}, "is for multiple-choice"),
        ("tsv", {"option_columns": ["a", "b"]}, "is for multiple-choice"),
        ("multiple-choice", {"option_columns": ["a"]}, "two or more"),
        ("multiple-choice", {"option_columns": ["a", "a"]}, "each once"),
        (
            "multiple-choice",
            {"option_columns": ["a", "b"], "label_column": "b"},
            "column b is given twice",
        ),
    ],
)
def test_columns_that_cannot_be(name, settings, message):
    with pytest.raises(UserError, match=message):
        selection.get_task(name, **settings)


# --------------------------------------------------------------- bad content


def test_endings_with_a_gap(tmp_path):
    row = {key: value for key, value in SWAG.items() if key != "ending2"}
    with pytest.raises(UserError, match="no 'ending2' among ending0"):
        load(tmp_path, "val.csv", table(row))


@pytest.mark.parametrize("answers", [0, "", False])
def test_answers_that_are_no_list(tmp_path, answers):
    article = {"article": "a", "questions": ["q"], "options": [["x", "y"]]}
    article |= {"id": "high1.txt", "answers": answers}
    with pytest.raises(UserError, match="not of RACE's articles"):
        load(tmp_path, "dev.jsonl", lines(article))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"premise": "P", "choice1": "C"}, "no layout that is known.*premise"),
        (3, "no layout that is known"),
        (STEM | {"question": {"stem": "S", "choices": {"label": []}}}, "type"),
        (SWAG, "SWAG's rows, and above are CommonsenseQA's"),
        (HELLASWAG | {"endings": None}, "HellaSwag's rows, and above"),
    ],
)
def test_another_layout(tmp_path, row, message):
    with pytest.raises(UserError, match=f"dev.jsonl:2: .*{message}") as error:
        load(tmp_path, "dev.jsonl", lines(STEM, row))
    assert "\n" not in str(error.value)


def test_choices_with_the_same_label(tmp_path):
    choices = [*CHOICES[:2], {"label": "A", "text": "black"}]
    row = STEM | {"question": STEM["question"] | {"choices": choices}}
    with pytest.raises(UserError, match="two of its choices have the same"):
        load(tmp_path, "dev.jsonl", lines(row))


def test_lists_of_choices_that_differ(tmp_path):
    row = ARC_ROW | {"choices": {"text": ["x"], "label": []}}
    with pytest.raises(UserError, match="1 texts and 0 labels of choices"):
        load(tmp_path, "dev.jsonl", lines(row))


ITEMS = {
    "RACE": [
        {
            "article": "A",
            "questions": ["Q"],
            "options": [["x", "y"]],
            "answers": ["A"],
            "id": "high1.txt",
        }
    ],
    "rows of RACE": RACE_ROWS[:1],
    "DREAM": DREAM,
    "rows of DREAM": DREAM_ROWS[:1],
    "SWAG": [SWAG],
    "HellaSwag": [HELLASWAG],
    "CommonsenseQA": [STEM],
    "rows of ARC": [ARC_ROW],
    "Cosmos QA": [COSMOS],
    "own": [{"id": 7, "context": "C", **OWN}],
}
# In place of any value; besides, it is left out.
LEFT_OUT = object()
NASTY = (
    LEFT_OUT,
    None,
    5,
    1e400,
    True,
    "",
    "zork",
    [],
    ["x"],
    [[]],
    {},
    "\ud800",
)


def places(value, path=()):
    """Yields the path of each value inside a JSON value."""
    inner = value if isinstance(value, dict) else ()
    if isinstance(value, list):
        inner = range(len(value))
    for key in inner:
        yield (*path, key)
        yield from places(value[key], (*path, key))


def changed(value, path, new):
    """Returns a copy of a JSON value with another value at a path."""
    value = json.loads(json.dumps(value))
    inner = value
    *outer, key = path
    for each in outer:
        inner = inner[each]
    if new is LEFT_OUT:
        del inner[key]
    else:
        inner[key] = new
    return value


@pytest.mark.parametrize("name", ITEMS)
def test_every_value_may_be_of_another_type(tmp_path, name):
    refused = 0
    for path in places(ITEMS[name]):
        for new in NASTY:
            content = changed(ITEMS[name], path, new)
            try:
                examples = load(tmp_path, "dev.json", json.dumps(content))
            except UserError as error:
                assert "\n" not in str(error)
                refused += 1
            else:
                assert examples.ids and all(map(str.encode, examples.ids))
                texts = [*examples.articles, *examples.questions]
                for text in sum(examples.options, texts):
                    text.encode()
    assert refused > 50
