# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/tasks/squad/squad_files.py."""

import json
import pathlib

import pytest

from albert.errors import UserError
from albert.tasks.squad import raw_questions
from albert.tasks.squad import squad_files
from albert.tasks.squad.questions import NOWHERE
from albert.tasks.squad.questions import Answer
from albert.tasks.squad.squad_files import read_files
from albert.tasks.squad.squad_files import read_squad

SAMPLE = pathlib.Path(__file__).parents[3] / "data" / "sample" / "squad"
CONTEXT = "Seven cats sat on eleven mats."
SEVEN = {"text": "Seven", "answer_start": 0}
MATS = {"text": "mats", "answer_start": 25}


class TestFiles:
    def test_version_1(self, write_squad):
        path = write_squad(
            (CONTEXT, [{"id": "a", "answers": [SEVEN, MATS]}]),
            ("Another one.", [{"id": "b", "answers": [dict(SEVEN)]}]),
        )
        data = read_squad(path)
        assert data.file == str(path)
        assert not data.has_impossible and data.labelled
        assert data.contexts == [CONTEXT, "Another one."]
        assert data.titles == ["Thing", "Thing"]
        first, second = data.questions
        assert (first.id, first.text, first.context_index) == ("a", "What?", 0)
        assert first.answers == (Answer("Seven", 0), Answer("mats", 25))
        assert second.context_index == 1

    def test_version_2(self, write_squad):
        path = write_squad(
            (
                CONTEXT,
                [
                    {"id": "a", "is_impossible": False, "answers": [MATS]},
                    {"id": "b", "is_impossible": True, "answers": []},
                    {"id": "c", "is_impossible": True},
                    # The official evaluation goes by the answers alone.
                    {"id": "d", "is_impossible": False, "answers": []},
                ],
            ),
        )
        data = read_squad(path)
        assert data.has_impossible and data.labelled
        assert [len(question.answers) for question in data.questions] == [
            1,
            0,
            0,
            0,
        ]

    @pytest.mark.parametrize(
        ("version", "question", "told", "expected"),
        [
            ("1.1", {}, None, False),
            ("v2.0", {}, None, True),
            ("2.0", {}, None, True),
            ("1.1", {"is_impossible": False}, None, True),
            ("1.1", {}, True, True),
            ("v2.0", {"is_impossible": False}, False, False),
        ],
    )
    def test_version_is_found_or_told(
        self, write_squad, version, question, told, expected
    ):
        path = write_squad(
            (CONTEXT, [{"id": "a", "answers": [SEVEN], **question}]),
            version=version,
        )
        assert read_squad(path, told).has_impossible is expected

    @pytest.mark.parametrize(
        ("version", "question"),
        [
            ("1.1", {}),
            ("1.1", {"answers": []}),
            ("v2.0", {}),
            ("v2.0", {"answers": []}),
        ],
    )
    def test_unlabelled(self, write_squad, version, question):
        path = write_squad(
            (CONTEXT, [{"id": "a", **question}, {"id": "b", **question}]),
            version=version,
        )
        data = read_squad(path)
        assert not data.labelled
        assert [question.answers for question in data.questions] == [(), ()]

    def test_byte_order_mark(self, write_squad):
        path = write_squad((CONTEXT, [{"id": "a", "answers": [SEVEN]}]))
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
        assert len(read_squad(path).questions) == 1

    def test_sample(self):
        for name, number in (("train.json", 24), ("dev.json", 8)):
            data = read_squad(SAMPLE / name)
            assert len(data.questions) == number
            assert data.labelled and not data.has_impossible
            assert data.findings == {}
        train = read_squad(SAMPLE / "train.json")
        assert not set(train.titles) & set(data.titles)

    def test_golden(self, golden):
        for version, number in ((1.1, 25), (2.0, 28)):
            data = read_squad(golden / f"dev-v{version}.json")
            assert len(data.questions) == number
            assert data.has_impossible is (version == 2.0)
            moved = data.findings.pop(squad_files.MOVED)
            assert [line.split(":")[0] for line in moved] == [
                "question q26",
                "question q27",
            ]
            assert data.findings == {}


