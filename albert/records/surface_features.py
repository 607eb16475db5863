# SPDX-License-Identifier: Apache-2.0
"""Measures how well lengths and ends of segments alone tell the label.

Sentence order is worth learning only as far as it has to be read: what a
logistic regression guesses from the surface of pairs is the honest baseline of
a model's accuracy.
"""

import dataclasses
import unicodedata

import numpy as np

# Enough that the accuracy is known to 0.003.
_MOST_PAIRS = 50_000
_FEATURES = 8
_NEWTON_STEPS = 8


@dataclasses.dataclass(frozen=True)
class SurfaceSample:
    """Surface features of pairs with their labels; samples can be added.

    Attributes:
      features: float32 [N, 8]: of A and B the length, whether the first piece
        starts a word and whether the last one is punctuation; the logarithm
        of the lengths' ratio, and whether A is longer.
      labels: bool [N].
    """

    features: np.ndarray = dataclasses.field(
        default_factory=lambda: np.zeros((0, _FEATURES), np.float32)
    )
    labels: np.ndarray = dataclasses.field(
        default_factory=lambda: np.zeros(0, bool)
    )

    @classmethod
    def of_pairs(cls, pairs, ids, word_start, is_punctuation):
        """Makes the sample of some pairs.

        Args:
          pairs: ``albert.text.instances.SegmentPairs`` with two segments each.
          ids: integers [T], the flat ids that the pairs point into.
          word_start: bool [V], pieces that start a word.
          is_punctuation: bool [V], pieces that end in punctuation.
        """
        a, b = pairs.a_length, pairs.b_length
        columns = [
            *(a, b, np.log(a / b), a > b),
            *(
                word_start[ids[start]]
                for start in (pairs.a_start, pairs.b_start)
            ),
            is_punctuation[ids[pairs.a_start + a - 1]],
            is_punctuation[ids[pairs.b_start + b - 1]],
        ]
        features = np.stack(columns, axis=1).astype(np.float32)
        return cls(features, pairs.labels == 1)

    def __add__(self, other):
        """Joins two samples, as far as their pairs are needed."""
        room = _MOST_PAIRS - len(self.labels)
        if room <= 0:
            return self
        return SurfaceSample(
            np.concatenate([self.features, other.features[:room]]),
            np.concatenate([self.labels, other.labels[:room]]),
        )

    def guess_held_out(self):
        """Fits a logistic regression to half of the pairs, and tries the rest.

        Returns:
          dict of float: "accuracy", the share of the second half whose label
          it guesses, and "chance", two standard errors of an accuracy of
          one half; None without pairs in both halves.
        """
        half = len(self.labels) // 2
        if not half:
            return None
        inputs = self.features - self.features[:half].mean(axis=0)
        inputs /= np.maximum(inputs[:half].std(axis=0), 1e-6)
        inputs = np.insert(inputs.astype(np.float64), 0, 1.0, axis=1)
        weights = _fit(inputs[:half], self.labels[:half])
        right = (inputs[half:] @ weights > 0) == self.labels[half:]
        return {
            "accuracy": float(right.mean()),
            "chance": len(right) ** -0.5,
        }


def join_guesses(guesses):
    """Joins what ``guess_held_out`` found in several samples, as dict or None.

    Each pair that was guessed counts once.

    Args:
      guesses: list of dict or None.
    """
    guesses = [each for each in guesses if each]
    if not guesses:
        return None
    pairs = np.array([each["chance"] ** -2 for each in guesses])
    accuracies = np.array([each["accuracy"] for each in guesses])
    return {
        "accuracy": float(pairs @ accuracies / pairs.sum()),
        "chance": float(pairs.sum() ** -0.5),
    }


def ends_in_punctuation(pieces):
    """Returns which pieces end in punctuation: bool array [V].

    Args:
      pieces: list of V str.
    """
    return np.array(
        [unicodedata.category(piece[-1]).startswith("P") for piece in pieces]
    )


def _fit(inputs, labels):
    """Returns the weights of a logistic regression, by Newton's method."""
    weights = np.zeros(inputs.shape[1])
    for _ in range(_NEWTON_STEPS):
        guess = 1 / (1 + np.exp(-(inputs @ weights).clip(-30, 30)))
        # The penalty of 1 keeps the weights finite for few pairs.
        gradient = inputs.T @ (guess - labels) + weights
        curvature = (inputs.T * (guess * (1 - guess))) @ inputs
        curvature += np.eye(len(weights))
        weights -= np.linalg.solve(curvature, gradient)
    return weights
