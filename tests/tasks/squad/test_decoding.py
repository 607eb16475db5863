# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/tasks/squad/decoding.py and answers.py."""

import gzip
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from albert.tasks.squad.decoding import NO_SPAN_NULL_SCORE
from albert.tasks.squad.decoding import decode_beams
from albert.tasks.squad.decoding import decode_logits
from albert.tasks.squad.squad_files import read_squad
from albert.tasks.squad.windows import build_features

# (question, place among the n best): (original, ours). The original cuts the
# combining accent off the last letter.
DIFFERENT_TEXTS = {
    ("q19", 9): (
        "Marti\u0301nez opened the cafe",
        "Marti\u0301nez opened the cafe\u0301",
    ),
    ("q19", 14): (
        "ose\u0301 Marti\u0301nez opened the cafe",
        "ose\u0301 Marti\u0301nez opened the cafe\u0301",
    ),
}
# Each word is one piece.
SENTENCE = "one of two to in he that they were"
# (question, place): an empty text of the original, from a "▁" by itself.
EMPTY_TEXTS = {("q23", 10)}


def read_n_best(golden, version):
    path = golden / f"nbest_predictions_v{version}.json.gz"
    return json.loads(gzip.decompress(path.read_bytes()))


def read_json(golden, name):
    return json.loads((golden / f"{name}.json").read_text("utf-8"))


def make_case(write_squad, tokenizer, *items, version="1.1", **limits):
    """Returns (data, features, windows) of (context, ids) pairs."""
    path = write_squad(
        *((context, [{"id": id_} for id_ in ids]) for context, ids in items),
        version=version,
    )
    data = read_squad(path)
    return data, *build_features(data, tokenizer, is_training=False, **limits)


class TestGoldenLogits:
    """The v1 head: every answer among the n best, with its scores."""

    @pytest.fixture
    def decoded(self, golden_without_korean, load_arrays):
        data, windows = golden_without_korean("dev-v1.1")
        logits = load_arrays("logits_v1")
        assert len(windows) == len(logits["start_logits"]) == 136
        return decode_logits(data, windows, **logits)

    def test_predictions(self, golden, decoded):
        expected = read_json(golden, "predictions_v1")
        # No window of q21 is there: the original says "empty".
        assert expected.pop("q21") == "empty"
        assert decoded.null_scores is None
        assert decoded.predictions() == expected

    def test_n_best(self, golden, decoded):
        expected = read_n_best(golden, 1)
        different, empty = {}, set()
        for id_, answers in zip(decoded.ids, decoded.n_best, strict=True):
            theirs = [
                (place, entry)
                for place, entry in enumerate(expected[id_])
                if entry["text"] or empty.add((id_, place))
            ]
            # Without the empty text the probabilities are of fewer answers.
            kept = sum(entry["probability"] for _, entry in theirs)
            assert len(answers) == len(theirs)
            for answer, (place, entry) in zip(answers, theirs, strict=True):
                assert answer.start_score == entry["start_log_prob"]
                assert answer.end_score == entry["end_log_prob"]
                assert answer.probability == pytest.approx(
                    entry["probability"] / kept, abs=1e-12
                )
                if answer.text != entry["text"]:
                    different[id_, place] = (entry["text"], answer.text)
        assert different == DIFFERENT_TEXTS
        assert empty == EMPTY_TEXTS


