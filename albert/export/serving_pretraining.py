# SPDX-License-Identifier: Apache-2.0
"""Defines the signatures of pretrained models: embeddings, filled masks.

Letters: N texts, M masks of the text that has most, K pieces for each.
"""

import tensorflow as tf

from albert.export.serving_sequences import are_truncated
from albert.export.serving_sequences import make_inputs
from albert.fill_mask import MASK
from albert.heads import HEADS

# Pieces for each mask, unless it is said.
_TOP = 5


def encoder_signatures(loaded, tokenizer, **_):
    """Returns the signatures of an encoder without a head.

    Args:
      loaded: ``SourceModel``.
      tokenizer: ``GraphTokenizer``.
      **_: options of other heads.

    Returns:
      (signatures, default), see ``serving_texts.text_signatures``.
    """
    text = [tf.TensorSpec([None], tf.string, "text")]
    signatures = {"embeddings": (_embeddings(loaded, tokenizer), text)}
    return signatures, "embeddings"


def masked_lm_signatures(loaded, tokenizer, *, top=None, **_):
    """Returns the signatures of a pretrained model; as ``encoder_signatures``.

    Args:
      loaded, tokenizer: as there.
      top: int, K; None: 5.
      **_: options of other heads.
    """
    signatures, _ = encoder_signatures(loaded, tokenizer)
    text = [tf.TensorSpec([None], tf.string, "text")]
    signatures["fill_mask"] = (_fill_mask(loaded, tokenizer, top or _TOP), text)
    return signatures, "fill_mask"


def _embeddings(loaded, tokenizer):
    encoder = getattr(loaded.model, "encoder", loaded.model)
    # A source without the sentence-order head has no pooler either.
    has_pooler = HEADS[loaded.head].uses_pooler

    def embed(text):
        segments = [tokenizer.encode(text)]
        inputs = make_inputs(tokenizer, segments, loaded.max_seq_length)
        encoded = encoder(inputs, training=False)
        mask = tf.cast(inputs["input_mask"], tf.float32)[..., tf.newaxis]
        outputs = {
            "mean_pooled_output": tf.reduce_sum(
                encoded["sequence_output"] * mask, axis=1
            )
            / tf.reduce_sum(mask, axis=1),
            "truncated": are_truncated(segments, loaded.max_seq_length),
        }
        if has_pooler:
            outputs["pooled_output"] = encoded["pooled_output"]
        return outputs

    return embed


def _fill_mask(loaded, tokenizer, top):
    vocabulary = tokenizer.tokenizer
    pieces_of_ids = tf.constant(vocabulary.pieces)

    def fill(text):
        segments = [_encode_masked(tokenizer, text)]
        inputs = make_inputs(tokenizer, segments, loaded.max_seq_length)
        places = tf.where(inputs["input_ids"] == tokenizer.mask_id)
        positions = tf.RaggedTensor.from_value_rowids(
            tf.cast(places[:, 1], tf.int32),
            places[:, 0],
            nrows=tf.shape(text, tf.int64)[0],
        )
        most = tf.maximum(tf.reduce_max(positions.row_lengths()), 1)
        outputs = loaded.call(
            inputs
            | {
                "masked_lm_positions": positions.to_tensor(
                    shape=tf.stack([-1, most])
                )
            }
        )
        probabilities, ids = tf.math.top_k(
            tf.nn.softmax(outputs["masked_lm_logits"]),
            min(top, vocabulary.vocabulary_size),
        )
        filled = tf.sequence_mask(positions.row_lengths(), most)[
            ..., tf.newaxis
        ]
        return {
            "pieces": tf.where(filled, tf.gather(pieces_of_ids, ids), ""),
            "probabilities": tf.where(filled, probabilities, 0.0),
            "truncated": are_truncated(segments, loaded.max_seq_length),
        }

    return fill


def _encode_masked(tokenizer, texts):
    """Encodes as ``encode_masked`` of fill_mask.py, without [CLS] and [SEP]."""
    parts = tf.strings.split(texts, MASK)
    characters = tokenizer.normalizer.decode(parts.flat_values)
    first_parts = tf.scatter_nd(
        parts.row_starts()[:, tf.newaxis],
        tf.ones_like(texts, tf.bool),
        tf.shape(parts.flat_values, out_type=tf.int64),
    )
    # No new word begins after a mask without a space.
    begins = characters[:, :1].to_tensor(ord(" "), shape=(None, 1))[:, 0]
    ids = tokenizer.encode_characters(
        characters,
        after_space=first_parts | tokenizer.normalizer.is_white(begins),
    )
    masks = tf.RaggedTensor.from_row_lengths(
        tf.fill([tf.size(first_parts) - tf.size(texts)], tokenizer.mask_id),
        1 - tf.cast(first_parts, tf.int64),
        validate=False,
    )
    return parts.with_values(tf.concat([masks, ids], axis=1)).merge_dims(1, 2)
