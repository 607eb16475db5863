# SPDX-License-Identifier: Apache-2.0
"""Makes the elements of a dataset side by side, ahead of their use."""

import os

import tensorflow as tf

# A core makes tens of thousands of sequences a second.
_PARALLEL_CALLS = min(8, os.cpu_count() or 1)
_BATCHES_AHEAD = 4


def map_ahead(dataset, function):
    """Maps a dataset's elements on several cores, some ahead of the use.

    TensorFlow could choose the numbers itself. It does so in a thread that
    sleeps for up to a minute, and an iterator cannot be given up before that
    thread wakes: each evaluation, and the end of each training, would wait
    for it.

    Args:
      dataset: ``tf.data.Dataset``.
      function: of its elements, made of TensorFlow's operations.

    Returns:
      ``tf.data.Dataset`` of the results, in the order of the elements.
    """
    options = tf.data.Options()
    options.deterministic = True
    options.autotune.enabled = False
    return (
        dataset.map(function, num_parallel_calls=_PARALLEL_CALLS)
        .prefetch(_BATCHES_AHEAD)
        .with_options(options)
    )
