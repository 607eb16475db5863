# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/tasks/squad/layouts.py."""

import gzip
import json
import subprocess

import pytest

from albert.errors import UserError
from albert.tasks.squad.questions import NOWHERE
from albert.tasks.squad.questions import Answer
from albert.tasks.squad.raw_questions import NO_QUESTIONS
from albert.tasks.squad.squad_files import read_squad

CONTEXT = "Seven cats sat on eleven mats."
QUESTIONS = [
    {
        "id": "a",
        "question": "How many?",
        "answers": [{"text": "Seven", "answer_start": 0}],
    },
    {
        "id": "b",
        "question": "On what?",
        "answers": [{"text": "mats", "answer_start": 25}],
    },
]
ARTICLE = {
    "title": "Cats",
    "paragraphs": [{"context": CONTEXT, "qas": QUESTIONS}],
}
ROWS = [
    {
        "id": each["id"],
        "title": "Cats",
        "context": CONTEXT,
        "question": each["question"],
        "answers": {
            "text": [each["answers"][0]["text"]],
            "answer_start": [each["answers"][0]["answer_start"]],
        },
    }
    for each in QUESTIONS
]
MRQA = [
    {"header": {"dataset": "Cats", "split": "train"}},
    {
        "id": "",
        "context": CONTEXT,
        "context_tokens": [["Seven", 0]],
        "qas": [
            {
                "qid": each["id"],
                "question": each["question"],
                "answers": [each["answers"][0]["text"]],
                "detected_answers": [
                    {
                        "text": each["answers"][0]["text"],
                        "char_spans": [[start, end], [0, 1]],
                        "token_spans": [[0, 0]],
                    }
                ],
            }
            for each, (start, end) in zip(
                QUESTIONS, [(0, 4), (25, 28)], strict=True
            )
        ],
    },
]


def lines(values):
    return "\n".join(map(json.dumps, values)) + "\n"


LAYOUTS = {
    "articles": json.dumps({"version": "1.1", "data": [ARTICLE]}),
    "list of articles": json.dumps([ARTICLE]),
    "one article": json.dumps(ARTICLE),
    "article a line": lines([ARTICLE, {"title": "None", "paragraphs": []}]),
    "rows in data": json.dumps({"version": "1.1", "data": ROWS}, indent=1),
    "rows": json.dumps(ROWS, indent=1),
    "row a line": lines(ROWS),
    "row a line, \\r\\n": lines(ROWS).replace("\n", "\r\n\r\n"),
    "paragraphs": json.dumps(ARTICLE["paragraphs"]),
    "paragraph a line": lines([*ARTICLE["paragraphs"], {"context": "No."}]),
    "one paragraph": json.dumps(ARTICLE["paragraphs"][0]),
    "MRQA": lines(MRQA),
}


def write(tmp_path, content, name="questions.json"):
    path = tmp_path / name
    path.write_bytes(content.encode())
    return path


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts_say_the_same(tmp_path, layout):
    path = write(tmp_path, LAYOUTS[layout])
    data = read_squad(path, stop_at_mismatch=True, is_training=True)
    assert data.labelled and not data.has_impossible
    assert data.contexts == [CONTEXT]  # once, for both questions
    assert [(each.id, each.text, each.answers) for each in data.questions] == [
        ("a", "How many?", (Answer("Seven", 0),)),
        ("b", "On what?", (Answer("mats", 25),)),
    ]
    assert ("layout: " in data.how_it_was_read()) is ("article" not in layout)
    assert ("MRQA" in data.how_it_was_read()) is (layout == "MRQA")


@pytest.mark.parametrize("name", ["a.json.gz", "a.json"])
def test_gzip(tmp_path, name, refuse):
    path = tmp_path / name
    path.write_bytes(gzip.compress(LAYOUTS["row a line"].encode()))
    assert len(read_squad(path).questions) == 2
    path.write_bytes(path.read_bytes()[:-9])
    assert "damaged gzip file" in refuse(path)
    path.write_bytes(b"\x1f\x8bno gzip")
    assert "damaged gzip file" in refuse(path)


def test_rows_without_answers(tmp_path, refuse):
    empty = {"answers": {"text": [], "answer_start": []}}
    path = write(tmp_path, json.dumps([{**row, **empty} for row in ROWS]))
    assert not read_squad(path).labelled
    path = write(tmp_path, json.dumps([ROWS[0], {**ROWS[1], **empty}]))
    message = refuse(path)
    assert "row 1, question b" in message
    assert "--version_2_with_negative" in message
    data = read_squad(path, has_impossible=True)
    assert [len(each.answers) for each in data.questions] == [1, 0]


def test_rows_keep_their_order(tmp_path):
    rows = [ROWS[0], {**ROWS[0], "id": "c", "context": "Seven."}, ROWS[1]]
    data = read_squad(write(tmp_path, json.dumps(rows)))
    assert [each.id for each in data.questions] == ["a", "c", "b"]
    assert [each.context_index for each in data.questions] == [0, 1, 2]
    assert len(data.contexts) == 3


