# SPDX-License-Identifier: Apache-2.0
"""Makes segment pairs from documents, and instances from pairs, as arrays.

A pair is four numbers that point into the flat token ids of a group of
documents; an instance is a row ``[CLS] A [SEP] B [SEP]`` (or ``[CLS] A
[SEP]``).

Sentences are gathered into a chunk of about a target length, the chunk is cut
between two of its sentences, and the pair is shortened at random ends to what
fits: ``albert.text.chunks`` for the sentence-order objective. The objective
"nsp" makes chunks as ``create_instances_from_document`` of the original's
``create_pretraining_data.py`` does: sentences until the target is reached.
So does the sentence-order objective with ``original_segment_pairs``; there,
the sentence that exceeds the target is in the second segment, whose greater
length tells the order.

On purpose different from the original in any case:

* No text of another document enters a pair of the sentence-order objective.
  The original gives a chunk of one sentence a random document's text. Here a
  chunk takes at least two sentences; a single last sentence of a document
  reaches back to the sentences before it until the target is filled. In
  chunks made the original's way, a sentence that fills the whole sequence
  alone, or is all of its document, is cut in two at a random word.
* The target length is drawn for each instance, not once for each document.

Letters: N pairs or instances, T tokens, S tokens in a sequence.
"""

import bisect
import dataclasses
import functools
import itertools

import numpy as np

from albert.text import chunks

# objective → number of special tokens in an instance
SPECIAL_TOKENS = {"sop": 3, "nsp": 3, "none": 2}
OBJECTIVES = tuple(SPECIAL_TOKENS)

_DRAWN_AT_ONCE = 512
# With the special ones two of its tokens are masked (of 15%), so that hardly
# any is without a mask where words of several pieces are masked whole.
_SHORTEST_SENTENCE = 8


@dataclasses.dataclass(frozen=True)
class TokenizedDocuments:
    """Documents as one array of token ids.

    Attributes:
      ids: integers [T], those of pieces; or with the words of a segmenter,
        see ``albert.text.word_segmenters``.
      sentence_lengths: integers, tokens of each sentence, none of them 0.
      document_lengths: integers, sentences of each document, none of them 0.
      unknown_characters: int, characters of unknown pieces, as far as they
        were counted.
    """

    ids: np.ndarray
    sentence_lengths: np.ndarray
    document_lengths: np.ndarray
    unknown_characters: int = 0


@dataclasses.dataclass(frozen=True)
class PairSettings:
    """Settings that decide how sentences become pairs.

    Attributes:
      max_seq_length: S.
      short_seq_prob: share of instances with a shorter target length, which
        is then uniform between 2 and the full one.
      objective: "sop", B follows A or (half of the time) they are swapped;
        "nsp", B follows A or is from another document; "none", A alone.
      original_segment_pairs: make pairs as the original does: nothing is done
        about long sentences, whose ends are lost, nor about lengths that tell
        the order. Means nothing with "none".
      single_sentence_share: with "sop" alone, the share of the pairs that
        become their sentences, each an instance of its own without B. Where
        it is not 0, so do documents that are too short for a pair.
    """

    max_seq_length: int = 512
    short_seq_prob: float = 0.1
    objective: str = "sop"
    original_segment_pairs: bool = False
    single_sentence_share: float = 0.0

    @property
    def max_tokens(self):
        """Number of text tokens that fit in an instance."""
        return self.max_seq_length - SPECIAL_TOKENS[self.objective]


@dataclasses.dataclass(frozen=True)
class SegmentPairs:
    """Pairs of segments: slices of the flat ids, and a label.

    Attributes:
      a_start, a_length, b_start, b_length: int64 [N]; the lengths of B are 0
        with the objective "none", and of single sentences.
      labels: int64 [N], 1 where the pair is swapped ("sop") or B is from
        another document ("nsp").
    """

    a_start: np.ndarray
    a_length: np.ndarray
    b_start: np.ndarray
    b_length: np.ndarray
    labels: np.ndarray

    def __len__(self):
        return len(self.labels)

    def count_used(self, num_tokens):
        """Returns how many of the first ``num_tokens`` are in a segment."""
        starts = np.concatenate([self.a_start, self.b_start])
        stops = starts + np.concatenate([self.a_length, self.b_length])
        order = np.argsort(starts)
        starts, stops = starts[order], stops[order].clip(max=num_tokens)
        reached = np.maximum.accumulate(np.append(0, stops))[:-1]
        return int(np.maximum(stops - np.maximum(starts, reached), 0).sum())

    def swap(self, which):
        """Returns the pairs with A and B exchanged where ``which`` says so."""
        return dataclasses.replace(
            self,
            a_start=np.where(which, self.b_start, self.a_start),
            a_length=np.where(which, self.b_length, self.a_length),
            b_start=np.where(which, self.a_start, self.b_start),
            b_length=np.where(which, self.a_length, self.b_length),
        )

    @property
    def have_two(self):
        """bool [N], whether there is a B."""
        return self.b_length > 0

    def take(self, order):
        """Returns the pairs at the indices ``order``."""
        return SegmentPairs(
            *(
                getattr(self, field.name)[order]
                for field in dataclasses.fields(self)
            )
        )


