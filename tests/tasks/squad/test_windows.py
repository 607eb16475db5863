# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/tasks/squad/windows.py."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from albert.errors import UserError
from albert.tasks.squad import decoding
from albert.tasks.squad.questions import NOWHERE
from albert.tasks.squad.questions import Answer
from albert.tasks.squad.questions import Question
from albert.tasks.squad.questions import SquadData
from albert.tasks.squad.squad_files import read_squad
from albert.tasks.squad.windows import build_features
from albert.text.offsets import PieceSpans
from albert.text.offsets import blank_characters

LIMITS = {"max_seq_length": 128, "doc_stride": 32, "max_query_length": 64}
GOLDEN_FILES = ("train-v1.1", "dev-v1.1", "train-v2.0", "dev-v2.0")
# What normalisation changes, and white space.
ODD = "aﬁ½e\u0301é한ᄒ\u1161\u11ab ß\n\u3000😀北9,."
# The original leaves out the Korean paragraph: NFKD takes its syllables
# apart, so that no longest common subsequence reaches 0.8 of the text.
LEFT_OUT = ("q21",)
# (question ids, piece of the context, text of the original, ours): where the
# characters of a piece differ, and why.
DIFFERENT_CHARACTERS = {
    # The "▁" in front of a text stands for no character. The original gives
    # it the first one, which belongs to the next piece.
    (("q17", "q18", "q19", "q20"), 0, "J", ""),
    (("q22", "q23"), 0, "北", ""),
    # The original cuts a combining accent off its letter.
    (("q17", "q18", "q19", "q20"), 3, "se", "se\u0301"),
    (("q17", "q18", "q19", "q20"), 12, "cafe", "cafe\u0301"),
}
# The answer_start of q27 is one too high: "obody " for "Nobody". The original
# takes the space for a part of the next piece, and so "came" into the answer.
DIFFERENT_ENDS = {"q27": (27, 26)}


def make_data(*items, has_impossible=False):
    """Makes data of (context, [(start, end) or None, …]) pairs."""
    questions = []
    for index, (context, answers) in enumerate(items):
        for answer in answers:
            found = ()
            if answer is not None:
                found = (Answer(context[slice(*answer)], answer[0]),)
            number = len(questions)
            questions.append(
                Question(f"q{number}", "What" * (number % 3), index, found)
            )
    return SquadData(
        file="squad.json",
        has_impossible=has_impossible,
        labelled=True,
        contexts=[context for context, _ in items],
        titles=[""] * len(items),
        questions=questions,
        findings={},
    )


class TestCharactersThatAreNotSeen:
    """Zero-width spaces and the like around the words of a context."""

    @pytest.mark.parametrize(
        "unseen", list("\ufeff\u2581\x00\u200b\u200e\u200f\u00ad\u2028\xa0")
    )
    def test_every_answer_can_be_given(self, tokenizer, unseen):
        context = (
            "Marie Curie was born ?in? Warsaw ?in? 1867. She moved to ?Paris "
            "?in? 1891 \U0001f5fc and won two Nobel Prizes."
        ).replace("?", unseen)
        answers = ["Warsaw", "1867", "Paris", "1891", "two"]
        spans = [
            (context.index(answer), context.index(answer) + len(answer))
            for answer in answers
        ]
        features, windows = build_features(
            make_data((context, spans)), tokenizer, is_training=True, **LIMITS
        )
        first, end = windows.character_spans(
            np.arange(len(windows)),
            features.per_example["start_positions"],
            features.per_example["end_positions"],
        )
        assert [
            context[a:b] for a, b in zip(first, end, strict=True)
        ] == answers


