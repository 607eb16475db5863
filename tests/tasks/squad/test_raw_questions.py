# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/tasks/squad/raw_questions.py, by way of whole files."""

import pytest

from albert.tasks.squad import raw_questions
from albert.tasks.squad.squad_files import read_files
from albert.tasks.squad.squad_files import read_squad

CONTEXT = "Seven cats sat on eleven mats."
SEVEN = {"text": "Seven", "answer_start": 0}
MATS = {"text": "mats", "answer_start": 25}
NO_ANSWER = {"text": "", "answer_start": -1}


class TestIds:
    def test_numbers_are_text(self, write_squad):
        path = write_squad(
            (
                CONTEXT,
                [{"id": 529, "answers": [SEVEN]}, {"id": 0, "answers": [MATS]}],
            )
        )
        assert [each.id for each in read_squad(path).questions] == ["529", "0"]

    @pytest.mark.parametrize("empty", [{}, {"id": None}, {"id": ""}])
    def test_none_at_all(self, write_squad, empty):
        path = write_squad(
            (CONTEXT, [{**empty, "answers": [SEVEN]}]),
            (CONTEXT, [{**empty, "answers": [MATS]}]),
            name="mine.v1.json",
        )
        data = read_squad(path)
        names = ["mine.v1-1", "mine.v1-2"]
        assert [each.id for each in data.questions] == names
        assert "named mine.v1-1 to mine.v1-2" in data.how_it_was_read()
        other = write_squad(
            (CONTEXT, [{**empty, "answers": [SEVEN]}]), name="mine.v2.json"
        )
        data = read_files([path, other])
        assert [each.id for each in data.questions] == [*names, "mine.v2-1"]

    def test_some_without(self, write_squad, refuse):
        path = write_squad(
            (CONTEXT, [{"id": "a", "answers": [SEVEN]}, {"answers": [MATS]}])
        )
        message = refuse(path)
        assert 'question 2: there is no "id"; 1 of 2 questions' in message

    def test_repeated_question(self, write_squad):
        question = {"id": "a", "answers": [SEVEN]}
        path = write_squad(
            (CONTEXT, [question, {"id": "b", "answers": [MATS]}, question]),
            (CONTEXT, [question]),
        )
        data = read_squad(path)
        assert [each.id for each in data.questions] == ["a", "b"]
        assert data.findings == {raw_questions.REPEATED: ["a", "a"]}

    @pytest.mark.parametrize(
        "change",
        [
            {"answers": [MATS]},
            {"question": "Why?"},
            {"answers": [], "is_impossible": True},
        ],
    )
    def test_one_id_of_two_questions(self, write_squad, change, refuse):
        first = {"id": "1", "answers": [SEVEN]}
        path = write_squad(
            (CONTEXT, [first, {"id": "b", "answers": [MATS]}]),
            (CONTEXT, [{**first, "id": 1, **change}]),
        )
        message = refuse(path)
        assert "1 ids stand for several questions each: 1 (the" in message
        assert 'article 1 ("Thing"), question 1' in message
        assert "ids must be unique" in message

    def test_one_id_of_many_questions(self, write_squad, refuse):
        questions = [
            {"id": str(number % 7), "question": f"{number}?"}
            for number in range(21)
        ]
        message = refuse(write_squad((CONTEXT, questions)))
        assert "7 ids stand for several questions each: 0, 1, 2, 3, 4, …" in (
            message
        )

    def test_other_context(self, write_squad, refuse):
        question = {"id": "a", "answers": [SEVEN]}
        path = write_squad(
            (CONTEXT, [question]), (CONTEXT + " So.", [question])
        )
        assert "1 ids stand for several" in refuse(path)