def pair_segments(
    documents, word_start, settings, generator, other_document=None
):
    """Makes the segment pairs of some documents, in document order.

    Args:
      documents: ``TokenizedDocuments``.
      word_start: bool [V], pieces that start a word.
      settings: ``PairSettings``.
      generator: ``np.random.Generator``.
      other_document: for "nsp" alone: function of (index of the document,
        wanted length) that returns (start, length) of a slice of another
        document in the flat ids. The slice may lie past ``documents.ids``:
        the caller appends what it points to.

    Returns:
      (``SegmentPairs``, int): the pairs, shortened to fit, and the number of
      documents that were too short for one.
    """
    if settings.objective != "none" and not settings.original_segment_pairs:
        documents = chunks.cut_long_sentences(
            documents, word_start, settings.max_tokens, generator
        )
    ends = [0, *itertools.accumulate(documents.sentence_lengths.tolist())]
    make_segments = _choose_segments(
        ends, documents, word_start, settings, generator, other_document
    )
    rows = []
    dropped = 0
    first = 0
    for index, length in enumerate(documents.document_lengths.tolist()):
        already = len(rows)
        rows += make_segments(index, first, first + length)
        if settings.single_sentence_share and len(rows) == already:
            begin, end = ends[first], ends[first + length]
            rows.append((begin, end - begin, 0, 0, 0))
        dropped += len(rows) == already
        first += length
    pairs = SegmentPairs(*np.array(rows, np.int64).reshape(-1, 5).T)
    if settings.single_sentence_share:
        alone = generator.random(len(pairs)) < settings.single_sentence_share
        pairs = _take_apart(pairs, alone, ends)
    if settings.objective == "sop":
        pairs = _swap_half(pairs, generator)
    return _shorten(pairs, settings.max_tokens, generator), dropped


def _choose_segments(
    ends, documents, word_start, settings, generator, other_document
):
    """Returns the function that makes the rows of a document.

    It is a function of (index of the document, its first sentence, the end of
    its sentences) that yields rows of ``SegmentPairs``.
    """
    if settings.objective == "none":
        word_starts = chunks.last_word_starts(documents.ids, word_start)
        targets = _draw_without_end(settings, generator)
        return lambda index, first, end: chunks.single_segments(
            word_starts, ends[first], ends[end], targets
        )
    draws = _draw_for_chunks(
        len(documents.sentence_lengths), settings, generator
    )
    if settings.objective == "sop" and not settings.original_segment_pairs:
        return lambda index, first, end: chunks.paired_segments(
            ends, first, end, draws
        )
    sentences = chunks.Sentences(ends, documents.ids, word_start)
    return lambda index, first, end: chunks.original_segments(
        sentences,
        first,
        end,
        draws,
        settings.max_tokens,
        other_document and functools.partial(other_document, index),
    )


def _draw_without_end(settings, generator):
    """Yields target lengths."""
    while True:
        yield from _draw_targets(_DRAWN_AT_ONCE, settings, generator).tolist()


def _draw_targets(count, settings, generator):
    """Draws target lengths: int64 [count]."""
    full = settings.max_tokens
    short = generator.random(count) < settings.short_seq_prob
    return np.where(
        short, generator.integers(2, full, size=count, endpoint=True), full
    )


def _draw_for_chunks(num_sentences, settings, generator):
    """Returns draws of (target length, place of the cut in [0, 1), coin).

    A chunk uses up at least one sentence, so as many draws as there are
    sentences are enough.
    """
    targets = _draw_targets(num_sentences, settings, generator)
    cuts = generator.random(num_sentences)
    coins = generator.random(num_sentences) < 0.5
    return zip(targets.tolist(), cuts.tolist(), coins.tolist(), strict=True)


