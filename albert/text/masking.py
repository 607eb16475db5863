# SPDX-License-Identifier: Apache-2.0
"""Masks n-grams of words in many instances at once (ALBERT paper, 3.1).

Behaviour follows ``create_masked_lm_predictions`` of the original's
``create_pretraining_data.py``: the words of an instance are visited in a
random order; at each an n-gram of n words is drawn with p(n) ~ 1/n, shortened
until it fits what is left of the budget, and dropped if it overlaps one that
was taken before (it is not tried again with fewer words). Of the tokens taken,
80% become [MASK], 10% stay and 10% become a random piece; or all become [MASK],
which the original does not have.

On purpose different: an n-gram never runs over a [SEP], a word that a
segment starts in the middle of does not belong to the segment before it, the
random pieces are pieces that stand for text, and every draw comes from the
generator that is passed in.

Letters: N instances, S tokens, P masked-token slots, W words.
"""

import dataclasses

import numpy as np

# What masked tokens become: the share that is [MASK], and that which is [MASK]
# or a random piece. The others stay.
MASK_REPLACEMENTS = {"80-10-10": (0.8, 0.9), "mask": (1.0, 1.0)}
ORIGINAL_REPLACEMENT = "80-10-10"


@dataclasses.dataclass(frozen=True)
class MaskingSettings:
    """Settings that decide how many tokens are masked, and in what groups.

    Attributes:
      max_predictions_per_seq: P.
      masked_lm_prob: share of the tokens ([CLS] and [SEP] counted) to mask.
      ngram: longest n-gram, in words.
      favor_shorter_ngram: p(n) ~ 1/n; else the same in reverse.
      whole_word: words are masked as a whole; else every piece is a word.
      mask_replacement: of ``MASK_REPLACEMENTS``.
    """

    max_predictions_per_seq: int = 20
    masked_lm_prob: float = 0.15
    ngram: int = 3
    favor_shorter_ngram: bool = True
    whole_word: bool = True
    mask_replacement: str = ORIGINAL_REPLACEMENT

    def ngram_probabilities(self):
        """Returns p(n) for n = 1 .. ngram: float64 [ngram]."""
        weights = 1.0 / np.arange(1, self.ngram + 1)
        if not self.favor_shorter_ngram:
            weights = weights[::-1]
        return weights / weights.sum()

    def budgets(self, lengths):
        """Returns how many tokens to mask for these lengths: int64 [N]."""
        # rint rounds halves to even, as Python's round does in the original.
        wanted = np.rint(np.asarray(lengths) * self.masked_lm_prob)
        return np.minimum(
            self.max_predictions_per_seq, np.maximum(1, wanted)
        ).astype(np.int64)


@dataclasses.dataclass(frozen=True)
class MaskingPieces:
    """Facts about a vocabulary that masking needs.

    Attributes:
      mask_id: id of [MASK].
      replacement_ids: int32 [R], ids allowed as random replacement.
    """

    mask_id: int
    replacement_ids: np.ndarray


@dataclasses.dataclass(frozen=True)
class MaskedInstances:
    """Result of ``mask_instances``.

    Attributes:
      input_ids: int32 [N, S], masked.
      masked_lm_positions: int32 [N, P], ascending, zeros in free slots.
      masked_lm_ids: int32 [N, P], the true ids there.
      masked_lm_weights: float32 [N, P], 1 in used slots, else 0.
      span_counts: int64 [ngram], accepted n-grams of n = 1 .. ngram words.
      replacement_counts: int64 [3], tokens that became [MASK], became a
        random piece, stayed.
    """

    input_ids: np.ndarray
    masked_lm_positions: np.ndarray
    masked_lm_ids: np.ndarray
    masked_lm_weights: np.ndarray
    span_counts: np.ndarray
    replacement_counts: np.ndarray


def mask_instances(instances, settings, pieces, generator):
    """Masks the tokens of assembled instances.

    Args:
      instances: ``albert.text.instances.Instances``.
      settings: ``MaskingSettings``.
      pieces: ``MaskingPieces``.
      generator: ``np.random.Generator``.

    Returns:
      ``MaskedInstances``.
    """
    words = find_words(instances, settings.whole_word)
    taken_words, span_counts = choose_spans(
        words,
        settings.budgets(instances.lengths),
        settings.ngram_probabilities(),
        generator,
    )
    # A token is masked when its word is. Tokens outside words have index -1,
    # which falls on the last column of another row: always free (see `Words`).
    width = taken_words.shape[1]
    first_word = np.arange(len(taken_words))[:, None] * width
    masked = taken_words.ravel()[first_word + words.index_of_token]
    row, position = np.nonzero(masked)
    counts = masked.sum(axis=1)
    slot = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)

    shape = (len(masked), settings.max_predictions_per_seq)
    positions = np.zeros(shape, np.int32)
    labels = np.zeros(shape, np.int32)
    weights = np.zeros(shape, np.float32)
    true_ids = instances.input_ids[row, position]
    positions[row, slot] = position
    labels[row, slot] = true_ids
    weights[row, slot] = 1.0

    random_piece = pieces.replacement_ids[
        generator.integers(len(pieces.replacement_ids), size=len(row))
    ]
    # 0: [MASK], 1: a random piece, 2: as it was.
    outcome = np.searchsorted(
        MASK_REPLACEMENTS[settings.mask_replacement],
        generator.random(len(row)),
        side="right",
    )
    input_ids = instances.input_ids.copy()
    input_ids[row, position] = np.choose(
        outcome, [np.int32(pieces.mask_id), random_piece, true_ids]
    )
    return MaskedInstances(
        input_ids=input_ids,
        masked_lm_positions=positions,
        masked_lm_ids=labels,
        masked_lm_weights=weights,
        span_counts=span_counts,
        replacement_counts=np.bincount(outcome, minlength=3),
    )


