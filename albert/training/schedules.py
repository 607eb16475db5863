# SPDX-License-Identifier: Apache-2.0
"""Computes the learning rate of each step, and its scale with the batch."""

import abc
import math

import keras
import tensorflow as tf


class _DecayWithWarmup(
    keras.optimizers.schedules.LearningRateSchedule, abc.ABC
):
    """Learning rate with linear warm-up, then decay to a share of its peak.

    With ``s`` the number of updates already made, and ``fall`` a function
    from 1 at 0 to 0 at 1::

        w = s - start_warmup_step
        left = fall(s / num_train_steps)
        rate = initial * w / num_warmup_steps              while w < warm-up
        rate = initial * (share + (1 - share) * left)      afterwards

    The decay counts the steps of the warm-up, so the rate jumps down where
    the warm-up ends: the original's behaviour (optimization.py,
    create_optimizer), kept because its published settings were tuned with it.
    With ``decay_after_warmup`` it counts the steps after the warm-up, and the
    rate does not jump. From ``num_train_steps`` on the rate is that share of
    the peak, 0 in the original. A warm-up longer than the training is
    allowed, as in the original, and then never ends.

    One deviation: before ``start_warmup_step`` the rate is 0, where the
    original's formula becomes negative and climbs the loss.

    Args:
      initial_learning_rate: the peak of the formula, positive.
      num_train_steps: step at which the decay ends, positive.
      num_warmup_steps: length of the warm-up in steps, 0 for none.
      start_warmup_step: step at which the warm-up starts.
      end_learning_rate_share: what is left in the end, of the peak: [0, 1].
      decay_after_warmup: bool, the decay begins where the warm-up ends.

    Raises:
      ValueError: an argument outside the range named above.
    """

    def __init__(
        self,
        initial_learning_rate,
        num_train_steps,
        num_warmup_steps=0,
        start_warmup_step=0,
        *,
        end_learning_rate_share=0.0,
        decay_after_warmup=False,
    ):
        super().__init__()
        _require_positive("initial_learning_rate", initial_learning_rate)
        _require_whole("num_train_steps", num_train_steps, minimum=1)
        _require_whole("num_warmup_steps", num_warmup_steps, minimum=0)
        _require_whole("start_warmup_step", start_warmup_step, minimum=0)
        if not 0.0 <= end_learning_rate_share <= 1.0:
            raise ValueError(
                "end_learning_rate_share must be from 0 to 1. Received: "
                f"end_learning_rate_share={end_learning_rate_share}"
            )
        self.initial_learning_rate = float(initial_learning_rate)
        self.num_train_steps = int(num_train_steps)
        self.num_warmup_steps = int(num_warmup_steps)
        self.start_warmup_step = int(start_warmup_step)
        self.end_learning_rate_share = float(end_learning_rate_share)
        self.decay_after_warmup = bool(decay_after_warmup)

    def __call__(self, step):
        """Returns the rate of the update after ``step`` updates.

        Args:
          step: whole number, scalar tensor or variable.

        Returns:
          float32 scalar tensor.
        """
        # Whole numbers until here: float32 does not hold every step past 2^24.
        step = tf.cast(step, tf.int64)
        left = self._fall(self._progress(step))
        if self.end_learning_rate_share:
            share = self.end_learning_rate_share
            left = share + (1.0 - share) * left
        rate = self.initial_learning_rate * left
        if self.num_warmup_steps:
            warm = step - self.start_warmup_step
            fraction = tf.cast(tf.maximum(warm, 0), tf.float32) / float(
                self.num_warmup_steps
            )
            rate = tf.where(
                warm < self.num_warmup_steps,
                self.initial_learning_rate * fraction,
                rate,
            )
        return rate

    def _progress(self, step):
        """Returns the share of the decay that is over: float32 in [0, 1]."""
        first = 0
        if self.decay_after_warmup:
            first = self.start_warmup_step + self.num_warmup_steps
        length = max(1, self.num_train_steps - first)
        made = tf.clip_by_value(step - first, 0, length)
        return tf.cast(made, tf.float32) / float(length)

    @abc.abstractmethod
    def _fall(self, progress):
        """Returns what is left of the rate: from 1 to 0."""

    def get_config(self):
        return {
            "initial_learning_rate": self.initial_learning_rate,
            "num_train_steps": self.num_train_steps,
            "num_warmup_steps": self.num_warmup_steps,
            "start_warmup_step": self.start_warmup_step,
            "end_learning_rate_share": self.end_learning_rate_share,
            "decay_after_warmup": self.decay_after_warmup,
        }


