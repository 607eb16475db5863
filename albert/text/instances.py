# SPDX-License-Identifier: Apache-2.0
"""Makes segment pairs from documents, and instances from pairs, as arrays.

A pair is four numbers that point into the flat token ids of a group of
documents; an instance is a row ``[CLS] A [SEP] B [SEP]`` (or ``[CLS] A
[SEP]``). Behaviour follows ``create_instances_from_document`` of the
original's ``create_pretraining_data.py``: sentences are gathered into a chunk
until a target length is reached, the chunk is cut between two of its
sentences, and the pair is shortened at random ends to what fits.

On purpose different:

* No text of another document enters a pair of the sentence-order objective.
  The original gives a chunk of one sentence a random document's text. Here a
  chunk takes at least two sentences; a single last sentence of a document
  reaches back to the sentences before it until the target is filled; a
  sentence that fills the whole sequence alone, or is all of its document, is
  cut in two at a random word.
* The target length is drawn for each instance, not once for each document.

Letters: N pairs or instances, T tokens, S tokens in a sequence.
"""

import bisect
import dataclasses
import functools
import itertools

import numpy as np

# objective → number of special tokens in an instance
SPECIAL_TOKENS = {"sop": 3, "nsp": 3, "none": 2}
OBJECTIVES = tuple(SPECIAL_TOKENS)


@dataclasses.dataclass(frozen=True)
class TokenizedDocuments:
    """Documents as one array of token ids.

    Attributes:
      ids: integers [T].
      sentence_lengths: integers, tokens of each sentence, none of them 0.
      document_lengths: integers, sentences of each document, none of them 0.
    """

    ids: np.ndarray
    sentence_lengths: np.ndarray
    document_lengths: np.ndarray


@dataclasses.dataclass(frozen=True)
class PairSettings:
    """Settings that decide how sentences become pairs.

    Attributes:
      max_seq_length: S.
      short_seq_prob: share of instances with a shorter target length, which
        is then uniform between 2 and the full one.
      objective: "sop", B follows A or (half of the time) they are swapped;
        "nsp", B follows A or is from another document; "none", A alone.
    """

    max_seq_length: int = 512
    short_seq_prob: float = 0.1
    objective: str = "sop"

    @property
    def max_tokens(self):
        """Number of text tokens that fit in an instance."""
        return self.max_seq_length - SPECIAL_TOKENS[self.objective]


