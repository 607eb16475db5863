# SPDX-License-Identifier: Apache-2.0
"""n-gram masking."""

import numpy as np
import pytest

from albert.text import masking
from albert.text.instances import SegmentPairs
from albert.text.instances import assemble

PAD, UNKNOWN, CLS, SEP, MASK = range(5)
VOCABULARY = 97
WORD_START = np.arange(VOCABULARY) % 3 != 1  # every third piece continues
WORD_START[[PAD, UNKNOWN, MASK]] = False
REPLACEMENTS = np.arange(11, VOCABULARY, dtype=np.int32)
PIECES = masking.MaskingPieces(MASK, REPLACEMENTS)


def make_instances(count=211, seq_length=67, seed=3, first_id=5):
    generator = np.random.default_rng(seed)
    ids = generator.integers(first_id, VOCABULARY, 4001)
    lengths = generator.integers(1, (seq_length - 3) // 2, (2, count))
    pairs = SegmentPairs(
        a_start=generator.integers(0, 3000, count),
        a_length=lengths[0],
        b_start=generator.integers(0, 3000, count),
        b_length=lengths[1],
        labels=generator.integers(0, 2, count),
    )
    return assemble(
        pairs, ids, seq_length, (PAD, CLS, SEP), WORD_START, VOCABULARY
    )


def mask(instances, seed=1, pieces=PIECES, **settings):
    return masking.mask_instances(
        instances,
        masking.MaskingSettings(**settings),
        pieces,
        np.random.default_rng(seed),
    )


@pytest.mark.parametrize("whole_word", [True, False])
@pytest.mark.parametrize("ngram", [1, 3, 5])
def test_labels_at_their_positions_rebuild_the_input(whole_word, ngram):
    instances = make_instances()
    got = mask(instances, whole_word=whole_word, ngram=ngram)
    rebuilt = got.input_ids.copy()
    used = got.masked_lm_weights > 0
    rows = np.nonzero(used)[0]
    rebuilt[rows, got.masked_lm_positions[used]] = got.masked_lm_ids[used]
    np.testing.assert_array_equal(rebuilt, instances.input_ids)
    assert (got.input_ids != instances.input_ids).any()
    # Free slots are zero, used ones come first, in ascending order.
    assert not got.masked_lm_positions[~used].any()
    assert not got.masked_lm_ids[~used].any()
    assert (np.diff(used.astype(int), axis=1) <= 0).all()
    steps = np.diff(got.masked_lm_positions, axis=1)
    assert (steps[used[:, 1:]] > 0).all()


def test_budget_is_used_exactly():
    instances = make_instances()
    settings = masking.MaskingSettings(max_predictions_per_seq=7)
    # With single pieces as words there is always one that fits.
    got = mask(instances, max_predictions_per_seq=7, whole_word=False)
    used = got.masked_lm_weights.sum(axis=1).astype(int)
    expected = [
        min(7, max(1, round(int(length) * 0.15)))
        for length in instances.lengths
    ]
    np.testing.assert_array_equal(used, expected)
    np.testing.assert_array_equal(settings.budgets(instances.lengths), expected)
    assert len(set(expected)) > 3


def test_budget_rounds_halves_to_even():
    settings = masking.MaskingSettings(masked_lm_prob=0.5)
    assert settings.budgets([1, 3, 5, 7, 99]).tolist() == [1, 2, 2, 4, 20]


def test_whole_words_never_exceed_the_budget():
    instances = make_instances()
    got = mask(instances, max_predictions_per_seq=5)
    budgets = masking.MaskingSettings(5).budgets(instances.lengths)
    used = got.masked_lm_weights.sum(axis=1)
    assert (used <= budgets).all()
    assert (used == budgets).mean() > 0.9


def test_special_pieces_are_neither_masked_nor_put_in():
    instances = make_instances()
    total = np.zeros(3, int)
    seen = np.zeros(2, int)
    for seed in range(20):
        got = mask(instances, seed, max_predictions_per_seq=23)
        total += got.replacement_counts
        changed = got.input_ids != instances.input_ids
        put_in = got.input_ids[changed]
        assert set(put_in.tolist()) <= {MASK} | set(REPLACEMENTS.tolist())
        for special in (PAD, CLS, SEP):
            assert not changed[instances.input_ids == special].any()
        assert got.masked_lm_ids[got.masked_lm_weights > 0].min() >= 5
        seen += [(put_in == MASK).sum(), (put_in != MASK).sum()]
    assert total.sum() == got.masked_lm_weights.sum() * 20
    np.testing.assert_allclose(total / total.sum(), [0.8, 0.1, 0.1], atol=0.01)
    # What is counted is what was done; a random piece may be the true one.
    assert seen[0] == total[0]
    assert 0.96 * total[1] < seen[1] <= total[1]


def test_masked_words_are_whole():
    instances = make_instances()
    got = mask(instances)
    words = masking.find_words(instances, True)
    masked = np.zeros(instances.input_ids.shape, bool)
    used = got.masked_lm_weights > 0
    masked[np.nonzero(used)[0], got.masked_lm_positions[used]] = True
    assert not masked[words.index_of_token < 0].any()
    for row in range(len(masked)):
        for word in range(words.counts[row]):
            slice_ = masked[
                row, words.starts[row, word] : words.ends[row, word]
            ]
            assert len(slice_) and slice_.all() == slice_.any()


def reference_words(instances, row):
    """Words of one row as lists of positions, found token by token."""
    words = []
    for position in range(instances.lengths[row]):
        if not instances.text_mask[row, position]:
            continue
        after_special = not instances.text_mask[row, position - 1]
        if after_special or WORD_START[instances.input_ids[row, position]]:
            words.append([position])
        else:
            words[-1].append(position)
    return words


def test_words_end_at_separators():
    instances = make_instances()
    words = masking.find_words(instances, True)
    continued = 0
    for row in range(len(instances.lengths)):
        expected = reference_words(instances, row)
        assert words.counts[row] == len(expected)
        got = [
            list(range(words.starts[row, w], words.ends[row, w]))
            for w in range(words.counts[row])
        ]
        assert got == expected
        separator = int(np.flatnonzero(instances.input_ids[row] == SEP)[0])
        in_a = sum(w[0] < separator for w in expected)
        assert words.segment_ends[row].tolist() == [in_a, len(expected)]
        first_of_b = instances.input_ids[row, separator + 1]
        continued += not WORD_START[first_of_b]
    assert continued > 20  # the case that the original gets wrong


def equal_rows(count, a_length, b_length, seq_length):
    pairs = SegmentPairs(
        *(np.full(count, n) for n in (0, a_length, a_length, b_length, 0))
    )
    ids = np.arange(a_length + b_length) % (VOCABULARY - 5) + 5
    return assemble(
        pairs, ids, seq_length, (PAD, CLS, SEP), WORD_START, VOCABULARY
    )


@pytest.mark.parametrize(
    "a_words, b_words, impossible",
    [(1, 1, {2, 3}), (2, 1, {3}), (1, 2, {3}), (2, 2, {3, 4})],
)
def test_no_span_crosses_a_separator(a_words, b_words, impossible):
    # n-grams of up to five words are drawn, mostly long ones, and the budget
    # has room for all: without the separator they would take both segments.
    instances = equal_rows(503, a_words, b_words, 13)
    words = masking.find_words(instances, False)
    _, counts = masking.choose_spans(
        words,
        np.full(503, a_words + b_words),
        np.array([0.1, 0.1, 0.1, 0.1, 0.6]),
        np.random.default_rng(4),
    )
    assert not counts[[n - 1 for n in impossible]].any()
    assert counts[max(a_words, b_words) - 1] > 200


@pytest.mark.parametrize("n", [1, 2, 3])
def test_spans_of_one_length_fill_the_budget(n):
    # 6 is a multiple of every n; rows are far longer, so that few n-grams
    # touch each other or an end.
    instances = equal_rows(2003, 60, 60, 127)
    words = masking.find_words(instances, False)
    taken, counts = masking.choose_spans(
        words, np.full(2003, 6), np.eye(3)[n - 1], np.random.default_rng(6)
    )
    assert (taken.sum(axis=1) == 6).all()
    assert abs(counts[n - 1] / (2003 * 6 / n) - 1) < 0.06


@pytest.mark.parametrize(
    "favor_shorter, expected",
    [(True, [6 / 11, 3 / 11, 2 / 11]), (False, [2 / 11, 3 / 11, 6 / 11])],
)
def test_ngram_probabilities(favor_shorter, expected):
    settings = masking.MaskingSettings(favor_shorter_ngram=favor_shorter)
    np.testing.assert_allclose(
        settings.ngram_probabilities(), expected, rtol=1e-12
    )
    # Only the last n-gram of a row is shortened by the budget.
    instances = equal_rows(1009, 60, 60, 127)
    words = masking.find_words(instances, False)
    _, counts = masking.choose_spans(
        words,
        np.full(1009, 18),
        settings.ngram_probabilities(),
        np.random.default_rng(5),
    )
    np.testing.assert_allclose(counts / counts.sum(), expected, atol=0.12)


def reference_spans(words, ends, budget, probabilities, generator):
    """The algorithm for one row, written as a loop over words."""
    taken = set()
    spans = []
    masked = 0
    for word in generator.permutation(len(words)).tolist():
        if masked >= budget:
            break
        n = 1 + int(generator.choice(len(probabilities), p=probabilities))
        end = ends[0] if word < ends[0] else ends[1]
        n = min(n, end - word)

        def tokens(n, word=word):
            return sum(map(len, words[word : word + n]))

        while n > 1 and masked + tokens(n) > budget:
            n -= 1
        if masked + tokens(n) > budget or taken & set(range(word, word + n)):
            continue
        taken |= set(range(word, word + n))
        masked += tokens(n)
        spans.append(n)
    return spans, masked


def test_all_masked_tokens_can_become_mask():
    instances = make_instances()
    usual, got = mask(instances), mask(instances, mask_replacement="mask")
    # The same tokens are masked.
    for name in ("masked_lm_positions", "masked_lm_ids", "masked_lm_weights"):
        np.testing.assert_array_equal(getattr(got, name), getattr(usual, name))
    total = int(got.masked_lm_weights.sum())
    assert got.replacement_counts.tolist() == [total, 0, 0]
    assert (got.input_ids == MASK).sum() == total
    assert (usual.input_ids == MASK).sum() < 0.9 * total


def test_shares_equal_those_of_the_loop():
    instances = make_instances(count=1501, seq_length=61, seed=9)
    settings = masking.MaskingSettings(max_predictions_per_seq=8)
    words = masking.find_words(instances, True)
    probabilities = settings.ngram_probabilities()
    budgets = settings.budgets(instances.lengths)
    _, counts = masking.choose_spans(
        words, budgets, probabilities, np.random.default_rng(10)
    )
    generator = np.random.default_rng(11)
    expected = np.zeros(3)
    for row in range(len(budgets)):
        spans, _ = reference_spans(
            reference_words(instances, row),
            words.segment_ends[row],
            budgets[row],
            probabilities,
            generator,
        )
        expected += np.bincount(np.array(spans, int) - 1, minlength=3)
    assert abs(counts.sum() / expected.sum() - 1) < 0.02
    np.testing.assert_allclose(
        counts / counts.sum(), expected / expected.sum(), atol=0.015
    )


def test_every_word_can_be_masked():
    instances = make_instances(count=1, seq_length=23)
    seen = np.zeros(23, bool)
    for seed in range(200):
        got = mask(instances, seed, masked_lm_prob=0.5)
        seen[got.masked_lm_positions[got.masked_lm_weights > 0]] = True
    np.testing.assert_array_equal(seen, instances.text_mask[0])


def test_draws_come_from_the_generator_alone():
    instances = make_instances()
    first, again, other = (mask(instances, seed) for seed in (8, 8, 9))
    np.testing.assert_array_equal(first.input_ids, again.input_ids)
    assert (first.input_ids != other.input_ids).any()


def test_no_instances():
    instances = make_instances(count=0)
    got = mask(instances)
    assert got.input_ids.shape == (0, 67)
    assert got.masked_lm_ids.shape == (0, 20)
    assert got.span_counts.tolist() == [0, 0, 0]
