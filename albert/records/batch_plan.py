# SPDX-License-Identifier: Apache-2.0
"""Plans which examples share a batch, so that little of it is padding.

Letters: N examples, B examples in a batch, S positions of its sequences.
"""

import itertools

import numpy as np

# Examples are sorted by length within windows of about this many batches: a
# whole epoch sorted would put the same examples together every time.
BATCHES_IN_WINDOW = 50
# A short epoch has at least so many windows, for the same reason.
WINDOWS_IN_EPOCH = 4

SHAPES = ("many", "few", "one")


def padded_lengths(max_seq_length, shapes="many"):
    """Returns the lengths that sequences may be padded to.

    Args:
      max_seq_length: int, the largest of them (values of S).
      shapes: "many": multiples of 8, as matrix units like them; "few": each
        a third or a half above the one before, for XLA, which compiles anew
        for each of them; "one": ``max_seq_length`` alone, for devices that
        need static shapes.

    Returns:
      list of int, increasing; of 512 tokens 64 are "many" and 12 "few".

    Raises:
      ValueError: ``shapes`` is not one of the three.
    """
    if shapes not in SHAPES:
        raise ValueError(
            f"shapes must be one of {', '.join(SHAPES)}; received {shapes!r}"
        )
    lengths = []
    if shapes == "many":
        lengths = range(8, max_seq_length, 8)
    if shapes == "few":
        powers = [2**n for n in range(3, max_seq_length.bit_length())]
        lengths = sorted([*powers, *(3 * n // 2 for n in powers[1:])])
    return [*(n for n in lengths if n < max_seq_length), max_seq_length]


def training_plan(lengths, batch_size, num_steps, *, seed, bucket_by_length):
    """Plans the batches of a training run.

    The examples of an epoch come in random order, are cut into windows,
    sorted by length in each (equal ones stay in random order), cut into
    batches, and the batches shuffled. Nothing is dropped: what is left of an
    epoch begins the next one. The plan is a function of the arguments alone,
    and that of a longer run begins with it, so a run that continues at step
    k continues with row k.

    Args:
      lengths: integers [N], tokens of each example; N at least 1.
      batch_size: B.
      num_steps: int, batches.
      seed: int, at least 0.
      bucket_by_length: bool; False leaves out windows and sorting.

    Returns:
      int32 [num_steps, B], indices of examples.
    """
    batches = []
    planned = 0
    left = np.zeros(0, np.int32)
    for epoch in itertools.count():
        if planned >= num_steps:
            break
        generator = np.random.Generator(
            np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(epoch,)))
        )
        order = generator.permutation(len(lengths)).astype(np.int32)
        order = np.concatenate([left, order])
        num_batches = len(order) // batch_size
        left = order[num_batches * batch_size :]
        order = order[: num_batches * batch_size]
        if bucket_by_length:
            windows = _windows(num_batches).repeat(batch_size)
            order = order[np.lexsort((lengths[order], windows))]
        cut = order.reshape(num_batches, batch_size)
        batches.append(generator.permutation(cut) if bucket_by_length else cut)
        planned += num_batches
    return np.concatenate([np.zeros((0, batch_size), np.int32), *batches])[
        :num_steps
    ]


def evaluation_plan(lengths, batch_size, *, bucket_by_length):
    """Plans the batches of one pass over all examples.

    Args:
      lengths, batch_size: as in ``training_plan``.
      bucket_by_length: bool; the longest first (a batch too large for the
        memory fails at once, and what fills up the last one is short), or
        in the order of the examples.

    Returns:
      (int32 [batches, B], float32 [batches, B]): indices of examples, and
      weights: 1, or 0 for repetitions of an example that fill up the last
      batch.
    """
    order = np.arange(len(lengths), dtype=np.int32)
    if bucket_by_length:
        order = order[np.argsort(-lengths, kind="stable")]
    filling = -len(order) % batch_size
    weights = np.ones(len(order) + filling, np.float32)
    weights[len(order) :] = 0
    order = np.concatenate([order, order[-1:].repeat(filling)])
    return order.reshape(-1, batch_size), weights.reshape(-1, batch_size)


def _windows(num_batches):
    """Returns the window of each batch: int [num_batches].

    Windows are of even size.
    """
    windows = max(
        -(-num_batches // BATCHES_IN_WINDOW),
        min(num_batches, WINDOWS_IN_EPOCH),
    )
    return np.arange(num_batches) * windows // max(num_batches, 1)
