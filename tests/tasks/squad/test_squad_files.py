# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/tasks/squad/squad_files.py."""

import json
import pathlib

import pytest

from albert.errors import UserError
from albert.tasks.squad.squad_files import Answer
from albert.tasks.squad.squad_files import Mismatch
from albert.tasks.squad.squad_files import read_files
from albert.tasks.squad.squad_files import read_squad

SAMPLE = pathlib.Path(__file__).parents[3] / "data" / "sample" / "squad"
CONTEXT = "Seven cats sat on eleven mats."
SEVEN = {"text": "Seven", "answer_start": 0}
MATS = {"text": "mats", "answer_start": 25}


def refuse(path, **options):
    """Returns the message that a file is refused with."""
    with pytest.raises(UserError) as caught:
        read_squad(path, **options)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(str(path))
    return message


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
            assert data.mismatches == []
        train = read_squad(SAMPLE / "train.json")
        assert not set(train.titles) & set(data.titles)

    def test_golden(self, golden):
        for version, number in ((1.1, 25), (2.0, 28)):
            data = read_squad(golden / f"dev-v{version}.json")
            assert len(data.questions) == number
            assert data.has_impossible is (version == 2.0)
            mismatches = [item.question_id for item in data.mismatches]
            assert mismatches == ["q26", "q27"]


class TestMismatches:
    @pytest.mark.parametrize(
        ("start", "found"),
        [(1, "even "), (-1, "Seve"), (28, "s."), (4711, ""), (10**30, "")],
    )
    def test_listed(self, write_squad, start, found):
        path = write_squad(
            (
                CONTEXT,
                [
                    {"id": "a", "answers": [MATS]},
                    {
                        "id": "b",
                        "answers": [{"text": "Seven", "answer_start": start}],
                    },
                ],
            )
        )
        data = read_squad(path)
        assert data.mismatches == [Mismatch("b", Answer("Seven", start), found)]
        assert "question b: 'Seven'" in str(data.mismatches[0])
        assert len(data.questions) == 2
        message = refuse(path, stop_at_mismatch=True)
        assert "1 answers are not where" in message
        assert "question b" in message

    def test_none(self, write_squad):
        path = write_squad((CONTEXT, [{"id": "a", "answers": [MATS]}]))
        data = read_squad(path, stop_at_mismatch=True)
        assert data.mismatches == []


class TestBadFiles:
    def test_missing_file(self, tmp_path):
        assert "cannot be read" in refuse(tmp_path / "none.json")

    def test_folder(self, tmp_path):
        assert "cannot be read" in refuse(tmp_path)

    def test_not_utf8(self, tmp_path):
        path = tmp_path / "a.json"
        path.write_bytes(b'{"data": "\xff"}')
        assert "not UTF-8" in refuse(path)

    def test_not_json(self, tmp_path):
        path = tmp_path / "a.json"
        path.write_text('{"data":\n[}', "utf-8")
        assert f"{path}:2: not valid JSON" in refuse(path)

    @pytest.mark.parametrize("content", [[], 7, {"data": {}}, {"rows": []}])
    def test_not_squad(self, tmp_path, content):
        path = tmp_path / "a.json"
        path.write_text(json.dumps(content), "utf-8")
        assert "not in the format of SQuAD" in refuse(path)

    @pytest.mark.parametrize(
        "content", [[], [{"paragraphs": []}]], ids=["empty", "no paragraphs"]
    )
    def test_no_questions(self, tmp_path, content):
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
                ["paragraphs", 0, "qas"],
                'article 1 ("Thing"), paragraph 1: there is no "qas"',
            ),
            (
                ["paragraphs", 0, "qas", 1, "id"],
                "paragraph 1, question 2",
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
            (
                ["paragraphs", 0, "qas", 1, "answers", 0, "answer_start"],
                'question b: there is no "answer_start"',
            ),
        ],
        ids=lambda value: str(value[-1]) if isinstance(value, list) else "",
    )
    def test_missing_key(self, write_squad, remove, where):
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
            ({"id": 5}, '"id" is 5: it must be text'),
            ({"question": None}, '"question" is null: it must be text'),
            ({"answers": "mats"}, 'question b: "answers" is "mats"'),
            ({"answers": ["mats"]}, 'question b: not an object but "mats"'),
            (
                {"answers": [{"text": "mats", "answer_start": "25"}]},
                'question b: "answer_start" is "25": it must be a number',
            ),
            (
                {"answers": [{"text": "mats", "answer_start": True}]},
                '"answer_start" is true: it must be a number',
            ),
            (
                {"answers": [{"text": " ", "answer_start": 5}]},
                "question b: an answer is empty",
            ),
            ({"is_impossible": 0}, "it must be true or false"),
            ({"question": "\ud83d?"}, "half a surrogate pair, character 0"),
        ],
    )
    def test_wrong_kind(self, write_squad, change, where):
        assert where in refuse(self.write_two(write_squad, **change))

    @pytest.mark.parametrize("context", ["", " \n\u3000"])
    def test_empty_context(self, write_squad, context):
        path = write_squad((context, [{"id": "a", "answers": []}]))
        message = refuse(path)
        assert (
            'article 1 ("Thing"), question a: its context is empty' in message
        )

    def test_empty_context_without_questions(self, write_squad):
        path = write_squad(
            ("", []), (CONTEXT, [{"id": "a", "answers": [SEVEN]}])
        )
        assert read_squad(path).questions[0].context_index == 1

    def test_duplicate_id(self, write_squad):
        message = refuse(self.write_two(write_squad, id="a"))
        assert "question id a was used before, in article 1" in message

    def test_impossible_with_answers(self, write_squad):
        message = refuse(self.write_two(write_squad, is_impossible=True))
        assert "question b: is_impossible is true, but there are" in message

    def test_impossible_in_version_1(self, write_squad):
        path = self.write_two(write_squad, is_impossible=True, answers=[])
        message = refuse(path, has_impossible=False)
        assert "1 questions have no answer" in message
        assert "question b" in message
        assert "--version_2_with_negative" in message

    def test_some_without_answers(self, write_squad):
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
    assert len(data.mismatches) == 0
    assert read_files([one]) == read_squad(one)
    assert not read_files([one], has_impossible=False).has_impossible
    unlabelled = write_squad(("A fox.", [{"id": "d"}]), name="three.json")
    assert not read_files([one, unlabelled]).labelled
    with pytest.raises(UserError, match=r"id a is in .*one.json too"):
        copy = write_squad(("A fox.", [question("a")]), name="copy.json")
        read_files([one, copy])
