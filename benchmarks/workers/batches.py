# SPDX-License-Identifier: Apache-2.0
"""The inputs of a work: the same arrays for every worker.

Letters: N sequences, T tokens of all of them, B sequences in a batch, S
positions, P predictions.
"""

import numpy as np

# Of Hugging Face's trainer: sequences are sorted by length within groups of
# so many batches.
_BATCHES_IN_GROUP = 50


def pretraining_batch(vocab_size, batch, length, predictions):
    """Returns random pairs without padding, in this project's names.

    Returns:
      dict of arrays: input_ids, input_mask, segment_ids int32 [B, S];
      masked_lm_positions, masked_lm_ids int32 [B, P], masked_lm_weights
      float32 [B, P]; next_sentence_labels int32 [B, 1]; example_weights
      float32 [B].
    """
    rng = np.random.default_rng(0)
    ids = rng.integers(5, vocab_size, (batch, length)).astype("int32")
    return {
        "input_ids": ids,
        "input_mask": np.ones_like(ids),
        "segment_ids": np.tile(
            np.arange(length, dtype="int32") // ((length + 1) // 2), (batch, 1)
        ),
        "masked_lm_positions": np.tile(
            np.arange(predictions, dtype="int32"), (batch, 1)
        ),
        "masked_lm_ids": ids[:, :predictions],
        "masked_lm_weights": np.ones((batch, predictions), "float32"),
        "next_sentence_labels": np.zeros((batch, 1), "int32"),
        "example_weights": np.ones(batch, "float32"),
    }


def batch_of(work):
    """Returns the ``pretraining_batch`` of a work: dict of its sizes."""
    return pretraining_batch(
        work["config"]["vocab_size"],
        work["batch"],
        work["length"],
        work["predictions"],
    )


def read_sequences(path):
    """Reads sequences of their true lengths, as ``compare.py`` writes them.

    Returns:
      dict of arrays: input_ids int32 [T], row_splits int64 [N + 1],
      segment_starts and label_ids int32 [N].
    """
    with np.load(path) as arrays:
        return dict(arrays)


def pad(sequences, rows, length=None):
    """Returns a batch of some of the sequences, padded.

    Args:
      sequences: dict, of ``read_sequences``.
      rows: int [B], which.
      length: S; default: the longest of them.

    Returns:
      dict of int32 arrays: input_ids, input_mask, segment_ids [B, S], and
      label_ids [B].
    """
    splits = sequences["row_splits"]
    longest = max(splits[row + 1] - splits[row] for row in rows)
    shape = (len(rows), length or longest)
    names = ("input_ids", "input_mask", "segment_ids")
    batch = {name: np.zeros(shape, np.int32) for name in names}
    for place, row in enumerate(rows):
        ids = sequences["input_ids"][splits[row] : splits[row + 1]]
        batch["input_ids"][place, : len(ids)] = ids
        batch["input_mask"][place, : len(ids)] = 1
        second = slice(sequences["segment_starts"][row], len(ids))
        batch["segment_ids"][place, second] = 1
    batch["label_ids"] = sequences["label_ids"][rows]
    return batch


def evaluation_batches(sequences, batch, sort):
    """Returns one pass over all sequences, as a list of batches.

    Args:
      sequences: dict, of ``read_sequences``.
      batch: B.
      sort: bool, whether to sort by length, and pad each batch to its own
        longest sequence; else in order, padded to the longest of all.
    """
    lengths = np.diff(sequences["row_splits"])
    order = np.arange(len(lengths))
    if sort:
        order = np.argsort(-lengths, kind="stable")
    length = None if sort else lengths.max()
    return [
        pad(sequences, order[start : start + batch], length)
        for start in range(0, len(order), batch)
    ]


def training_batches(sequences, batch, seed):
    """Returns an epoch of batches that are grouped by length.

    As Hugging Face's trainer does with ``group_by_length``: in random order,
    sorted by length within groups of 50 batches, each batch padded to its
    longest sequence.

    Args:
      sequences: dict, of ``read_sequences``.
      batch: B.
      seed: int.
    """
    lengths = np.diff(sequences["row_splits"])
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(lengths))
    group = np.arange(len(order)) // (batch * _BATCHES_IN_GROUP)
    order = order[np.lexsort((-lengths[order], group))]
    starts = range(0, len(order), batch)
    return [pad(sequences, order[start : start + batch]) for start in starts]
