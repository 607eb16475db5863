# SPDX-License-Identifier: Apache-2.0
"""Folds are alike, apart, and the same again."""

import collections

import numpy as np
import pytest

from albert.errors import UserError
from albert.tasks import folds
from albert.tasks import selection
from albert.tasks.conll_files import TaggedSentences
from albert.tasks.multiple_choice.questions import QuestionExamples
from albert.tasks.table import TASKS
from albert.tasks.tsv_files import TextExamples

TSV = TASKS["tsv"]


def make_texts(labels, texts=None):
    size = len(labels)
    return TextExamples(
        ids=[f"id {i}" for i in range(size)],
        texts=texts or [f"text {i}" for i in range(size)],
        labels=labels,
    )


def counts_of(assigned, labels):
    return collections.Counter(zip(assigned.tolist(), labels, strict=True))


def test_labels_and_sizes_are_even():
    labels = ["a"] * 53 + ["b"] * 17 + ["c"] * 7
    found = folds.assign(TSV, make_texts(labels), 5, seed=3)
    assert set(np.bincount(found)) <= {15, 16}
    counts = counts_of(found, labels)
    for label, allowed in (("a", {10, 11}), ("b", {3, 4}), ("c", {1, 2})):
        assert {counts[fold, label] for fold in range(5)} <= allowed


def test_the_rarest_of_several_labels_is_spread_evenly(caplog):
    # Of 100 texts, 5 and 10 have a rare label, beside the one of nearly all.
    labels = [("common", "rare")] * 5 + [("seldom", "common")] * 10
    labels += [("common",)] * 75 + [()] * 10
    task = selection.get_task("tsv", multi_label=True, label_separator=";")
    for seed in range(5):
        found = folds.assign(task, make_texts(labels), 5, seed)
        assert set(np.bincount(found)) == {20}
        of_strata = counts_of(found, [" ".join(each) for each in labels])
        assert [of_strata[f, "common rare"] for f in range(5)] == [1] * 5
        assert [of_strata[f, "seldom common"] for f in range(5)] == [2] * 5
        assert [of_strata[f, ""] for f in range(5)] == [2] * 5
    assert "not every fold" not in caplog.text
    # Each is told that a fold lacks, not only the one that is spread.
    labels = [("a", "b", "c")] * 2 + [("c", "b")] * 1 + [("c",)] * 17
    folds.assign(task, make_texts(labels), 4, 1)
    assert "'a' (2 in all), 'b' (3 in all)" in caplog.text
    assert "'c'" not in caplog.text


def test_texts_that_differ_in_spaces_and_capitals_stay_together():
    texts = [f"It is {i // 2}." + " " * (i % 2) for i in range(40)]
    texts += [text.upper() for text in texts]
    found = folds.assign(TSV, make_texts(["a"] * 80, texts), 5, seed=3)
    for number in range(20):
        same = {number * 2, number * 2 + 1, 40 + number * 2, 41 + number * 2}
        assert len({found[each] for each in same}) == 1


def test_what_is_not_divided_is_told(caplog):
    with caplog.at_level("INFO", logger="absl"):
        folds.assign(TASKS["imdb"], make_texts(["neg", "pos"] * 5), 2, seed=1)
    assert "imdb: dev is not used, nor what is held out" in caplog.text


def test_tags_that_a_fold_lacks_are_told(caplog):
    tags = [["O", "B-x"]] * 2 + [["B-y", "B-y"]] * 28
    examples = TaggedSentences(
        sentences=[["a", str(i)] for i in range(30)], labels=tags
    )
    folds.assign(TASKS["ner"], examples, 5, seed=1)
    assert "not every fold has an example of 'B-x' (2 in all)" in caplog.text
    assert "'O'" not in caplog.text and "'B-y'" not in caplog.text
    caplog.clear()
    examples = TaggedSentences(
        sentences=examples.sentences,
        labels=[["O", f"B-{i}"] for i in range(30)],
    )
    folds.assign(TASKS["ner"], examples, 5, seed=1)
    assert "'B-9' (1 in all) and 20 more" in caplog.text


