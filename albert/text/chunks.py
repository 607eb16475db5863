# SPDX-License-Identifier: Apache-2.0
"""Cuts documents into chunks that fill a sequence, and chunks in two.

Nothing about a pair's lengths or ends may tell the order of its segments, so
the first and the second segment are made alike: chunks are taken from the
beginning or the end of what is left of a document, at random; a chunk ends at
the border of sentences that is nearest to its target, and is cut in two at the
border nearest to a random place. Sentences that are longer than a sequence
count as several, with borders between words.

The original's way is here too (``original_segments``): sentences are taken
until the target is reached, so that the one that exceeds it is always in the
second segment.

Letters: T tokens.
"""

import bisect
import dataclasses

import numpy as np

# Parts of a long sentence are shifted by up to this share of their length, so
# that passes cut it in different places.
_MOST_SHIFT = 0.4
# A border moves by up to this share of a part's length to be at a word.
_MOST_MOVE = 0.25


def cut_long_sentences(documents, word_start, max_tokens, generator):
    """Cuts sentences of more than ``max_tokens`` into parts, two a sequence.

    Borders are at the starts of words; where none is near, as in scripts
    without spaces or in numbers of a thousand digits, at any piece.

    Args:
      documents: ``albert.text.instances.TokenizedDocuments``.
      word_start: bool [V], pieces that start a word.
      max_tokens: int, tokens of text in a sequence, at least 2.
      generator: ``np.random.Generator``.

    Returns:
      ``TokenizedDocuments`` in which each part is a sentence.
    """
    lengths = documents.sentence_lengths.astype(np.int64)
    counts = np.ones_like(lengths)
    is_long = lengths > max_tokens
    if not is_long.any():
        return documents
    counts[is_long] = -(-lengths[is_long] // (max_tokens // 2))
    part = np.arange(counts.sum()) - np.repeat(
        np.cumsum(counts) - counts, counts
    )
    part_length = np.repeat(lengths / counts, counts)
    shift = generator.uniform(-_MOST_SHIFT, _MOST_SHIFT, len(lengths))
    starts = np.repeat(np.cumsum(lengths) - lengths, counts)
    inner = part > 0
    wanted = (part + np.repeat(shift, counts)) * part_length + starts
    starts[inner] = _move_to_words(
        wanted[inner], part_length[inner], word_start[documents.ids]
    )
    document_ends = np.cumsum(counts)[np.cumsum(documents.document_lengths) - 1]
    return dataclasses.replace(
        documents,
        sentence_lengths=np.diff(starts, append=len(documents.ids)),
        document_lengths=np.diff(document_ends, prepend=0),
    )


def _move_to_words(wanted, part_lengths, starts_word):
    """Returns the nearest word start of each place, or the nearest token."""
    words = np.flatnonzero(starts_word)
    nearest = np.rint(wanted).astype(np.int64)
    if not len(words):
        return nearest
    above = np.searchsorted(words, wanted).clip(1, len(words) - 1)
    below = words[above - 1]
    above = words[above]
    word = np.where(wanted - below < above - wanted, below, above)
    is_near = np.abs(word - wanted) <= _MOST_MOVE * part_lengths
    return np.where(is_near, word, nearest)


def last_word_starts(ids, word_start):
    """Returns the last word start at or before each token: int64 [T]."""
    at = np.arange(len(ids))
    return np.maximum.accumulate(np.where(word_start[ids], at, 0))


def single_segments(word_starts, begin, end, targets):
    """Yields rows of ``SegmentPairs`` without B that use up a document.

    Args:
      word_starts: ``last_word_starts`` of the tokens.
      begin, end: the document's tokens.
      targets: iterator over the lengths that are wanted, at least 2. A
        segment is shorter where it would end inside a word.
    """
    while begin < end:
        target = next(targets)
        stop = begin + target
        if stop < end:
            word = int(word_starts[stop])
            # Else a word without end: it is cut.
            stop = word if word - begin > target // 2 else stop
        stop = min(stop, end)
        yield begin, stop - begin, 0, 0, 0
        begin = stop


def paired_segments(ends, document_begin, document_end, draws):
    """Yields rows of ``SegmentPairs`` with A before B, from one document.

    A pair has at least two sentences, so a document of one has none. Where
    one sentence is left, those beside it fill the sequence once more.

    Args:
      ends: list of int; sentence i is the tokens from ends[i] to ends[i + 1].
      document_begin, document_end: the document's sentences.
      draws: iterator over (target length, place of the cut in [0, 1), whether
        the chunk is taken from the beginning), one for each sentence.
    """
    first, last = document_begin, document_end
    if last - first < 2:
        return
    while first < last:
        target, cut, forward = next(draws)
        lowest, highest = first, last
        if last - first == 1:
            lowest, highest = document_begin, document_end
            forward = last < document_end and (
                forward or first == document_begin
            )
        if forward:
            # A quarter more: of two borders that are equally near, the
            # farther one is taken in both directions.
            place = ends[first] + target + 0.25
            begin = first
            stop = first = _nearest(ends, place, begin + 2, highest)
        else:
            place = ends[last] - target - 0.25
            stop = last
            begin = last = _nearest(ends, place, lowest, stop - 2)
        place = ends[begin] + cut * (ends[stop] - ends[begin])
        middle = ends[_nearest(ends, place, begin + 1, stop - 1)]
        yield ends[begin], middle - ends[begin], middle, ends[stop] - middle, 0


def _nearest(ends, place, low, high):
    """Returns the index from low to high whose end is nearest to a place."""
    above = bisect.bisect_left(ends, place, low, high)
    if above > low and place - ends[above - 1] < ends[above] - place:
        return above - 1
    return above


@dataclasses.dataclass(frozen=True)
class Sentences:
    """Sentences as offsets of tokens, for chunks made the original's way.

    Attributes:
      ends: list of int; sentence i is the tokens from ends[i] to ends[i + 1].
      ids: integers [T].
      word_start: bool [V], pieces that start a word.
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


def original_segments(
    sentences, document_begin, end, draws, max_tokens, other_document
):
    """Yields rows of ``SegmentPairs`` as the original cuts one document.

    Args:
      sentences: ``Sentences``.
      document_begin, end: the document's sentences.
      draws: as for ``paired_segments``; the third one takes B from
        ``other_document``, if that is given.
      max_tokens: int, tokens of text in a sequence.
      other_document: function of a number of tokens that returns (start,
        length) of text from another document, or None.
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