class TestGolden:
    """Every attribute of every window that the original makes."""

    @pytest.fixture(params=GOLDEN_FILES)
    def case(self, request, golden, tokenizer, load_arrays):
        name = request.param
        data = read_squad(golden / f"{name}.json")
        features, windows = build_features(
            data, tokenizer, is_training=name.startswith("train"), **LIMITS
        )
        ids = np.array([question.id for question in data.questions])
        ids = ids[windows.question_index]
        kept = np.flatnonzero(~np.isin(ids, LEFT_OUT))
        expected = load_arrays(f"features_{name}")
        assert set(ids) >= set(LEFT_OUT)
        assert len(kept) == len(expected["input_ids"])
        return data, features, windows, ids, kept, expected

    def test_inputs(self, case):
        _, features, _, _, kept, expected = case
        padded = features.padded(128)
        for name in ("input_ids", "input_mask", "segment_ids", "p_mask"):
            np.testing.assert_array_equal(padded[name][kept], expected[name])
        np.testing.assert_array_equal(
            features.lengths()[kept], expected["paragraph_len"]
        )

    def test_windows(self, case):
        _, _, windows, ids, kept, expected = case
        np.testing.assert_array_equal(
            windows.num_pieces[kept], expected["num_pieces"]
        )
        np.testing.assert_array_equal(windows.offsets[kept], expected["offset"])
        numbers = [int((ids[:window] == ids[window]).sum()) for window in kept]
        assert numbers == expected["doc_span_index"].tolist()

    def test_max_context(self, case):
        _, _, windows, _, kept, expected = case
        flags = [
            windows.max_context_starts[window]
            <= windows.first_pieces[window] + piece
            < windows.max_context_ends[window]
            for window in kept
            for piece in range(windows.num_pieces[window])
        ]
        assert flags == expected["token_is_max_context"].tolist()

    def test_characters(self, case):
        data, _, windows, ids, kept, expected = case
        different = {}
        place = 0
        for window in kept:
            context = data.contexts[windows.context_index[window]]
            for piece in range(windows.num_pieces[window]):
                position = windows.offsets[window] + piece
                start, end = windows.character_spans(
                    np.array([window]), position, position
                )
                ours = context[start[0] : end[0]]
                theirs = context[
                    expected["tok_start_to_orig_index"][place] : expected[
                        "tok_end_to_orig_index"
                    ][place]
                    + 1
                ].strip()
                if ours != theirs:
                    number = int(windows.first_pieces[window] + piece)
                    key = (number, theirs, ours)
                    different.setdefault(key, set()).add(str(ids[window]))
                place += 1
        assert place == len(expected["tok_start_to_orig_index"])
        found = {
            (tuple(sorted(questions)), *key)
            for key, questions in different.items()
        }
        assert found == DIFFERENT_CHARACTERS

    def test_labels(self, case):
        _, features, _, ids, kept, expected = case
        if "start_position" not in expected:
            assert features.per_example == {}
            return
        labels = features.per_example
        for ours, theirs in (
            ("start_positions", "start_position"),
            ("is_impossible", "is_impossible"),
        ):
            np.testing.assert_array_equal(labels[ours][kept], expected[theirs])
        ends = labels["end_positions"][kept]
        different = ends != expected["end_position"]
        found = {
            str(id_): (int(theirs), int(ours))
            for id_, theirs, ours in zip(
                ids[kept][different],
                expected["end_position"][different],
                ends[different],
                strict=True,
            )
        }
        assert found == DIFFERENT_ENDS
        assert different.sum() == 1

    def test_korean_is_aligned(self, case):
        data, features, windows, ids, _, _ = case
        assert windows.unaligned_ids == []
        (window,) = np.flatnonzero(ids == "q21")
        if not features.per_example:
            return
        start, end = windows.character_spans(
            np.array([window]),
            features.per_example["start_positions"][window],
            features.per_example["end_positions"][window],
        )
        context = data.contexts[windows.context_index[window]]
        # The whole word, "서울특별시는", is one unknown piece.
        assert context[start[0] : end[0]] == "서울특별시는"

    def test_cut_questions(self, case):
        _, _, windows, ids, _, _ = case
        assert windows.cut_ids == ["q10"]
        assert set(windows.offsets[ids == "q10"]) == {64 + 2}


