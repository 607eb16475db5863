# SPDX-License-Identifier: Apache-2.0
"""The pretraining objective as sums, and the one place that divides them.

A loss or accuracy is a numerator over a denominator, both sums. Numerators
and denominators may be added over micro-batches, replicas and batches before
they are divided, so the result does not depend on how a batch was cut up.
"""

import re

import tensorflow as tf

# Source: get_masked_lm_output of the original's run_pretraining.py.
_MASKED_LM_EPSILON = 1e-5


class PretrainingObjective:
    """Masked-LM loss plus sentence-order loss.

    Args:
      sentence_order: bool; False leaves the second loss out, for records
        that hold single segments.
    """

    def __init__(self, sentence_order=True):
        self.sentence_order = sentence_order
        self.metric_names = ["masked_lm_loss", "masked_lm_accuracy"]
        if sentence_order:
            self.metric_names += [
                "sentence_order_loss",
                "sentence_order_accuracy",
            ]

    def trains(self, path):
        """Whether the loss depends on a variable, by ``variable.path``."""
        return self.sentence_order or not re.search(
            r"(^|/)(pooler|sentence_order)/", path
        )

    def denominators(self, batch):
        """Returns what the batch contributes to each denominator.

        Known from the batch alone, so that every micro-batch can divide by
        the sum over the global batch.

        Args:
          batch: dict of masked_lm_weights float32 [B, P] and example_weights
            float32 [B] (1, or 0 for a row that only fills up a batch).

        Returns:
          dict of float32 scalars.
        """
        return {
            "masked_lm": tf.reduce_sum(batch["masked_lm_weights"]),
            "sentence_order": tf.reduce_sum(batch["example_weights"]),
        }

    def numerators(self, outputs, batch):
        """Returns the numerator of every metric.

        Args:
          outputs: of ``AlbertPretrainer``.
          batch: dict of masked_lm_ids int32 [B, P], next_sentence_labels
            int32 [B, 1], and as of ``denominators``.

        Returns:
          dict of metric name to float32 scalar.
        """
        numerators = _sums(
            "masked_lm",
            outputs["masked_lm_logits"],
            batch["masked_lm_ids"],
            batch["masked_lm_weights"],
        )
        if self.sentence_order:
            numerators |= _sums(
                "sentence_order",
                outputs["sentence_order_logits"],
                batch["next_sentence_labels"][:, 0],
                batch["example_weights"],
            )
        return numerators

    def loss(self, numerators, denominators):
        """Returns the scalar to minimise: the sum of the mean losses."""
        metrics = self.metrics(numerators, denominators)
        return tf.add_n(
            [value for name, value in metrics.items() if name.endswith("loss")]
        )

    def metrics(self, numerators, denominators):
        """Divides numerators by denominators; returns the metrics by name."""
        return {
            name: numerators[name] / self._denominator(name, denominators)
            for name in self.metric_names
        }

    def _denominator(self, metric_name, denominators):
        if metric_name.startswith("masked_lm"):
            return denominators["masked_lm"] + _MASKED_LM_EPSILON
        return denominators["sentence_order"]


def _sums(name, logits, labels, weights):
    """Weighted sums of cross-entropy and of hits, in float32."""
    logits = tf.cast(logits, tf.float32)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    hits = tf.argmax(logits, axis=-1, output_type=labels.dtype) == labels
    return {
        f"{name}_loss": tf.reduce_sum(weights * losses),
        f"{name}_accuracy": tf.reduce_sum(weights * tf.cast(hits, tf.float32)),
    }
