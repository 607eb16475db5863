# SPDX-License-Identifier: Apache-2.0
"""Defines the signature that answers a question from its context.

As ``albert.tasks.squad.windows`` and ``albert.tasks.squad.decoding``, in
TensorFlow ops.

Letters: N questions, W windows of all of them, S positions, P pieces of all
contexts, A spans that may be answers.
"""

import dataclasses

import tensorflow as tf

from albert.errors import UserError
from albert.export.graph_tokenizer_tables import repeat
from albert.export.serving_sequences import call_in_parts
from albert.export.serving_sequences import make_inputs
from albert.export.serving_sequences import rows_from
from albert.export.serving_span_decoding import Decoder
from albert.tasks.squad import answer_settings

SPECIAL_PIECES = 3  # [CLS], [SEP], [SEP]


@dataclasses.dataclass(frozen=True, eq=False)
class Windows:
    """Windows, as ``albert.tasks.squad.windows.Windows``; int64 [W] each."""

    questions: tf.Tensor
    first_pieces: tf.Tensor
    num_pieces: tf.Tensor
    offsets: tf.Tensor
    max_context_starts: tf.Tensor
    max_context_ends: tf.Tensor

    def gather(self, chosen):
        """Returns the windows at the given indices."""
        return Windows(
            *(
                tf.gather(getattr(self, field.name), chosen)
                for field in dataclasses.fields(self)
            )
        )


def span_signatures(loaded, tokenizer, *, null_score_diff_threshold=None, **_):
    """Returns the signature of a model that finds answers.

    Args:
      loaded: ``SourceModel`` with the head "span_v1" or "span_v2".
      tokenizer: ``GraphTokenizer``.
      null_score_diff_threshold: float, see ``Decoded.predictions``; None: 0.
      **_: options of other heads.

    Returns:
      (signatures, default), see ``serving_texts.text_signatures``.

    Raises:
      UserError: the model's limits leave no room for a context.
    """
    limits = answer_settings.find(
        dict.fromkeys(answer_settings.DEFAULTS),
        loaded.task,
        loaded.max_seq_length,
    )
    room = loaded.max_seq_length - limits["max_query_length"] - SPECIAL_PIECES
    if room < 1:
        raise UserError(
            f"--max_seq_length {loaded.max_seq_length} leaves no room for a "
            f"context beside the {limits['max_query_length']} pieces that a "
            "question may have: raise it"
        )
    answer_settings.check_threshold(
        loaded.task, loaded.head, null_score_diff_threshold
    )
    decoder = Decoder(
        loaded.head,
        answer_settings.may_lack_answer(loaded.task, loaded.head),
        limits["n_best_size"],
        limits["max_answer_length"],
        null_score_diff_threshold or 0.0,
    )

    def answer(question, context):
        queries = tokenizer.encode(question)
        truncated = queries.row_lengths() > limits["max_query_length"]
        queries = queries[:, : limits["max_query_length"]]
        characters = tokenizer.normalizer.decode(context)
        pieces = tokenizer.encode_characters_with_offsets(characters)
        windows = _make_windows(
            queries.row_lengths(),
            pieces[0].row_lengths(),
            loaded.max_seq_length,
            limits["doc_stride"],
        )
        inputs = _make_inputs(
            tokenizer, queries, pieces[0], windows, loaded.max_seq_length
        )
        outputs = call_in_parts(loaded.call, inputs)
        decoded = decoder.decode(
            windows,
            inputs,
            outputs,
            pieces,
            characters,
            tokenizer.normalizer.is_white(characters.flat_values),
        )
        return decoded | {"truncated": truncated}

    return {
        "answer": (
            answer,
            [
                tf.TensorSpec([None], tf.string, "question"),
                tf.TensorSpec([None], tf.string, "context"),
            ],
        )
    }, "answer"


def _make_inputs(tokenizer, queries, context_ids, windows, max_seq_length):
    """Returns the model's inputs: dict of int32 [W, S]."""
    shown = rows_from(
        context_ids.flat_values,
        tf.gather(context_ids.row_starts(), windows.questions)
        + windows.first_pieces,
        windows.num_pieces,
    )
    inputs = make_inputs(
        tokenizer,
        [tf.gather(queries, windows.questions), shown],
        max_seq_length,
    )
    positions = tf.range(tf.shape(inputs["input_ids"], tf.int64)[1])
    offsets = windows.offsets[:, tf.newaxis]
    may_be = (positions == 0) | (
        (positions >= offsets)
        & (positions < offsets + windows.num_pieces[:, tf.newaxis])
    )
    return inputs | {"p_mask": tf.cast(~may_be, tf.int32)}


def _make_windows(query_lengths, document_lengths, max_seq_length, doc_stride):
    """Lays out the windows, as ``_window_table`` of squad/windows.py."""
    room = max_seq_length - query_lengths - SPECIAL_PIECES
    stride = tf.where(
        doc_stride < room,
        tf.constant(doc_stride, tf.int64),
        tf.maximum(room // 2, 1),
    )
    more = tf.maximum(document_lengths - room, 0)
    counts = 1 + (more + stride - 1) // stride
    counts = tf.where(document_lengths == 0, tf.zeros_like(counts), counts)
    questions = repeat(tf.range(tf.size(counts, tf.int64)), counts)
    window_index = tf.range(tf.size(questions, tf.int64)) - tf.gather(
        tf.cumsum(counts, exclusive=True), questions
    )
    starts = window_index * tf.gather(stride, questions)
    ends = tf.minimum(
        starts + tf.gather(room, questions),
        tf.gather(document_lengths, questions),
    )
    context_starts, context_ends = _max_context(questions, starts, ends)
    return Windows(
        questions=questions,
        first_pieces=starts,
        num_pieces=ends - starts,
        offsets=tf.gather(query_lengths, questions) + 2,
        max_context_starts=context_starts,
        max_context_ends=context_ends,
    )


def _max_context(questions, starts, ends):
    """Returns the pieces that each window shows with the most context.

    See ``_max_context`` of squad/windows.py.
    """
    start, end = starts[:-1], ends[:-1]
    next_start, next_end = starts[1:], ends[1:]
    longer = (end - start) - (next_end - next_start)
    lead = 100 * (next_end - end) - longer
    crossing = (100 * (end - 1 + next_start) + longer) // 200 + 1
    crossing = tf.minimum(tf.maximum(crossing, next_start), end)
    border = tf.where(lead > 0, crossing, end)
    same = questions[:-1] == questions[1:]
    return (
        tf.concat([starts[:1], tf.where(same, border, next_start)], 0),
        tf.concat([tf.where(same, border, end), ends[-1:]], 0),
    )
