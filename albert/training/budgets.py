# SPDX-License-Identifier: Apache-2.0
"""Measures how much of a training is over: in steps, or in time.

All that changes in the course of a training (the learning rate, the depth, the
length of sequences, when to evaluate) is laid out over the units of its budget:
steps, or milliseconds. What the device must know of the time, it extrapolates
from the last measurement, by the time that a step takes.
"""

from absl import logging

from albert.errors import UserError
from albert.training import coordination
from albert.training.schedules import TimedSchedule

_MILLISECONDS_A_MINUTE = 60_000
# What is made at once, of a training in time: the clock is read afterwards.
_PARTS = 200
# Where a training in time is evaluated and saved if no flag says it.
_EVALUATIONS = 10
# With fewer steps, a step is no small part of the training.
_FEW_STEPS = 200
# Of so many calls the fastest tells how long a step takes that was compiled;
# the others may wait for other processes, or for data that is read ahead.
_CALLS_TO_MEASURE = 3
# A call that takes so many times as long as the one before it, and so many
# seconds more, was paused: by Ctrl-Z, or with the whole machine.
_PAUSE_TIMES, _PAUSE_SECONDS = 10, 30.0
# What a kill may cost where milestones are further apart.
_LONGEST_UNSAVED = 30 * _MILLISECONDS_A_MINUTE
# How far from its end a training may end without a warning.
_TOLERANCE = 0.02


class StepBudget:
    """A training of a number of steps.

    Args:
      num_train_steps: int.
      steps_per_loop: int, steps to make at once, at most.
      save_checkpoints_steps: int, steps between milestones.

    Attributes:
      total: int, the units of the training: steps.
      used: int, how many of them are over.
      num_steps: int, steps of the whole training.
      unit, unit_scale: of a progress bar.
    """

    unit, unit_scale = "step", False

    def __init__(self, num_train_steps, steps_per_loop, save_checkpoints_steps):
        self.total = self.num_steps = num_train_steps
        self.used = 0
        self._at_once = steps_per_loop
        self._every = save_checkpoints_steps
        # Milliseconds since the last checkpoint; None where it is of steps
        # alone.
        self._unsaved = 0.0
        self._is_unsaved = False

    def check(self, strategy):
        """Looks for several workers, whose clocks differ: they save by steps.

        Args:
          strategy: ``tf.distribute.Strategy``.
        """
        if coordination.num_workers(strategy) > 1:
            self._unsaved = None

    def restore(self, step, milliseconds):
        """Goes on after ``step`` steps."""
        del milliseconds  # Those of a training in time.
        self.used = step

    def follow(self, schedule):
        """Returns a schedule over units as one over steps: itself."""
        return schedule

    def steps_at_once(self, end, compiles):
        """Returns how many steps to make before the metrics are looked at.

        Args:
          end: int, units at which something changes.
          compiles: bool, whether the first of them will be compiled.
        """
        del compiles
        return min(
            self._at_once,
            self._every - self.used % self._every,
            end - self.used,
        )

    def add(self, count, seconds, compiled):
        """Counts steps that were made.

        Args:
          count: int.
          seconds: float, what they took.
          compiled: bool, whether they waited for their compilation.
        """
        del compiled
        self.used += count
        if self._unsaved is None:
            return
        self._unsaved += 1000.0 * seconds
        self._is_unsaved = (
            not self.is_milestone and self._unsaved >= _LONGEST_UNSAVED
        )
        if self.is_milestone or self._is_unsaved:
            self._unsaved = 0.0

    @property
    def milliseconds(self):
        """Time that is over, to be saved; None where it does not count."""
        return None

    @property
    def is_spent(self):
        """Whether the training is over."""
        return self.used >= self.total

    @property
    def is_milestone(self):
        """Whether it is time to evaluate and save."""
        left = self.total - self.used
        # Not at 140 of 141 steps: the last one is a milestone too.
        return left == 0 or (
            self.used % self._every == 0 and left >= self._every / 4
        )

    @property
    def is_unsaved(self):
        """Whether it is time to save, without an evaluation."""
        return self._is_unsaved

    def name(self, units):
        """Returns a moment of the training in words."""
        return f"step {units:,}"

    def __str__(self):
        return f"{self.total} steps"

    def describe(self, step):
        """Returns how far the training is, after ``step`` steps."""
        return f"step {step} of {self.total}"

    def summary(self):
        """Returns what a summary of the training says of its time, or ""."""
        return ""


