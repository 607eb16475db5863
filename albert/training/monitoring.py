# SPDX-License-Identifier: Apache-2.0
"""Detects collapse and losses that are not finite; measures the baseline."""

import dataclasses
import math

import numpy as np
from absl import logging

from albert.errors import UserError

# Small models need hundreds of steps to leave the plateau.
_LEAST_PATIENCE = 500
# Relative distance below the word-frequency loss that counts as having left it.
_MARGIN = 0.03
# The loss of fewer steps is too much chance's to be judged.
_JUDGED_STEPS = 20


def count_masked_pieces(batches, vocab_size):
    """Counts the masked pieces of some batches.

    Args:
      batches: iterable of dicts with input_ids, masked_lm_ids and
        masked_lm_weights.
      vocab_size: int (V).

    Returns:
      float64 [V].

    Raises:
      UserError: an id outside the vocabulary, or no masked piece.
    """
    counts = np.zeros(vocab_size)
    for batch in batches:
        largest = int(np.max(batch["input_ids"]))
        ids = np.asarray(batch["masked_lm_ids"])
        ids = ids[np.asarray(batch["masked_lm_weights"]) > 0]
        largest = max(largest, int(ids.max(initial=0)))
        if largest >= vocab_size:
            raise UserError(
                f"the records hold the id {largest}, but vocab_size is "
                f"{vocab_size}: use the configuration of the vocabulary "
                "that made them"
            )
        counts += np.bincount(ids, minlength=vocab_size)
    if not counts.sum():
        raise UserError(
            "the records hold no masked piece: make them again with "
            "`albert create-pretraining-data`"
        )
    return counts


@dataclasses.dataclass(frozen=True)
class WordFrequencyBaseline:
    """Scores of predicting masked pieces by their frequency alone.

    Attributes:
      loss: float, cross-entropy in nats.
      accuracy: float, share of the piece that is predicted.
    """

    loss: float
    accuracy: float

    def metrics(self):
        """Returns the baseline under the names of the model's metrics.

        A coin stands in for the order of sentences, which word frequencies
        say nothing of.
        """
        return {
            "masked_lm_loss": self.loss,
            "masked_lm_accuracy": self.accuracy,
            "sentence_order_loss": math.log(2.0),
            "sentence_order_accuracy": 0.5,
        }

    @classmethod
    def of(cls, counts, known):
        """Returns the baseline of pieces by the frequencies of other text.

        Args:
          counts: float64 [V], of the pieces to predict.
          known: float64 [V], of the text that the frequencies come from;
            half an occurrence is added to each.
        """
        predicted = (known + 0.5) / (known + 0.5).sum()
        return cls(
            loss=float(-(counts * np.log(predicted)).sum() / counts.sum()),
            accuracy=float(counts[predicted.argmax()] / counts.sum()),
        )


def measure_baselines(train_batches, eval_batches, vocab_size):
    """Measures the word-frequency baselines of training and evaluation data.

    Args:
      train_batches, eval_batches: iterables as of ``count_masked_pieces``;
        None for one that there is not, which the other stands in for.
      vocab_size: int.

    Returns:
      two ``WordFrequencyBaseline``: on the training records, and on the
      evaluation records, both by the frequencies of the training records.
    """
    train, evaluation = (
        None if batches is None else count_masked_pieces(batches, vocab_size)
        for batches in (train_batches, eval_batches)
    )
    train = evaluation if train is None else train
    evaluation = train if evaluation is None else evaluation
    return (
        WordFrequencyBaseline.of(train, train),
        WordFrequencyBaseline.of(evaluation, train),
    )


def patience_for(num_train_steps):
    """Returns after how many steps a plateau is reported.

    Args:
      num_train_steps: int; or None, where a training is of a time.
    """
    return max(_LEAST_PATIENCE, (num_train_steps or 0) // 10)


def warn_of_nothing_learnt(metrics, baseline):
    """Warns of a trained model that predicts word frequencies at best.

    Args:
      metrics: dict of float, of the evaluation.
      baseline: ``WordFrequencyBaseline`` of the same records.
    """
    loss = metrics["masked_lm_loss"]
    if loss >= (1 - _MARGIN) * baseline.loss:
        logging.warning(
            "the model has not learnt to predict words from their context: "
            "its masked_lm_loss, %.3f, is not below that of their frequency, "
            "%.3f; train it for more steps, or see what to try in "
            "docs/pretraining.md, What a healthy run looks like",
            loss,
            baseline.loss,
        )


class CollapseDetector:
    """Detector of models that predict nothing but word frequencies.

    Pretraining is known to stay at, or to fall back to, the loss of the
    word-frequency baseline and never to leave it again.

    Args:
      baseline_loss: float, ``WordFrequencyBaseline.loss``.
      patience: int, steps in a row at the baseline before it is reported.
    """

    METRIC = "masked_lm_loss"

    def __init__(self, baseline_loss, patience):
        self.threshold = (1 - _MARGIN) * baseline_loss
        self.baseline_loss = baseline_loss
        self.patience = patience
        self.learnt = False
        self.steps_at_baseline = 0
        self._judged_steps = min(_JUDGED_STEPS, patience)
        self._losses = []

    def update(self, step, history):
        """Takes the masked-LM losses of the steps that end at ``step``.

        Args:
          step: int, updates made.
          history: dict of metric name to array [steps].

        Returns:
          str, what to tell the user, or None. Told again after each
          ``patience`` further steps.
        """
        self._losses.extend(history[self.METRIC])
        if len(self._losses) < self._judged_steps:
            return None
        losses, self._losses = self._losses, []
        loss = float(np.mean(losses))
        if loss < self.threshold:
            self.learnt = True
            self.steps_at_baseline = 0
            return None
        before = self.steps_at_baseline // self.patience
        self.steps_at_baseline += len(losses)
        if self.steps_at_baseline // self.patience == before:
            return None
        state = "has fallen back to" if self.learnt else "has not left"
        return (
            f"step {step}: for {self.steps_at_baseline} steps the masked-LM "
            f"loss ({loss:.3f}) {state} that of predicting by word frequency "
            f"({self.baseline_loss:.3f}). "
            + (
                "The training has collapsed: go back to an earlier "
                "checkpoint with a lower --learning_rate or a longer "
                "--num_warmup_steps."
                if self.learnt
                else "Small models can stay there for hundreds of steps; if "
                "this goes on, begin again with --initialization=local, "
                "change --learning_rate, use a larger --train_batch_size or "
                "start with shorter sequences."
            )
        )


def check_finite(first_step, history):
    """Stops at the first step whose loss or gradient is not finite.

    Args:
      first_step: int, number of updates before the first of ``history``.
      history: dict of metric name to array [steps].

    Raises:
      UserError: naming the step, the metric and the remedy.
    """
    for index in range(len(history["gradient_norm"])):
        for name, values in history.items():
            if not math.isfinite(values[index]):
                raise UserError(
                    f"step {first_step + index + 1}: {name} is "
                    f"{values[index]}. Nothing was saved since the last "
                    "checkpoint: continue in another --output_dir with "
                    "--init_checkpoint and a lower --learning_rate"
                )
