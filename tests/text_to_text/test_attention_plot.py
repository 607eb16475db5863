# SPDX-License-Identifier: Apache-2.0
"""The picture of an alignment."""

import numpy as np

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


def test_drawing():
    weights = np.array([[0.25, 0.75], [0.5, 0.5]])
    # "$" would begin a formula, and "▁" may be in no font.
    pieces = ["\u2581$x$", "y"]
    picture = attention_plot.draw(weights, pieces, pieces)
    assert picture.startswith(b"\x89PNG")
    assert picture != attention_plot.draw(weights[::-1], pieces, pieces)
