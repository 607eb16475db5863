# SPDX-License-Identifier: Apache-2.0
"""Checks that all workers train the same thing, in the same directory.

Nothing tells a worker what the others read: each makes all batches and takes
its own rows. Where their data differ, a mixture would be learnt.
"""

import contextlib
import hashlib
import json
import os
import secrets
import time
import zlib

import numpy as np

from albert import workspaces
from albert.errors import UserError
from albert.training import coordination

# A network file system can hide a new file for a minute (NFS: acdirmax).
_PATIENCE_SECONDS = 90.0
_LONGEST = 100  # Characters of a value that a message shows.


def check_same(strategy, values):
    """Waits for all workers, and checks that they have the same values.

    Args:
      strategy: ``tf.distribute.Strategy``.
      values: dict from what it is to what JSON can express.

    Raises:
      UserError: naming what differs; in every worker.
    """
    if coordination.num_workers(strategy) == 1:
        return
    names = sorted(values)
    # All workers have to send the same number of values.
    if _differing(strategy, [names]):
        different = [", ".join(names)]
    else:
        found = _differing(strategy, [values[name] for name in names])
        different = [
            f"{names[index]} (here {_shorten(values[names[index]])})"
            for index in found
        ]
    if different:
        coordination.finish(strategy)
        raise UserError(
            f"the workers differ in {'; '.join(different)}: give all of them "
            "the same files and flags"
        )


def check_data(strategy, data):
    """Waits for all workers, and checks that they have the same data.

    Args:
      strategy: ``tf.distribute.Strategy``.
      data: dict from split to data with ``num_examples`` and
        ``content_checksum``.

    Raises:
      UserError: naming the splits that differ; in every worker.
    """
    if coordination.num_workers(strategy) == 1:
        return  # Checksums of all data take their time.
    check_same(
        strategy,
        {
            f"the {split} data": f"{each.num_examples} examples, "
            f"{each.content_checksum}"
            for split, each in data.items()
        },
    )


def check_weights(strategy, model):
    """Waits for all workers, and checks that they have the same weights.

    Args:
      strategy: ``tf.distribute.Strategy``.
      model: ``keras.Model``.

    Raises:
      UserError: they differ; in every worker.
    """
    if coordination.num_workers(strategy) == 1:
        return
    value = 0
    for variable in model.weights:
        value = zlib.crc32(np.ascontiguousarray(variable.numpy()), value)
    check_same(strategy, {"the first weights": f"checksum {value:08x}"})


def check_shared_directory(strategy, directory, patience=_PATIENCE_SECONDS):
    """Waits for all workers, and checks that they see one directory.

    The chief makes a directory there that the others look for.

    Args:
      strategy: ``tf.distribute.Strategy``.
      directory: str; the chief can write there.
      patience: float, seconds that it may take to be seen.

    Raises:
      UserError: another worker does not see what the chief has written; in
        every worker.
    """
    if coordination.num_workers(strategy) == 1:
        return
    # Of all workers together, so that no earlier run has left this name.
    number = coordination.gather(strategy, [secrets.randbits(40)]).sum()
    token = os.path.join(directory, f"workers-{number}")
    with contextlib.ExitStack() as stack:
        writes = coordination.is_chief(strategy)
        if writes:
            # What a kill leaves of it goes at the next start.
            stack.enter_context(workspaces.workspace(token))
        coordination.wait_for_workers(strategy)
        seen = writes or _appears(workspaces.workspace_path(token), patience)
        everywhere = coordination.gather(strategy, [int(seen)]).all()
    if not everywhere:
        coordination.finish(strategy)
        raise UserError(
            f"{directory}: not every worker sees what the chief writes there: "
            "--output_dir must be on a file system that all workers share"
        )


def _appears(path, patience):
    """Returns whether something is there, or comes while one is patient."""
    deadline = time.monotonic() + patience
    while not os.path.exists(path):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.2)
    return True


def _differing(strategy, values):
    """Returns the numbers of the values that are not the same everywhere."""
    rows = coordination.gather(strategy, list(map(_digest, values)))
    return [
        i for i, same in enumerate((rows == rows[0]).all(axis=0)) if not same
    ]


def _digest(value):
    """Returns a checksum of a value as an int of 64 bits."""
    content = json.dumps(value, sort_keys=True).encode()
    digest = hashlib.sha256(content).digest()
    return int.from_bytes(digest[:8], "little", signed=True)


def _shorten(value):
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