class TestMismatches:
    @pytest.mark.parametrize(
        ("start", "found"),
        [(1, "even "), (-1, "Seve"), (28, "s."), (4711, ""), (10**30, "")],
    )
    def test_moved(self, write_squad, start, found, refuse):
        path = self.write(write_squad, "Seven", start)
        data = read_squad(path, is_training=True)
        (line,) = data.findings.pop(squad_files.MOVED)
        assert data.findings == {}
        assert line == (
            f"question b: 'Seven' is not at answer_start {start}, there is "
            f"{found!r}; moved to 0"
        )
        assert data.questions[1].answers == (Answer("Seven", 0),)
        message = refuse(path, stop_at_mismatch=True)
        assert "1 answers are not where" in message
        assert "question b" in message

    def test_not_found(self, write_squad, refuse):
        path = self.write(write_squad, "dogs", 6)
        data = read_squad(path, is_training=True)
        (line,) = data.findings.pop(squad_files.NOT_FOUND)
        assert data.findings == {}
        assert "'dogs' is not at answer_start 6, there is 'cats'; it is" in line
        # Its text is kept to compare with.
        assert data.questions[1].answers == (Answer("dogs", NOWHERE),)
        assert "1 answers are not" in refuse(path, stop_at_mismatch=True)

    def test_long_answers_are_cut_in_messages(self, write_squad):
        path = self.write(write_squad, "x" * 5000, 10**99)
        (line,) = read_squad(path).findings[squad_files.NOT_FOUND]
        assert len(line) < 300

    @pytest.mark.parametrize(
        ("text", "start"), [(" cats", 6), ("cats ", 5), ("cats ", 6)]
    )
    def test_white_space_at_the_ends(self, write_squad, text, start):
        path = write_squad((CONTEXT, [answered("a", text, start)]))
        # All of a file may be so, and it is trained on.
        data = read_squad(path, is_training=True)
        (answer,) = data.questions[0].answers
        assert (answer.text.strip(), answer.text in CONTEXT) == ("cats", True)
        assert CONTEXT.startswith(answer.text, answer.start)
        is_there = (text, start) == ("cats ", 6)
        assert (squad_files.MOVED in data.findings) is not is_there

    def test_none(self, write_squad):
        path = write_squad((CONTEXT, [{"id": "a", "answers": [MATS]}]))
        data = read_squad(path, stop_at_mismatch=True, is_training=True)
        assert data.findings == {}

    def test_most_are_off(self, write_squad, refuse):
        path = write_squad(
            (
                CONTEXT,
                [
                    answered("a", "Seven", 0),
                    answered("b", "cats", 0),
                    answered("c", "mats", 0),
                ],
            )
        )
        message = refuse(path, is_training=True)
        assert "2 of 3 answers are not where the file says" in message
        assert "question b: 'cats' is not at answer_start 0" in message
        assert "leave answer_start out" in message
        # Evaluation goes by the texts.
        data = read_squad(path)
        assert len(data.findings[squad_files.MOVED]) == 2
        half = write_squad(
            (CONTEXT, [answered("a", "Seven", 0), answered("b", "cats", 0)])
        )
        assert read_squad(half, is_training=True).questions[1].answers == (
            Answer("cats", 6),
        )

    @pytest.mark.parametrize("is_training", [True, False])
    def test_most_are_nowhere(self, write_squad, is_training, refuse):
        path = write_squad(
            (
                CONTEXT,
                [
                    answered("a", "Seven", 0),
                    answered("b", "dogs"),
                    answered("c", "owls"),
                ],
            )
        )
        message = refuse(path, is_training=is_training)
        assert "2 of 3 answers are not in their contexts" in message
        assert "question b: 'dogs'" in message

    def test_without_answer_start(self, write_squad):
        path = write_squad(
            (
                CONTEXT,
                [
                    answered("a", "cats"),
                    answered("b", "ats", None),
                    answered("c", "dogs"),
                ],
            )
        )
        data = read_squad(path, is_training=True)
        assert [question.answers[0].start for question in data.questions] == [
            6,
            7,
            NOWHERE,
        ]
        assert data.findings == {
            squad_files.UNPLACED: ["a", "b", "c"],
            squad_files.AMBIGUOUS: ["question b: 'ats' taken at 7"],
            squad_files.NOT_FOUND: [
                "question c: 'dogs' is nowhere in its context"
            ],
        }
        # Nothing contradicts the file.
        read_squad(path, stop_at_mismatch=True)

    @pytest.mark.parametrize(
        ("unit", "encoding", "width"),
        [("UTF-16 units", "utf-16-le", 2), ("UTF-8 bytes", "utf-8", 1)],
    )
    def test_units(self, write_squad, unit, encoding, width):
        context = "Ä 😀 fox met 🗼 two owls."
        questions = [
            answered(
                word,
                word,
                len(context[: context.index(word)].encode(encoding)) // width,
            )
            for word in ("fox", "two", "owls")
        ]
        path = write_squad(
            (context, questions), (CONTEXT, [answered("a", "cats", 6)])
        )
        data = read_squad(path, stop_at_mismatch=True, is_training=True)
        assert data.findings == {}
        assert f"answer_start is counted in {unit}" in data.how_it_was_read()
        for question in data.questions[:3]:
            (answer,) = question.answers
            assert answer == Answer(question.id, context.index(question.id))
        # One that is wrong in every unit: each answer for itself.
        path = write_squad((context, [*questions, answered("b", "met", 0)]))
        data = read_squad(path)
        assert data.reading == []
        assert len(data.findings[squad_files.MOVED]) == 4

    def test_canonically_equal(self, write_squad):
        context = "In Warsza\u0301wa, once."
        path = write_squad((context, [answered("a", "Warsz\u00e1wa", 3)]))
        data = read_squad(path, stop_at_mismatch=True, is_training=True)
        assert data.findings == {squad_files.OTHER_UNICODE: ["a"]}
        # A prediction is cut out of the context and must be able to be right.
        assert data.questions[0].answers == (Answer("Warsza\u0301wa", 3),)

    def write(self, write_squad, text, start):
        return write_squad(
            (
                CONTEXT,
                [{"id": "a", "answers": [MATS]}, answered("b", text, start)],
            )
        )


