# SPDX-License-Identifier: Apache-2.0
"""Defines the optimizers LAMB and AdamW as the original ALBERT has them.

Muon, which the original does not have, is in ``albert.training.muon``.

They take gradients that are summed over the replicas already.

A training step does, in each replica and in this order::

    gradients = densify(tape.gradient(loss, variables))
    gradients = replica_context.all_reduce("SUM", gradients)
    gradients, norm = clip_by_global_norm(gradients, 1.0)
    optimizer.apply(gradients, variables)

so that clipping sees the true global norm whatever the number of replicas
(Keras clips before it reduces). The optimizers therefore never reduce.
"""

import math

import keras
import tensorflow as tf

from albert.config import AlbertConfig
from albert.training.variable_rules import WEIGHT_DECAY_RULES
from albert.training.variable_rules import apply_rules
from albert.training.variable_rules import is_embedding_table
from albert.training.variable_rules import variable_depth


class _AdamMoments(keras.optimizers.Optimizer):
    """Base of the optimizers: moments, weight decay, rates of variables."""

    def __init__(
        self,
        learning_rate,
        *,
        weight_decay_rate=0.01,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-6,
        bias_correction=False,
        weight_decay_rules=WEIGHT_DECAY_RULES,
        layer_decay_rate=1.0,
        embedding_learning_rate_scale=1.0,
        model_config=None,
        weight_average_decay=None,
        name=None,
    ):
        for label, beta in (("beta_1", beta_1), ("beta_2", beta_2)):
            if not 0.0 <= beta < 1.0:
                raise ValueError(
                    f"{label} must be in [0, 1). Received: {label}={beta}"
                )
        if epsilon <= 0.0:
            raise ValueError(
                f"epsilon must be positive. Received: epsilon={epsilon}"
            )
        if weight_decay_rate < 0.0:
            raise ValueError(
                "weight_decay_rate must not be negative. "
                f"Received: weight_decay_rate={weight_decay_rate}"
            )
        if not 0.0 < layer_decay_rate <= 1.0:
            raise ValueError(
                "layer_decay_rate must be in (0, 1]. "
                f"Received: layer_decay_rate={layer_decay_rate}"
            )
        if layer_decay_rate < 1.0 and model_config is None:
            raise ValueError(
                "layer_decay_rate needs model_config to know how deep a "
                f"variable is. Received: layer_decay_rate={layer_decay_rate}"
            )
        if embedding_learning_rate_scale < 0.0:
            raise ValueError(
                "embedding_learning_rate_scale must not be negative. Received: "
                f"embedding_learning_rate_scale={embedding_learning_rate_scale}"
            )
        if weight_average_decay is not None and not (
            0.0 < weight_average_decay < 1.0
        ):
            raise ValueError(
                "weight_average_decay must be in (0, 1). Received: "
                f"weight_average_decay={weight_average_decay}"
            )
        # Keras's own `weight_decay` stays None: it would decay a second time.
        super().__init__(learning_rate=learning_rate, name=name)
        self.weight_decay_rate = weight_decay_rate
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.bias_correction = bias_correction
        self.weight_decay_rules = _as_rules(weight_decay_rules)
        self.layer_decay_rate = layer_decay_rate
        self.embedding_learning_rate_scale = embedding_learning_rate_scale
        if isinstance(model_config, dict):
            model_config = AlbertConfig.from_dict(model_config)
        self.model_config = model_config
        self.weight_average_decay = weight_average_decay

    def build(self, variables):
        """Creates the slots; must be called under the strategy's scope.

        Args:
          variables: list of float32 ``keras.Variable``.

        Raises:
          ValueError: a variable that no rule covers, or not float32.
        """
        if self.built:
            return
        paths = [variable.path for variable in variables]
        for variable in variables:
            if variable.dtype != "float32":
                raise ValueError(
                    "The variables that are trained must be float32. "
                    f"Received: {variable.path} of {variable.dtype}"
                )
        decayed = apply_rules(self.weight_decay_rules, paths)
        self._decay_rates = tuple(
            self.weight_decay_rate if yes else 0.0 for yes in decayed
        )
        self._rate_multipliers = tuple(
            self._rate_multiplier(path) for path in paths
        )
        super().build(variables)
        self.adam_m, self.adam_v = [], []
        for index, variable in enumerate(variables):
            for name, slots in (
                ("adam_m", self.adam_m),
                ("adam_v", self.adam_v),
            ):
                slots.append(
                    self.add_variable_from_reference(variable, name=name)
                    if name in self._slot_names(index)
                    else None
                )
        self.averages = []
        if self.weight_average_decay is not None:
            self.averages = self.add_optimizer_variables(variables, "average")

    def _slot_names(self, index):
        """Returns the names of the slots that a variable has."""
        return ("adam_m", "adam_v")

    def slots(self, index):
        """Returns the slots of a variable by their names: dict."""
        return {
            name: getattr(self, name)[index] for name in self._slot_names(index)
        }

    def average(self, variable):
        """Returns the variable that holds the average of one's weights."""
        return self.averages[self._get_variable_index(variable)]

    def _rate_multiplier(self, path):
        multiplier = 1.0
        if self.layer_decay_rate != 1.0:
            depth = variable_depth(path, self.model_config)
            top = self.model_config.num_hidden_layers + 2
            multiplier *= self.layer_decay_rate ** (top - depth)
        if is_embedding_table(path):
            multiplier *= self.embedding_learning_rate_scale
        return multiplier

    def apply(self, grads, trainable_variables=None):
        super().apply(densify(grads), trainable_variables)

    def _all_reduce_sum_gradients(self, grads_and_vars):
        # The gradients are sums over the replicas already (module docstring).
        return grads_and_vars

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        # TensorFlow's operations and one assignment per variable: an update is
        # bound by memory, every Keras operation or second read is a pass more.
        weights = tf.convert_to_tensor(variable)
        adam_m, adam_v = self.adam_m[index].value, self.adam_v[index].value
        gradient = tf.cast(gradient, tf.float32)

        m = self.beta_1 * tf.convert_to_tensor(adam_m)
        m += (1.0 - self.beta_1) * gradient
        v = self.beta_2 * tf.convert_to_tensor(adam_v)
        v += (1.0 - self.beta_2) * tf.square(gradient)
        adam_m.assign(m)
        adam_v.assign(v)

        if self.bias_correction:
            m /= self._moment_bias(self.beta_1)
            v /= self._moment_bias(self.beta_2)
        update = m / (tf.sqrt(v) + self.epsilon)
        if self._decay_rates[index]:
            update += self._decay_rates[index] * weights

        rate = self._step_size(index, weights, update, learning_rate)
        self._assign(index, variable, weights - rate * update)

    def _assign(self, index, variable, weights):
        """Sets a variable to its new weights, and updates their average."""
        variable.assign(weights)
        if self.averages:
            # The decay of TensorFlow's ExponentialMovingAverage with
            # num_updates: few weights at first, so that random ones do not
            # linger, and the first average is the first weights.
            step = tf.cast(self._iterations.value, tf.float32)
            decay = tf.minimum(self.weight_average_decay, step / (step + 9.0))
            average = self.averages[index].value
            average.assign(weights + decay * (average - weights))

    def _moment_bias(self, beta):
        """Returns 1 - beta**t for the t-th update, without cancellation."""
        step = tf.cast(self._iterations.value, tf.float32) + 1.0
        return -tf.math.expm1(step * math.log(beta)) if beta else 1.0

    def _step_size(self, index, weights, update, learning_rate):
        rate = tf.cast(learning_rate, tf.float32)
        if self._rate_multipliers[index] != 1.0:
            rate *= self._rate_multipliers[index]
        return rate

    def get_config(self):
        # Only what __init__ takes: Keras's clipping, decay, averaging, loss
        # scaling and accumulation arguments are refused there.
        return {
            "name": self.name,
            "learning_rate": super().get_config()["learning_rate"],
            "weight_decay_rate": self.weight_decay_rate,
            "beta_1": self.beta_1,
            "beta_2": self.beta_2,
            "epsilon": self.epsilon,
            "bias_correction": self.bias_correction,
            "weight_decay_rules": _as_rules(self.weight_decay_rules),
            "layer_decay_rate": self.layer_decay_rate,
            "embedding_learning_rate_scale": self.embedding_learning_rate_scale,
            "model_config": self.model_config and self.model_config.to_dict(),
            "weight_average_decay": self.weight_average_decay,
        }


