# SPDX-License-Identifier: Apache-2.0
"""What a run tells: log lines, a progress bar, TensorBoard."""

import os
import sys
import time

import numpy as np
import tensorflow as tf
import tqdm
from absl import logging


class Reporter:
    """Reports the steps of a training run.

    Args:
      directory: where TensorBoard's event files go (``train`` and ``eval``).
      num_steps: int, steps at the end of training.
      step: int, steps already made (after a restart).
      batch_size: int, sequences per step.
    """

    # Seconds between two log lines where there is no terminal.
    LINE_INTERVAL = 10.0

    def __init__(self, directory, num_steps, step, batch_size):
        self.num_steps = num_steps
        self.batch_size = batch_size
        self.first_step = step
        self._start = time.monotonic()
        self._last_line = -np.inf
        self._evaluation_seconds = 0.0
        self._train = tf.summary.create_file_writer(
            os.path.join(directory, "train")
        )
        self._eval = tf.summary.create_file_writer(
            os.path.join(directory, "eval")
        )
        self._bar = tqdm.tqdm(
            desc="training",
            total=num_steps,
            initial=step,
            unit="step",
            disable=not sys.stderr.isatty(),
        )

    def training(self, step, history, seconds):
        """Reports the steps that end at ``step``.

        Args:
          step: int, updates made.
          history: dict of metric name to array [steps].
          seconds: float, what they took.
        """
        count = len(history["tokens"])
        speed = {
            "sequences_per_second": count * self.batch_size / seconds,
            "tokens_per_second": float(np.sum(history["tokens"])) / seconds,
        }
        with self._train.as_default():
            for name, values in history.items():
                if name != "tokens":
                    tf.summary.scalar(name, np.mean(values), step)
            for name, value in speed.items():
                tf.summary.scalar(name, value, step)
        self._bar.update(count)
        last = step == self.num_steps
        if last or time.monotonic() - self._last_line > self.LINE_INTERVAL:
            self._last_line = time.monotonic()
            means = {k: float(np.mean(v)) for k, v in history.items()}
            means.pop("tokens")
            self._line(
                f"step {step} of {self.num_steps}: {format_metrics(means)}, "
                f"{speed['sequences_per_second']:.1f} sequences/s"
            )

    def evaluation(self, step, metrics, seconds):
        """Reports an evaluation."""
        self._evaluation_seconds += seconds
        with self._eval.as_default():
            for name, value in metrics.items():
                tf.summary.scalar(name, value, step)
        self._eval.flush()
        self._line(
            f"evaluation at step {step}: {format_metrics(metrics)} "
            f"({seconds:.0f} s)"
        )

    def warning(self, message):
        """Reports something that the user should act on."""
        self._bar.clear()
        logging.warning("%s", message)

    def close(self):
        """Ends the bar and writes what is buffered."""
        self._bar.close()
        self._train.close()
        self._eval.close()

    def summary(self):
        """Returns the time and speed of this process's steps as a dict."""
        seconds = time.monotonic() - self._start - self._evaluation_seconds
        steps = self.num_steps - self.first_step
        return {
            "training_seconds": round(seconds, 1),
            "sequences_per_second": round(
                steps * self.batch_size / max(seconds, 1e-9), 2
            ),
        }

    def _line(self, text):
        self._bar.clear()
        logging.info("%s", text)


def format_metrics(metrics):
    """Returns metrics as one readable line."""
    return ", ".join(
        f"{name} {value:.3g}"
        if name == "learning_rate"
        else f"{name} {value:.4f}"
        for name, value in metrics.items()
    )