class TestWindows:
    @given(
        lengths=st.lists(
            st.tuples(st.integers(0, 90), st.integers(0, 11)), min_size=1
        ),
        max_seq_length=st.integers(15, 43),
        doc_stride=st.integers(1, 37),
    )
    def test_cover_and_max_context(self, lengths, max_seq_length, doc_stride):
        data = make_data(
            *[("x" * length, [None] * (n % 4)) for length, n in lengths]
            + [("xyz", [None])],
            has_impossible=True,
        )
        features, windows = build_features(
            data,
            LetterTokenizer(),
            is_training=False,
            max_seq_length=max_seq_length,
            doc_stride=doc_stride,
            max_query_length=11,
        )
        assert features.max_length() <= max_seq_length
        assert (np.diff(windows.question_index) >= 0).all()
        for index, question in enumerate(data.questions):
            mine = np.flatnonzero(windows.question_index == index)
            total = len(data.contexts[question.context_index])
            spans = [
                (first, first + number)
                for first, number in zip(
                    windows.first_pieces[mine].tolist(),
                    windows.num_pieces[mine].tolist(),
                    strict=True,
                )
            ]
            shown = {piece for span in spans for piece in range(*span)}
            assert shown == set(range(total))
            assert len(spans) == len(set(spans))
            owners = [
                [
                    window
                    for window in mine
                    if windows.max_context_starts[window]
                    <= piece
                    < windows.max_context_ends[window]
                ]
                for piece in range(total)
            ]
            expected = [
                [mine[most_context(spans, piece)]] for piece in range(total)
            ]
            assert owners == expected

    def test_they_overlap(self):
        """Answers at the end of a window are whole in the next one."""
        spans = [(start, start + 6) for start in range(594)]
        features, windows = build_features(
            make_data(("x" * 600, spans)),
            LetterTokenizer(),
            is_training=True,
            max_seq_length=128,
            doc_stride=128,
        )
        assert windows.hidden_ids == []
        shows = features.per_example["is_impossible"] == 0
        assert len(set(windows.question_index[shows])) == len(spans)
        # Questions of 0, 4 and 8 pieces leave windows of 125, 121 and 117.
        for question, stride in ((0, 62), (1, 60), (2, 58)):
            firsts = windows.first_pieces[windows.question_index == question]
            assert set(np.diff(firsts)) == {stride}
        assert len(windows.crowded_ids) == len(spans)

    def test_only_windows_that_do_not_overlap_are_moved(self):
        data = make_data(
            ("x" * 30, [None] * 3), ("x" * 12, [None]), has_impossible=True
        )
        _, windows = build_features(
            data,
            LetterTokenizer(),
            is_training=False,
            max_seq_length=19,
            doc_stride=12,
        )
        firsts = [
            windows.first_pieces[windows.question_index == index].tolist()
            for index in range(4)
        ]
        # Windows of 16, 12, 8 and 16 pieces.
        assert firsts == [
            [0, 12, 24],
            [0, 6, 12, 18],
            [0, 4, 8, 12, 16, 20, 24],
            [0],
        ]
        assert windows.crowded_ids == ["q1", "q2"]

    @pytest.mark.parametrize("length", [151, 173, 211, 251, 301])
    def test_short_last_window(self, length):
        # More than a hundred pieces shorter than the others: the score
        # prefers a long window even where it has less context.
        data = make_data(("x" * length, [None]), has_impossible=True)
        _, windows = build_features(
            data,
            LetterTokenizer(),
            is_training=False,
            max_seq_length=153,
            doc_stride=139,
        )
        firsts = windows.first_pieces.tolist()
        ends = (windows.first_pieces + windows.num_pieces).tolist()
        spans = list(zip(firsts, ends, strict=True))
        owners = [most_context(spans, piece) for piece in range(length)]
        sizes = windows.max_context_ends - windows.max_context_starts
        assert len(spans) >= 2
        assert np.repeat(np.arange(len(spans)), sizes).tolist() == owners

    def test_sequences(self, tokenizer):
        data = make_data(("The cat sat on the mat.", [(4, 7), (4, 7), (8, 11)]))
        features, windows = build_features(
            data, tokenizer, is_training=True, max_seq_length=11, doc_stride=3
        )
        document = tokenizer.encode(data.contexts[0])
        for row in range(len(windows)):
            begin, end = features.row_splits[row : row + 2]
            question = tokenizer.encode(
                data.questions[windows.question_index[row]].text
            )
            first = windows.first_pieces[row]
            shown = document[first : first + windows.num_pieces[row]]
            assert features.input_ids[begin:end].tolist() == [
                tokenizer.cls_id,
                *question,
                tokenizer.sep_id,
                *shown,
                tokenizer.sep_id,
            ]
            assert features.segment_starts[row] == len(question) + 2
            assert features.per_token["p_mask"][begin:end].tolist() == [
                0,
                *[1] * (len(question) + 1),
                *[0] * len(shown),
                1,
            ]

    def test_many_windows(self, tokenizer, monkeypatch):
        data = make_data(("The cat sat on the mat. " * 5, [(4, 7), (8, 11)]))
        arguments = {
            "is_training": True,
            "max_seq_length": 17,
            "doc_stride": 5,
        }
        features, windows = build_features(data, tokenizer, **arguments)
        assert len(windows) > 7
        monkeypatch.setattr(
            sys.modules["albert.tasks.squad.windows"],
            "_WINDOWS_AT_A_TIME",
            3,
        )
        again, _ = build_features(data, tokenizer, **arguments)
        np.testing.assert_array_equal(again.input_ids, features.input_ids)
        np.testing.assert_array_equal(
            again.per_token["p_mask"], features.per_token["p_mask"]
        )

    def test_contexts_are_encoded_once(self, tokenizer, monkeypatch):
        data = make_data(("The cat.", [(4, 7)] * 5), ("A mat.", [(2, 5)] * 7))
        counted = []

        def encode(texts):
            counted.append(len(list(texts)))
            return type(tokenizer).encode_with_offsets(tokenizer, texts)

        monkeypatch.setattr(tokenizer, "encode_with_offsets", encode)
        build_features(data, tokenizer, is_training=True)
        assert counted == [2]