class TestGoldenBeams:
    """The v2 head."""

    @pytest.fixture
    def decoded(self, golden_without_korean, load_arrays):
        data, windows = golden_without_korean("dev-v2.0")
        outputs = load_arrays("outputs_v2")
        assert len(windows) == len(outputs["cls_logits"]) == 149
        return decode_beams(data, windows, **outputs)

    def test_predictions(self, golden, decoded):
        expected = read_json(golden, "predictions_v2_no_threshold")
        assert expected.pop("q21") == ""
        assert decoded.predictions(np.inf) == expected

    def test_predictions_at_the_threshold(self, golden, decoded):
        expected = read_json(golden, "predictions_v2")
        assert expected.pop("q21") == ""
        threshold = read_json(golden, "metrics_v2")["null_score_diff_threshold"]
        ours = decoded.predictions(threshold)
        # The threshold is the null score of q26. The original's search
        # counts its answer, but then it answers only below the threshold.
        assert expected.pop("q26") == ""
        assert ours.pop("q26") == decoded.predictions(np.inf)["q26"] != ""
        assert ours == expected

    def test_n_best(self, golden, decoded):
        expected = read_n_best(golden, 2)
        assert expected.pop("q21")[0]["text"] == ""
        assert set(expected) == set(decoded.ids)
        for id_, answers in zip(decoded.ids, decoded.n_best, strict=True):
            assert [answer.text for answer in answers] == [
                entry["text"] for entry in expected[id_]
            ]
            for answer, entry in zip(answers, expected[id_], strict=True):
                assert answer.start_score == entry["start_log_prob"]
                assert answer.end_score == entry["end_log_prob"]
                assert answer.probability == pytest.approx(
                    entry["probability"], abs=1e-12
                )

    def test_null_scores(self, golden, decoded):
        expected = read_json(golden, "null_odds_v2")
        assert expected.pop("q21") == NO_SPAN_NULL_SCORE
        ours = dict(zip(decoded.ids, decoded.null_scores, strict=True))
        assert ours == expected

    def test_version_1(self, decoded, golden_without_korean, load_arrays):
        # Either head on either version: the same questions, but for those
        # without an answer, and no null score.
        data, windows = golden_without_korean("dev-v1.1")
        ids = [question.id for question in data.questions]
        both, all_windows = golden_without_korean("dev-v2.0")
        shared = [
            both.questions[question].id in ids
            for question in all_windows.question_index
        ]
        outputs = load_arrays("outputs_v2")
        outputs = {name: rows[shared] for name, rows in outputs.items()}
        assert len(outputs["cls_logits"]) == len(windows) == 136
        found = decode_beams(data, windows, **outputs)
        assert found.null_scores is None
        expected = decoded.predictions(np.inf)
        assert found.predictions(-np.inf) == {id_: expected[id_] for id_ in ids}