@keras.saving.register_keras_serializable(package="albert")
class AdamW(_AdamMoments):
    """AdamW: Adam with decoupled weight decay, without bias correction.

    ``update = m / (sqrt(v) + epsilon) + decay * w``, ``w -= rate * update``
    (Loshchilov and Hutter 2019; optimization.py, AdamWeightDecayOptimizer).

    Gradients must be summed over the replicas already (module docstring), so
    ``model.fit`` is right on one device only. Keras's arguments for clipping,
    weight decay, averaging, loss scaling and gradient accumulation are
    refused: all of that happens before ``apply``, once, on the gradients of
    the global batch.

    The slots are ``adam_m`` and ``adam_v``, lists of float32 variables in the
    order of the trained ones; ``iterations`` is the number of updates made.
    ``averages`` is such a list, too, or empty. (Keras's own are updated
    outside of the update of their variable, where a mirrored one cannot be
    assigned, and are paired with the variables of ``apply`` by order.)

    Args:
      learning_rate: float or ``LearningRateSchedule``.
      weight_decay_rate: added to the update as this times the weights.
      beta_1, beta_2, epsilon: of Adam; ``epsilon`` is added outside the root.
      bias_correction: divide the moments by ``1 - beta**t``, as Adam does
        and the original does not.
      weight_decay_rules: sequence of (regular expression, decayed or not),
        searched in ``variable.path``; the first match decides, and every
        variable must be matched.
      layer_decay_rate: the rate of a variable at depth d is multiplied by
        this to the power of ``num_hidden_layers + 2 - d``; see
        ``variable_depth``. 1 is off.
      embedding_learning_rate_scale: the rate of the embedding tables, see
        ``is_embedding_table``, is multiplied by this too; their weight decay
        with it. 1 is off, and 0 leaves them as they are.
      model_config: ``AlbertConfig`` or its dict, read only when
        ``layer_decay_rate`` is below 1.
      weight_average_decay: float in (0, 1); keep exponential moving averages
        of the weights with this decay, less in the first steps: after t
        updates at most t / (t + 9). None: keep none.
      name: of the optimizer.

    Raises:
      ValueError: an argument out of range.
      TypeError: an argument of Keras's that is refused.
    """