def test_mrqa_without_positions(tmp_path):
    questions = [
        {key: each[key] for key in ("qid", "question", "answers")}
        for each in MRQA[1]["qas"]
    ]
    path = write(tmp_path, lines([MRQA[0], {**MRQA[1], "qas": questions}]))
    starts = [each.answers[0].start for each in read_squad(path).questions]
    assert starts == [0, 25]


class TestMrqaQuestions:
    def read(self, tmp_path, change):
        (question, other) = MRQA[1]["qas"]
        row = {**MRQA[1], "qas": [{**question, **change}, other]}
        path = write(tmp_path, lines([MRQA[0], row]))
        return read_squad(path).questions[0]

    def test_id_beside_qid(self, tmp_path):
        question = self.read(tmp_path, {"id": "c", "answers": ["None."]})
        assert question.id == "c"
        assert question.answers == (Answer("Seven", 0),)
        assert self.read(tmp_path, {"id": ""}).id == "a"

    def test_is_impossible(self, tmp_path):
        (question, other) = MRQA[1]["qas"]
        none = {"is_impossible": True, "answers": [], "detected_answers": []}
        row = {**MRQA[1], "qas": [{**question, **none}, other]}
        data = read_squad(write(tmp_path, lines([MRQA[0], row])))
        assert data.has_impossible
        assert [len(each.answers) for each in data.questions] == [0, 1]

    @pytest.mark.parametrize("detected", [[], None])
    def test_nothing_was_detected(self, tmp_path, detected):
        change = {"detected_answers": detected, "answers": ["eleven mats"]}
        question = self.read(tmp_path, change)
        assert question.answers == (Answer("eleven mats", 18),)

    @pytest.mark.parametrize("answers", ["Seven", 7, {"a": "Seven"}])
    def test_answers_of_another_type(self, tmp_path, answers, refuse):
        question = {**MRQA[1]["qas"][0], "answers": answers}
        del question["detected_answers"]
        row = {**MRQA[1], "qas": [question]}
        message = refuse(write(tmp_path, lines([MRQA[0], row])))
        assert "question a" in message


@pytest.mark.parametrize(
    "spans", [[], [[0]], [[5, 30]], [[7, 3]], [["0", 4]], [5], [[True, 4]]]
)
def test_mrqa_with_wrong_spans(tmp_path, spans, refuse):
    (question, _) = MRQA[1]["qas"]
    detected = [{"text": "Seven", "char_spans": spans}]
    row = {
        **MRQA[1],
        "qas": [{**question, "detected_answers": detected}],
    }
    message = refuse(write(tmp_path, lines([MRQA[0], row])))
    assert "line 2, question a" in message
    assert "char_spans" in message


def test_paragraphs_without_questions(tmp_path):
    article = {
        "title": "Cats",
        "paragraphs": [
            {"context": "No one asks."},
            {"context": "", "qas": None},
            {"context": "Nor here.", "qas": []},
            *ARTICLE["paragraphs"],
        ],
    }
    data = read_squad(write(tmp_path, json.dumps({"data": [article]})))
    assert [data.contexts[q.context_index] for q in data.questions] == [
        CONTEXT,
        CONTEXT,
    ]
    assert data.findings == {
        NO_QUESTIONS: [
            f'article 1 ("Cats"), paragraph {number}' for number in (1, 2, 3)
        ]
    }


KORQUAD_2 = {
    "title": "t",
    "context": "<p>Seven cats</p>",
    "qas": [
        {
            "id": "1",
            "question": "?",
            "answer": {"text": "cats", "html_answer_start": 9},
        }
    ],
}
CMRC = {
    "context_id": "TRIAL_800",
    "context_text": "七只猫。",
    "qas": [
        {"query_id": "TRIAL_800_0", "query_text": "?", "answers": ["七只"]}
    ],
}