@dataclasses.dataclass(frozen=True)
class SegmentPairs:
    """Pairs of segments: slices of the flat ids, and a label.

    Attributes:
      a_start, a_length, b_start, b_length: int64 [N]; the lengths of B are 0
        with the objective "none".
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
    ends = [0, *itertools.accumulate(documents.sentence_lengths.tolist())]
    sentences = _Sentences(ends, documents.ids, word_start)
    draws = _draw_for_chunks(
        len(documents.sentence_lengths), settings, generator
    )
    rows = []
    dropped = 0
    first = 0
    for index, length in enumerate(documents.document_lengths.tolist()):
        already = len(rows)
        end = first + length
        if settings.objective == "none":
            rows += _single_segments(sentences, first, end, draws)
        elif settings.objective == "sop":
            rows += _consecutive_segments(
                sentences, first, end, draws, settings.max_tokens
            )
        else:
            rows += _consecutive_segments(
                sentences,
                first,
                end,
                draws,
                settings.max_tokens,
                functools.partial(other_document, index),
            )
        dropped += len(rows) == already
        first = end
    pairs = SegmentPairs(*np.array(rows, np.int64).reshape(-1, 5).T)
    if settings.objective == "sop":
        pairs = _swap_half(pairs, generator)
    return _shorten(pairs, settings.max_tokens, generator), dropped


def _draw_for_chunks(num_sentences, settings, generator):
    """Returns draws of (target length, place of the cut in [0, 1), coin).

    A chunk uses up at least one sentence, so as many draws as there are
    sentences are enough.
    """
    full = settings.max_tokens
    short = generator.random(num_sentences) < settings.short_seq_prob
    targets = np.where(
        short,
        generator.integers(2, full, size=num_sentences, endpoint=True),
        full,
    )
    cuts = generator.random(num_sentences)
    coins = generator.random(num_sentences) < 0.5
    return zip(targets.tolist(), cuts.tolist(), coins.tolist(), strict=True)


@dataclasses.dataclass(frozen=True)
class _Sentences:
    """Sentences as offsets of tokens.

    Sentence i holds the tokens from ``ends[i]`` to ``ends[i + 1]``.
    """

    ends: list
    ids: np.ndarray
    word_start: np.ndarray

    def fill(self, begin, document_end, target):
        """Returns the end of a chunk that begins at ``begin``, exclusive."""
        # bisect answers document_end where the document is too short.
        return bisect.bisect_left(
            self.ends, self.ends[begin] + target, begin + 1, document_end
        )

    def reach_back(self, document_begin, stop, target):
        """Returns the first sentence of a chunk that ends before ``stop``.

        The chunk has at least two sentences.
        """
        filled = bisect.bisect_right(
            self.ends, self.ends[stop] - target, document_begin, stop
        )
        return max(document_begin, min(filled - 1, stop - 2))

    def cut_at_word(self, sentence, draw):
        """Returns the offset of a random word start in a sentence, or None."""
        first = self.ends[sentence] + 1
        inside = self.ids[first : self.ends[sentence + 1]]
        words = np.flatnonzero(self.word_start[inside])
        return (
            first + int(words[int(draw * len(words))]) if len(words) else None
        )


def _single_segments(sentences, first, end, draws):
    """Yields rows of ``SegmentPairs`` without B, from one document."""
    ends = sentences.ends
    while first < end:
        target, _, _ = next(draws)
        stop = sentences.fill(first, end, target)
        yield ends[first], ends[stop] - ends[first], 0, 0, 0
        first = stop


def _consecutive_segments(
    sentences, document_begin, end, draws, max_tokens, other_document=None
):
    """Yields rows of ``SegmentPairs`` with A before B, from one document.

    With ``other_document``, B is half of the time its answer to a number of
    tokens.
    """
    ends = sentences.ends
    first = document_begin
    while first < end:
        target, cut, coin = next(draws)
        begin, stop = first, sentences.fill(first, end, target)
        middle = None
        if stop - begin == 1:
            fills_sequence = ends[stop] - ends[begin] >= max_tokens
            if fills_sequence or end - document_begin == 1:
                middle = sentences.cut_at_word(begin, cut)
            if middle is None and stop < end:
                stop += 1
            elif middle is None and end - document_begin > 1:
                begin = sentences.reach_back(document_begin, stop, target)
            elif middle is None:
                return
        resume = stop
        if middle is None:
            split = begin + 1 + int(cut * (stop - begin - 1))
            middle = ends[split]
            # What follows A is used again when B comes from elsewhere, but
            # not where the same chunk would come again.
            resume = split if begin == first else stop
        a_length = middle - ends[begin]
        if other_document is not None and coin:
            yield ends[begin], a_length, *other_document(target - a_length), 1
            first = resume
        else:
            yield ends[begin], a_length, middle, ends[stop] - middle, 0
            first = stop


def _swap_half(pairs, generator):
    """Swaps A and B of about half of the pairs, and labels those 1."""
    swap = generator.random(len(pairs)) < 0.5
    return SegmentPairs(
        a_start=np.where(swap, pairs.b_start, pairs.a_start),
        a_length=np.where(swap, pairs.b_length, pairs.a_length),
        b_start=np.where(swap, pairs.a_start, pairs.b_start),
        b_length=np.where(swap, pairs.a_length, pairs.b_length),
        labels=swap.astype(np.int64),
    )


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


def assemble(pairs, ids, max_seq_length, special_ids, word_start):
    """Gathers the tokens of pairs into rows.

    Args:
      pairs: ``SegmentPairs`` that fit ``max_seq_length``.
      ids: integers [T], the flat ids that the pairs point into.
      max_seq_length: S.
      special_ids: ids of (padding, [CLS], [SEP]).
      word_start: bool [V].

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
    return Instances(
        input_ids=input_ids,
        lengths=last_sep[:, 0].astype(np.int64) + 1,
        text_mask=real & ~special,
        segment_ids=(real & in_b).astype(np.uint8),
        token_boundary=(real & (word_start[input_ids] | special)).astype(
            np.uint8
        ),
        labels=pairs.labels,
    )
