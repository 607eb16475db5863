# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/tasks/squad/answer_metrics.py."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from albert.tasks.squad import answer_metrics
from albert.tasks.squad.answers import Decoded
from albert.tasks.squad.answers import SpanAnswer
from albert.tasks.squad.decoding import decode_beams
from albert.tasks.squad.decoding import decode_logits
from albert.tasks.squad.questions import Answer
from albert.tasks.squad.questions import Question
from albert.tasks.squad.questions import SquadData
from albert.tasks.squad.squad_files import read_squad

CONTEXT = "The old cats met in the hall on the 3rd of May."
NO_ANSWER = {"is_impossible": True, "answers": []}


def read_json(golden, name):
    return json.loads((golden / f"{name}.json").read_text("utf-8"))


def answers(*texts):
    return {
        "answers": [
            {"text": text, "answer_start": CONTEXT.find(text)} for text in texts
        ]
    }


def decoded(texts, null_scores=None):
    """What a model that gives these texts says of questions a, b, …"""
    return Decoded(
        [chr(ord("a") + index) for index in range(len(texts))],
        [[SpanAnswer(text, 0, len(text), 0.0, 0.0, 1.0)] for text in texts],
        None if null_scores is None else np.array(null_scores, np.float64),
    )


class TestGolden:
    def test_pairs(self, golden):
        pairs = read_json(golden, "scoring_pairs")
        assert len(pairs) == 24
        for pair in pairs:
            for version in (1, 2):
                found = answer_metrics.score_answer(
                    pair["prediction"], pair["gold"], version == 2
                )
                assert found == (
                    pair[f"exact_v{version}"],
                    pair[f"f1_v{version}"],
                ), pair

    def test_normalize(self, golden):
        for pair in read_json(golden, "scoring_pairs"):
            found = answer_metrics.normalize_answer(pair["prediction"])
            assert found == pair["normalized_v1"] == pair["normalized_v2"]

    def test_version_1(self, golden, golden_without_korean, load_arrays):
        data, windows = golden_without_korean("dev-v1.1")
        found = answer_metrics.evaluate(
            data, decode_logits(data, windows, **load_arrays("logits_v1"))
        )
        expected = read_json(golden, "metrics_v1")
        # The original scores q21, which it cannot answer, with 0.
        assert found["total"] == 24
        for name in ("exact_match", "f1"):
            assert found[name] * 24 / 25 == pytest.approx(
                expected[name], abs=1e-12
            )

    def test_version_2(self, golden, golden_without_korean, load_arrays):
        data, windows = golden_without_korean("dev-v2.0")
        output = decode_beams(data, windows, **load_arrays("outputs_v2"))
        expected = read_json(golden, "metrics_v2")
        search = read_json(golden, "v2_threshold_search")
        threshold = expected["null_score_diff_threshold"]
        scores = answer_metrics.score(data, output.predictions(np.inf))
        for index, id_ in enumerate(output.ids):
            assert scores.exact[index] == search["exact_raw"][id_]
            assert scores.f1[index] == search["f1_raw"][id_]
        found = answer_metrics.evaluate(data, output, threshold)
        assert found["best_f1_thresh"] == threshold == search["best_f1_thresh"]
        assert found["best_exact_thresh"] == search["best_exact_thresh"]
        # Here the search finds what predicting with its threshold gives. The
        # original loses q26, whose null score is the threshold, when it
        # predicts (1 point of exact and of F1), and its search takes "." for
        # a wrong answer to q25, where its scores take it for a right one;
        # and it has 28 questions, with q21 as a wrong one.
        for name in ("exact", "f1"):
            ours = found[name] * 27 / 100
            assert found[f"best_{name}"] == pytest.approx(found[name], abs=1e-9)
            assert expected[name] * 28 / 100 + 1 == pytest.approx(
                ours, abs=1e-9
            )
            assert search[f"best_{name}"] * 28 / 100 + 1 == pytest.approx(
                ours, abs=1e-9
            )