@dataclasses.dataclass(frozen=True)
class Words:
    """Words of N instances; special tokens and padding belong to none.

    Attributes:
      counts: int64 [N], number of words.
      starts: int32 [N, W + 1], first token of each word; the last column is
        never a word.
      ends: int32 [N, W + 1], one past the last token of each word.
      segment_ends: int64 [N, 2], one past the last word of segments A and B.
      index_of_token: int32 [N, S], the word of each token, or -1.
    """

    counts: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    segment_ends: np.ndarray
    index_of_token: np.ndarray


def find_words(instances, whole_word):
    """Groups the tokens of each instance into words.

    Args:
      instances: ``albert.text.instances.Instances``.
      whole_word: False makes every token a word.

    Returns:
      ``Words``.
    """
    text = instances.text_mask
    if whole_word:
        start = text & (instances.token_boundary == 1)
        # The first token of a segment starts a word even where the text was
        # cut inside one.
        start[:, 1:] |= text[:, 1:] & ~text[:, :-1]
    else:
        start = text
    end = np.zeros_like(text)
    end[:, :-1] = text[:, :-1] & (start[:, 1:] | ~text[:, 1:])
    end[:, -1] = text[:, -1]

    counts = start.sum(axis=1)
    in_a = instances.segment_ids == 0
    first_segment = (start & in_a).sum(axis=1)
    shape = (len(text), counts.max(initial=0) + 1)
    starts = np.zeros(shape, np.int32)
    ends = np.zeros(shape, np.int32)
    used = np.arange(shape[1]) < counts[:, None]
    # nonzero walks row by row, which is also the order of `used`.
    starts[used] = np.nonzero(start)[1]
    ends[used] = np.nonzero(end)[1] + 1
    index = np.cumsum(start, axis=1, dtype=np.int32) - 1
    index[~text] = -1
    return Words(
        counts=counts,
        starts=starts,
        ends=ends,
        segment_ends=np.stack([first_segment, counts], axis=1),
        index_of_token=index,
    )


def choose_spans(words, budgets, probabilities, generator):
    """Chooses n-grams of words for every instance.

    All instances take a step together: each visits the next word of its own
    random order, until its budget is used or its words are.

    Args:
      words: ``Words``.
      budgets: int64 [N], tokens to mask.
      probabilities: float64 [ngram], p(n).
      generator: ``np.random.Generator``.

    Returns:
      bool [N, W + 1], words taken; int64 [ngram], n-grams of each number of
      words.
    """
    ngram = len(probabilities)
    num_instances, width = words.starts.shape
    thresholds = np.cumsum(probabilities)[:-1]
    # Flat views: taking from them with one index is several times faster
    # than with a pair of indices.
    starts = words.starts.ravel()
    ends = words.ends.ravel()
    order = np.tile(np.arange(width, dtype=np.int32), num_instances)
    taken = np.zeros(num_instances * width + ngram, bool)
    remaining = budgets.copy()
    span_counts = np.zeros(ngram, np.int64)

    active = np.flatnonzero((words.counts > 0) & (remaining > 0))
    step = 0
    while len(active):
        base = active * width
        draw = generator.random((2, len(active)))

        # Random order without replacement: a Fisher-Yates shuffle, carried
        # only as far as it is needed.
        here = base + step
        swap = here + (draw[0] * (words.counts[active] - step)).astype(np.int64)
        word = order[swap]
        order[swap] = order[here]

        n = 1 + np.searchsorted(thresholds, draw[1], side="right")
        first_end = words.segment_ends[active, 0]
        segment_end = np.where(
            word < first_end, first_end, words.segment_ends[active, 1]
        )
        n = np.minimum(n, segment_end - word)

        at = base + word
        start = starts[at]
        budget = remaining[active]
        for _ in range(ngram - 1):
            too_long = ends[at + n - 1] - start > budget
            n -= too_long & (n > 1)
        tokens = ends[at + n - 1] - start
        accepted = tokens <= budget
        for offset in range(ngram):
            accepted &= ~(taken[at + offset] & (offset < n))

        at, n = at[accepted], n[accepted]
        for offset in range(ngram):
            taken[at[n > offset] + offset] = True
        remaining[active[accepted]] -= tokens[accepted]
        span_counts += np.bincount(n - 1, minlength=ngram)

        step += 1
        active = active[(remaining[active] > 0) & (step < words.counts[active])]
    taken = taken[: num_instances * width]
    return taken.reshape(num_instances, width), span_counts