class TestLogits:
    def test_answers_are_in_the_context(self, write_squad, tokenizer):
        data, features, windows = make_case(
            write_squad,
            tokenizer,
            ("The cat sat on the mat.", ["a"]),
            ("½ é\u0323 북 😀 ﬁn", ["b", "c"]),
            max_seq_length=13,
            doc_stride=2,
        )
        assert len(windows) > 5
        generator = np.random.default_rng(11)
        for _ in range(7):
            logits = generator.normal(size=(2, len(windows), 13))
            decoded = decode_logits(data, windows, *logits)
            for question, answers in zip(
                data.questions, decoded.n_best, strict=True
            ):
                context = data.contexts[question.context_index]
                assert len(answers) >= 1
                texts = [answer.text for answer in answers]
                assert len(set(texts)) == len(texts)
                assert sum(answer.probability for answer in answers) == (
                    pytest.approx(1)
                )
                scores = [
                    answer.start_score + answer.end_score for answer in answers
                ]
                assert scores == sorted(scores, reverse=True)
                for answer in answers:
                    assert answer.text == context[answer.start : answer.end]
                    assert answer.text == answer.text.strip() != ""

    def test_max_answer_length(self, write_squad, tokenizer):
        data, _, windows = make_case(
            write_squad, tokenizer, ("A b c d e f g h i j k.", ["a"])
        )
        logits = np.zeros((2, 1, 53))
        offset = windows.offsets[0]
        logits[0, 0, offset] = 9
        logits[1, 0, offset + 10] = 9
        document = data.contexts[0]
        texts = {}
        for length in (1, 10, 11, 30):
            decoded = decode_logits(
                data, windows, *logits, max_answer_length=length
            )
            for answer in decoded.n_best[0]:
                pieces = tokenizer.encode(document[: answer.end])
                before = tokenizer.encode(document[: answer.start])
                # Counted anew, hence at most one piece more.
                assert len(pieces) - len(before) <= length + 1
            texts[length] = decoded.predictions()["a"]
        assert texts[11] == texts[30] != texts[10]
        assert len(texts[1]) == 1

    def test_best_starts_and_ends_outside_the_context(
        self, write_squad, tokenizer
    ):
        data, _, windows = make_case(
            write_squad, tokenizer, ("The cat sat.", ["a"])
        )
        logits = np.zeros((2, 1, 53))
        # The best are [CLS], the question and padding.
        logits[:, 0, :3] = 9
        logits[:, 0, 23:] = 7
        cat = windows.offsets[0] + 2
        logits[0, 0, cat] = 1
        logits[1, 0, cat + 1] = 1
        decoded = decode_logits(data, windows, *logits, n_best_size=5)
        best = decoded.n_best[0][0]
        assert (best.start_score, best.end_score) == (1, 1)
        assert best.text == decoded.predictions()["a"]
        assert best.text in "The cat sat."
        assert len(decoded.n_best[0]) == 5

    def test_windows_share_a_piece(self, write_squad, tokenizer):
        # A span counts in the window that shows its start with the most
        # context, whatever another window says.
        data, _, windows = make_case(
            write_squad,
            tokenizer,
            (SENTENCE, ["a"]),
            max_seq_length=10,
            doc_stride=1,
        )
        assert len(windows) >= 3
        piece = int(windows.first_pieces[1])
        owner = np.flatnonzero(
            (windows.max_context_starts <= piece)
            & (piece < windows.max_context_ends)
        )
        assert len(owner) == 1
        logits = np.zeros((2, len(windows), 10))
        for window in range(len(windows)):
            place = piece - windows.first_pieces[window]
            if 0 <= place < windows.num_pieces[window]:
                position = place + windows.offsets[window]
                logits[:, window, position] = 5 if window == owner[0] else 9
        best = decode_logits(data, windows, *logits).n_best[0][0]
        assert (best.start_score, best.end_score) == (5, 5)

    def test_ties_keep_their_order(self, write_squad, tokenizer):
        data, _, windows = make_case(
            write_squad, tokenizer, ("of to in he", ["a"]), max_seq_length=16
        )
        logits = np.zeros((2, len(windows), 16))
        offset = windows.offsets[0]
        assert windows.num_pieces[0] == 4
        logits[:, 0, offset : offset + 4] = 1
        decoded = decode_logits(data, windows, *logits)
        texts = [answer.text for answer in decoded.n_best[0]]
        assert texts[:6] == [
            "of",
            "of to",
            "of to in",
            "of to in he",
            "to",
            "to in",
        ]

    def test_null_answer(self, write_squad, tokenizer):
        data, _, windows = make_case(
            write_squad,
            tokenizer,
            (SENTENCE, ["a", "b"]),
            version="v2.0",
            max_seq_length=10,
            doc_stride=1,
        )
        generator = np.random.default_rng(17)
        logits = generator.normal(size=(2, len(windows), 10))
        decoded = decode_logits(data, windows, *logits, n_best_size=7)
        for index in range(2):
            mine = windows.question_index == index
            assert mine.sum() >= 2
            null = (logits[0, mine, 0] + logits[1, mine, 0]).min()
            answers = decoded.n_best[index]
            assert [a.text for a in answers].count("") == 1
            (empty,) = (a for a in answers if not a.text)
            best = next(a for a in answers if a.text)
            assert empty.start_score + empty.end_score == pytest.approx(null)
            assert decoded.null_scores[index] == pytest.approx(
                null - best.start_score - best.end_score
            )
            scores = [a.start_score + a.end_score for a in answers]
            assert scores == sorted(scores, reverse=True)
            assert len(answers) <= 8
        threshold = decoded.null_scores.min()
        predictions = decoded.predictions(threshold)
        answered = decoded.null_scores.argmin()
        assert predictions["ab"[answered]]
        assert predictions["ab"[1 - answered]] == ""

    def test_question_without_windows(self, write_squad, tokenizer):
        for version in ("1.1", "v2.0"):
            data, _, windows = make_case(
                write_squad,
                tokenizer,
                ("\u0007", ["a"]),
                ("A cat.", ["b"]),
                version=version,
            )
            logits = np.zeros((2, len(windows), 29))
            decoded = decode_logits(data, windows, *logits)
            assert decoded.n_best[0] == []
            assert decoded.predictions(np.inf)["a"] == ""
            assert list(decoded.predictions()) == ["a", "b"]
            if version == "v2.0":
                assert decoded.null_scores[0] == NO_SPAN_NULL_SCORE

    def test_wrong_number_of_rows(self, write_squad, tokenizer):
        data, _, windows = make_case(write_squad, tokenizer, ("A cat.", ["a"]))
        with pytest.raises(ValueError, match="2 rows for 1 windows"):
            decode_logits(data, windows, np.zeros((2, 9)), np.zeros((1, 9)))


