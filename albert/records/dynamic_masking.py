# SPDX-License-Identifier: Apache-2.0
"""Masks segment pairs while a model is trained, with TensorFlow's operations.

The masks have the distribution of ``albert.text.masking``, which says how words
are chosen; segments are swapped as ``albert.text.instances`` does it. What is
drawn for a record depends on its key alone (``albert.records.draws``). All rows
take a step together, as they do there: hundreds of rows at once cost little
more than one.

Letters: N rows, S tokens in a sequence, P masked-token slots, W words of the
row with most words.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from albert.records import draws
from albert.text.masking import MASK_REPLACEMENTS

# What a number is drawn for: the first index of each purpose.
_FOR_SEGMENT_ORDER = 0
_FOR_ODD_TOKEN = 1
_FOR_ENDS = 2  # And the one after it.
_FOR_PLACE = 4
_FOR_WORDS = 1 << 20
_FOR_TOKENS = 2 << 20


@dataclasses.dataclass(frozen=True)
class Rows:
    """Assembled rows ``[CLS] A [SEP] B [SEP]``, or ``[CLS] A [SEP]``.

    Attributes:
      input_ids: int32 [N, S].
      first_sep, last_sep: int32 [N], positions; equal without B.
      starts: bool [N, S], tokens of text that start a word.
      labels: int32 [N], 1 where the segments are swapped, or B is of another
        document.
    """

    input_ids: tf.Tensor
    first_sep: tf.Tensor
    last_sep: tf.Tensor
    starts: tf.Tensor
    labels: tf.Tensor


def assemble(tokens, lengths, labels, keys, unmasked, max_seq_length):
    """Puts the tokens of pairs between the special ones.

    Args:
      tokens: int32 [N, T], those of A and B one after the other, then zeros;
        see ``albert.records.unmasked_pairs``.
      lengths: int32 [N, 2], of A and B, for which ``unmasked.fits``.
      labels: int32 [N], with the objective "nsp"; else not used.
      keys: uint64 [N].
      unmasked: ``UnmaskedPairs``.
      max_seq_length: S.

    Returns:
      ``Rows``. With the objective "sop", half of the pairs are swapped;
      what has no B has the label 0.
    """
    a_length, b_length = lengths[:, 0], lengths[:, 1]
    first_start, second_start = tf.zeros_like(a_length), a_length
    if unmasked.objective == "sop":
        labels = (
            draws.high_bits(draws.random_bits(keys, _FOR_SEGMENT_ORDER)) % 2
        )
        labels = tf.where(b_length > 0, labels, 0)
        swapped = labels == 1
        first_start = tf.where(swapped, a_length, 0)
        second_start = tf.where(swapped, 0, a_length)
        a_length = tf.where(swapped, b_length, a_length)
    elif unmasked.objective == "none":
        labels = tf.zeros_like(a_length)
    has_b = tf.cast(b_length > 0, tf.int32)
    first_sep = a_length + 1
    last_sep = tf.reduce_sum(lengths, axis=1) + 1 + has_b

    position = tf.range(max_seq_length)
    first, last = first_sep[:, tf.newaxis], last_sep[:, tf.newaxis]
    in_b = position > first
    separator = (position == first) | (position == last)
    text = (position > 0) & (position < last) & ~separator
    source = position + tf.where(
        in_b,
        second_start[:, tf.newaxis] - first - 1,
        first_start[:, tf.newaxis] - 1,
    )
    tokens = tf.gather(tokens, tf.where(text, source, 0), batch_dims=1)
    # The sign bit says that a piece starts a word.
    ids = tokens & np.iinfo(unmasked.token_dtype).max
    input_ids = tf.where(
        text,
        ids,
        tf.where(
            position == 0,
            unmasked.cls_id,
            tf.where(separator, unmasked.sep_id, unmasked.pad_id),
        ),
    )
    starts = text
    if unmasked.masking.whole_word:
        # Even where the text was cut inside a word.
        starts &= (tokens < 0) | (position == 1) | (position == first + 1)
    return Rows(input_ids, first_sep, last_sep, starts, labels)


def shorten(tokens, lengths, keys, room):
    """Shortens pairs to a number of tokens.

    The longer segment is cut, both where both are long. Each loses its
    beginning or its end, as a coin falls, so that about half of the segments
    still begin, and end, where sentences do. Whether a segment is A or B has
    no part in it: else what is cut, or a length, would tell their order.

    Args:
      tokens, lengths, keys: as for ``assemble``.
      room: int, tokens of text at most, at least 2.

    Returns:
      (tokens int32 [N, room], lengths int32 [N, 2]); what fits stays as it is.
    """
    a, b = lengths[:, 0], lengths[:, 1]
    odd = draws.high_bits(draws.random_bits(keys, _FOR_ODD_TOKEN)) % 2
    half_a = (room + odd) // 2
    a_kept = tf.minimum(a, tf.where(b <= room - half_a, room - b, half_a))
    b_kept = tf.minimum(b, room - a_kept)
    coins = draws.random_bits(keys[:, tf.newaxis], _FOR_ENDS + tf.range(2))
    kept = tf.stack([a_kept, b_kept], axis=1)
    first = (lengths - kept) * (draws.high_bits(coins) % 2)
    position = tf.range(room)
    source = position + tf.where(
        position < a_kept[:, tf.newaxis],
        first[:, :1],
        (a - a_kept + first[:, 1])[:, tf.newaxis],
    )
    is_text = position < tf.reduce_sum(kept, axis=1, keepdims=True)
    found = tf.gather(tokens, tf.where(is_text, source, 0), batch_dims=1)
    return tf.where(is_text, found, 0), kept


def place_text(keys, max_seq_length, longest):
    """Draws where in longer sequences the text of shortened ones stands.

    A model that is trained on short sequences first would not know the later
    positions at all when it comes to long ones. [CLS] stays at the first: there
    alone it is, whatever the length.

    Args:
      keys: uint64 [N].
      max_seq_length: S.
      longest: int, the length of the longer sequences.

    Returns:
      int32 [N, S], for each token a position below ``longest``.
    """
    bits = draws.high_bits(draws.random_bits(keys, _FOR_PLACE))
    shift = bits % (longest - max_seq_length + 1)
    position = tf.range(max_seq_length)
    return position + tf.where(position == 0, 0, shift[:, tf.newaxis])


def mask_rows(rows, keys, unmasked):
    """Masks rows: the batch that a model reads.

    Args:
      rows: ``Rows``.
      keys: uint64 [N].
      unmasked: ``UnmaskedPairs``.

    Returns:
      dict of the ``model_fields`` of ``PretrainingSchema``.
    """
    masking = unmasked.masking
    taken = choose_tokens(rows, keys, masking)
    places = tf.where(taken)  # Row by row, ascending.
    row, position = places[:, 0], places[:, 1]
    true_ids = tf.boolean_mask(rows.input_ids, taken)
    bits = draws.random_bits(tf.gather(keys, row), _FOR_TOKENS + position)
    replacement_ids = tf.constant(unmasked.replacement_ids, tf.int32)
    random_piece = tf.gather(
        replacement_ids,
        draws.high_bits(bits) % len(unmasked.replacement_ids),
    )
    outcome = draws.low_fraction(bits)
    is_mask, is_other = MASK_REPLACEMENTS[masking.mask_replacement]
    seen_ids = tf.where(
        outcome < is_mask,
        unmasked.mask_id,
        tf.where(outcome < is_other, random_piece, true_ids),
    )

    def in_slots(values):
        slots = tf.RaggedTensor.from_value_rowids(
            values, row, tf.shape(taken, tf.int64)[0], validate=False
        )
        return slots.to_tensor(shape=[None, masking.max_predictions_per_seq])

    positions = tf.range(tf.shape(taken)[1])
    last = rows.last_sep[:, tf.newaxis]
    in_b = positions > rows.first_sep[:, tf.newaxis]
    return {
        "input_ids": tf.tensor_scatter_nd_update(
            rows.input_ids, places, seen_ids
        ),
        "input_mask": tf.cast(positions <= last, tf.int32),
        "segment_ids": tf.cast(in_b & (positions <= last), tf.int32),
        "masked_lm_positions": in_slots(tf.cast(position, tf.int32)),
        "masked_lm_ids": in_slots(true_ids),
        "masked_lm_weights": in_slots(tf.ones_like(true_ids, tf.float32)),
        "next_sentence_labels": rows.labels[:, tf.newaxis],
    }


def choose_tokens(rows, keys, masking):
    """Chooses the tokens to predict, as ``masking.choose_spans`` does.

    Args:
      rows: ``Rows``.
      keys: uint64 [N].
      masking: ``albert.text.masking.MaskingSettings``.

    Returns:
      bool [N, S].
    """
    starts = rows.starts
    num_rows, length = tf.shape(starts)[0], tf.shape(starts)[1]
    position = tf.range(length)

    # Words and the special tokens between them, in one list for each row:
    # ``bounds[i + n]`` is where n words from i on end.
    bound = (
        starts
        | (position == 0)
        | (position == rows.first_sep[:, tf.newaxis])
        | (position == rows.last_sep[:, tf.newaxis])
    )
    places = tf.where(bound)
    bounds = tf.RaggedTensor.from_value_rowids(
        tf.cast(places[:, 1], tf.int32),
        places[:, 0],
        tf.cast(num_rows, tf.int64),
        validate=False,
    ).to_tensor()
    index_of_bound = tf.cumsum(tf.cast(bound, tf.int32), axis=1) - 1
    bound_before = tf.gather(bounds, index_of_bound, batch_dims=1)

    # Each row's words in a random order, and where an n-gram would end there
    # if the budget allows it. What is no word comes last, with nothing in it.
    word = tf.range(tf.shape(bounds)[1])
    is_word = tf.gather(starts, bounds, batch_dims=1)
    bits = draws.random_bits(keys[:, tf.newaxis], _FOR_WORDS + word)
    _, order = tf.math.top_k(
        tf.where(is_word, draws.high_bits(bits), -1), tf.shape(bounds)[1]
    )
    n = 1 + tf.searchsorted(
        np.cumsum(masking.ngram_probabilities())[:-1],
        tf.reshape(draws.low_fraction(bits), [-1]),
        side="right",
    )

    def index_at(at):
        return tf.gather(index_of_bound, at[:, tf.newaxis], batch_dims=1)

    first_end, last_end = index_at(rows.first_sep), index_at(rows.last_sep)
    segment_end = tf.where(word < first_end, first_end, last_end)
    end = tf.minimum(word + tf.reshape(n, tf.shape(bounds)), segment_end)
    ends = tf.gather(bounds, end, batch_dims=1)

    def in_order(values):
        values = tf.where(is_word, values, 0)
        return tf.transpose(tf.gather(values, order, batch_dims=1))

    begins, ends = in_order(bounds), in_order(ends)
    num_words = tf.reduce_max(tf.reduce_sum(tf.cast(is_word, tf.int32), 1))
    bound_before = tf.reshape(bound_before, [-1])
    first_of_row = tf.range(num_rows) * length

    def take_next(step, remaining, taken):
        begin = begins[step]
        # Shortened to the words that the budget has room for; to none, too.
        end = tf.minimum(ends[step], begin + remaining)
        end = tf.gather(bound_before, first_of_row + end)
        span = (position >= begin[:, tf.newaxis]) & (
            position < end[:, tf.newaxis]
        )
        free = (end > begin) & ~tf.reduce_any(taken & span, axis=1)
        return (
            step + 1,
            remaining - tf.where(free, end - begin, 0),
            taken | (span & free[:, tf.newaxis]),
        )

    _, _, taken = tf.while_loop(
        lambda step, remaining, _: (
            (step < num_words) & tf.reduce_any(remaining > 0)
        ),
        take_next,
        (
            0,
            _budgets(rows.last_sep + 1, masking),
            tf.zeros([num_rows, length], tf.bool),
        ),
        parallel_iterations=1,
    )
    return taken


def _budgets(lengths, masking):
    """Returns ``masking.budgets(lengths)``: int32 [N]."""
    wanted = tf.round(tf.cast(lengths, tf.float64) * masking.masked_lm_prob)
    budget = tf.minimum(
        tf.maximum(wanted, 1.0), masking.max_predictions_per_seq
    )
    return tf.cast(budget, tf.int32)
