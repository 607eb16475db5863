# SPDX-License-Identifier: Apache-2.0
"""Devices: the only module that names a ``tf.distribute`` strategy."""

import tensorflow as tf

from albert.errors import UserError

STRATEGIES = ("one_device", "mirrored")


def get_strategy(name):
    """Returns the strategy of ``--distribution_strategy``.

    Args:
      name: "one_device" (the first GPU, else the CPU) or "mirrored" (all
        local GPUs, else all logical CPU devices; gradients are summed).

    Raises:
      UserError: the name is unknown.
    """
    if name not in STRATEGIES:
        raise UserError(
            f"--distribution_strategy is {name!r}: it must be one of "
            f"{', '.join(STRATEGIES)}"
        )
    devices = [
        device.name
        for kind in ("GPU", "CPU")
        for device in tf.config.list_logical_devices(kind)
    ]
    if name == "one_device":
        return tf.distribute.OneDeviceStrategy(devices[0])
    kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
    return tf.distribute.MirroredStrategy(
        [device.name for device in tf.config.list_logical_devices(kind)]
    )


def check_batch_size(flag_name, batch_size, replicas, accumulation_steps=1):
    """Checks that the global batch can be cut evenly.

    Returns:
      int, sequences that one replica has in memory at a time.

    Raises:
      UserError: it cannot.
    """
    parts = replicas * accumulation_steps
    if batch_size % parts:
        raise UserError(
            f"--{flag_name} {batch_size} is not divisible by {replicas} "
            f"replica(s) x {accumulation_steps} accumulation step(s): use a "
            f"multiple of {parts}"
        )
    return batch_size // parts
