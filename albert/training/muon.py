# SPDX-License-Identifier: Apache-2.0
"""Defines the optimizer Muon, which orthogonalises updates of matrices."""

import keras
import tensorflow as tf

from albert.training.optimizers import AdamW
from albert.training.variable_rules import HIDDEN_MATRIX_RULES
from albert.training.variable_rules import apply_rules

# K. Jordan et al., "Muon: An optimizer for hidden layers in neural networks",
# 2024 (kellerjordan.github.io/posts/muon): the polynomial's coefficients, how
# often it is applied, and the momentum.
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5
_MOMENTUM = 0.95
# Against a division by 0, as there.
_SMALLEST_NORM = 1e-7
# Root mean square of an update, so that AdamW's rates fit (Liu et al., "Muon
# is scalable for LLM training", 2025, arXiv 2502.16982, section 2.2).
_UPDATE_RMS = 0.2


@keras.saving.register_keras_serializable(package="albert")
class Muon(AdamW):
    """Muon for the hidden matrices, AdamW for everything else.

    Of a matrix with the momentum m of its gradients g and β = ``momentum``::

        m = β * m + (1 - β) * g
        update = orthogonalize(β * m + (1 - β) * g)
        update *= 0.2 * sqrt(the longer side) + decay * w
        w -= rate * update

    Hidden matrices are those of ``HIDDEN_MATRIX_RULES``: each of query, key,
    value and output, those of the feed-forward net, and the projections from
    and to the width of the embeddings. The kernels of this package have two
    dimensions, and none holds several matrices, so that each is
    orthogonalised apart. Their slot is ``adam_m`` alone; the others have
    ``adam_m`` and ``adam_v``.

    ``keras.optimizers.Muon`` has the same iteration, but divides variables
    by other rules (the weights of heads are matrices to it, the projection
    of the embeddings is none), knows no decay or rate by variable, corrects
    Adam's bias in any case, and sums gradients over the replicas that are
    summed already.

    Args:
      learning_rate: float or ``LearningRateSchedule``, of all variables.
      momentum: β, in [0, 1).
      hidden_matrix_rules: as ``weight_decay_rules``, for the variables that
        are orthogonalised; these must have two dimensions.
      **kwargs: as in ``AdamW``; ``beta_1``, ``beta_2``, ``epsilon`` and
        ``bias_correction`` are of the other variables.
    """

    def __init__(
        self,
        learning_rate,
        *,
        momentum=_MOMENTUM,
        hidden_matrix_rules=HIDDEN_MATRIX_RULES,
        **kwargs,
    ):
        if not 0.0 <= momentum < 1.0:
            raise ValueError(
                f"momentum must be in [0, 1). Received: momentum={momentum}"
            )
        super().__init__(learning_rate, **kwargs)
        self.momentum = momentum
        self.hidden_matrix_rules = [
            [pattern, bool(yes)] for pattern, yes in hidden_matrix_rules
        ]

    def build(self, variables):
        if self.built:
            return
        self._is_hidden_matrix = apply_rules(
            self.hidden_matrix_rules, [variable.path for variable in variables]
        )
        for variable, yes in zip(
            variables, self._is_hidden_matrix, strict=True
        ):
            if yes and len(variable.shape) != 2:
                raise ValueError(
                    f"{variable.path} of shape {tuple(variable.shape)} is no "
                    "matrix: it cannot be orthogonalised"
                )
        super().build(variables)

    def _slot_names(self, index):
        if self._is_hidden_matrix[index]:
            return ("adam_m",)
        return super()._slot_names(index)

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        if not self._is_hidden_matrix[index]:
            super().update_step(gradient, variable, learning_rate)
            return
        weights = tf.convert_to_tensor(variable)
        slot = self.adam_m[index].value
        gradient = (1.0 - self.momentum) * tf.cast(gradient, tf.float32)
        m = self.momentum * tf.convert_to_tensor(slot) + gradient
        slot.assign(m)
        update = orthogonalize(self.momentum * m + gradient)
        update *= _UPDATE_RMS * max(weights.shape) ** 0.5
        if self._decay_rates[index]:
            update += self._decay_rates[index] * weights
        rate = self._step_size(index, weights, update, learning_rate)
        self._assign(index, variable, weights - rate * update)

    def get_config(self):
        return {
            **super().get_config(),
            "momentum": self.momentum,
            "hidden_matrix_rules": [*map(list, self.hidden_matrix_rules)],
        }


def orthogonalize(matrix):
    """Returns a matrix with its singular values moved near 1.

    Five Newton-Schulz iterations, which need products of matrices alone. The
    values come to lie between about 0.7 and 1.2, which is near enough for an
    update.

    Args:
      matrix: float32 [rows, columns].

    Returns:
      float32 tensor of the same shape; of zeros, zeros.
    """
    a, b, c = _COEFFICIENTS
    tall = matrix.shape[0] > matrix.shape[1]
    # The products are then of the shorter side.
    x = tf.transpose(matrix) if tall else matrix
    x /= tf.norm(x) + _SMALLEST_NORM
    for _ in range(_ITERATIONS):
        squares = tf.matmul(x, x, transpose_b=True)
        x = a * x + tf.matmul(b * squares + c * tf.matmul(squares, squares), x)
    return tf.transpose(x) if tall else x
