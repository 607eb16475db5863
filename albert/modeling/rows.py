# SPDX-License-Identifier: Apache-2.0
"""Picks the positions of a batch that the layers compute.

Only attention looks at sequences; everything else in a layer is a function of
single positions, and so the layers compute rows of a matrix [T, H]. These are
all positions, T = B·S, or, within ``padding_skipped()``, those that are not
padding: the same numbers for less work. The number of rows then differs from
batch to batch, which devices with static shapes and XLA cannot have.

Letters: B sequences, S positions, T rows, W any width.
"""

import contextlib
import contextvars

import tensorflow as tf

_skipped = contextvars.ContextVar("skipped", default=False)


@contextlib.contextmanager
def padding_skipped(enabled=True):
    """Leaves padding out of the layers that are called in this context.

    What the model gives at positions of padding is then arbitrary, but finite.

    Args:
      enabled: bool; False computes them like any other.
    """
    token = _skipped.set(enabled)
    try:
        yield
    finally:
        _skipped.reset(token)


class Rows:
    """Rows of the positions of one batch.

    Args:
      input_mask: int32 [B, S], 1 for pieces and 0 for padding.
    """

    def __init__(self, input_mask):
        self._positions = None
        if _skipped.get():
            # The first position stands for its sequence, even one that is all
            # padding: there is always a row.
            first = tf.range(tf.shape(input_mask)[1]) == 0
            real = (input_mask > 0) | first
            self._positions = tf.where(real)  # [T, 2]
            number = tf.cumsum(tf.cast(tf.reshape(real, [-1]), tf.int32))
            self._row_of_position = number - 1  # [B·S]

    def take(self, values, shape):
        """Returns the rows of values of all positions.

        Args:
          values: [B, S, ...], W numbers for each position.
          shape: [T, W]. Where it is that of another tensor, TensorFlow knows
            that a sum of both broadcasts nothing.
        """
        if self._positions is not None:
            values = tf.gather_nd(values, self._positions)
        return tf.reshape(values, shape)

    def spread(self, rows):
        """Returns values of all positions [B·S, W]; rows: [T, W].

        Positions of padding have the values of the row before them.
        """
        if self._positions is None:
            return rows
        return tf.gather(rows, self._row_of_position)