class TestVersion:
    @pytest.mark.parametrize(
        ("version", "expected"),
        [
            ("2020-01-31", False),
            ("2021-03-05", False),
            (20210305, False),
            ("2.1", False),
            ("1.1", False),
            ("v1.0", False),
            ("KorQuAD_v1.0_dev", False),
            ("", False),
            (None, False),
            (["2.0"], False),
            ("V2.0", True),
            ("v2", True),
            (2, True),
            (2.0, True),
        ],
    )
    def test_of_the_file(self, write_squad, version, expected):
        path = write_squad(
            (CONTEXT, [answered("a", "cats", 6)]), version=version
        )
        data = read_squad(path)
        assert data.has_impossible is expected
        line = data.how_it_was_read()
        assert f"rules of SQuAD {'2.0' if expected else '1.1'} (" in line
        if version is not None:
            assert repr(version) in line

    def test_long_one_is_cut(self, write_squad):
        path = write_squad(
            (CONTEXT, [answered("a", "cats", 6)]), version="x" * 5000
        )
        assert len(read_squad(path).how_it_was_read()) < 200

    def test_none(self, tmp_path):
        article = {"paragraphs": [{"context": CONTEXT, "qas": []}]}
        article["paragraphs"][0]["qas"] = [
            {"question": "?", **answered("a", "cats", 6)}
        ]
        path = tmp_path / "a.json"
        path.write_text(json.dumps([article]), "utf-8")
        data = read_squad(path)
        assert not data.has_impossible and data.titles == ["article 1"]
        assert "no version, and no question" in data.how_it_was_read()

    def test_of_the_questions(self, write_squad):
        path = write_squad(
            (CONTEXT, [{**answered("a", "cats", 6), "is_impossible": "False"}])
        )
        data = read_squad(path)
        assert data.has_impossible
        assert "1 questions say whether" in data.how_it_was_read()
        data = read_squad(path, has_impossible=False)
        assert "rules of SQuAD 1.1 (as --version_2_" in data.how_it_was_read()


