# SPDX-License-Identifier: Apache-2.0
"""The decoder's layer is KerasHub's ``TransformerDecoder``."""

import keras
import keras_hub
import numpy as np
import pytest
import tensorflow as tf

import albert
from albert.modeling.decoder import Decoder
from albert.modeling.rows import Rows

HEADS, HIDDEN, WIDE = 2, 26, 29
LAYERS, LENGTH, SOURCE = 3, 7, 5
MASK = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]], np.int32)


@pytest.fixture(scope="module")
def decoder():
    keras.utils.set_random_seed(5)
    config = albert.AlbertConfig(
        vocab_size=41,
        embedding_size=7,
        hidden_size=HIDDEN,
        num_hidden_layers=1,
        num_attention_heads=HEADS,
        intermediate_size=WIDE,
        initializer_range=0.3,
    )
    decoder = Decoder(config, LAYERS, "all", name="decoder")
    decoder.build()
    rng = np.random.default_rng(11)
    for variable in decoder.trainable_variables:
        noise = rng.normal(0, 0.1, variable.shape)
        variable.assign_add(noise.astype(np.float32))
    return decoder


@pytest.fixture(scope="module")
def peer(decoder):
    """KerasHub's layer with the weights of ours."""
    layer = keras_hub.layers.TransformerDecoder(
        intermediate_dim=WIDE,
        num_heads=HEADS,
        activation=lambda x: keras.activations.gelu(x, approximate=True),
        layer_norm_epsilon=1e-12,
    )
    layer.build((None, LENGTH, HIDDEN), (None, SOURCE, HIDDEN))
    (block,) = decoder.blocks
    size = HIDDEN // HEADS
    for name, ours in (
        ("self", block.self_attention),
        ("cross", block.cross_attention),
    ):
        attention = getattr(layer, f"_{name}_attention_layer")
        for part in ("query", "key", "value"):
            kernel, bias = getattr(ours, part).get_weights()
            getattr(attention, f"_{part}_dense").set_weights(
                [
                    kernel.reshape(HIDDEN, HEADS, size),
                    bias.reshape(HEADS, size),
                ]
            )
        kernel, bias = ours.output_projection.get_weights()
        attention._output_dense.set_weights(
            [kernel.reshape(HEADS, size, HIDDEN), bias]
        )
        getattr(layer, f"_{name}_attention_layer_norm").set_weights(
            ours.layer_norm.get_weights()
        )
    ours = block.feed_forward
    for theirs, part in (
        (layer._feedforward_intermediate_dense, ours.intermediate),
        (layer._feedforward_output_dense, ours.output_projection),
        (layer._feedforward_layer_norm, ours.layer_norm),
    ):
        theirs.set_weights(part.get_weights())
    return layer


@pytest.fixture(scope="module")
def inputs():
    rng = np.random.default_rng(3)
    hidden = rng.normal(size=(3, LENGTH, HIDDEN)).astype(np.float32)
    encoded = rng.normal(size=(3, SOURCE, HIDDEN)).astype(np.float32)
    return tf.constant(hidden), tf.constant(encoded)


def mask_scores():
    return tf.constant((MASK - 1)[:, None, None] * 10000.0, tf.float32)


def apply(decoder, hidden, encoded):
    rows = Rows(tf.ones(hidden.shape[:2], tf.int32))
    outputs, _ = decoder(
        tf.reshape(hidden, (-1, HIDDEN)),
        decoder.remember(encoded),
        mask_scores(),
        rows=rows,
        length=LENGTH,
    )
    return tf.reshape(outputs, hidden.shape)


def apply_peer(peer, hidden, encoded):
    for _ in range(LAYERS):
        hidden = peer(hidden, encoded, encoder_padding_mask=MASK.astype(bool))
    return hidden


def test_all_positions(decoder, peer, inputs):
    received = apply(decoder, *inputs).numpy()
    expected = apply_peer(peer, *inputs).numpy()
    assert np.abs(received - expected).max() < 1e-5
    assert np.abs(expected).max() > 1


def test_gradients(decoder, peer, inputs):
    """Of the inputs: those of weights that are copied would be the same."""
    gradients = []
    weights = np.random.default_rng(9).normal(size=(3, LENGTH, HIDDEN))
    for function, layer in ((apply, decoder), (apply_peer, peer)):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            loss = tf.reduce_sum(
                function(layer, *inputs) * tf.constant(weights, tf.float32)
            )
        gradients.append(tape.gradient(loss, inputs))
    for received, expected in zip(*gradients, strict=True):
        scale = np.abs(expected).max()
        assert np.abs(received - expected).max() < 1e-5 * scale


def test_position_by_position_with_a_cache(decoder, peer, inputs):
    hidden, encoded = inputs
    size = HIDDEN // HEADS
    empty = tf.zeros((3, HEADS, 0, size))
    ours = [(empty, empty)] * LAYERS
    memory, weights = decoder.remember(encoded), decoder.step_weights()
    rows = Rows(tf.ones((3, 1), tf.int32))
    theirs = [tf.zeros((3, 2, LENGTH, HEADS, size))] * LAYERS
    for position in range(LENGTH):
        received, ours = decoder.extend(
            hidden[:, position], ours, memory, mask_scores(), rows, weights
        )
        expected = hidden[:, position : position + 1]
        for index in range(LAYERS):
            expected, theirs[index], _ = peer(
                expected,
                encoded,
                encoder_padding_mask=MASK.astype(bool),
                self_attention_cache=theirs[index],
                self_attention_cache_update_index=position,
                cross_attention_cache=tf.zeros((3, 2, SOURCE, HEADS, size)),
                cross_attention_cache_update_index=0,
            )
        assert np.abs(received - expected[:, 0]).max() < 1e-5