def most_context(spans, piece):
    """The rule of the original's _check_is_max_context, in hundredths."""
    scores = [
        100 * min(piece - start, end - 1 - piece) + end - start
        if start <= piece < end
        else -1
        for start, end in spans
    ]
    return scores.index(max(scores))


class LetterTokenizer:
    """Makes a piece of each letter."""

    cls_id, sep_id = 2, 3

    def encode_batch(self, texts):
        return [[ord(letter) for letter in text] for text in texts]

    def encode_with_offsets(self, texts):
        rows = self.encode_batch(texts)
        lengths = [len(row) for row in rows]
        starts = [place for row in rows for place in range(len(row))]
        return PieceSpans(
            ids=np.array([id_ for row in rows for id_ in row], np.int32),
            row_splits=np.cumsum([0, *lengths], dtype=np.int64),
            starts=np.array(starts, np.int32),
            ends=np.array(starts, np.int32) + 1,
        )


class TestAnswers:
    @given(data=st.data())
    def test_span_of_the_pieces_holds_the_answer(self, tokenizer, data):
        text = data.draw(
            st.one_of(st.text(min_size=1), st.text(ODD, min_size=1))
        )
        start = data.draw(st.integers(0, len(text) - 1))
        end = data.draw(st.integers(start + 1, len(text)))
        answer = text[start:end].strip("".join(blank_characters()))
        max_seq_length = data.draw(st.sampled_from([7, 11, 384]))
        squad = make_data((text, [(start, end)]))
        features, windows = build_features(
            squad,
            tokenizer,
            is_training=True,
            max_seq_length=max_seq_length,
            doc_stride=3,
        )
        if not answer:
            return
        if windows.unaligned_ids:
            # No piece but "▁": all that is there are characters that the
            # model drops.
            assert not "".join(tokenizer.tokenize(text)).strip("\u2581")
            return
        labels = features.per_example
        shows = np.flatnonzero(labels["is_impossible"] == 0)
        assert len(shows) or max_seq_length < 384
        assert (
            labels["end_positions"] < windows.offsets + windows.num_pieces
        ).all()
        assert (
            labels["start_positions"][shows] >= windows.offsets[shows]
        ).all()
        firsts, ends = windows.character_spans(
            shows,
            labels["start_positions"][shows],
            labels["end_positions"][shows],
        )
        for window, first, last in zip(shows, firsts, ends, strict=True):
            assert answer in text[first:last]
            # And no piece too many: without its first or its last piece the
            # span does not hold all of the answer.
            lead = text[start:end].index(answer)
            assert first <= start + lead
            assert last >= start + lead + len(answer)
            one = labels["start_positions"][window]
            two = labels["end_positions"][window]
            assert one <= two
            if one < two:
                begins, finishes = windows.character_spans(
                    np.array([window, window]),
                    np.array([one, two]),
                    np.array([one, two]),
                )
                assert finishes[0] > start
                assert begins[1] < end

    @pytest.mark.parametrize(
        ("answer", "expected"),
        [((4, 6), [0, 3]), ((5, 7), [3]), ((3, 9), [3]), ((2, 9), [])],
    )
    def test_windows_that_show_all_of_it(self, answer, expected):
        features, windows = build_features(
            make_data(("abcdefghijkl", [answer])),
            LetterTokenizer(),
            is_training=True,
            max_seq_length=9,
            doc_stride=3,
        )
        assert windows.first_pieces.tolist() == [0, 3, 6]
        labels = features.per_example
        shows = labels["is_impossible"] == 0
        assert windows.first_pieces[shows].tolist() == expected
        for first, start, end in zip(
            expected,
            labels["start_positions"][shows],
            labels["end_positions"][shows],
            strict=True,
        ):
            # [CLS] and [SEP] are in front of the context.
            assert (start, end) == (
                answer[0] - first + 2,
                answer[1] - first + 1,
            )

    def test_answers_that_no_window_holds_are_found(self):
        # Windows of 6 pieces begin at 0, 3 and 6; the second answer of the
        # last question is as good as the first in evaluation.
        spans = [(4, 6), (2, 9), (1, 5)]
        data = make_data(("abcdefghijkl", [*spans, (2, 9)]))
        last = data.questions[3]
        data.questions[:] = [
            dataclasses.replace(question, text="")
            for question in data.questions
        ]
        data.questions[3] = dataclasses.replace(
            data.questions[3], answers=(*last.answers, Answer("cd", 2))
        )
        options = {"max_seq_length": 9, "doc_stride": 3}
        _, windows = build_features(
            data, LetterTokenizer(), is_training=True, **options
        )
        assert windows.first_pieces.tolist() == [0, 3, 6] * 4
        assert windows.hidden_ids == ["q1", "q3"]
        few, windows = build_features(
            data,
            LetterTokenizer(),
            is_training=True,
            keep_windows_without_answer=False,
            **options,
        )
        assert windows.hidden_ids == ["q1", "q3"]
        assert set(windows.question_index) == {0, 2}
        _, windows = build_features(
            data, LetterTokenizer(), is_training=False, **options
        )
        assert windows.hidden_ids == ["q1"]

    def test_answers_that_are_too_long(self):
        # Of several answers in evaluation, one that is short is enough.
        data = make_data(("abcdefghijkl", [(4, 6), (2, 5), None, (1, 5)]))
        data.questions[3] = dataclasses.replace(
            data.questions[3],
            answers=(*data.questions[3].answers, Answer("cd", 2)),
        )
        for length, is_training, expected in (
            (30, True, []),
            (3, True, ["q3"]),
            (2, True, ["q1", "q3"]),
            (2, False, ["q1"]),
        ):
            _, windows = build_features(
                data,
                LetterTokenizer(),
                is_training=is_training,
                max_answer_length=length,
            )
            assert windows.long_ids == expected

    @given(
        length=st.integers(1, 60),
        max_seq_length=st.integers(5, 25),
        doc_stride=st.integers(1, 30),
        data=st.data(),
    )
    def test_what_is_found_cannot_be_predicted(
        self, length, max_seq_length, doc_stride, data
    ):
        start = data.draw(st.integers(0, length - 1))
        end = data.draw(st.integers(start + 1, length))
        squad = make_data(("x" * length, [(start, end)]))
        _, windows = build_features(
            squad,
            LetterTokenizer(),
            is_training=False,
            max_seq_length=max_seq_length,
            doc_stride=doc_stride,
        )
        position = start - windows.first_pieces + windows.offsets
        allowed = decoding._is_allowed(
            windows,
            np.arange(len(windows)),
            position,
            position + end - start - 1,
            length,
        )
        assert windows.hidden_ids == ([] if allowed.any() else ["q0"])

    def test_windows_without_the_answer(self, tokenizer):
        text = "The cat sat on the mat. " * 7
        start = text.rindex("mat")
        data = make_data(
            (text, [(start, start + 3), None]), has_impossible=True
        )
        arguments = {
            "is_training": True,
            "max_seq_length": 29,
            "doc_stride": 11,
        }
        kept, kept_windows = build_features(data, tokenizer, **arguments)
        dropped, windows = build_features(
            data, tokenizer, keep_windows_without_answer=False, **arguments
        )
        first = kept_windows.question_index == 0
        lacks = kept.per_example["is_impossible"] == 1
        assert (first & lacks).sum() >= 2 and (first & ~lacks).sum() >= 1
        for name in ("start_positions", "end_positions"):
            assert (kept.per_example[name][lacks] == 0).all()
            assert (kept.per_example[name][~lacks] > 0).all()
        # Those of the question without an answer stay.
        stay = ~first | ~lacks
        assert dropped.num_examples == len(windows) == stay.sum()
        expected = kept.select(np.flatnonzero(stay))
        np.testing.assert_array_equal(expected.input_ids, dropped.input_ids)
        for name, values in expected.per_example.items():
            np.testing.assert_array_equal(values, dropped.per_example[name])
        np.testing.assert_array_equal(
            windows.first_pieces, kept_windows.first_pieces[stay]
        )

    @pytest.mark.parametrize(
        ("context", "text", "start", "expected"),
        [
            ("The cat sat.", "cat", 0, "cat"),
            ("The cat sat.", "cat", 10**30, "cat"),
            ("The cat sat.", " cat", 4, "cat"),
            ("The cat sat.", "cat", None, "cat"),
            ("At two 😀 cats sat.", "cats", 10, "cats"),
            ("Cafe\u0301s had cats.", "Caf\u00e9s", 0, "Cafe\u0301s"),
        ],
    )
    def test_moved_answers_are_trained_on(
        self, write_squad, tokenizer, context, text, start, expected
    ):
        path = write_squad(
            (
                context,
                [
                    {
                        "id": "a",
                        "answers": [{"text": text, "answer_start": start}],
                    },
                    {
                        "id": "b",
                        "answers": [{"text": "cat"}],
                    },
                ],
            )
        )
        data = read_squad(path)
        features, windows = build_features(data, tokenizer, is_training=True)
        assert windows.unaligned_ids == []
        first, end = windows.character_spans(
            np.array([0]),
            features.per_example["start_positions"][:1],
            features.per_example["end_positions"][:1],
        )
        assert context[first[0] : end[0]] == expected

    def test_answers_that_are_nowhere(self, write_squad, tokenizer):
        path = write_squad(
            (
                "The cat sat.",
                [
                    {
                        "id": "a",
                        "answers": [{"text": "dog", "answer_start": 4}],
                    },
                    {
                        "id": "b",
                        "answers": [{"text": "cat", "answer_start": 4}],
                    },
                ],
            )
        )
        data = read_squad(path, is_training=True)
        features, windows = build_features(data, tokenizer, is_training=True)
        assert windows.unaligned_ids == ["a"]
        assert windows.question_index.tolist() == [1]
        assert features.num_examples == 1
        assert windows.later_ids == []
        # Predicting and evaluating never lose it.
        features, windows = build_features(data, tokenizer, is_training=False)
        assert windows.unaligned_ids == ["a"]
        assert windows.question_index.tolist() == [0, 1]

    def test_first_answer_that_stands_is_trained_on(self, tokenizer):
        data = make_data(("The cat sat.", [(4, 7), (4, 7), (4, 7)]))
        lost = Answer("dog", NOWHERE)
        for index, answers in enumerate(
            (
                (lost, Answer("cat", 4), Answer("sat", 8)),
                (Answer("sat", 8), lost),
                (lost, lost),
            )
        ):
            data.questions[index] = dataclasses.replace(
                data.questions[index], answers=answers
            )
        features, windows = build_features(data, tokenizer, is_training=True)
        assert windows.question_index.tolist() == [0, 1]
        assert windows.later_ids == ["q0"]
        assert windows.unaligned_ids == ["q2"]
        found = windows.character_spans(
            np.arange(2),
            features.per_example["start_positions"],
            features.per_example["end_positions"],
        )
        assert np.transpose(found).tolist() == [[4, 7], [8, 11]]

    def test_dtypes(self, tokenizer):
        data = make_data(("The cat.", [(4, 7)]))
        features, windows = build_features(data, tokenizer, is_training=True)
        assert set(features.per_example) == {
            "start_positions",
            "end_positions",
            "is_impossible",
        }
        for values in features.per_example.values():
            assert values.dtype == np.int32
        assert windows.offsets.dtype == windows.first_pieces.dtype == np.int32


