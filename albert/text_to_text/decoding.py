# SPDX-License-Identifier: Apache-2.0
"""Beam search: the likeliest texts that a model writes for its sources.

A beam of K hypotheses is extended piece by piece. One that ends keeps its
place in the beam and is not extended any more, so that the beam shrinks as
hypotheses end: a beam of one is greedy search, and one as large as the number
of texts is exhaustive search. The whole search is one TensorFlow function.

Letters: B sources, S their positions, K hypotheses of each, T positions of
the target, V pieces in the vocabulary.
"""

import tensorflow as tf

from albert.errors import UserError

_NEVER = float("-inf")


class BeamSearch:
    """Function from sources to the K likeliest targets of each.

    A target's score is ``log p(Y) / ((5 + |Y|) / 6)^α`` (Wu et al. 2016,
    section 7, without a coverage penalty), where |Y| counts the pieces and
    the [SEP] that ends them. Of equal scores, the hypothesis that ended first
    comes first, and of those that end together the one whose hypothesis stood
    before the other's a piece earlier. Of equally likely hypotheses that go on,
    those of the one that stood first come first, then the lower piece id.

    A source is searched until none of its hypotheses that go on can get a
    better score than those that have ended: log p falls with each piece and
    the divisor is at most that of T pieces. So a source's targets do not
    depend on the others of its batch, nor on padding, but for rounding: in
    batches of other shapes sums are made in another order, so that scores
    differ by some 1e-5 (float32) or 1e-1 (bfloat16), and two targets whose
    scores are closer than that can change places. A hypothesis of T - 1 pieces
    must end.

    Args:
      model: ``AlbertEncoderDecoder``.
      tokenizer: with ``cls_id``, ``sep_id``, ``pad_id`` and ``mask_id``;
        these but [SEP] are never written.
      beam_size: int, K. 1 is greedy search.
      length_penalty: float from 0, α; 0 compares log-probabilities alone.
      max_target_length: int, T, [SEP] counted.
      num_best: int up to K, targets that are returned.

    Call arguments:
      input_ids, input_mask: int32 [B, S], as of ``AlbertEncoder``.

    Returns:
      (ids int32 [B, num_best, T], scores float32 [B, num_best]), the best
      first; [SEP] ends the ids and [PAD] stands behind it. Where there are
      not so many targets, ids are [PAD] and the score is -inf.

    Raises:
      UserError: more targets than the beam has, or more positions than the
        model has.
    """

    def __init__(
        self,
        model,
        tokenizer,
        *,
        beam_size,
        length_penalty,
        max_target_length,
        num_best=1,
    ):
        config = model.config
        positions = config.longest_sequence
        if max_target_length > positions:
            raise UserError(
                f"max_target_length is {max_target_length}: the model has "
                f"{positions} positions: choose no more than that"
            )
        if num_best > beam_size:
            raise UserError(
                f"num_best is {num_best}: a beam of {beam_size} finds no more "
                "than its size: choose a larger beam_size"
            )
        self._model = model
        self._cls_id, self._sep_id = tokenizer.cls_id, tokenizer.sep_id
        self._pad_id = tokenizer.pad_id
        self._beam_size = beam_size
        self._num_best = num_best
        self._max_length = max_target_length
        pieces = tf.range(config.vocab_size)
        excluded = [tokenizer.cls_id, tokenizer.pad_id, tokenizer.mask_id]
        is_excluded = tf.reduce_any(
            pieces[:, tf.newaxis] == tf.constant(excluded), axis=1
        )
        # Added to log-probabilities of pieces; at the last position [SEP] is
        # the only one.
        self._excluded = tf.where(is_excluded, _NEVER, 0.0)
        self._all_but_sep = tf.where(pieces == self._sep_id, 0.0, _NEVER)
        lengths = tf.range(1, max_target_length + 1)
        self._divisors = (
            (5.0 + tf.cast(lengths, tf.float32)) / 6.0
        ) ** length_penalty
        integers = tf.TensorSpec([None, None], tf.int32)
        self._search = tf.function(
            self._search_batch,
            input_signature=[integers, integers],
            autograph=False,
        )

    def __call__(self, input_ids, input_mask):
        return self._search(input_ids, input_mask)

    def _search_batch(self, input_ids, input_mask):
        batch, beam = tf.shape(input_ids)[0], self._beam_size
        encoded = self._model.encode(
            {"input_ids": input_ids, "input_mask": input_mask}
        )
        # One hypothesis at first: the others would be its copies.
        totals = tf.where(tf.range(beam) == 0, 0.0, _NEVER)
        ids = tf.fill([batch, beam, self._max_length], self._pad_id)
        caches = self._model.empty_caches(batch * beam)
        state = {
            "ids": ids,
            "last": tf.fill([batch, beam], self._cls_id),
            "totals": tf.tile(totals[tf.newaxis], [batch, 1]),
            "ended_ids": ids,
            "ended_scores": tf.fill([batch, beam], _NEVER),
            "caches": caches,
        }
        shapes = tf.nest.map_structure(
            lambda value: tf.TensorShape([None] * value.shape.rank), state
        )
        _, state = tf.while_loop(
            lambda position, state: self._can_improve(state),
            lambda position, state: (
                position + 1,
                self._extend(position, state, encoded),
            ),
            (tf.constant(0), state),
            shape_invariants=(tf.TensorShape([]), shapes),
            maximum_iterations=self._max_length,
        )
        scores = state["ended_scores"][:, : self._num_best]
        ids = tf.where(
            scores[..., tf.newaxis] > _NEVER,
            state["ended_ids"][:, : self._num_best],
            self._pad_id,
        )
        shape = [None, self._num_best]
        return (
            tf.ensure_shape(ids, [*shape, self._max_length]),
            tf.ensure_shape(scores, shape),
        )

    def _can_improve(self, state):
        """Returns whether any source can get another target than it has."""
        bound = tf.reduce_max(state["totals"], axis=1) / self._divisors[-1]
        return tf.reduce_any(
            bound > state["ended_scores"][:, self._num_best - 1]
        )

    def _extend(self, position, state, encoded):
        """Extends the hypotheses by the piece of a position."""
        logits, caches = self._model.extend(
            state["last"], position, state["caches"], encoded
        )
        is_last = position == self._max_length - 1
        log_probs = (
            tf.nn.log_softmax(logits)
            + self._excluded
            + tf.where(is_last, self._all_but_sep, 0.0)
        )
        vocabulary = tf.shape(logits)[2]
        # Of equal values, top_k has that of the lower index first.
        totals, places = tf.math.top_k(
            tf.reshape(
                state["totals"][..., tf.newaxis] + log_probs,
                tf.stack([-1, self._beam_size * vocabulary]),
            ),
            self._beam_size,
        )  # [B, K]
        parents, pieces = places // vocabulary, places % vocabulary
        num_ended = tf.reduce_sum(
            tf.cast(state["ended_scores"] > _NEVER, tf.int32),
            axis=1,
            keepdims=True,
        )
        has_place = tf.range(self._beam_size) < self._beam_size - num_ended
        ends = pieces == self._sep_id
        ids = tf.where(
            tf.range(self._max_length) == position,
            pieces[..., tf.newaxis],
            tf.gather(state["ids"], parents, batch_dims=1),
        )
        scores = tf.where(
            has_place & ends, totals / self._divisors[position], _NEVER
        )
        ended_scores, order = tf.math.top_k(
            tf.concat([state["ended_scores"], scores], axis=1), self._beam_size
        )
        ended_ids = tf.concat([state["ended_ids"], ids], axis=1)
        first_rows = self._beam_size * tf.range(tf.shape(pieces)[0])
        rows = tf.reshape(parents + first_rows[:, tf.newaxis], [-1])
        return {
            "ids": ids,
            "last": pieces,
            "totals": tf.where(has_place & ~ends, totals, _NEVER),
            "ended_ids": tf.gather(ended_ids, order, batch_dims=1),
            "ended_scores": ended_scores,
            "caches": tf.nest.map_structure(
                lambda cache: tf.gather(cache, rows), caches
            ),
        }
