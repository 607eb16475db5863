# SPDX-License-Identifier: Apache-2.0
"""Masks made while training, beside those of the writer."""

import collections

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from albert.records import dynamic_masking
from albert.records import unmasked_pairs
from albert.text import masking
from albert.text.instances import SegmentPairs
from albert.text.instances import assemble

PAD, CLS, SEP, MASK = 0, 2, 3, 4
SPECIAL = (PAD, CLS, SEP)
VOCABULARIES = (997, 40_009)
REPLACEMENTS = tuple(range(11, 97))


def make_unmasked(
    objective="sop", vocabulary_size=997, single_sentences=False, **settings
):
    return unmasked_pairs.UnmaskedPairs(
        objective=objective,
        single_sentences=single_sentences,
        masking=masking.MaskingSettings(**settings),
        vocabulary_size=vocabulary_size,
        pad_id=PAD,
        cls_id=CLS,
        sep_id=SEP,
        mask_id=MASK,
        replacement_ids=REPLACEMENTS,
    )


def make_pairs(objective, seq_length=67, count=211, seed=0):
    generator = np.random.default_rng(seed)
    lengths = generator.integers(1, (seq_length - 3) // 2, (2, count))
    if objective == "none":
        lengths[1] = 0
    return SegmentPairs(
        a_start=generator.integers(0, 3000, count),
        a_length=lengths[0],
        b_start=generator.integers(0, 3000, count),
        b_length=lengths[1],
        labels=generator.integers(0, 2, count) * (objective == "nsp"),
    )


def make_text(vocabulary_size=997, segmenter=False):
    """Flat ids, and which of them start a word."""
    generator = np.random.default_rng(7)
    word_start = np.zeros(vocabulary_size * (1 + segmenter), bool)
    word_start[:vocabulary_size] = generator.random(vocabulary_size) < 0.6
    if segmenter:
        word_start[vocabulary_size:] = ~word_start[:vocabulary_size]
    ids = generator.integers(5, vocabulary_size, 4001)
    if segmenter:
        ids += vocabulary_size * generator.integers(0, 2, len(ids))
    return ids, word_start


def keys_of(count, seed=1):
    generator = np.random.default_rng(seed)
    return tf.constant(generator.integers(0, 2**64, count, np.uint64))


def assemble_rows(pairs, unmasked, seq_length, text, keys):
    """Rows of what a record would hold."""
    ids, word_start = text
    tokens = unmasked_pairs.make_tokens(word_start, unmasked.vocabulary_size)
    columns = unmasked_pairs.pair_columns(
        pairs, ids, tokens, unmasked.objective, np.random.default_rng(4)
    )
    content = columns["tokens"].content.view(tokens.dtype)
    width = seq_length - content.shape[1]
    return dynamic_masking.assemble(
        tf.constant(np.pad(content, [(0, 0), (0, width)]).astype(np.int32)),
        tf.constant(columns["segment_lengths"].astype(np.int32)),
        tf.constant(pairs.labels.astype(np.int32)),
        keys,
        unmasked,
        seq_length,
    )


def reference(pairs, seq_length, text, vocabulary_size):
    return assemble(
        pairs,
        text[0],
        seq_length,
        (PAD, CLS, SEP),
        text[1],
        vocabulary_size,
    )


@pytest.mark.parametrize("segmenter", [False, True])
@pytest.mark.parametrize("vocabulary_size", VOCABULARIES)
@pytest.mark.parametrize("objective", ["sop", "nsp", "none"])
def test_rows_are_those_of_the_writer(objective, vocabulary_size, segmenter):
    unmasked = make_unmasked(objective, vocabulary_size)
    pairs = make_pairs(objective)
    text = make_text(vocabulary_size, segmenter)
    keys = keys_of(len(pairs))
    rows = assemble_rows(pairs, unmasked, 67, text, keys)
    labels = rows.labels.numpy()
    if objective == "sop":
        assert 70 < labels.sum() < 140
        pairs = pairs.swap(labels == 1)
    else:
        assert labels.tolist() == pairs.labels.tolist()
    expected = reference(pairs, 67, text, vocabulary_size)
    np.testing.assert_array_equal(rows.input_ids, expected.input_ids)
    words = masking.find_words(expected, True)
    np.testing.assert_array_equal(rows.starts.numpy().sum(axis=1), words.counts)
    starts = np.zeros_like(rows.starts)
    row, index = np.nonzero(
        np.arange(words.starts.shape[1]) < words.counts[:, None]
    )
    starts[row, words.starts[row, index]] = True
    np.testing.assert_array_equal(rows.starts, starts)
    # What the model reads besides, with the masks undone.
    batch = mask(rows, keys, unmasked)
    np.testing.assert_array_equal(unhide(batch), expected.input_ids)
    np.testing.assert_array_equal(batch["segment_ids"], expected.segment_ids)
    np.testing.assert_array_equal(
        batch["input_mask"].sum(axis=1), expected.lengths
    )
    assert batch["next_sentence_labels"][:, 0].tolist() == labels.tolist()


def test_single_sentences_among_pairs_are_not_swapped():
    unmasked = make_unmasked(single_sentences=True)
    pairs = make_pairs("sop")
    pairs.b_length[::3] = 0
    text, keys = make_text(), keys_of(len(pairs))
    rows = assemble_rows(pairs, unmasked, 67, text, keys)
    labels = rows.labels.numpy()
    assert not labels[::3].any() and 40 < labels.sum() < 100
    expected = reference(pairs.swap(labels == 1), 67, text, 997)
    np.testing.assert_array_equal(rows.input_ids, expected.input_ids)
    batch = mask(rows, keys, unmasked)
    np.testing.assert_array_equal(unhide(batch), expected.input_ids)
    np.testing.assert_array_equal(batch["segment_ids"], expected.segment_ids)
    assert not batch["segment_ids"][::3].any()
    assert unmasked.fits(5, 0, 67) and not make_unmasked().fits(5, 0, 67)
    assert not unmasked.fits(0, 5, 67)


# ------------------------------------------------------- segments that are cut


def shortened(a_lengths, b_lengths, room, seed=1):
    """Pairs of the tokens 1, 2, … of each row: (kept tokens, lengths)."""
    lengths = np.stack([a_lengths, b_lengths], axis=1).astype(np.int32)
    position = np.arange(1, 68)
    tokens = np.where(position <= lengths.sum(axis=1)[:, None], position, 0)
    tokens, kept = dynamic_masking.shorten(
        tf.constant(tokens.astype(np.int32)),
        tf.constant(lengths),
        keys_of(len(lengths), seed),
        room,
    )
    return tokens.numpy(), kept.numpy(), lengths


@pytest.mark.parametrize("room", [2, 13, 30])
def test_segments_lose_a_beginning_or_an_end(room):
    generator = np.random.default_rng(2)
    tokens, kept, lengths = shortened(
        *generator.integers(1, 33, (2, 401)), room
    )
    assert tokens.shape == (401, room)
    for found, (a_kept, b_kept), (a, b) in zip(
        tokens, kept, lengths, strict=True
    ):
        assert a_kept + b_kept == min(a + b, room)
        # The longer one is cut; of two long ones each keeps half.
        for one, other, length in ((a_kept, b_kept, a), (b_kept, a_kept, b)):
            assert one >= min(length, room // 2, room - other)
        a_ids, b_ids = found[:a_kept], found[a_kept : a_kept + b_kept]
        assert not found[a_kept + b_kept :].any()
        assert a_ids.tolist() in (
            list(range(1, 1 + a_kept)),
            list(range(1 + a - a_kept, 1 + a)),
        )
        assert b_ids.tolist() in (
            list(range(a + 1, a + 1 + b_kept)),
            list(range(1 + a + b - b_kept, 1 + a + b)),
        )


def test_one_segment_is_cut_too():
    lengths = np.array([9, 31, 60])
    tokens, kept, _ = shortened(lengths, np.zeros(3, int), 31)
    assert kept.tolist() == [[9, 0], [31, 0], [31, 0]]
    assert tokens[0, :10].tolist() == [*range(1, 10), 0]
    assert tokens[1].tolist() == list(range(1, 32))
    assert tokens[2, 0] in (1, 30)


def test_nothing_of_a_cut_tells_the_order():
    """Lengths and ends are as likely for the first segment as for the second.

    An odd number of tokens of two long segments is not shared alike.
    """
    count = 20_000
    tokens, kept, _ = shortened(
        np.full(count, 29), np.full(count, 29), 31, seed=8
    )
    assert set(kept[:, 0]) == {15, 16}
    begins = [tokens[:, 0] == 1, tokens[np.arange(count), kept[:, 0]] == 30]
    is_longer = kept[:, 0] == 16
    # Each of the eight cases, and so that with the segments' places changed.
    cases = collections.Counter(zip(is_longer, *begins, strict=True))
    assert len(cases) == 8
    assert scipy.stats.chisquare(list(cases.values())).pvalue > 1e-3
    # Nor does the coin that swaps the segments.
    unmasked = make_unmasked()
    rows = dynamic_masking.assemble(
        tf.constant(tokens),
        tf.constant(kept),
        None,
        keys_of(count, 8),
        unmasked,
        34,
    )
    table = np.zeros((2, 8))
    index = np.stack([is_longer, *begins]).T @ [4, 2, 1]
    np.add.at(table, (rows.labels.numpy(), index), 1)
    assert scipy.stats.chi2_contingency(table).pvalue > 1e-3


def mask(rows, keys, unmasked):
    batch = dynamic_masking.mask_rows(rows, keys, unmasked)
    return {name: value.numpy() for name, value in batch.items()}


def unhide(batch):
    ids = batch["input_ids"].copy()
    used = batch["masked_lm_weights"] > 0
    row = np.nonzero(used)[0]
    ids[row, batch["masked_lm_positions"][used]] = batch["masked_lm_ids"][used]
    return ids


def hidden(batch):
    found = np.zeros(batch["input_ids"].shape, bool)
    used = batch["masked_lm_weights"] > 0
    found[np.nonzero(used)[0], batch["masked_lm_positions"][used]] = True
    return found


def masked_batch(seed=1, count=211, **settings):
    """(batch, instances of the writer with the same rows)."""
    unmasked = make_unmasked("nsp", **settings)
    pairs = make_pairs("nsp", count=count)
    keys = keys_of(count, seed)
    text = make_text()
    rows = assemble_rows(pairs, unmasked, 67, text, keys)
    return mask(rows, keys, unmasked), reference(pairs, 67, text, 997)


@pytest.mark.parametrize("whole_word", [True, False])
@pytest.mark.parametrize("ngram", [1, 3, 100])
def test_slots_are_used_in_order_and_words_whole(whole_word, ngram):
    batch, instances = masked_batch(
        whole_word=whole_word, ngram=ngram, max_predictions_per_seq=7
    )
    used = batch["masked_lm_weights"] > 0
    assert not batch["masked_lm_positions"][~used].any()
    assert not batch["masked_lm_ids"][~used].any()
    assert (np.diff(used.astype(int), axis=1) <= 0).all()
    steps = np.diff(batch["masked_lm_positions"], axis=1)
    assert (steps[used[:, 1:]] > 0).all()
    found = hidden(batch)
    budgets = masking.MaskingSettings(7).budgets(instances.lengths)
    if whole_word:
        words = masking.find_words(instances, True)
        assert not found[words.index_of_token < 0].any()
        for row, index in enumerate(words.index_of_token):
            within = index[found[row]]
            assert np.isin(index, within).sum() == len(within)
        assert (found.sum(axis=1) <= budgets).all()
        assert (found.sum(axis=1) == budgets).mean() > 0.9
    else:
        assert not found[~instances.text_mask].any()
        np.testing.assert_array_equal(found.sum(axis=1), budgets)
        assert len(set(budgets)) > 3


def test_shares_of_what_masked_tokens_become():
    counts = np.zeros(3)
    put_in = collections.Counter()
    for seed in range(10):
        batch, instances = masked_batch(seed, count=503)
        found = hidden(batch)
        seen, truth = batch["input_ids"][found], instances.input_ids[found]
        changed = (seen != truth) & (seen != MASK)
        counts += [(seen == MASK).sum(), changed.sum(), (seen == truth).sum()]
        put_in.update(seen[changed].tolist())
        assert not np.isin(truth, SPECIAL).any()
        outside = batch["input_ids"] != instances.input_ids
        assert not (outside & ~found).any()
    # A random piece is the true one in 1 of some thousand.
    assert (
        scipy.stats.chisquare(
            counts, counts.sum() * np.array([0.8, 0.1, 0.1])
        ).pvalue
        > 1e-3
    )
    assert set(put_in) == set(REPLACEMENTS)
    assert scipy.stats.chisquare(list(put_in.values())).pvalue > 1e-3


def test_all_masked_tokens_can_become_mask():
    batch, instances = masked_batch(mask_replacement="mask")
    found = hidden(batch)
    assert (batch["input_ids"][found] == MASK).all()
    usual, _ = masked_batch()
    assert np.array_equal(hidden(usual), found)
    assert not (usual["input_ids"][found] == MASK).all()
    np.testing.assert_array_equal(unhide(batch), instances.input_ids)


# One row with words of 1 to 3 tokens; what does not fit is tried in all ways.
@pytest.mark.parametrize(
    "settings",
    [
        {"max_predictions_per_seq": 4},
        {"max_predictions_per_seq": 3, "favor_shorter_ngram": False},
        {"max_predictions_per_seq": 5, "ngram": 2},
        {"max_predictions_per_seq": 3, "ngram": 5, "whole_word": False},
    ],
    ids=str,
)
def test_masks_have_the_distribution_of_the_writer(settings):
    count = 30_000
    settings = {"masked_lm_prob": 0.5, **settings}
    unmasked = make_unmasked("nsp", **settings)
    # A: words of 1, 2, 1, 3 tokens; B begins inside a word.
    word_start = np.zeros(997, bool)
    starts = np.array([1, 1, 0, 1, 1, 0, 0, 0, 1, 1, 0], bool)
    ids = 100 + np.arange(len(starts))
    word_start[ids] = starts
    pairs = SegmentPairs(*(np.full(count, value) for value in (0, 7, 7, 4, 1)))
    text = ids, word_start
    keys = keys_of(count)
    rows = assemble_rows(pairs, unmasked, 17, text, keys)
    ours = dynamic_masking.choose_tokens(rows, keys, unmasked.masking).numpy()

    instances = reference(pairs, 17, text, 997)
    words = masking.find_words(instances, unmasked.masking.whole_word)
    taken, _ = masking.choose_spans(
        words,
        unmasked.masking.budgets(instances.lengths),
        unmasked.masking.ngram_probabilities(),
        np.random.default_rng(2),
    )
    theirs = np.take_along_axis(taken, words.index_of_token, axis=1)
    table = collections.defaultdict(lambda: [0, 0])
    for column, patterns in enumerate((ours, theirs)):
        for pattern in np.packbits(patterns, axis=1).tolist():
            table[tuple(pattern)][column] += 1
    # Rare ones together.
    counts = np.array(list(table.values()))
    rare = counts.sum(axis=1) < 20
    counts = np.concatenate([counts[~rare], counts[rare].sum(0)[None]])
    counts = counts[counts.sum(axis=1) > 0]
    assert len(counts) > 10
    assert scipy.stats.chi2_contingency(counts).pvalue > 1e-3


def test_budgets_are_those_of_the_writer():
    settings = masking.MaskingSettings(17, masked_lm_prob=0.15)
    lengths = np.arange(3, 512)
    got = dynamic_masking._budgets(tf.constant(lengths), settings)
    np.testing.assert_array_equal(got, settings.budgets(lengths))


def test_masks_depend_on_the_key_alone():
    batch, _ = masked_batch(count=211)
    unmasked = make_unmasked("nsp")
    order = np.random.default_rng(3).permutation(211)[:31]
    keys = tf.gather(keys_of(211), order)
    some = assemble_rows(
        make_pairs("nsp").take(order), unmasked, 67, make_text(), keys
    )
    for name, values in mask(some, keys, unmasked).items():
        np.testing.assert_array_equal(values, batch[name][order])
    other, _ = masked_batch(seed=2)
    same = (hidden(other) == hidden(batch)).all(axis=1)
    assert same.mean() < 0.1