class TimeBudget:
    """A training of a number of minutes.

    What counts is the time of training steps, with their waiting for data;
    not that of evaluations and checkpoints. The first step of each shape waits
    for its compilation, in each process anew: it counts as much as those after
    it do, so that a run that is restarted learns as much as one that is not.

    Args:
      minutes: float.
      steps_per_loop: int, steps to make at once, at most.
      save_checkpoints_steps: int, steps between milestones; None for a tenth
        of the time, and to save between them where that is long.

    Attributes:
      total: int, the units of the training: milliseconds.
      num_steps: None, it is not known.
      unit, unit_scale: of a progress bar.
    """

    num_steps = None
    unit, unit_scale = "s", 1e-3

    def __init__(self, minutes, steps_per_loop, save_checkpoints_steps):
        self.total = round(minutes * _MILLISECONDS_A_MINUTE)
        self._minutes = minutes
        self._at_once = steps_per_loop
        self._every = save_checkpoints_steps
        self._step = 0
        self._measured = 0.0
        # Steps whose time is that of those after them; of these, each call's
        # time of a step.
        self._unmeasured, self._calls = 0, []
        self._step_time = 0.0
        # Of the steps before a restart.
        self._past_step_time = 0.0
        self._is_checked = False
        self._is_milestone = False
        self._saved, self._is_unsaved = 0, False
        self._was_paused = False
        self._compiling = 0.0
        self._schedule = None

    @property
    def used(self):
        """int, how many of the units are over."""
        return round(self._measured)

    def check(self, strategy):
        """Refuses several workers, each of which has a clock of its own.

        Args:
          strategy: ``tf.distribute.Strategy``.

        Raises:
          UserError: naming their number.
        """
        workers = coordination.num_workers(strategy)
        if workers > 1:
            raise UserError(
                f"--train_minutes is for one process, not for {workers} "
                "workers, whose clocks differ: give --num_train_steps"
            )

    def restore(self, step, milliseconds):
        """Goes on after ``step`` steps, which took ``milliseconds``."""
        self._step, self._measured = step, float(milliseconds)
        self._past_step_time = milliseconds / max(step, 1)
        self._saved = self.used
        self._is_checked = step > 0
        # Of an evaluation that SIGTERM ended. After tenths of the time it is
        # not known whether there was one: at the end alone there was.
        self._is_milestone = self.is_spent or bool(
            self._every and step and step % self._every == 0
        )
        self._tell_schedule()

    def follow(self, schedule):
        """Returns a schedule over units as one over steps."""
        self._schedule = TimedSchedule(schedule)
        self._tell_schedule()
        return self._schedule

    def steps_at_once(self, end, compiles):
        """Returns how many steps to make before the clock is read again.

        Args:
          end: int, units at which something changes.
          compiles: bool, whether the first of them will be compiled: it is
            made alone, and so is the one after it, which is measured.
        """
        if compiles or not self._calls:
            return 1
        time = min(end - self.used, self.total / _PARTS)
        count = min(self._at_once, round(time / self._step_time))
        if self._every:
            count = min(count, self._every - self._step % self._every)
        return max(1, count)

    def add(self, count, seconds, compiled):
        """Counts steps that were made.

        Args:
          count: int.
          seconds: float, what they took.
          compiled: bool, whether they waited for their compilation.

        Raises:
          UserError: the first of them took longer than the warm-up is to.
        """
        before = self.used
        self._step += count
        if compiled:
            self._count_unmeasured()
            self._unmeasured, self._calls = count, []
            self._compiling += seconds
            if self.is_spent:
                self._count_unmeasured()
        else:
            seconds = self._without_pause(count, seconds)
            self._step_time = 1000.0 * seconds / count
            self._measured += 1000.0 * seconds
            if len(self._calls) < _CALLS_TO_MEASURE:
                self._calls.append(self._step_time)
            if len(self._calls) == _CALLS_TO_MEASURE or self.is_spent:
                self._count_unmeasured()
        self._is_milestone = self.is_spent or self._passes_milestone(before)
        self._is_unsaved = (
            not (self._every or self._is_milestone)
            and self.used - self._saved >= _LONGEST_UNSAVED
        )
        if self._is_unsaved or self._is_milestone:
            self._saved = self.used
        self._tell_schedule()

    def _without_pause(self, count, seconds):
        """Returns the seconds that steps took, those of a pause left out.

        The next call counts whatever it takes: a machine that has become slow
        is not paused.
        """
        usual = count * self._step_time / 1000.0
        longest = max(_PAUSE_TIMES * usual, usual + _PAUSE_SECONDS)
        self._was_paused = (
            not self._was_paused
            and len(self._calls) >= _CALLS_TO_MEASURE
            and seconds > longest
        )
        if not self._was_paused:
            return seconds
        logging.warning(
            "%d step(s) took %.3g s, the same number before them %.3g s: the "
            "other %.3g s are a pause and do not count as training",
            count,
            seconds,
            usual,
            seconds - usual,
        )
        return usual

    def _count_unmeasured(self):
        """Counts steps that were compiled, by those after them."""
        step_time = self._usual_time()
        self._measured += self._unmeasured * step_time
        self._unmeasured = 0
        if step_time and not self._is_checked:
            self._is_checked = True
            self._check_step_time(step_time)

    def _usual_time(self):
        """Returns what a step takes that is not compiled."""
        return min(self._calls, default=self._step_time or self._past_step_time)

    def _check_step_time(self, step_time):
        """Refuses a warm-up that is over with the first step."""
        warmup = (
            self._schedule.schedule.num_warmup_steps if self._schedule else 0
        )
        seconds = step_time / 1000.0
        if 0 < warmup < step_time:
            raise UserError(
                f"--train_minutes={self._minutes:g} has a warm-up of "
                f"{warmup / 1000.0:.3g} s, and a step takes {seconds:.3g} s: "
                "give more minutes, in another --output_dir"
            )
        steps = self.total / step_time
        if steps < _FEW_STEPS:
            logging.warning(
                "--train_minutes=%g has room for about %d steps of %.3g s: "
                "few to learn from; give more minutes, or a smaller "
                "--train_batch_size",
                self._minutes,
                steps,
                seconds,
            )

    def _passes_milestone(self, before):
        if self._every:
            return self._step % self._every == 0
        every = self.total / _EVALUATIONS
        left = self.total - self.used
        # Not at 99% of the time: the end is a milestone too.
        return before // every < self.used // every and left >= every / 4

    def _tell_schedule(self):
        if self._schedule:
            self._schedule.set(self._step, self.used, self._step_time)

    @property
    def milliseconds(self):
        """Time that is over, to be saved.

        The end is saved as the end, though it is on time to half a step, and
        steps whose time is not known yet as if it were.
        """
        over = round(self._with_unmeasured())
        return max(over, self.total) if self.is_spent else over

    @property
    def is_spent(self):
        """Whether the training is over: to half a step."""
        return self.total - self._with_unmeasured() <= self._step_time / 2

    def _with_unmeasured(self):
        """Returns the time that is over, as far as it can be told."""
        return self._measured + self._unmeasured * self._usual_time()

    @property
    def is_milestone(self):
        """Whether it is time to evaluate and save."""
        return self._is_milestone

    @property
    def is_unsaved(self):
        """Whether it is time to save, without an evaluation."""
        return self._is_unsaved

    def name(self, units):
        """Returns a moment of the training in words."""
        minutes = units / _MILLISECONDS_A_MINUTE
        return f"minute {minutes:{'.3g' if minutes < 1000 else ',.0f'}}"

    def __str__(self):
        return f"{self._minutes:g} minute{'' if self._minutes == 1 else 's'}"

    def describe(self, step):
        """Returns how far the training is, after ``step`` steps."""
        used = self.used / _MILLISECONDS_A_MINUTE
        return f"step {step}, minute {used:.2f} of {self._minutes:g}"

    def summary(self):
        """Returns what a summary of the training says of its time.

        It warns where the training did not end on time.
        """
        minutes = self.used / _MILLISECONDS_A_MINUTE
        if self.is_spent and abs(self.used / self.total - 1.0) > _TOLERANCE:
            logging.warning(
                "the training took %.3g minutes of %g, because a step takes "
                "%.3g s",
                minutes,
                self._minutes,
                self._step_time / 1000.0,
            )
        return (
            f"; training time {minutes:.2f} of {self}, without "
            f"{self._compiling:.1f} s of compiling"
        )
