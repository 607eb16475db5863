# SPDX-License-Identifier: Apache-2.0
"""Long sentences cut, and chunks whose surface does not tell their order."""

import itertools
import pathlib

import numpy as np
import pytest

from albert.records.surface_features import SurfaceSample
from albert.text import chunks
from albert.text.documents import read_documents
from albert.text.instances import PairSettings
from albert.text.instances import TokenizedDocuments
from albert.text.instances import pair_segments
from albert.text.token_cache import encode_documents
from albert.text.tokenizer import Tokenizer

ROOT = pathlib.Path(__file__).parents[2]
MODEL = ROOT / "tests" / "golden" / "tokenization" / "spm2000.model"
SAMPLE = sorted(map(str, ROOT.glob("data/sample/train/*.txt")))

# Ids of the pieces that start a word, go on, and end a sentence.
WORD, GOES_ON, FULL_STOP = 0, 1, 2
WORD_START = np.array([True, False, False])


def make_documents(lengths, word_length=3):
    """Documents of sentences of these lengths: lists of lists of int."""
    return TokenizedDocuments(
        ids=np.concatenate(
            [
                np.append(
                    (np.arange(n - 1) % word_length > 0).astype(int), FULL_STOP
                )
                for document in lengths
                for n in document
            ]
        ),
        sentence_lengths=np.array(list(itertools.chain(*lengths))),
        document_lengths=np.array(list(map(len, lengths))),
    )


def cut(documents, max_tokens, seed=1):
    return chunks.cut_long_sentences(
        documents, WORD_START, max_tokens, np.random.default_rng(seed)
    )


def test_long_sentences_are_cut_at_words():
    lengths = [[7, 200, 20], [41], [20, 63, 5, 1000]]
    documents = make_documents(lengths)
    got = cut(documents, 20)
    np.testing.assert_array_equal(got.ids, documents.ids)
    borders = np.cumsum(got.sentence_lengths)
    assert set(np.cumsum(documents.sentence_lengths)) <= set(borders)
    documents_end = borders[np.cumsum(got.document_lengths) - 1]
    assert documents_end.tolist() == np.cumsum(list(map(sum, lengths))).tolist()
    assert got.sentence_lengths.max() <= 20
    # Two parts fill a sequence, and short sentences are as they were.
    long_parts = got.sentence_lengths[-60:-2]
    assert long_parts.min() + 2 >= 9 and long_parts.max() <= 12
    assert got.sentence_lengths[0] == 7
    inner = sorted(set(borders) - set(np.cumsum(documents.sentence_lengths)))
    assert WORD_START[got.ids[inner]].all()
    other = cut(documents, 20, seed=2)
    assert not np.array_equal(got.sentence_lengths, other.sentence_lengths)


@pytest.mark.parametrize("max_tokens", [2, 3, 20])
def test_words_without_end_are_cut_at_pieces(max_tokens):
    documents = make_documents([[1000, 3]], word_length=2000)
    got = cut(documents, max_tokens)
    assert got.sentence_lengths.sum() == 1003
    assert got.sentence_lengths.min() >= 1
    assert got.sentence_lengths.max() <= max_tokens


def test_texts_without_long_sentences_draw_nothing():
    documents = make_documents([[7, 20], [4]])
    generator = np.random.default_rng(3)
    assert (
        chunks.cut_long_sentences(documents, WORD_START, 20, generator)
        is documents
    )
    assert generator.random() == np.random.default_rng(3).random()


def make_pairs(documents, seed=1, **settings):
    return pair_segments(
        documents,
        WORD_START,
        PairSettings(**settings),
        np.random.default_rng(seed),
    )


def used_share(documents, **settings):
    pairs, _ = make_pairs(documents, **settings)
    return pairs.count_used(len(documents.ids)) / len(documents.ids)


@pytest.mark.parametrize("length", [64, 512])
def test_text_of_endless_lines_is_used(length):
    documents = make_documents([[2400] * 40], word_length=1)
    settings = {"max_seq_length": length, "short_seq_prob": 0.1}
    assert used_share(documents, **settings) > 0.97
    original = used_share(documents, original_segment_pairs=True, **settings)
    assert original < 0.25