class TestBeams:
    def make_outputs(self, rows, generator=None, starts=2, ends=3, length=29):
        generator = generator or np.random.default_rng(5)
        return {
            "start_top_log_probs": generator.normal(size=(rows, starts)),
            "start_top_index": generator.integers(0, length, (rows, starts)),
            "end_top_log_probs": generator.normal(size=(rows, starts * ends)),
            "end_top_index": generator.integers(
                0, length, (rows, starts * ends)
            ),
            "cls_logits": generator.normal(size=rows),
        }

    def test_order_of_the_ends(self, write_squad, tokenizer):
        data, _, windows = make_case(
            write_squad, tokenizer, ("of to in he that", ["a"])
        )
        offset = windows.offsets[0]
        outputs = self.make_outputs(1)
        outputs["start_top_index"][:] = offset + np.array([0, 3])
        outputs["start_top_log_probs"][:] = [-1, -2]
        outputs["end_top_index"][:] = offset + np.array([0, 1, 2, 3, 4, 0])
        outputs["end_top_log_probs"][:] = [-7, -0.5, -6, -0.25, -3, 0]
        decoded = decode_beams(data, windows, **outputs)
        found = [
            (answer.text, answer.start_score, answer.end_score)
            for answer in decoded.n_best[0]
        ]
        assert found == [
            ("of to", -1, -0.5),
            ("he", -2, -0.25),
            ("he that", -2, -3),
            ("of to in", -1, -6),
            ("of", -1, -7),
        ]

    def test_nothing_in_the_context(self, write_squad, tokenizer):
        data, _, windows = make_case(
            write_squad, tokenizer, ("a b c", ["a"]), version="v2.0"
        )
        outputs = self.make_outputs(1)
        outputs["start_top_index"][:] = 0
        decoded = decode_beams(data, windows, **outputs)
        assert decoded.n_best == [[]]
        assert decoded.predictions(np.inf) == {"a": ""}
        assert decoded.null_scores[0] == outputs["cls_logits"][0]

    @given(seed=st.integers(0, 2**32))
    @settings(max_examples=20)
    def test_answers_are_in_the_context(self, tokenizer, golden, seed):
        data = read_squad(golden / "dev-v2.0.json")
        _, windows = build_features(
            data, tokenizer, is_training=False, max_seq_length=101
        )
        outputs = self.make_outputs(
            len(windows), np.random.default_rng(seed), length=101
        )
        decoded = decode_beams(data, windows, **outputs)
        assert decoded.ids == [question.id for question in data.questions]
        for index, question in enumerate(data.questions):
            context = data.contexts[question.context_index]
            for answer in decoded.n_best[index]:
                assert answer.text == context[answer.start : answer.end] != ""
            mine = windows.question_index == index
            assert decoded.null_scores[index] == (
                outputs["cls_logits"][mine].min()
            )