def test_the_seed_decides_and_nothing_else():
    examples = make_texts(["a", "b"] * 20)
    one, two = (folds.assign(TSV, examples, 4, seed=5) for _ in range(2))
    assert np.array_equal(one, two)
    other = folds.assign(TSV, examples, 4, seed=6)
    assert not np.array_equal(one, other)
    # Shuffled: no fold is a stretch of the file.
    assert (np.diff(np.flatnonzero(one == 0)) > 1).any()


def test_the_same_text_is_in_the_same_fold(caplog):
    labels = ["a", "b"] * 15
    texts = [f"text {i // 2}" for i in range(30)]
    texts[29] = texts[0]
    examples = make_texts(labels, texts)
    with caplog.at_level("INFO", logger="absl"):
        found = folds.assign(TSV, examples, 3, seed=1)
    assert "15 examples have a text that came before" in caplog.text
    of_text = collections.defaultdict(set)
    for text, fold in zip(texts, found, strict=True):
        of_text[text].add(fold)
    assert all(len(each) == 1 for each in of_text.values())
    # With a second text that differs they are others.
    pairs = TextExamples(
        ids=examples.ids,
        texts=["same"] * 30,
        texts_b=[f"other {i}" for i in range(30)],
        labels=labels,
    )
    assert set(np.bincount(folds.assign(TSV, pairs, 3, seed=1))) == {10}


def test_questions_of_an_article_stay_together():
    examples = QuestionExamples(
        ids=list("abcdefgh"),
        levels=None,
        articles=["first", "second", "third", ""],
        article_numbers=[0, 0, 1, 1, 2, 2, 3, 3],
        questions=list("qrstuvwx"),
        options=[["y", "n"]] * 8,
        labels=list("ABABABAB"),
    )
    found = folds.assign(TASKS["race"], examples, 3, seed=2)
    assert found[0] == found[1] and found[2] == found[3]
    assert found[4] == found[5]
    parts = folds.split(TASKS["race"], examples, 3, 2, seed=2)
    chosen = parts["dev_fold_2"]
    assert chosen.ids == [examples.ids[i] for i in np.flatnonzero(found == 1)]
    # The numbers of articles still mean the same.
    assert chosen.articles == examples.articles
    assert sorted(parts["train"].ids + chosen.ids) == examples.ids


def test_sentences_are_divided_with_their_tags():
    examples = TaggedSentences(
        sentences=[["a", str(i)] for i in range(6)],
        labels=[["O", f"B-{i}"] for i in range(6)],
    )
    parts = folds.split(TASKS["ner"], examples, 3, 1, seed=4)
    assert [len(part) for part in parts.values()] == [4, 2]
    for part in parts.values():
        for words, tags in zip(part.sentences, part.labels, strict=True):
            assert tags[1] == f"B-{words[1]}"


def test_numbers_are_divided_evenly():
    examples = make_texts(np.arange(10, dtype=np.float32))
    parts = folds.split(TASKS["sts-b"], examples, 5, 5, seed=4)
    assert parts["dev_fold_5"].labels.dtype == np.float32
    assert len(parts["dev_fold_5"]) == 2


def test_rare_labels_are_told(caplog):
    labels = ["a"] * 20 + ["b"] * 2
    texts = [f"text {i}" for i in range(20)] + ["same"] * 2
    folds.assign(TSV, make_texts(labels), 5, seed=1)
    assert "not every fold has an example of 'b' (2 in all)" in caplog.text
    assert "in one fold" not in caplog.text
    folds.assign(TSV, make_texts(labels, texts), 5, seed=1)
    assert "all examples of 'b' are in one fold" in caplog.text


def test_more_folds_than_examples_are_refused():
    labels = ["a", "b"] * 3
    assert set(folds.assign(TSV, make_texts(labels), 6, 1)) == set(range(6))
    with pytest.raises(UserError, match="--num_folds=7: .* 6 examples"):
        folds.assign(TSV, make_texts(labels), 7, seed=1)
    with pytest.raises(UserError, match="2 examples that differ"):
        folds.assign(TSV, make_texts(labels, ["x", "y"] * 3), 3, seed=1)
