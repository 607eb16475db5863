# SPDX-License-Identifier: Apache-2.0
"""Computes losses and accuracies as sums, and divides them in one place.

A loss or accuracy is a numerator over a denominator, both sums. Numerators
and denominators may be added over micro-batches, replicas and batches before
they are divided, so the result does not depend on how a batch was cut up.
"""

import re

import tensorflow as tf

from albert.training.cross_entropy import focal_losses
from albert.training.cross_entropy import weighted_sums

# Source: get_masked_lm_output of the original's run_pretraining.py.
_MASKED_LM_EPSILON = 1e-5


class PretrainingObjective:
    """Objective of pretraining: masked-LM loss plus sentence-order loss.

    Args:
      sentence_order: bool; False leaves the second loss out, for records
        that hold single segments.

    Attributes:
      reads_padding: bool, whether the sums depend on what a model gives at
        positions of padding, which then cannot be left out.
      metric_names: list of str.
      counted: dict of what a step counts beside the metrics: its name, and
        the denominator that it is.
    """

    reads_padding = False

    def __init__(self, sentence_order=True):
        self.sentence_order = sentence_order
        self.counted = {"pairs": "sentence_order"} if sentence_order else {}
        self.metric_names = ["masked_lm_loss", "masked_lm_accuracy"]
        if sentence_order:
            self.metric_names += [
                "sentence_order_loss",
                "sentence_order_accuracy",
            ]

    def trains(self, path):
        """Returns whether the loss depends on the variable of a path."""
        return self.sentence_order or not re.search(
            r"(^|/)(pooler|sentence_order)/", path
        )

    def denominators(self, batch):
        """Returns what the batch contributes to each denominator.

        Known from the batch alone, so that every micro-batch can divide by
        the sum over the global batch.

        Args:
          batch: dict of masked_lm_weights float32 [B, P], segment_ids int32
            [B, S], and example_weights float32 [B] (1, or 0 for a row that
            only fills up a batch). A row of one segment has no order.

        Returns:
          dict of float32 scalars.
        """
        return {
            "masked_lm": tf.reduce_sum(batch["masked_lm_weights"]),
            "sentence_order": tf.reduce_sum(_weights_of_pairs(batch)),
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
        numerators = weighted_sums(
            "masked_lm_",
            outputs["masked_lm_logits"],
            batch["masked_lm_ids"],
            batch["masked_lm_weights"],
        )
        if self.sentence_order:
            numerators |= weighted_sums(
                "sentence_order_",
                outputs["sentence_order_logits"],
                batch["next_sentence_labels"][:, 0],
                _weights_of_pairs(batch),
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
        return _at_least_one(denominators["sentence_order"])


def _weights_of_pairs(batch):
    """Returns the weights of the rows, 0 of those of one segment: [B]."""
    is_pair = tf.reduce_max(batch["segment_ids"], axis=1) > 0
    return batch["example_weights"] * tf.cast(is_pair, tf.float32)


class _MeanObjective:
    """Base of objectives whose sums are all divided by one weight."""

    # Parts of the model that the loss does not depend on.
    untrained = None
    counted = {}
    reads_padding = False

    def trains(self, path):
        """Returns whether the loss depends on the variable of a path."""
        return not (self.untrained and re.search(self.untrained, path))

    def denominators(self, batch):
        """Returns the number of examples, as ``PretrainingObjective`` does."""
        return {"weight": tf.reduce_sum(batch["example_weights"])}

    def loss(self, numerators, denominators):
        """Returns the scalar to minimise."""
        return self._divide("loss", numerators, denominators)

    def metrics(self, numerators, denominators):
        """Divides numerators by denominators; returns the metrics by name."""
        return {
            name: self._divide(name, numerators, denominators)
            for name in self.metric_names
        }

    def _divide(self, name, numerators, denominators):
        return numerators[name] / _at_least_one(denominators["weight"])


class _LabelObjective(_MeanObjective):
    """Base of objectives whose loss is a sum over labels that were right.

    With weights or an exponent, ``cross_entropy_loss`` is what the loss would
    be without them, which does not depend on how they were chosen.

    Args:
      class_weights: sequence of float, the weight of each label: the loss is
        the weighted mean over the examples. None: all weigh the same.
      focal_gamma: float, see ``focal_losses``; 0 is off.
    """

    metric_names = ("loss", "accuracy")

    def __init__(self, class_weights=None, focal_gamma=0.0):
        self.class_weights = class_weights
        self.focal_gamma = focal_gamma
        if class_weights or focal_gamma:
            self.metric_names = ("loss", "cross_entropy_loss", "accuracy")

    def denominators(self, batch):
        """Returns what the batch contributes, as ``PretrainingObjective``."""
        labels, weights = self._labels_and_weights(batch)
        denominators = {"weight": tf.reduce_sum(weights)}
        if self.class_weights:
            weights = weights * self._weights_of(labels)
            denominators["class_weight"] = tf.reduce_sum(weights)
        return denominators

    def numerators(self, outputs, batch):
        """Returns the numerator of every metric.

        Args:
          outputs: dict of logits float32 [B, …, N].
          batch: dict of label_ids int32 [B, …], example_weights float32 [B].
        """
        labels, weights = self._labels_and_weights(batch)
        sums = weighted_sums("", outputs["logits"], labels, weights)
        if len(self.metric_names) == 2:
            return sums
        sums["cross_entropy_loss"] = sums["loss"]
        if self.class_weights:
            weights = weights * self._weights_of(labels)
        losses = focal_losses(outputs["logits"], labels, self.focal_gamma)
        return sums | {"loss": tf.reduce_sum(weights * losses)}

    def _labels_and_weights(self, batch):
        """Returns the labels, and 1 where one counts, of the same shape."""
        return batch["label_ids"], batch["example_weights"]

    def _weights_of(self, labels):
        return tf.gather(tf.constant(self.class_weights, tf.float32), labels)

    def _divide(self, name, numerators, denominators):
        if name == "loss" and self.class_weights:
            # The sum of weights may well be below 1.
            return tf.math.divide_no_nan(
                numerators[name], denominators["class_weight"]
            )
        return super()._divide(name, numerators, denominators)


class ClassificationObjective(_LabelObjective):
    """Objective of classification: cross-entropy of the right label or choice.

    Source: ``create_model`` of the original's classifier_utils.py and
    race_utils.py.
    """


class MultiLabelObjective(_MeanObjective):
    """Objective of several labels a text: sigmoid cross-entropy of each.

    The mean over examples and labels, as ``BCEWithLogitsLoss`` of PyTorch,
    which transformers uses: a learning rate means the same here and there.
    """

    metric_names = ("loss",)

    def numerators(self, outputs, batch):
        """Returns the numerator of every metric.

        Args:
          outputs: dict of logits float32 [B, N].
          batch: dict of label_ids int32 [B, N], 1 or 0, and example_weights
            float32 [B].
        """
        losses = tf.nn.sigmoid_cross_entropy_with_logits(
            tf.cast(batch["label_ids"], tf.float32),
            tf.cast(outputs["logits"], tf.float32),
        )
        losses = tf.reduce_mean(losses, axis=-1)
        return {"loss": tf.reduce_sum(batch["example_weights"] * losses)}


class RegressionObjective(_MeanObjective):
    """Objective of regression: squared error of one number.

    Source: ``create_model`` of the original's classifier_utils.py (sts-b).
    """

    metric_names = ("loss",)

    def numerators(self, outputs, batch):
        """Returns the numerator of every metric.

        Args:
          outputs: dict of logits float32 [B, 1].
          batch: dict of label_ids float32 [B], example_weights float32 [B].
        """
        errors = outputs["logits"][:, 0] - batch["label_ids"]
        return {
            "loss": tf.reduce_sum(batch["example_weights"] * tf.square(errors))
        }


class TokenClassificationObjective(_LabelObjective):
    """Objective of tagging: cross-entropy of labels, where there is one."""

    untrained = r"(^|/)pooler/"

    def _labels_and_weights(self, batch):
        # Below 0 there is no label.
        labels = batch["label_ids"]
        labelled = tf.cast(labels >= 0, tf.float32)
        weights = labelled * batch["example_weights"][:, tf.newaxis]
        return tf.maximum(labels, 0), weights


class SpanObjective(_MeanObjective):
    """Objective of "span_v1": mean cross-entropy of the start and the end.

    Source: model_fn of the original's run_squad_v1.py, whose softmax is over
    all positions, padding too.
    """

    metric_names = ("loss",)
    untrained = r"(^|/)pooler/"
    reads_padding = True

    def numerators(self, outputs, batch):
        """Returns the numerator of every metric.

        Args:
          outputs: of ``AlbertSpanPredictor``, version "v1".
          batch: dict of start_positions, end_positions int32 [B] and
            example_weights float32 [B].
        """
        losses = [
            tf.nn.sparse_softmax_cross_entropy_with_logits(
                batch[f"{side}_positions"], outputs[f"{side}_logits"]
            )
            for side in ("start", "end")
        ]
        return {
            "loss": tf.reduce_sum(
                batch["example_weights"] * tf.add_n(losses) / 2.0
            )
        }


class SpanWithAnswerabilityObjective(_MeanObjective):
    """Objective of "span_v2": mean span loss plus half of answerability's.

    Source: model_fn of the original's run_squad_v2.py.
    """

    metric_names = ("loss", "span_loss", "answerability_loss")
    untrained = r"(^|/)pooler/"

    def numerators(self, outputs, batch):
        """Returns the numerator of every metric.

        Args:
          outputs: of ``AlbertSpanPredictor``, version "v2", while training.
          batch: dict of start_positions, end_positions, is_impossible int32
            [B] and example_weights float32 [B].
        """
        span_losses = [
            -tf.gather(
                outputs[f"{side}_log_probs"],
                batch[f"{side}_positions"],
                batch_dims=1,
            )
            for side in ("start", "end")
        ]
        span_losses = tf.add_n(span_losses) / 2.0
        answerability_losses = tf.nn.sigmoid_cross_entropy_with_logits(
            tf.cast(batch["is_impossible"], tf.float32), outputs["cls_logits"]
        )
        losses = {
            "loss": span_losses + 0.5 * answerability_losses,
            "span_loss": span_losses,
            "answerability_loss": answerability_losses,
        }
        return {
            name: tf.reduce_sum(batch["example_weights"] * value)
            for name, value in losses.items()
        }


class TextToTextObjective(_MeanObjective):
    """Objective of writing texts: cross-entropy of each piece, smoothed.

    ``(1 - ε) · -log p(piece) + ε · mean over the vocabulary of -log p``
    (Szegedy et al. 2016, section 7; Vaswani et al. 2017, section 5.4, has ε =
    0.1). ``target_loss`` is the cross-entropy without smoothing: its exponent
    is the perplexity, whatever ε was.

    Args:
      label_smoothing: float in [0, 1), ε.
    """

    metric_names = ("loss", "target_loss", "target_accuracy")
    untrained = r"(^|/)pooler/"

    def __init__(self, label_smoothing=0.1):
        self.label_smoothing = label_smoothing

    def denominators(self, batch):
        """Returns the number of pieces to be written."""
        return {"weight": tf.reduce_sum(_target_weights(batch))}

    def numerators(self, outputs, batch):
        """Returns the numerator of every metric.

        Args:
          outputs: dict of logits float32 [B, T, V].
          batch: dict of target_ids int32 [B, T], target_weights float32
            [B, T] (0: padding), example_weights float32 [B].
        """
        weights = _target_weights(batch)
        numerators = weighted_sums(
            "target_", outputs["logits"], batch["target_ids"], weights
        )
        loss = numerators["target_loss"]
        if self.label_smoothing:
            uniform = tf.reduce_logsumexp(
                outputs["logits"], axis=-1
            ) - tf.reduce_mean(outputs["logits"], axis=-1)
            loss = (1.0 - self.label_smoothing) * loss
            loss += self.label_smoothing * tf.reduce_sum(weights * uniform)
        return {"loss": loss, **numerators}


def _target_weights(batch):
    """Returns 1 where there is a piece to be written: float32 [B, T]."""
    return batch["target_weights"] * batch["example_weights"][:, tf.newaxis]


def _at_least_one(weight):
    """Returns at least 1, so that an empty batch has a loss of 0, not NaN."""
    return tf.maximum(weight, 1.0)
