# SPDX-License-Identifier: Apache-2.0
"""Pooling: what padding holds is in none of it."""

import numpy as np
import pytest

from albert.modeling import pooling
from albert.modeling.pooling import pool

VECTORS = np.array(
    [
        [[1.0, -2.0], [3.0, -4.0], [50.0, 60.0]],
        [[-7.0, 8.0], [9.0, 1.0], [2.0, -3.0]],
    ]
)
MASK = np.array([[1, 1, 0], [1, 1, 1]], np.int32)
POOLED = {
    "mean": [[2.0, -3.0], [4 / 3, 2.0]],
    "cls": [[1.0, -2.0], [-7.0, 8.0]],
    "max": [[3.0, -2.0], [9.0, 8.0]],
}


@pytest.mark.parametrize("name", pooling.POOLINGS)
@pytest.mark.parametrize("padding", [60.0, np.nan])
def test_pieces_alone_are_pooled(name, padding):
    vectors = np.where(MASK[..., np.newaxis], VECTORS, padding)
    assert np.allclose(pool(vectors, MASK, name), POOLED[name], rtol=1e-6)


def test_half_precision_is_added_up_in_float32():
    vectors = np.full((1, 4096, 1), 1.0, np.float16)
    mask = np.ones((1, 4096), np.int32)
    assert pool(vectors, mask).numpy() == [[1.0]]
    assert pool(vectors, mask).dtype == "float32"


def test_unknown_pooling_is_refused():
    with pytest.raises(ValueError, match="'median'"):
        pool(VECTORS, MASK, "median")
