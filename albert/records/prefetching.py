# SPDX-License-Identifier: Apache-2.0
"""Makes the elements of a dataset side by side, ahead of their use."""

import tensorflow as tf

from albert.processes import available_cores

# A core makes tens of thousands of sequences a second.
_MOST_PARALLEL_CALLS = 8
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
    parallel_calls = min(available_cores(), _MOST_PARALLEL_CALLS)
    options = tf.data.Options()
    options.deterministic = True
    options.autotune.enabled = False
    return (
        dataset.map(function, num_parallel_calls=parallel_calls)
        .prefetch(_BATCHES_AHEAD)
        .with_options(options)
    )
