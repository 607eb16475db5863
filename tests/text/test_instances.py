# SPDX-License-Identifier: Apache-2.0
"""Segment pairs and their rows, on documents whose ids tell their origin."""

import dataclasses

import numpy as np
import pytest

from albert.text.instances import PairSettings
from albert.text.instances import SegmentPairs
from albert.text.instances import TokenizedDocuments
from albert.text.instances import _shorten
from albert.text.instances import assemble
from albert.text.instances import pair_segments

PAD, CLS, SEP = 0, 2, 3
# Ids grow by one from token to token, so a slice of ids is a slice of text.
FIRST_ID = 7


def make_documents(seed, documents=23, most_sentences=17, most_tokens=11):
    generator = np.random.default_rng(seed)
    document_lengths = generator.integers(1, most_sentences, documents)
    sentence_lengths = generator.integers(
        1, most_tokens, document_lengths.sum()
    )
    count = int(sentence_lengths.sum())
    return TokenizedDocuments(
        ids=np.arange(FIRST_ID, FIRST_ID + count),
        sentence_lengths=sentence_lengths,
        document_lengths=document_lengths,
    )


def word_starts(documents, every=2):
    table = np.zeros(FIRST_ID + len(documents.ids), bool)
    table[FIRST_ID::every] = True
    return table


def token_bounds(documents):
    """Token offsets: of sentences' begins, of documents' begins and ends."""
    sentence_ends = np.cumsum(documents.sentence_lengths)
    ends = sentence_ends[np.cumsum(documents.document_lengths) - 1]
    return (
        {0, *sentence_ends.tolist()},
        np.concatenate([[0], ends[:-1]]),
        ends,
    )


def document_of(documents, token):
    return int(np.searchsorted(token_bounds(documents)[2], token, "right"))


def make_pairs(documents, seed=5, **settings):
    return pair_segments(
        documents,
        word_starts(documents),
        PairSettings(**settings),
        np.random.default_rng(seed),
    )


def test_sentence_order_segments_are_neighbours_in_one_document():
    documents = make_documents(1)
    # Long enough that nothing is cut off.
    pairs, _ = make_pairs(documents, max_seq_length=4001, short_seq_prob=0.5)
    assert len(pairs) > 20
    assert set(pairs.labels.tolist()) == {0, 1}
    for a, a_length, b, b_length, label in zip(
        *dataclasses.astuple(pairs), strict=True
    ):
        first, first_length, second = (
            (b, b_length, a) if label else (a, a_length, b)
        )
        assert first + first_length == second
        assert min(a_length, b_length) >= 1
        last = max(a + a_length, b + b_length) - 1
        assert document_of(documents, min(a, b)) == document_of(documents, last)


@pytest.mark.parametrize("original, full", [(False, 0.5), (True, 0.6)])
def test_shortened_segments_stay_in_one_document_and_fill_the_sequence(
    original, full
):
    documents = make_documents(2)
    pairs, _ = make_pairs(
        documents,
        max_seq_length=19,
        short_seq_prob=0.1,
        original_segment_pairs=original,
    )
    begins = np.minimum(pairs.a_start, pairs.b_start)
    ends = np.maximum(
        pairs.a_start + pairs.a_length, pairs.b_start + pairs.b_length
    )
    for begin, end in zip(begins, ends, strict=True):
        assert document_of(documents, begin) == document_of(documents, end - 1)
    lengths = pairs.a_length + pairs.b_length
    assert lengths.max() == 19 - 3
    assert (lengths == 16).mean() > full


def test_every_token_is_used_when_nothing_is_cut_off():
    documents = make_documents(3)
    pairs, dropped = make_pairs(
        documents, max_seq_length=4001, short_seq_prob=0.0
    )
    used = np.zeros(len(documents.ids), bool)
    for a, a_length, b, b_length, _ in zip(
        *dataclasses.astuple(pairs), strict=True
    ):
        used[a : a + a_length] = True
        used[b : b + b_length] = True
    assert len(pairs) + dropped == len(documents.document_lengths)
    # Only documents of one sentence are dropped.
    unused = {document_of(documents, token) for token in np.flatnonzero(~used)}
    assert len(unused) == dropped
    assert all(documents.document_lengths[d] == 1 for d in unused)