@keras.saving.register_keras_serializable(package="albert")
class Lamb(_AdamMoments):
    """LAMB: layer-wise adaptive moments, without bias correction.

    ``update = m / (sqrt(v) + epsilon) + decay * w``,
    ``w -= rate * trust_ratio(w, update) * update`` (You et al. 2020,
    algorithm 2; lamb_optimizer.py). The decay is inside the trust ratio.

    Args:
      learning_rate: float or ``LearningRateSchedule``.
      layer_adaptation_rules: as ``weight_decay_rules``, for the variables
        that get the trust ratio. None: those that are decayed, as in the
        original.
      **kwargs: as in ``AdamW``, where the rest is described too.
    """

    def __init__(self, learning_rate, *, layer_adaptation_rules=None, **kwargs):
        super().__init__(learning_rate, **kwargs)
        if layer_adaptation_rules is None:
            layer_adaptation_rules = self.weight_decay_rules
        self.layer_adaptation_rules = _as_rules(layer_adaptation_rules)

    def build(self, variables):
        if self.built:
            return
        self._adapted = apply_rules(
            self.layer_adaptation_rules,
            [variable.path for variable in variables],
        )
        super().build(variables)

    def _step_size(self, index, weights, update, learning_rate):
        rate = super()._step_size(index, weights, update, learning_rate)
        if self._adapted[index]:
            rate *= trust_ratio(weights, update)
        return rate

    def get_config(self):
        return {
            **super().get_config(),
            "layer_adaptation_rules": _as_rules(self.layer_adaptation_rules),
        }


def trust_ratio(weights, update):
    """Returns LAMB's factor ||weights|| / ||update||, 1 where a norm is 0.

    Not clamped (lamb_optimizer.py).

    Args:
      weights, update: float32 tensors.

    Returns:
      float32 scalar tensor.
    """
    weights_norm = _norm(weights)
    update_norm = _norm(update)
    return tf.where(
        (weights_norm > 0.0) & (update_norm > 0.0),
        weights_norm / update_norm,
        1.0,
    )


def _norm(tensor):
    # l2_loss is half the sum of squares, in one pass and without a buffer.
    return tf.sqrt(2.0 * tf.nn.l2_loss(tensor))


def densify(gradients):
    """Turns the gradients of embedding look-ups into ordinary tensors.

    A tied embedding table has a dense gradient anyway, and clipping, the
    trust ratio and weight decay concern every row.

    Args:
      gradients: list of tensor, ``tf.IndexedSlices`` or None.

    Returns:
      list of tensor or None.
    """
    return [
        tf.convert_to_tensor(gradient)
        if isinstance(gradient, tf.IndexedSlices)
        else gradient
        for gradient in gradients
    ]


def clip_by_global_norm(gradients, clip_norm):
    """Scales gradients down so that their joint norm is at most ``clip_norm``.

    Squares are summed in float32 and repeated indices of sparse gradients
    are summed first, so that the norm is the true one. A norm that is not
    finite makes every gradient NaN: no update looks healthy by accident.

    Args:
      gradients: list of tensor, ``tf.IndexedSlices`` or None.
      clip_norm: positive number (the original's is 1.0).

    Returns:
      (list of float32 tensors, where None stays None; the norm before
      clipping, a float32 scalar tensor).

    Raises:
      ValueError: ``clip_norm`` is not positive.
    """
    if not clip_norm > 0:
        raise ValueError(
            f"clip_norm must be positive. Received: clip_norm={clip_norm}"
        )
    gradients = [
        gradient if gradient is None else tf.cast(gradient, tf.float32)
        for gradient in densify(gradients)
    ]
    return tf.clip_by_global_norm(gradients, clip_norm)


def _as_rules(rules):
    """Returns rules as plain lists, as a configuration read from JSON has."""
    return [[pattern, bool(yes)] for pattern, yes in rules]
