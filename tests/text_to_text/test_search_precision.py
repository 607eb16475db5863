# SPDX-License-Identifier: Apache-2.0
"""Searches of a realistic size: batches, alone, float32 and bfloat16."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf

import albert
from albert.text_to_text.decoding import BeamSearch

PAD, CLS, SEP, MASK = 0, 2, 3, 4
TOKENIZER = types.SimpleNamespace(
    pad_id=PAD, cls_id=CLS, sep_id=SEP, mask_id=MASK
)
CONFIG = albert.AlbertConfig(
    vocab_size=2000,
    embedding_size=64,
    hidden_size=256,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=1024,
    max_position_embeddings=64,
    initializer_range=0.03,
)


def make_model(dtype):
    """A model that writes much else for each source, with steep logits."""
    keras.utils.set_random_seed(11)
    model = albert.AlbertEncoderDecoder(
        CONFIG, num_decoder_layers=2, dtype=dtype
    )
    for variable in model.trainable_variables:
        if "cross_attention" in variable.path and "kernel" in variable.path:
            variable.assign(3.0 * variable)
    head = model.decoder.output_head
    head.layer_norm.gamma.assign(13.0 * head.layer_norm.gamma)
    head.output_bias.assign(6.0 * tf.one_hot(SEP, CONFIG.vocab_size))
    return model


# As far as scores of about -10 were seen to differ, and several times more.
@pytest.mark.slow
@pytest.mark.parametrize(
    ("dtype", "rounding"), [("float32", 1e-4), ("mixed_bfloat16", 0.5)]
)
def test_a_batch_writes_what_each_source_has_alone(dtype, rounding):
    search = BeamSearch(
        make_model(dtype),
        TOKENIZER,
        beam_size=4,
        length_penalty=0.6,
        max_target_length=24,
    )

    def write(ids):
        ids, scores = search(ids, (ids != PAD).astype(np.int32))
        return ids.numpy()[:, 0], scores.numpy()[:, 0]

    rng = np.random.default_rng(3)
    lengths = rng.integers(4, 40, 16)
    sources = np.full((16, 40), PAD, np.int32)
    for row, length in zip(sources, lengths, strict=True):
        row[:length] = rng.integers(5, CONFIG.vocab_size, length)
        row[0], row[length - 1] = CLS, SEP
    found, scores = write(sources)
    assert len({tuple(target) for target in found}) > 8
    alone = [
        write(sources[row : row + 1, : length + -length % 8])
        for row, length in enumerate(lengths)
    ]
    equal = [
        np.array_equal(target, ids[0])
        for target, (ids, _) in zip(found, alone, strict=True)
    ]
    # Scores differ by rounding: products of other shapes add in another order.
    differences = np.abs(scores - [score[0] for _, score in alone])
    assert differences.max() < rounding
    # One that is almost as likely may win where rounding is coarse.
    assert all(equal) if dtype == "float32" else np.mean(equal) > 0.8
