# SPDX-License-Identifier: Apache-2.0
"""The tokenised corpus on disk."""

import numpy as np
import pytest

from albert.text import token_cache
from albert.text.instances import TokenizedDocuments


class LetterTokenizer:
    """One id for each letter; other characters have no token."""

    def __init__(self, vocabulary_size=1000):
        self.vocabulary_size = vocabulary_size

    def encode_batch(self, texts, after_space=True):
        mark = [] if after_space else [7]
        return [mark + [ord(c) for c in text if c.isalpha()] for text in texts]


def random_blocks(seed, blocks=5):
    generator = np.random.default_rng(seed)
    for _ in range(blocks):
        document_lengths = generator.integers(1, 7, generator.integers(1, 5))
        sentence_lengths = generator.integers(1, 9, document_lengths.sum())
        yield TokenizedDocuments(
            generator.integers(0, 1000, sentence_lengths.sum()),
            sentence_lengths,
            document_lengths,
        )


def assert_same(got, expected):
    np.testing.assert_array_equal(got.ids, expected.ids)
    np.testing.assert_array_equal(
        got.sentence_lengths, expected.sentence_lengths
    )
    np.testing.assert_array_equal(
        got.document_lengths, expected.document_lengths
    )


@pytest.mark.parametrize("vocabulary_size", [1000, 100_000])
def test_blocks_come_back(tmp_path, vocabulary_size):
    blocks = list(random_blocks(1))
    with token_cache.TokenCacheWriter(tmp_path, vocabulary_size) as writer:
        for block in blocks:
            writer.append(block)
        cache = writer.finish()
        units = list(
            writer.shuffled_units(np.random.default_rng(2), unit_tokens=1)
        )
    ends = np.cumsum([len(b.document_lengths) for b in blocks]).tolist()
    assert cache.num_documents == ends[-1]
    assert [index for index, _, _ in units] == list(range(5))
    with cache.open() as reader:
        seen = set()
        for _, ranges, tokens in units:
            assert len(ranges) == 1
            which = ends.index(ranges[0][1])
            seen.add(which)
            got, indices = reader.read_documents(ranges)
            assert_same(got, blocks[which])
            assert indices.tolist() == list(range(*ranges[0]))
            assert tokens == len(blocks[which].ids)
        assert seen == set(range(5))
        both, indices = reader.read_documents(
            [(0, ends[0]), (ends[2], ends[3])]
        )
    np.testing.assert_array_equal(
        both.ids, np.concatenate([blocks[0].ids, blocks[3].ids])
    )
    assert indices.tolist() == [*range(ends[0]), *range(ends[2], ends[3])]


def test_units_depend_on_the_generator(tmp_path):
    with token_cache.TokenCacheWriter(tmp_path, 1000) as writer:
        for block in random_blocks(3, blocks=29):
            writer.append(block)

        def units(seed):
            return list(writer.shuffled_units(np.random.default_rng(seed), 50))

        assert units(1) == units(1) != units(2)
        for _, _, tokens in units(1)[:-1]:
            assert tokens >= 50
        covered = sorted(pair for _, ranges, _ in units(1) for pair in ranges)
        assert covered[0][0] == 0
        assert all(
            left[1] == right[0]
            for left, right in zip(covered, covered[1:], strict=False)
        )


def test_units_hold_few_documents_of_little_text(tmp_path):
    short = TokenizedDocuments(np.arange(600), *np.ones((2, 600), int))
    with token_cache.TokenCacheWriter(tmp_path, 1000) as writer:
        for _ in range(7):
            writer.append(short)

        def count_units(max_seq_length):
            generator = np.random.default_rng(1)
            return len(
                list(writer.shuffled_units(generator, 4000, max_seq_length))
            )

        assert count_units(1) == 1
        assert count_units(5) == 4


def test_random_slice_is_another_documents_sentences(tmp_path):
    # Ids tell the document, and sentences are of length 3.
    documents = TokenizedDocuments(
        np.repeat(np.arange(5), 12), np.full(20, 3), np.full(5, 4)
    )
    with token_cache.TokenCacheWriter(tmp_path, 1000) as writer:
        writer.append(documents)
        cache = writer.finish()
    generator = np.random.default_rng(1)
    seen, lengths = set(), set()
    with cache.open() as reader:
        for _ in range(200):
            ids = reader.read_random_slice(2, 5, generator)
            assert len(set(ids.tolist())) == 1
            seen.add(int(ids[0]))
            lengths.add(len(ids))
        assert len(reader.read_random_slice(2, -7, generator)) == 3
    assert seen == {0, 1, 3, 4}
    # Two sentences hold 5 tokens; from the last one there is only one.
    assert lengths == {3, 6}


def test_empty_sentences_and_documents_are_left_out():
    got = token_cache.encode_documents(
        LetterTokenizer(), [["ab", "12"], ["7"], ["c", "", "de"]]
    )
    assert got.ids.tolist() == [ord(c) for c in "abcde"]
    assert got.sentence_lengths.tolist() == [2, 1, 2]
    assert got.document_lengths.tolist() == [1, 2]


def test_blocks_hold_few_documents_of_little_text():
    blocks = list(token_cache.group_documents([["a"]] * 600))
    assert list(map(len, blocks)) == [256, 256, 88]


def test_blocks_end_with_the_document_that_fills_them():
    documents = [["aaa", "bb"], ["c"], ["dddd"], ["e"]]
    assert list(token_cache.group_documents(documents, 5)) == [
        documents[:1],
        documents[1:3],
        documents[3:],
    ]


def test_sentences_that_no_space_stands_before():
    documents = [["ab", "北京", "北", "cd"], ["北", "京"], ["ef"]]
    found, all_marked = (
        token_cache.encode_documents(LetterTokenizer(), documents, marked)
        for marked in (False, True)
    )
    # 7 stands for: encoded without a space in front.
    north, capital = map(ord, "北京")
    assert found.ids.tolist() == [
        *map(ord, "ab"),
        *(7, north, capital, 7, north),
        *map(ord, "cd"),
        *(north, 7, capital),
        *map(ord, "ef"),
    ]
    assert found.sentence_lengths.tolist() == [2, 3, 2, 2, 1, 2, 2]
    assert 7 not in all_marked.ids.tolist()
    for each in (found, all_marked):
        assert each.document_lengths.tolist() == [4, 2, 1]