def _take_apart(pairs, which, ends):
    """Replaces pairs by their sentences, each an A without B.

    A sentence of few tokens stays with the one after it, at the end with the
    one before.

    Args:
      pairs: ``SegmentPairs`` of which B follows A.
      which: bool [N].
      ends: list of int; sentence i is the tokens from ends[i] to ends[i + 1].
        A part of one counts as a sentence.
    """
    rows = []
    begins = pairs.a_start[which]
    stops = begins + pairs.a_length[which] + pairs.b_length[which]
    for begin, stop in zip(begins.tolist(), stops.tolist(), strict=True):
        first = bisect.bisect_right(ends, begin)
        for end in ends[first : bisect.bisect_left(ends, stop)]:
            if min(end - begin, stop - end) >= _SHORTEST_SENTENCE:
                rows.append((begin, end - begin, 0, 0, 0))
                begin = end
        rows.append((begin, stop - begin, 0, 0, 0))
    rest = pairs.take(~which)
    sentences = SegmentPairs(*np.array(rows, np.int64).reshape(-1, 5).T)
    return SegmentPairs(
        *(
            np.concatenate([getattr(rest, name), getattr(sentences, name)])
            for name in (field.name for field in dataclasses.fields(pairs))
        )
    )


def _swap_half(pairs, generator):
    """Swaps A and B of about half of the pairs, and labels those 1."""
    swap = (generator.random(len(pairs)) < 0.5) & pairs.have_two
    return dataclasses.replace(pairs.swap(swap), labels=swap.astype(np.int64))


def _shorten(pairs, max_tokens, generator):
    """Shortens pairs to ``max_tokens`` at random ends.

    The original takes one token after the other from the longer segment (B
    where they are equal), each from the front or the back with even odds.
    The lengths this ends with are known beforehand, and the number taken
    from the front is binomial.
    """
    a, b = pairs.a_length, pairs.b_length
    # The most that A, and B, keep when both are long; A has the odd token.
    half_a, half_b = (max_tokens + 1) // 2, max_tokens // 2
    a_kept = np.where(b <= half_b, max_tokens - b, half_a)
    a_kept = np.minimum(a, a_kept)
    b_kept = np.minimum(b, max_tokens - a_kept)
    return SegmentPairs(
        a_start=pairs.a_start + generator.binomial(a - a_kept, 0.5),
        a_length=a_kept,
        b_start=pairs.b_start + generator.binomial(b - b_kept, 0.5),
        b_length=b_kept,
        labels=pairs.labels,
    )


@dataclasses.dataclass(frozen=True)
class Instances:
    """Unmasked rows, ready for masking.

    Attributes:
      input_ids: int32 [N, S].
      lengths: int64 [N], tokens of each row, special ones included.
      text_mask: bool [N, S], tokens of text (not special, not padding).
      segment_ids: uint8 [N, S], 1 for B and its [SEP].
      token_boundary: uint8 [N, S], 1 for pieces that start a word, [CLS] and
        [SEP].
      labels: int64 [N].
    """

    input_ids: np.ndarray
    lengths: np.ndarray
    text_mask: np.ndarray
    segment_ids: np.ndarray
    token_boundary: np.ndarray
    labels: np.ndarray


def assemble(
    pairs, ids, max_seq_length, special_ids, word_start, vocabulary_size
):
    """Gathers the tokens of pairs into rows.

    Args:
      pairs: ``SegmentPairs`` that fit ``max_seq_length``.
      ids: integers [T], the flat ids that the pairs point into.
      max_seq_length: S.
      special_ids: ids of (padding, [CLS], [SEP]).
      word_start: bool [V], pieces that start a word; or [2 V], with the words
        of a segmenter.
      vocabulary_size: V.

    Returns:
      ``Instances``. Pairs whose B is empty become ``[CLS] A [SEP]``.
    """
    text_end = len(ids)
    flat = np.concatenate([ids.astype(np.int32), np.int32(special_ids)])
    position = np.arange(max_seq_length, dtype=np.int32)
    column = [
        np.asarray(values, np.int32)[:, None]
        for values in (
            pairs.a_start,
            pairs.a_length,
            pairs.b_start,
            pairs.b_length,
        )
    ]
    a_start, a_length, b_start, b_length = column
    has_b = b_length > 0
    first_sep = a_length + 1
    last_sep = np.where(has_b, first_sep + b_length + 1, first_sep)

    real = position <= last_sep
    in_b = position > first_sep
    special = (position == 0) | (position == first_sep) | (position == last_sep)
    source = position + np.where(in_b, b_start - first_sep - 1, a_start - 1)
    source[~real] = text_end
    source[:, 0] = text_end + 1
    rows = np.arange(len(source))
    source[rows, first_sep[:, 0]] = text_end + 2
    source[rows, last_sep[:, 0]] = text_end + 2
    input_ids = flat[source]
    boundary = real & (word_start[input_ids] | special)
    if len(word_start) > vocabulary_size:
        input_ids %= vocabulary_size
    return Instances(
        input_ids=input_ids,
        lengths=last_sep[:, 0].astype(np.int64) + 1,
        text_mask=real & ~special,
        segment_ids=(real & in_b).astype(np.uint8),
        token_boundary=boundary.astype(np.uint8),
        labels=pairs.labels,
    )
