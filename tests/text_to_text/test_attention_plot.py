# SPDX-License-Identifier: Apache-2.0
"""The picture of an alignment."""

import keras
import numpy as np

import albert
from albert.text_to_text import attention_plot


class Model:
    """Model whose weights tell the layer and the head: [B, L, N, T, S]."""

    def cross_attention(self, inputs):
        self.inputs = inputs
        weights = np.zeros((1, 3, 2, 2, 4), np.float32)
        weights[0, 2, 1, 0, 3] = 6.0
        weights[0, :, :, 1, 0] = 1.0
        return weights


def test_means_over_layers_and_heads():
    model = Model()
    found = attention_plot.align(model, [2, 7, 8, 3], [9, 3], start_id=2)
    assert found.tolist() == [[0, 0, 0, 1], [1, 0, 0, 0]]
    inputs = {name: values.tolist() for name, values in model.inputs.items()}
    assert inputs == {
        "input_ids": [[2, 7, 8, 3]],
        "input_mask": [[1, 1, 1, 1]],
        "target_input_ids": [[2, 9]],
    }


def test_rows_are_of_the_pieces_that_are_written():
    """The row of a piece is found with those in front of it alone."""
    keras.utils.set_random_seed(3)
    config = albert.AlbertConfig(
        vocab_size=11,
        embedding_size=5,
        hidden_size=22,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=29,
        max_position_embeddings=13,
        initializer_range=0.5,
    )
    model = albert.AlbertEncoderDecoder(config, num_decoder_layers=3)
    source = [2, 7, 8, 5, 3]
    found = attention_plot.align(model, source, [9, 6, 10, 3], start_id=2)
    assert found.shape == (4, 5)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    weights = model.cross_attention(
        {
            "input_ids": np.array([source], np.int32),
            "input_mask": np.ones((1, 5), np.int32),
            "target_input_ids": np.array([[2, 9, 6, 10]], np.int32),
        }
    ).numpy()
    assert weights.shape == (1, 3, 2, 4, 5)
    by_hand = sum(weights[0, i, j] for i in range(3) for j in range(2)) / 6
    np.testing.assert_allclose(found, by_hand, rtol=1e-5)
    other = attention_plot.align(model, source, [9, 5, 10, 3], start_id=2)
    same = np.isclose(found, other, rtol=1e-5).all(axis=1)
    assert same.tolist() == [True, True, False, False]
    # Nothing follows [SEP].
    other = attention_plot.align(model, source, [9, 6, 10, 5], start_id=2)
    np.testing.assert_allclose(found, other, rtol=1e-5)


def test_drawing():
    weights = np.array([[0.25, 0.75], [0.5, 0.5]])
    # "$" would begin a formula, and "▁" may be in no font.
    pieces = ["\u2581$x$", "y"]
    picture = attention_plot.draw(weights, pieces, pieces)
    assert picture.startswith(b"\x89PNG")
    assert picture != attention_plot.draw(weights[::-1], pieces, pieces)