def test_segments_begin_at_sentences_unless_a_sentence_is_alone():
    documents = make_documents(4)
    pairs, _ = make_pairs(documents, max_seq_length=4001, short_seq_prob=0.3)
    starts, _, _ = token_bounds(documents)
    for a, b in zip(pairs.a_start, pairs.b_start, strict=True):
        if {int(a), int(b)} <= starts:
            continue
        assert documents.document_lengths[document_of(documents, a)] == 1


@pytest.mark.parametrize("original", [False, True])
def test_some_pairs_become_their_sentences(original):
    documents = make_documents(6, documents=61)
    settings = {
        "max_seq_length": 61,
        "short_seq_prob": 0.1,
        "original_segment_pairs": original,
    }
    pairs, dropped = make_pairs(documents, **settings)
    # The original's way cuts a document of one sentence in two.
    assert pairs.have_two.all() and (dropped > 0) != original
    mixed, dropped = make_pairs(
        documents, **settings, single_sentence_share=0.4
    )
    assert dropped == 0
    alone = mixed.take(~mixed.have_two)
    rest = mixed.take(mixed.have_two)
    assert 0.4 < len(rest) / len(pairs) < 0.8
    assert 0.35 < rest.labels.mean() < 0.65
    assert not alone.labels.any() and not alone.b_start.any()
    starts, _, _ = token_bounds(documents)
    # Documents of one sentence are kept.
    whole = [
        {start, start + length} <= starts
        for start, length in zip(
            alone.a_start.tolist(), alone.a_length.tolist(), strict=True
        )
    ]
    # What is longer than a sequence is cut, in pairs of the original's.
    assert np.mean(whole) > (0.95 if original else 0.999)
    assert len(alone) > 0.4 * len(pairs)
    # Short sentences are with another, where the pair or document has one.
    one = {
        begin
        for begin, sentences in zip(
            token_bounds(documents)[1].tolist(),
            documents.document_lengths.tolist(),
            strict=True,
        )
        if sentences == 1
    }
    one |= set(np.minimum(pairs.a_start, pairs.b_start).tolist())
    short = alone.a_start[alone.a_length < 8].tolist()
    assert short and set(short) <= one
    # No text is lost by it.
    count = len(documents.ids)
    assert mixed.count_used(count) > pairs.count_used(count)


def test_single_last_sentence_reaches_back_to_fill_the_target():
    documents = TokenizedDocuments(
        ids=np.arange(FIRST_ID, FIRST_ID + 5 * 5),
        sentence_lengths=np.full(5, 5),
        document_lengths=np.array([5]),
    )
    pairs, _ = make_pairs(
        documents,
        max_seq_length=3 + 18,
        short_seq_prob=0.0,
        original_segment_pairs=True,
    )
    # Four sentences fill 18 tokens; the fifth takes three more with it.
    assert len(pairs) == 2
    lengths = (pairs.a_length + pairs.b_length).tolist()
    assert lengths == [18, 18]
    assert max(pairs.a_start[1], pairs.b_start[1]) >= 10
    assert min(pairs.a_start[1], pairs.b_start[1]) >= 5


def test_one_long_sentence_is_cut_at_a_word():
    documents = TokenizedDocuments(
        ids=np.arange(FIRST_ID, FIRST_ID + 13),
        sentence_lengths=np.array([13]),
        document_lengths=np.array([1]),
    )
    for seed in range(7):
        pairs, dropped = make_pairs(
            documents,
            seed,
            max_seq_length=31,
            short_seq_prob=0.0,
            original_segment_pairs=True,
        )
        assert (len(pairs), dropped) == (1, 0)
        second = max(pairs.a_start[0], pairs.b_start[0])
        assert second % 2 == 0 and 0 < second < 13


