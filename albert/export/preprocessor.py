# SPDX-License-Identifier: Apache-2.0
"""Writes TF Hub's preprocessor, a SavedModel from texts to encoder inputs.

Source: TF Hub's page "Common SavedModel APIs for Text Tasks", and its module
albert_en_preprocess, version 3. Sequences are packed and cut as
``albert.tasks`` does it: what a model was trained on here is what it gets.

Letters: N texts or sequences, S positions.
"""

import tensorflow as tf

from albert.export.graph_tokenizer import make_graph_tokenizer
from albert.tasks.truncation import MIN_SEQUENCE_LENGTH

DEFAULT_SEQ_LENGTH = 128  # of TF Hub's preprocessors
_MAX_SEGMENTS = 2


def save(directory, tokenizer, max_seq_length, seq_length=DEFAULT_SEQ_LENGTH):
    """Writes the preprocessor's SavedModel.

    Loaded, with ``import tensorflow_text``, it maps string [N] to a dict of
    int32 [N, seq_length]: "input_word_ids", "input_mask", "input_type_ids".
    Its ``tokenize`` maps string [N] to ragged int32 [N, None], and
    ``tokenize.get_special_tokens_dict()`` gives ids by TF Hub's names.
    ``bert_pack_inputs([first], seq_length=S)`` and
    ``bert_pack_inputs([first, second], seq_length=S)`` make the dict of what
    ``tokenize`` gave.

    Args:
      directory: str, does not exist yet.
      tokenizer: ``TokenizerInterface``.
      max_seq_length: int, the encoder's positions; a longer ``seq_length`` is
        an error when the SavedModel is called.
      seq_length: int, that of texts and the default of ``bert_pack_inputs``.

    Raises:
      UserError: tensorflow-text is not installed.
    """
    graph_tokenizer = make_graph_tokenizer(tokenizer)
    pack = _packing_function(graph_tokenizer, seq_length, max_seq_length)

    @tf.function(
        autograph=False,
        input_signature=[tf.TensorSpec((None,), tf.string, "text")],
    )
    def tokenize(text):
        return graph_tokenizer.encode(text)

    @tf.function(
        autograph=False,
        input_signature=[tf.TensorSpec((None,), tf.string, "text")],
    )
    def preprocess(text):
        inputs = pack([graph_tokenizer.encode(text)])
        # The graph knows the length here: users build Keras models on it.
        return {
            name: tf.ensure_shape(tensor, (None, seq_length))
            for name, tensor in inputs.items()
        }

    module = _callable(preprocess)
    module.tokenize = _callable(tokenize)
    # The graph's tables and its vocabulary are saved with what holds them.
    module.tokenize.graph_tokenizer = graph_tokenizer
    module.tokenize.get_special_tokens_dict = _callable(
        _special_tokens_function(tokenizer)
    )
    module.bert_pack_inputs = _callable(pack)
    tf.saved_model.save(module, directory)


def pack_segments(segments, seq_length, cls_id, sep_id, pad_id):
    """Joins pieces to [CLS] first [SEP], or [CLS] first [SEP] second [SEP].

    A single is cut at its end, a pair as ``truncate_pairs`` of
    ``albert/tasks/truncation.py`` cuts it. A second segment without pieces
    makes a single, without the second [SEP], as in ``assemble`` of
    ``albert/tasks/sequences.py`` and in the original.

    Args:
      segments: list of one or two int32 ragged [N, None].
      seq_length: int32 scalar, S.
      cls_id, sep_id, pad_id: int.

    Returns:
      dict of int32 [N, S]: "input_word_ids"; "input_mask", 1 for pieces and
      0 for padding; "input_type_ids", 1 for the second segment and its
      [SEP].
    """
    seq_length = tf.cast(seq_length, tf.int32)
    first, second = segments[0], segments[1] if segments[1:] else None
    kept = tf.minimum(first.row_lengths(), tf.cast(seq_length - 2, tf.int64))
    kept_second = tf.zeros_like(kept)
    if second is not None:
        lengths = second.row_lengths()
        kept_of_pair, kept_second = _truncate_pairs(
            first.row_lengths(), lengths, tf.cast(seq_length - 3, tf.int64)
        )
        kept = tf.where(lengths > 0, kept_of_pair, kept)
    kept, kept_second = (
        tf.cast(lengths[:, tf.newaxis], tf.int32)
        for lengths in (kept, kept_second)
    )

    positions = tf.range(seq_length)[tf.newaxis]
    before_second = kept + 2
    length = before_second + tf.where(kept_second > 0, kept_second + 1, 0)
    shape = tf.stack([-1, seq_length])
    ids = tf.pad(
        first.to_tensor(shape=shape), [[0, 0], [1, 0]], constant_values=cls_id
    )[:, :seq_length]
    ids = tf.where(positions <= kept, ids, sep_id)
    if second is not None:
        ids_of_second = tf.gather(
            second.to_tensor(shape=shape),
            tf.maximum(positions - before_second, 0),
            batch_dims=1,
        )
        ids = tf.where(
            (positions >= before_second) & (positions < length - 1),
            ids_of_second,
            ids,
        )
    mask = positions < length
    return {
        "input_word_ids": tf.where(mask, ids, pad_id),
        "input_mask": tf.cast(mask, tf.int32),
        "input_type_ids": tf.cast(
            mask & (positions >= before_second), tf.int32
        ),
    }


def _packing_function(tokenizer, default_seq_length, max_seq_length):
    @tf.function(autograph=False)
    def pack(inputs, seq_length=default_seq_length):
        for bound, assertion in (
            (MIN_SEQUENCE_LENGTH, tf.debugging.assert_greater_equal),
            (max_seq_length, tf.debugging.assert_less_equal),
        ):
            assertion(
                seq_length,
                bound,
                f"seq_length: {MIN_SEQUENCE_LENGTH} to {max_seq_length}",
            )
        return pack_segments(
            inputs,
            seq_length,
            tokenizer.cls_id,
            tokenizer.sep_id,
            tokenizer.pad_id,
        )

    segment = tf.RaggedTensorSpec((None, None), tf.int32)
    for segments in range(1, _MAX_SEGMENTS + 1):
        pack.get_concrete_function(
            [segment] * segments, seq_length=tf.TensorSpec((), tf.int32)
        )
    return pack


def _special_tokens_function(tokenizer):
    special_tokens = {
        "vocab_size": tokenizer.vocabulary_size,
        "start_of_sequence_id": tokenizer.cls_id,
        "end_of_segment_id": tokenizer.sep_id,
        "padding_id": tokenizer.pad_id,
        "mask_id": tokenizer.mask_id,
    }

    @tf.function(autograph=False, input_signature=[])
    def get_special_tokens_dict():
        return {
            name: tf.constant(value, tf.int32)
            for name, value in special_tokens.items()
        }

    return get_special_tokens_dict


def _callable(function):
    module = tf.train.Checkpoint()
    module.__call__ = function
    return module


def _truncate_pairs(lengths_a, lengths_b, room):
    half = room - room // 2  # The first text keeps the odd piece.
    fits = lengths_a + lengths_b <= room
    kept_a = tf.maximum(tf.minimum(lengths_a, half), room - lengths_b)
    kept_a = tf.where(fits, lengths_a, kept_a)
    return kept_a, tf.where(fits, lengths_b, room - kept_a)