def answered(id_, text, start=...):
    """A question; without answer_start unless it is given."""
    answer = {"text": text}
    if start is not ...:
        answer["answer_start"] = start
    return {"id": id_, "answers": [answer]}


class TestBadFiles:
    def test_missing_file(self, tmp_path, refuse):
        assert "cannot be read" in refuse(tmp_path / "none.json")

    def test_folder(self, tmp_path, refuse):
        assert "cannot be read" in refuse(tmp_path)

    def test_not_utf8(self, tmp_path, refuse):
        path = tmp_path / "a.json"
        path.write_bytes(b'{"data": "\xff"}')
        assert "not UTF-8" in refuse(path)

    def test_not_json(self, tmp_path, refuse):
        path = tmp_path / "a.json"
        path.write_text('{"data":\n[}', "utf-8")
        assert f"{path}:2: not valid JSON" in refuse(path)

    @pytest.mark.parametrize("content", [7, {"data": {}}, {"rows": []}])
    def test_not_squad(self, tmp_path, content, refuse):
        path = tmp_path / "a.json"
        path.write_text(json.dumps(content), "utf-8")
        assert "not in the format of SQuAD" in refuse(path)

    @pytest.mark.parametrize(
        "content", [[], [{"paragraphs": []}]], ids=["empty", "no paragraphs"]
    )
    def test_no_questions(self, tmp_path, content, refuse):
        path = tmp_path / "a.json"
        path.write_text(json.dumps({"data": content}), "utf-8")
        assert "there are no questions" in refuse(path)

    @pytest.mark.parametrize(
        ("remove", "where"),
        [
            (["paragraphs"], 'article 1 ("Thing"): there is no "paragraphs"'),
            (
                ["paragraphs", 0, "context"],
                'article 1 ("Thing"), paragraph 1: there is no "context"',
            ),
            (
                ["paragraphs", 0, "qas", 1, "id"],
                'paragraph 1, question 2: there is no "id"; 1 of 2 questions',
            ),
            (
                ["paragraphs", 0, "qas", 1, "question"],
                'article 1 ("Thing"), question b: there is no "question"',
            ),
            (
                ["paragraphs", 0, "qas", 1, "answers"],
                'article 1 ("Thing"), question b: there are no "answers"',
            ),
            (
                ["paragraphs", 0, "qas", 1, "answers", 0, "text"],
                'question b: there is no "text"',
            ),
        ],
        ids=lambda value: str(value[-1]) if isinstance(value, list) else "",
    )
    def test_missing_key(self, write_squad, remove, where, refuse):
        path = self.write_two(write_squad)
        content = json.loads(path.read_text("utf-8"))
        *way, key = ["data", 0, *remove]
        place = content
        for step in way:
            place = place[step]
        del place[key]
        path.write_text(json.dumps(content), "utf-8")
        assert where in refuse(path)

    @pytest.mark.parametrize(
        ("change", "where"),
        [
            ({"id": 5.5}, '"id" is 5.5: it must be text'),
            ({"id": True}, '"id" is true: it must be text'),
            ({"question": None}, '"question" is null: it must be text'),
            ({"answers": "mats"}, 'question b: "answers" is "mats"'),
            ({"answers": ["mats"]}, 'question b: not an object but "mats"'),
            (
                {"answers": [{"text": "mats", "answer_start": "2a"}]},
                'question b: "answer_start" is "2a": it must be a number',
            ),
            (
                {"answers": [{"text": "mats", "answer_start": True}]},
                '"answer_start" is true: it must be a number',
            ),
            (
                {"answers": [{"text": " ", "answer_start": 5}]},
                "question b: an answer is empty",
            ),
            (
                {"answers": [{"text": "mats", "answer_start": 2.5}]},
                '"answer_start" is 2.5: it must be a number',
            ),
            (
                {"answers": [{"text": "mats", "answer_start": float("nan")}]},
                '"answer_start" is NaN: it must be a number',
            ),
            (
                {"answers": [MATS, {"text": "", "answer_start": -1}]},
                "question b: an answer is empty, others are not",
            ),
            (
                {"answers": {"text": ["mats"], "answer_start": [1, 2]}},
                "question b: 1 texts of answers and 2 answer_start",
            ),
            ({"answers": {"text": "mats"}}, '"text" is "mats": it must be a'),
            ({"is_impossible": 2}, "it must be true or false"),
            ({"is_impossible": 0.0}, "it must be true or false"),
            ({"is_impossible": "maybe"}, "it must be true or false"),
            ({"question": "\ud83d?"}, "half a surrogate pair, character 0"),
        ],
    )
    def test_wrong_kind(self, write_squad, change, where, refuse):
        assert where in refuse(self.write_two(write_squad, **change))

    def test_empty_context_without_questions(self, write_squad):
        path = write_squad(
            ("", []), (CONTEXT, [{"id": "a", "answers": [SEVEN]}])
        )
        assert read_squad(path).questions[0].context_index == 1

    def test_ends_of_lines_in_ids(self, write_squad, refuse):
        message = refuse(self.write_two(write_squad, id="b\nc", answers=7))
        assert 'question b c: "answers" is 7' in message

    def test_impossible_in_version_1(self, write_squad, refuse):
        path = self.write_two(write_squad, is_impossible=True, answers=[])
        message = refuse(path, has_impossible=False)
        assert "1 questions have no answer" in message
        assert "question b" in message
        assert "--version_2_with_negative" in message

    def test_some_without_answers(self, write_squad, refuse):
        message = refuse(self.write_two(write_squad, answers=[]))
        assert 'question b: there are no "answers"' in message

    def write_two(self, write_squad, **change):
        second = {"id": "b", "answers": [MATS], **change}
        return write_squad((CONTEXT, [{"id": "a", "answers": [SEVEN]}, second]))