def test_sentence_that_fills_the_sequence_takes_no_other():
    documents = TokenizedDocuments(
        ids=np.arange(FIRST_ID, FIRST_ID + 60),
        sentence_lengths=np.array([20, 20, 20]),
        document_lengths=np.array([3]),
    )
    pairs, _ = make_pairs(
        documents,
        max_seq_length=3 + 11,
        short_seq_prob=0.0,
        original_segment_pairs=True,
    )
    assert len(pairs) == 3
    begins = np.minimum(pairs.a_start, pairs.b_start)
    ends = np.maximum(
        pairs.a_start + pairs.a_length, pairs.b_start + pairs.b_length
    )
    np.testing.assert_array_equal(begins // 20, (ends - 1) // 20)


def test_short_targets_are_drawn_for_each_instance():
    # One document of sentences of one token: lengths show the targets.
    documents = TokenizedDocuments(
        ids=np.arange(FIRST_ID, FIRST_ID + 60000),
        sentence_lengths=np.ones(60000, int),
        document_lengths=np.array([60000]),
    )
    pairs, _ = make_pairs(documents, max_seq_length=53, short_seq_prob=0.3)
    lengths = (pairs.a_length + pairs.b_length)[:-1]
    short = lengths < 50
    assert len(lengths) > 1000
    # 0.3 of the draws are short, 1 of 49 of those has the full length.
    assert abs(short.mean() - 0.3 * 48 / 49) < 0.04
    assert abs(lengths[short].mean() - (2 + 49) / 2) < 1.5
    # Independent of the instance before.
    assert abs(short[1:][short[:-1]].mean() - short.mean()) < 0.07


def test_labels_are_even():
    documents = make_documents(6, documents=400)
    pairs, _ = make_pairs(documents, max_seq_length=37)
    assert len(pairs) > 500
    assert abs(pairs.labels.mean() - 0.5) < 0.06


@pytest.mark.parametrize("a, b", [(40, 3), (3, 40), (30, 29), (9, 9), (8, 7)])
@pytest.mark.parametrize("most", [15, 16])
def test_shortening_ends_where_one_token_at_a_time_ends(a, b, most):
    left, right = a, b
    while left + right > most:
        if left > right:
            left -= 1
        else:
            right -= 1
    count = 301
    pairs = SegmentPairs(
        a_start=np.full(count, 100),
        a_length=np.full(count, a),
        b_start=np.full(count, 200),
        b_length=np.full(count, b),
        labels=np.zeros(count, int),
    )
    got = _shorten(pairs, most, np.random.default_rng(1))
    assert set(got.a_length.tolist()) == {left}
    assert set(got.b_length.tolist()) == {right}
    for start, first, removed in (
        (got.a_start, 100, a - left),
        (got.b_start, 200, b - right),
    ):
        front = start - first
        assert front.min() >= 0 and front.max() <= removed
        assert abs(front.mean() - removed / 2) <= 0.1 * removed


def test_next_sentence_negatives_use_the_other_document_function():
    documents = make_documents(8, documents=90)
    end = len(documents.ids)
    asked = []

    def other_document(document, wanted):
        asked.append((document, wanted))
        return end + 3 * len(asked), 3

    pairs, _ = pair_segments(
        documents,
        word_starts(documents),
        PairSettings(41, 0.1, "nsp"),
        np.random.default_rng(2),
        other_document,
    )
    foreign = pairs.b_start >= end
    np.testing.assert_array_equal(foreign, pairs.labels == 1)
    assert abs(pairs.labels.mean() - 0.5) < 0.1
    assert [d for d, _ in asked] == [
        document_of(documents, a) for a in pairs.a_start[foreign]
    ]
    kept = pairs.take(np.flatnonzero(~foreign))
    assert len(kept)
    assert (kept.a_start < kept.b_start).all()


def test_sentences_that_a_negative_leaves_out_are_used_again():
    documents = make_documents(10, documents=60, most_sentences=30)
    end = len(documents.ids)
    pairs, _ = pair_segments(
        documents,
        word_starts(documents),
        PairSettings(43, 0.0, "nsp"),
        np.random.default_rng(2),
        lambda document, wanted: (end, 1),
    )
    used = np.zeros(end, bool)
    for a, a_length, b, b_length, label in zip(
        *dataclasses.astuple(pairs), strict=True
    ):
        used[a : a + a_length] = True
        if not label:
            used[b : b + b_length] = True
    # Shortening takes a few; a lost half of the negatives would be a fifth.
    assert used.mean() > 0.9


def test_single_segments():
    documents = make_documents(9)
    pairs, dropped = make_pairs(documents, max_seq_length=29, objective="none")
    assert dropped == 0
    assert not pairs.b_length.any() and not pairs.labels.any()
    assert pairs.a_length.max() == 27
    ends = pairs.a_start + pairs.a_length
    for begin, end in zip(pairs.a_start, ends, strict=True):
        assert document_of(documents, begin) == document_of(documents, end - 1)


def test_assembled_rows():
    ids = np.arange(10, 30)
    word_start = np.zeros(31, bool)
    word_start[10::3] = True
    pairs = SegmentPairs(
        a_start=np.array([4, 0]),
        a_length=np.array([3, 2]),
        b_start=np.array([1, 0]),
        b_length=np.array([2, 0]),
        labels=np.array([1, 0]),
    )
    got = assemble(pairs, ids, 11, (PAD, CLS, SEP), word_start, 31)
    np.testing.assert_array_equal(
        got.input_ids,
        [
            [CLS, 14, 15, 16, SEP, 11, 12, SEP, PAD, PAD, PAD],
            [CLS, 10, 11, SEP] + [PAD] * 7,
        ],
    )
    np.testing.assert_array_equal(
        got.segment_ids,
        [[0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0], [0] * 11],
    )
    np.testing.assert_array_equal(
        got.token_boundary,
        [[1, 0, 0, 1, 1, 0, 0, 1, 0, 0, 0], [1, 1, 0, 1] + [0] * 7],
    )
    np.testing.assert_array_equal(
        got.text_mask,
        np.array(
            [[0, 1, 1, 1, 0, 1, 1, 0, 0, 0, 0], [0, 1, 1] + [0] * 8], bool
        ),
    )
    assert got.lengths.tolist() == [8, 4]
    assert got.labels.tolist() == [1, 0]


def test_assembled_rows_with_the_words_of_a_segmenter():
    word_start = np.arange(31) % 3 == 1
    pairs = SegmentPairs(*np.array([[0], [3], [3], [2], [1]]))
    # The vocabulary has 31 pieces; 31 more is said to be the other way.
    ids = np.array([10, 10 + 31, 11, 11 + 31, 13 + 31], np.uint16)
    got = assemble(
        pairs,
        ids,
        11,
        (PAD, CLS, SEP),
        np.concatenate([word_start, ~word_start]),
        31,
    )
    assert got.input_ids.tolist() == [
        [CLS, 10, 10, 11, SEP, 11, 13, SEP, PAD, PAD, PAD]
    ]
    assert got.token_boundary.tolist() == [[1, 1, 0, 0, 1, 1, 0, 1, 0, 0, 0]]


def test_assembled_row_without_padding():
    pairs = SegmentPairs(
        *np.array([[[0], [5]], [[5], [3]]]).reshape(4, 1), labels=np.array([0])
    )
    got = assemble(
        pairs, np.arange(10, 20), 11, (PAD, CLS, SEP), np.ones(31, bool), 31
    )
    assert got.input_ids.tolist() == [
        [CLS, 10, 11, 12, 13, 14, SEP, 15, 16, 17, SEP]
    ]
    assert got.lengths.tolist() == [11]
