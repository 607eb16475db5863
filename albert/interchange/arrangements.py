# SPDX-License-Identifier: Apache-2.0
"""Converts the values of a variable to the layout of a format and back.

Letters: H hidden width, N heads, D = H / N width of a head.
"""

import numpy as np

SAME = "same"
TRANSPOSED = "transposed"
HEADS_OUT = "heads out"  # kernel [H, N·D] as [H, N, D]
HEADS_IN = "heads in"  # kernel [N·D, H] as [N, D, H]
HEADS_BIAS = "heads bias"  # bias [N·D] as [N, D]


def arrange(values, order, config):
    """Returns our values in a format's layout; the reverse of ``restore``.

    Args:
      values: array in our shape.
      order: SAME, TRANSPOSED, HEADS_OUT, HEADS_IN or HEADS_BIAS.
      config: ``AlbertConfig``, for the number of heads.
    """
    values = np.asarray(values)
    if order == TRANSPOSED:
        return values.T
    return values.reshape(arranged_shape(values.shape, order, config))


def restore(values, order):
    """Returns a format's values in our layout; the reverse of ``arrange``."""
    values = np.asarray(values)
    if order == TRANSPOSED:
        return values.T
    return values.reshape(restored_shape(values.shape, order))


def arranged_shape(shape, order, config):
    """Returns a variable's shape in a format from our shape of it."""
    shape = tuple(shape)
    heads = config.num_attention_heads
    if order == TRANSPOSED:
        return shape[::-1]
    if order in (HEADS_OUT, HEADS_BIAS):
        return (*shape[:-1], heads, shape[-1] // heads)
    if order == HEADS_IN:
        return (heads, shape[0] // heads, *shape[1:])
    return shape


def restored_shape(shape, order):
    """Returns our shape of a variable from its shape in a format."""
    shape = tuple(shape)
    if order == TRANSPOSED:
        return shape[::-1]
    if order in (HEADS_OUT, HEADS_BIAS) and len(shape) > 1:
        return (*shape[:-2], shape[-2] * shape[-1])
    if order == HEADS_IN and len(shape) > 1:
        return (shape[0] * shape[1], *shape[2:])
    return shape