class TestScores:
    """Worked by hand."""

    def test_version_1(self, write_squad):
        path = write_squad(
            (
                CONTEXT,
                [
                    {"id": "a", **answers("old cats", "cats")},
                    {"id": "b", **answers("3rd of May")},
                    {"id": "c", **answers("hall")},
                ],
            )
        )
        data = read_squad(path)
        # a: right but for the article; b: 2 of 4 words, 2 of 3: 4/7.
        output = decoded(["The cats.", "on 3rd May 4", "met"])
        found = answer_metrics.evaluate(data, output)
        assert set(found) == {"exact_match", "f1", "total"}
        assert found["exact_match"] == pytest.approx(100 / 3)
        assert found["f1"] == pytest.approx(100 * (1 + 4 / 7) / 3)
        assert found["total"] == 3

    def test_version_2(self, write_squad):
        path = write_squad(
            (
                CONTEXT,
                [
                    {"id": "a", **answers("hall")},
                    {"id": "b", **NO_ANSWER},
                    {"id": "c", **answers("May")},
                    {"id": "d", **NO_ANSWER},
                    {"id": "e", **answers("the old cats")},
                ],
            )
        )
        data = read_squad(path)
        texts = ["hall", "May", "May", "hall", "cats"]
        output = decoded(texts, [-3, 2, 1, -1, 0])
        # Answered: a, d and e.
        found = answer_metrics.evaluate(data, output, 0.0)
        assert found["exact"] == pytest.approx(100 * 2 / 5)
        assert found["f1"] == pytest.approx(100 * (2 + 2 / 3) / 5)
        assert found["HasAns_exact"] == pytest.approx(100 / 3)
        assert found["HasAns_f1"] == pytest.approx(100 * (1 + 2 / 3) / 3)
        assert found["NoAns_exact"] == found["NoAns_f1"] == 50
        assert (found["total"], found["HasAns_total"]) == (5, 3)
        assert found["NoAns_total"] == 2
        # Answering only a: a, b and d are right. All up to c: a, b, c.
        assert found["best_exact"] == 60
        assert found["best_exact_thresh"] == -3
        # Up to c: a, c and 2/3 of e, and b without an answer.
        assert found["best_f1"] == pytest.approx(100 * (3 + 2 / 3) / 5)
        assert found["best_f1_thresh"] == 1

    def test_only_answerable(self, write_squad):
        path = write_squad(
            (CONTEXT, [{"id": "a", **answers("hall")}]), version="v2.0"
        )
        found = answer_metrics.evaluate(
            read_squad(path), decoded(["hall"], [1]), 1.0
        )
        assert found["exact"] == 100
        assert "NoAns_total" not in found
        assert found["HasAns_total"] == 1

    def test_missing_prediction(self, write_squad):
        data = read_squad(
            write_squad((CONTEXT, [{"id": "a", **answers("hall")}]))
        )
        with pytest.raises(ValueError, match="no prediction for question a"):
            answer_metrics.score(data, {"b": "hall"})

    def test_unlabelled(self, write_squad):
        data = read_squad(write_squad((CONTEXT, [{"id": "a"}])))
        with pytest.raises(ValueError, match="no answers to compare"):
            answer_metrics.score(data, {"a": "hall"})

    def test_language(self, write_squad):
        data = read_squad(
            write_squad((CONTEXT, [{"id": "a", **answers("hall")}]))
        )
        with pytest.raises(ValueError, match="'de'"):
            answer_metrics.score(data, {"a": "hall"}, "de")


class TestThreshold:
    @given(
        st.lists(
            st.tuples(
                st.booleans(),
                st.sampled_from(["", "x", "hall", "."]),
                st.integers(-3, 3),
            ),
            min_size=1,
            max_size=17,
        )
    )
    def test_best_is_what_the_threshold_gives(self, rows):
        data = make_data([has_answer for has_answer, _, _ in rows])
        ids = [question.id for question in data.questions]
        output = Decoded(
            ids,
            [
                [SpanAnswer(text, 0, len(text), 0.0, 0.0, 1.0)]
                for _, text, _ in rows
            ],
            np.array([score for _, _, score in rows], np.float64),
        )
        found = answer_metrics.evaluate(data, output)
        for name in ("exact", "f1"):
            threshold = found[f"best_{name}_thresh"]
            at = answer_metrics.evaluate(data, output, threshold)
            assert at[name] == pytest.approx(found[f"best_{name}"])
            every = [
                answer_metrics.evaluate(data, output, other)[name]
                for other in (-4, -3, -2, -1, 0, 1, 2, 3)
            ]
            assert max(every) == pytest.approx(found[f"best_{name}"])