def test_several_files_are_one(write_squad):
    def question(id_):
        return {"id": id_, "answers": [{"text": "fox", "answer_start": 4}]}

    one = write_squad(("The fox.", [question("a")]), name="one.json")
    two = write_squad(
        ("No.", []),
        ("Red fox.", [question("b"), question("c")]),
        version="v2.0",
        name="two.json",
    )
    data = read_files([one, two])
    assert data.has_impossible and data.labelled
    assert data.file == f"{one}, {two}"
    assert data.contexts == ["The fox.", "No.", "Red fox."]
    assert len(data.titles) == 3
    assert [
        (each.id, data.contexts[each.context_index]) for each in data.questions
    ] == [("a", "The fox."), ("b", "Red fox."), ("c", "Red fox.")]
    where = 'article 1 ("Thing"), paragraph 1'
    assert data.findings == {raw_questions.NO_QUESTIONS: [where]}
    assert f"{two}: version 'v2.0'" in data.how_it_was_read()
    assert read_files([one]) == read_squad(one)
    off = write_squad(("A fox.", [question("z")]), name="off.json")
    found = read_files([one, off]).findings[squad_files.MOVED]
    assert [line.split(":")[0] for line in found] == ["question z"]
    with pytest.raises(UserError, match=r"off.json: 1 of 1 answers are not"):
        read_files([one, off], is_training=True)
    assert not read_files([one], has_impossible=False).has_impossible
    unlabelled = write_squad(("A fox.", [{"id": "d"}]), name="three.json")
    assert not read_files([one, unlabelled]).labelled
    with pytest.raises(UserError, match=r"id a is in .*one.json too"):
        copy = write_squad(("A fox.", [question("a")]), name="copy.json")
        read_files([one, copy])