@keras.saving.register_keras_serializable(package="albert")
class PolynomialDecayWithWarmup(_DecayWithWarmup):
    """Decay by ``(1 - progress) ** power``; the original's.

    Args:
      power: exponent of the decay, positive; 1 is linear.

    The other arguments and the errors are those of ``_DecayWithWarmup``.
    """

    def __init__(self, *arguments, power=1.0, **named):
        super().__init__(*arguments, **named)
        _require_positive("power", power)
        self.power = float(power)

    def _fall(self, progress):
        return tf.pow(1.0 - progress, self.power)

    def get_config(self):
        return {**super().get_config(), "power": self.power}


@keras.saving.register_keras_serializable(package="albert")
class CosineDecayWithWarmup(_DecayWithWarmup):
    """Decay by half a period of the cosine (Loshchilov and Hutter 2017)."""

    def _fall(self, progress):
        return 0.5 * (1.0 + tf.cos(math.pi * progress))


@keras.saving.register_keras_serializable(package="albert")
class TimedSchedule(keras.optimizers.schedules.LearningRateSchedule):
    """A schedule that is laid out over the time of a training.

    Args:
      schedule: ``LearningRateSchedule`` over milliseconds instead of steps.
    """

    def __init__(self, schedule):
        super().__init__()
        self.schedule = schedule
        self._step, self._milliseconds = (
            tf.Variable(0, dtype=tf.int64, trainable=False) for _ in range(2)
        )
        self._step_time = tf.Variable(0.0, trainable=False)

    def set(self, step, milliseconds, step_time):
        """Tells the time.

        Args:
          step: int, updates made.
          milliseconds: int, what they took.
          step_time: float, milliseconds that each of the next will take.
        """
        self._step.assign(step)
        self._milliseconds.assign(milliseconds)
        self._step_time.assign(step_time)

    def __call__(self, step):
        """Returns the rate of the update after ``step`` updates."""
        made = tf.cast(step, tf.int64) - self._step
        time = tf.cast(made, tf.float32) * self._step_time
        return self.schedule(self._milliseconds + tf.cast(time, tf.int64))

    def get_config(self):
        schedule = keras.optimizers.schedules.serialize(self.schedule)
        return {"schedule": schedule}

    @classmethod
    def from_config(cls, config):
        return cls(keras.optimizers.schedules.deserialize(config["schedule"]))


# By the name that --learning_rate_decay gives.
DECAYS = {
    "polynomial": PolynomialDecayWithWarmup,
    "cosine": CosineDecayWithWarmup,
}


def scaled_learning_rate(
    batch_size, reference_rate=0.00176, reference_batch=4096
):
    """Scales a learning rate by the square root of the batch size.

    You et al. 2020, "Large Batch Optimization for Deep Learning" (LAMB),
    section 4; the reference is the released ALBERT's setting
    (run_pretraining.py: --learning_rate, --train_batch_size).

    Args:
      batch_size: global batch size, in sequences.
      reference_rate: rate that is known to work.
      reference_batch: batch size at which it works.

    Returns:
      float, the rate for ``batch_size``.

    Raises:
      ValueError: an argument that is not positive.
    """
    _require_positive("batch_size", batch_size)
    _require_positive("reference_rate", reference_rate)
    _require_positive("reference_batch", reference_batch)
    return reference_rate * math.sqrt(batch_size / reference_batch)


def _require_positive(name, value):
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{name} must be positive. Received: {name}={value}")


def _require_whole(name, value, minimum):
    if int(value) != value or value < minimum:
        raise ValueError(
            f"{name} must be a whole number of at least {minimum}. "
            f"Received: {name}={value}"
        )
