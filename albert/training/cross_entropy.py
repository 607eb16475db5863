# SPDX-License-Identifier: Apache-2.0
"""Computes cross-entropies: those of examples, and weighted sums of them."""

import tensorflow as tf


def focal_losses(logits, labels, gamma):
    """Returns ``(1 - p) ** gamma * -log p`` of the right labels' p.

    Examples that are right with confidence count less (Lin et al. 2017,
    arXiv:1708.02002, equation 4). With a gamma of 0 it is the cross-entropy.

    Args:
      logits: float [..., N].
      labels: int32 [...].
      gamma: float.

    Returns:
      float32 [...].
    """
    logits = tf.cast(logits, tf.float32)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    if not gamma:
        return losses
    # log(1 - p) of the other logits: a power of 1 - p, which is rounded to 0
    # where the model is sure, would have no gradient there for gamma < 1.
    right = tf.one_hot(labels, logits.shape[-1], on_value=True, off_value=False)
    others = tf.where(right, logits.dtype.min, logits)
    log_wrong = tf.reduce_logsumexp(others, -1) - tf.reduce_logsumexp(
        logits, -1
    )
    return tf.exp(gamma * log_wrong) * losses


def weighted_sums(prefix, logits, labels, weights):
    """Returns weighted sums of cross-entropy and of hits, in float32.

    Args:
      prefix: str, what the names of both begin with.
      logits: float [..., N].
      labels: int32 or int64 [...].
      weights: float32 [...].

    Returns:
      dict of loss and accuracy, float32 [].
    """
    logits = tf.cast(logits, tf.float32)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    hits = tf.argmax(logits, axis=-1, output_type=labels.dtype) == labels
    return {
        f"{prefix}loss": tf.reduce_sum(weights * losses),
        f"{prefix}accuracy": tf.reduce_sum(weights * tf.cast(hits, tf.float32)),
    }