def test_cmrc(tmp_path):
    second = {
        "context_id": "TRIAL_801",
        "context_text": "两只猫和三只狗。",
        "title": "狗",
        "qas": [
            {
                "query_id": "TRIAL_801_0",
                "query_text": "几只狗？",
                "answers": ["三只狗", "五只"],
            },
        ],
    }
    data = read_squad(write(tmp_path, json.dumps([CMRC, second])))
    assert data.labelled and not data.has_impossible
    assert data.contexts == ["七只猫。", "两只猫和三只狗。"]
    assert [question.id for question in data.questions] == [
        "TRIAL_800_0",
        "TRIAL_801_0",
    ]
    assert data.questions[1].text == "几只狗？"
    assert [
        (answer.text, answer.start) for answer in data.questions[1].answers
    ] == [("三只狗", 4), ("五只", -1)]
    assert data.titles[1] == "狗"
    assert any("CMRC 2018's own" in line for line in data.reading)
    alone = read_squad(write(tmp_path, json.dumps(second)))
    assert alone.contexts == ["两只猫和三只狗。"]
    assert any("CMRC 2018's own" in line for line in alone.reading)
    unlabelled = {**CMRC, "qas": [{"query_id": "a", "query_text": "?"}]}
    path = write(tmp_path, json.dumps([unlabelled]))
    assert not read_squad(path).labelled


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            json.dumps({"version": "KorQuAD_2.0_dev", "data": [KORQUAD_2]}),
            ["KorQuAD 2's layout", "HTML", "use KorQuAD 1.0"],
        ),
        (
            json.dumps({"data": [{**ROWS[0], "raw_html": "<p></p>"}]}),
            ["KorQuAD 2's layout"],
        ),
        (
            json.dumps([CMRC | {"context_text": 5}]),
            ['row 1: "context_text" is 5'],
        ),
        (
            json.dumps([CMRC | {"qas": [{"query_id": "a"}]}]),
            ['row 1, question 1: there is no "query_text"'],
        ),
        ("", ["empty"]),
        (" \n", ["empty"]),
        ("[" * 100_000, [":1: not valid JSON"]),
        ('{"data": ' + "9" * 5000 + "}", [":1: not valid JSON", "digits"]),
        (lines(ROWS) + '{"id": ', [":3: not valid JSON"]),
        ('{"a": 1} {"b": 2}', [":1: not valid JSON (Extra data)"]),
        ('{"data": [1,]}', [":1: not valid JSON"]),
        ("1\n2\n", ["article 1: not an object but 1"]),
        (json.dumps([5]), ["article 1: not an object but 5"]),
        (json.dumps([{**ROWS[0], "context": 5}]), ['row 1: "context" is 5']),
        (
            json.dumps([{"context": "a", "qas": {}}]),
            ['row 1: "qas" is {}: it must be a list'],
        ),
        (json.dumps([{"context": "a", "qas": [7]}]), ["not an object but 7"]),
        (
            lines([ROWS[0], {**ROWS[1], "context": "Some.", "question": 5}]),
            ['line 2, question b: "question" is 5'],
        ),
    ],
)
def test_refused(tmp_path, content, words, refuse):
    message = refuse(write(tmp_path, content))
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("encoding", "mark", "name"),
    [
        ("utf-16", b"", "UTF-16"),
        ("utf-16-be", b"\xfe\xff", "UTF-16"),
        ("utf-16-le", b"", "UTF-16LE"),
        ("utf-16-be", b"", "UTF-16BE"),
        ("cp1252", b"", "CP1252"),
    ],
)
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_encodings(tmp_path, encoding, mark, name, compress, refuse):
    path = tmp_path / "a file.json"
    context = CONTEXT.replace("cats", "caf\u00e9s")
    text = LAYOUTS["articles"].replace(CONTEXT, context)
    path.write_bytes(compress(mark + text.encode(encoding)))
    message = refuse(path)
    assert f"iconv -f {name} -t UTF-8" in message
    # What the message says can be done, and helps.
    command = message.rpartition(" with ")[2]
    subprocess.run(command, shell=True, check=True)
    assert read_squad(path).contexts == [context]


NASTY = [
    *(None, True, False, 0, -1, 1, 10**30, 1.5, float("nan"), float("inf")),
    *("", "x", " ", "\n", "\ud800", "9" * 5000, "True"),
    *([], {}, [[]], [{}], {"a": 1}, [None], ["x"], [1], [-1]),
]
DELETED = object()


def damaged(value):
    """Yields a JSON value with each part of it replaced or taken away."""
    yield from NASTY
    parts = value.items() if isinstance(value, dict) else ()
    if isinstance(value, list):
        parts = enumerate(value)
    for key, part in parts:
        for other in (*damaged(part), DELETED):
            changed = value.copy()
            changed[key] = other
            if other is DELETED:
                del changed[key]
            yield changed


@pytest.mark.parametrize("is_lines", [False, True])
@pytest.mark.parametrize(
    "content", [{"version": "1.1", "data": [ARTICLE]}, ROWS, MRQA]
)
def test_whatever_is_damaged_is_read_or_refused(tmp_path, content, is_lines):
    refused = read = 0
    for value in damaged(content):
        is_list = is_lines and isinstance(value, list)
        text = lines(value) if is_list else json.dumps(value)
        path = write(tmp_path, text)
        try:
            data = read_squad(path, is_training=True)
        except UserError as error:
            assert str(error).startswith(str(path))
            assert "\n" not in str(error)
            refused += 1
        else:
            # The reports can be written.
            written = [data.titles, data.findings, data.how_it_was_read()]
            json.dumps(written, ensure_ascii=False).encode()
            for question in data.questions:
                for answer in question.answers:
                    context = data.contexts[question.context_index]
                    assert answer.start == NOWHERE or context.startswith(
                        answer.text, answer.start
                    )
            read += 1
    assert refused > 100 and read > 50