class TestBadInput:
    def test_no_room(self, tokenizer):
        data = make_data(("The cat.", [None, None]), has_impossible=True)
        length = len(tokenizer.encode(data.questions[1].text))
        with pytest.raises(UserError, match="no room .* question q1: raise"):
            build_features(
                data,
                tokenizer,
                is_training=False,
                max_seq_length=length + 3,
            )
        _, windows = build_features(
            data, tokenizer, is_training=False, max_seq_length=length + 4
        )
        assert windows.num_pieces[windows.question_index == 1].max() == 1

    @pytest.mark.parametrize(
        "limits",
        [{"max_seq_length": 3}, {"doc_stride": 0}, {"max_query_length": 0}],
    )
    def test_limits(self, tokenizer, limits):
        data = make_data(("The cat.", [(4, 7)]))
        with pytest.raises(UserError, match=f"--{next(iter(limits))} "):
            build_features(data, tokenizer, is_training=True, **limits)

    def test_training_without_answers(self, write_squad, tokenizer):
        data = read_squad(write_squad(("The cat.", [{"id": "a"}])))
        with pytest.raises(UserError, match="no answers to train on"):
            build_features(data, tokenizer, is_training=True)
        features, _ = build_features(data, tokenizer, is_training=False)
        assert features.num_examples == 1

    def test_context_without_pieces(self, tokenizer):
        data = make_data(("\u0007", [None]), ("A cat.", [None]))
        features, windows = build_features(data, tokenizer, is_training=False)
        assert windows.question_index.tolist() == [1]
        assert features.num_examples == 1


def test_without_tensorflow():
    program = (
        "import sys, albert.tasks.squad.output, albert.tasks.squad.windows, "
        "albert.tasks.squad.decoding, albert.tasks.squad.answer_metrics; "
        "sys.exit('tensorflow' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