class TestNoAnswer:
    def test_null_is_not_labelled(self, write_squad):
        path = write_squad(
            (CONTEXT, [{"id": "a", "answers": None}, {"id": "b"}])
        )
        assert not read_squad(path).labelled

    def test_null_beside_answers(self, write_squad, refuse):
        path = write_squad(
            (
                CONTEXT,
                [{"id": "a", "answers": [SEVEN]}, {"id": "b", "answers": None}],
            )
        )
        assert 'question b: there are no "answers"' in refuse(path)
        assert "--version_2_with_negative" in refuse(path)

    @pytest.mark.parametrize("more", [{}, {"is_impossible": True}])
    @pytest.mark.parametrize(
        "empty", [NO_ANSWER, {"text": " "}, {"text": "", "answer_start": None}]
    )
    def test_empty_answer(self, write_squad, more, empty, refuse):
        path = write_squad(
            (
                CONTEXT,
                [
                    {"id": "a", "answers": [SEVEN]},
                    {"id": "b", "answers": [empty], **more},
                ],
            )
        )
        data = read_squad(path)
        assert data.has_impossible and data.labelled
        assert [len(each.answers) for each in data.questions] == [1, 0]
        assert data.findings == {}
        message = refuse(path, has_impossible=False)
        assert "1 questions have no answer" in message
        assert "--version_2_with_negative" in message

    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (True, True),
            (False, False),
            (1, True),
            (0, False),
            ("True", True),
            ("false", False),
            (" FALSE ", False),
            ("1", True),
            ("0", False),
        ],
    )
    def test_spellings_of_is_impossible(self, write_squad, value, expected):
        answers = [] if expected else [MATS]
        path = write_squad(
            (
                CONTEXT,
                [
                    {"id": "a", "answers": [SEVEN]},
                    {"id": "b", "answers": answers, "is_impossible": value},
                ],
            )
        )
        data = read_squad(path)
        assert data.has_impossible
        assert [len(each.answers) for each in data.questions] == [
            1,
            len(answers),
        ]

    def test_null_says_nothing(self, write_squad):
        question = {"id": "a", "answers": [SEVEN], "is_impossible": None}
        assert not read_squad(write_squad((CONTEXT, [question]))).has_impossible

    def test_answers_beside_it_are_ignored(self, write_squad):
        path = write_squad(
            (
                CONTEXT,
                [
                    {"id": "a", "answers": [SEVEN], "is_impossible": False},
                    {"id": "b", "answers": [MATS], "is_impossible": True},
                    {
                        "id": "c",
                        "answers": [],
                        "plausible_answers": [MATS],
                        "is_impossible": True,
                    },
                ],
            )
        )
        data = read_squad(path, is_training=True)
        assert [len(each.answers) for each in data.questions] == [1, 0, 0]
        assert data.findings == {raw_questions.IGNORED: ["b"]}

    def test_all_answers_ignored(self, write_squad, refuse):
        question = {"answers": [MATS], "is_impossible": True}
        path = write_squad(
            (CONTEXT, [{"id": "a", **question}, {"id": "b", **question}])
        )
        assert "every question has is_impossible" in refuse(path)


class TestAnswers:
    @pytest.mark.parametrize("start", ["25", 25.0])
    def test_answer_start_as_text(self, write_squad, start):
        answer = {"text": "mats", "answer_start": start}
        path = write_squad((CONTEXT, [{"id": "a", "answers": [answer]}]))
        data = read_squad(path, stop_at_mismatch=True)
        assert data.questions[0].answers[0].start == 25

    def test_lists_of_texts_and_starts(self, write_squad):
        answers = {"text": ["Seven", "mats"], "answer_start": [0, 25]}
        path = write_squad((CONTEXT, [{"id": "a", "answers": answers}]))
        answers = read_squad(path, stop_at_mismatch=True).questions[0].answers
        assert [each.text for each in answers] == ["Seven", "mats"]

    @pytest.mark.parametrize("starts", [{}, {"answer_start": None}])
    def test_list_of_texts_alone(self, write_squad, starts):
        answers = {"text": ["mats"], **starts}
        path = write_squad((CONTEXT, [{"id": "a", "answers": answers}]))
        assert read_squad(path).questions[0].answers[0].start == 25


class TestEmptyParts:
    @pytest.mark.parametrize("is_training", [True, False])
    @pytest.mark.parametrize("context", ["", " \n\u3000"])
    @pytest.mark.parametrize("question", [{}, {"answers": []}])
    def test_context(self, write_squad, context, question, is_training):
        path = write_squad(
            (context, [{"id": "a", **question}]),
            (CONTEXT, [{"id": "b", "answers": [MATS]}]),
        )
        data = read_squad(path, is_training=is_training)
        assert data.labelled and not data.has_impossible
        assert [each.id for each in data.questions] == ["a", "b"]
        assert data.findings == {raw_questions.BLANK_CONTEXT: ["a"]}

    def test_question(self, write_squad):
        path = write_squad(
            (CONTEXT, [{"id": "a", "question": " ", "answers": [MATS]}])
        )
        assert read_squad(path).findings == {
            raw_questions.BLANK_QUESTION: ["a"]
        }