@pytest.mark.parametrize("word_length", [1, 3, 50, 5000])
def test_single_segments_use_every_token_once(word_length):
    documents = make_documents([[300, 7, 2400], [3], [28] * 9], word_length)
    pairs, dropped = make_pairs(
        documents, max_seq_length=32, short_seq_prob=0.3, objective="none"
    )
    assert dropped == 0
    ends = pairs.a_start + pairs.a_length
    assert pairs.a_start.tolist() == [0, *ends[:-1]]
    assert ends[-1] == len(documents.ids)
    assert {2707, 2710} <= set(ends.tolist())
    assert pairs.a_length.max() == 30
    if word_length == 3:
        starts = WORD_START[documents.ids[pairs.a_start]]
        # Full stops stand where a new word would begin.
        assert starts.mean() > 0.9


def test_last_sentence_is_paired_with_those_beside_it():
    documents = make_documents([[5] * 5])
    for seed in range(9):
        pairs, _ = make_pairs(
            documents, seed, max_seq_length=3 + 20, short_seq_prob=0.0
        )
        # Four sentences fill 20 tokens; the fifth takes three more with it.
        assert len(pairs) == 2
        lengths = (pairs.a_length + pairs.b_length).tolist()
        assert lengths == [20, 20]
        assert pairs.count_used(25) == 25


def test_document_of_one_sentence_has_no_pair():
    documents = make_documents([[13], [6, 6], [12]])
    pairs, dropped = make_pairs(
        documents, max_seq_length=31, short_seq_prob=0.0
    )
    assert (len(pairs), dropped) == (1, 2)


def test_used_tokens_are_counted_once():
    documents = make_documents([[40] * 50])
    pairs, _ = make_pairs(documents, max_seq_length=31, short_seq_prob=0.2)
    seen = np.zeros(2000, bool)
    for start, length in (
        *zip(pairs.a_start, pairs.a_length, strict=True),
        *zip(pairs.b_start, pairs.b_length, strict=True),
    ):
        seen[start : start + length] = True
    assert 0 < seen.sum() < 2000
    assert pairs.count_used(2000) == seen.sum()
    assert pairs.count_used(777) == seen[:777].sum()


def guess(documents, word_start, is_punctuation, passes, **settings):
    """Accuracy of what the surface alone tells of the order, on unseen text."""
    generator = np.random.default_rng(5)
    halves = [SurfaceSample(), SurfaceSample()]
    for _ in range(passes):
        pairs, _ = pair_segments(
            documents, word_start, PairSettings(**settings), generator
        )
        # The first half of the text learns, the second half is tried.
        is_second = pairs.a_start > len(documents.ids) // 2
        for half in (0, 1):
            halves[half] += SurfaceSample.of_pairs(
                pairs.take(is_second == half),
                documents.ids,
                word_start,
                is_punctuation,
            )
    count = min(len(half.labels) for half in halves)
    return SurfaceSample(
        *(
            np.concatenate([getattr(half, name)[:count] for half in halves])
            for name in ("features", "labels")
        )
    ).guess_held_out()["accuracy"]


@pytest.mark.parametrize("length", [64, 128])
def test_surface_tells_no_order_of_random_sentences(length):
    generator = np.random.default_rng(7)
    documents = make_documents(
        [
            generator.lognormal(3.0, 0.8, 200).astype(int).clip(2, 400).tolist()
            for _ in range(200)
        ]
    )
    settings = {"passes": 2, "max_seq_length": length}
    tables = WORD_START, np.array([False, False, True])
    assert guess(documents, *tables, **settings) < 0.51
    assert guess(
        documents, *tables, **settings, original_segment_pairs=True
    ) > (0.53)


def test_surface_tells_no_order_of_the_sample():
    tokenizer = Tokenizer(MODEL)
    documents = encode_documents(tokenizer, list(read_documents(SAMPLE)))
    tables = (
        tokenizer.word_start_table(),
        np.array([piece[-1] in ".!?\"'" for piece in tokenizer.pieces]),
    )
    settings = {"passes": 8, "max_seq_length": 64}
    assert guess(documents, *tables, **settings) < 0.51
    assert guess(
        documents, *tables, **settings, original_segment_pairs=True
    ) > (0.54)