def make_data(has_answers):
    return SquadData(
        file="squad.json",
        has_impossible=True,
        labelled=True,
        contexts=[CONTEXT],
        titles=[""],
        questions=[
            Question(
                f"q{index}",
                "What?",
                0,
                (Answer("hall", CONTEXT.index("hall")),) if has_answer else (),
            )
            for index, has_answer in enumerate(has_answers)
        ],
        findings={},
    )


def test_empty_context_in_version_1(write_squad):
    """Its right answer is nothing, in a file where all others have one."""
    path = write_squad(
        ("", [{"id": "a", "answers": []}]),
        (CONTEXT, [{"id": "b", "answers": [{"text": CONTEXT}]}]),
    )
    data = read_squad(path)
    for answer, expected in (("", 100), ("hall", 50)):
        found = answer_metrics.evaluate(data, decoded([answer, CONTEXT]))
        assert (found["exact_match"], found["f1"]) == (expected, expected)


class TestChinese:
    @pytest.mark.parametrize(
        ("prediction", "gold", "exact", "f1"),
        [
            ("北京大学", "北京大学", 1, 1),
            # Marks do not count, and letters are compared in lower case.
            ("《北京》，", "北京", 1, 1),
            ("NFL 冠军", "nfl 冠军", 1, 1),
            # 4 of 5 characters: 2·(1·4/5)/(1+4/5).
            ("北京大学", "在北京大学", 0, 8 / 9),
            # The longest common run is 2 of 4 and 2 of 3, not 3.
            ("北京和南", "北京南", 0, 4 / 7),
            # A word of other letters is one segment: 1984, 年, in, peking.
            ("1984年 in Peking", "1984年", 0, 2 / 3),
            ("上海", "北京", 0, 0),
            ("308", "308", 1, 1),
            ("3.5", "35", 0, 0),
            # A number is one segment, whatever is in it: 3.5 is not 3.6.
            ("3.5年", "3.6年", 0, 0.5),
            ("1,000人", "2,000人", 0, 0.5),
            ("u.s.军队", "u.k.军队", 0, 3 / 4),
            # The official list of marks has two of it, and never one.
            ("北京…", "北京", 0, 4 / 5),
        ],
    )
    def test_pairs(self, prediction, gold, exact, f1):
        assert answer_metrics.score_answer(prediction, gold, language="zh") == (
            exact,
            pytest.approx(f1),
        )

    def test_no_answer(self):
        for has_impossible, f1 in ((False, 0), (True, 1)):
            assert answer_metrics.score_answer(
                "", "。", has_impossible, language="zh"
            ) == (1, f1)

    def test_evaluation(self, write_squad):
        context = "他在北京大学读书。"
        path = write_squad(
            (
                context,
                [
                    {
                        "id": "a",
                        "answers": [{"text": "北京大学", "answer_start": 2}],
                    },
                    {"id": "b", **NO_ANSWER},
                ],
            )
        )
        data = read_squad(path)
        output = decoded(["在北京大学", "读书"], [0, 1])
        english = answer_metrics.evaluate(data, output, 0.5)
        chinese = answer_metrics.evaluate(data, output, 0.5, language="zh")
        assert english["f1"] == 50
        assert chinese["f1"] == pytest.approx(100 * (1 + 8 / 9) / 2)
        assert english["exact"] == chinese["exact"] == 50


def test_main_scores():
    results = {"exact": 1.0, "NoAns_f1": 2.0, "exact_match": 3.0, "total": 4}
    tuned = {"best_f1": 5.0, "best_exact_thresh": 6.0, "HasAns_total": 7}
    assert answer_metrics.main_scores(results | tuned) == {
        "exact": 1.0,
        "NoAns_f1": 2.0,
        "exact_match": 3.0,
    }
