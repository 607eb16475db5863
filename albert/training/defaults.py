# SPDX-License-Identifier: Apache-2.0
"""Derives default learning rates, and warns of rates far above them.

Square-root scaling by batch size from a reference. For base and larger the
reference is the paper's (LAMB .00176 at 4096); smaller models stand and want
far more: theirs were tried at widths 128 and 256 (not at 512), LAMB at batch
sizes 16 to 64, AdamW and Muon at 32 (Muon at width 256). Muon's updates are
scaled to AdamW's, whose rate it has from base on.
"""

from albert.training.schedules import scaled_learning_rate

_SMALLEST_PUBLISHED_WIDTH = 768
_ORIGINAL_WARMUP_STEPS = 3125
WARMUP_SHARE = 0.06

# (optimizer, is the model smaller than base) to (rate, batch size).
_REFERENCES = {
    ("lamb", False): (0.00176, 4096),
    ("adamw", False): (1e-4, 256),
    ("muon", False): (1e-4, 256),
    ("lamb", True): (4e-3, 64),
    ("adamw", True): (5e-4, 64),
    ("muon", True): (2e-3, 64),
}

# Small models were tried at batch sizes up to 64; the rule is trusted for
# four times that, and their rate is not raised beyond.
_LARGEST_BATCH_FOR_SMALL_SIZES = 256

# Tried on SST-2 at width 256, batch 32: 1e-4 learns quickly, 3e-4 collapses.
_SMALL_SIZES_FINETUNING_RATE = 1e-4

# A published run at 2.8 times the scaled rate diverged after 220,000 steps.
_STRETCH = 2.0


def pretraining_learning_rate(config, optimizer, batch_size):
    """Returns the learning rate for a model, optimizer and batch size."""
    smaller = config.hidden_size < _SMALLEST_PUBLISHED_WIDTH
    rate, batch = _REFERENCES[optimizer, smaller]
    if smaller:
        batch_size = min(batch_size, _LARGEST_BATCH_FOR_SMALL_SIZES)
    return scaled_learning_rate(batch_size, rate, batch)


def finetuning_learning_rate(config, rate):
    """Returns the learning rate of a task for a model.

    Args:
      config: ``AlbertConfig``.
      rate: float, the task's; of most tasks, that of the paper's table 14.
    """
    if config.hidden_size < _SMALLEST_PUBLISHED_WIDTH:
        return _SMALL_SIZES_FINETUNING_RATE
    return rate


def learning_rate_warning(config, optimizer, batch_size, rate):
    """Returns a warning if ``rate`` is far above known ones, else None."""
    known = pretraining_learning_rate(config, optimizer, batch_size)
    if rate <= _STRETCH * known:
        return None
    return (
        f"--learning_rate {rate:.3g} is {rate / known:.1f} times the "
        f"{known:.3g} that is known to work for this size, {optimizer} and "
        f"batch size {batch_size}: it may diverge, late and without warning"
    )


def warmup_steps(num_train_steps):
    """Returns 6% of the steps, at most the original's 3125."""
    return min(_ORIGINAL_WARMUP_STEPS, int(WARMUP_SHARE * num_train_steps))
