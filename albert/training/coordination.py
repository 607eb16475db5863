# SPDX-License-Identifier: Apache-2.0
"""Lets the processes of a cluster agree, wait for each other, end together."""

import contextlib

import numpy as np
import tensorflow as tf

from albert.errors import UserError
from albert.errors import WorkerLostError

# What a collective operation raises when another worker is gone.
CONNECTION_ERRORS = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
)


def is_chief(strategy):
    """Returns whether this process writes files: one of each cluster does."""
    return _task(strategy) in (None, ("chief", 0), ("worker", 0))


def num_workers(strategy):
    """Returns the number of processes that work together."""
    if _task(strategy) is None:
        return 1
    return sum(
        len(addresses)
        for addresses in strategy.cluster_resolver.cluster_spec()
        .as_dict()
        .values()
    )


def gather(strategy, values):
    """Waits for all workers, and returns what each of them has.

    Args:
      strategy: ``tf.distribute.Strategy``.
      values: list of N int below 2**63, as many in every worker.

    Returns:
      int64 [replicas, N], the rows of a worker for each of its replicas.

    Raises:
      WorkerLostError: another worker is gone.
    """

    @tf.function
    def all_gather():
        def replica():
            own = tf.constant([values], tf.int64)
            context = tf.distribute.get_replica_context()
            return context.all_gather(own, axis=0)

        return strategy.experimental_local_results(strategy.run(replica))[0]

    if num_workers(strategy) == 1:
        return np.array([values], np.int64)
    with worker_loss_explained(strategy):
        return all_gather().numpy()


def check_agreement(strategy, value, explanation):
    """Waits for all workers, and checks that they have the same number.

    Args:
      strategy: ``tf.distribute.Strategy``.
      value: int.
      explanation: str, what it means if they have not.

    Raises:
      UserError: naming the values.
    """
    values = sorted(set(gather(strategy, [value])[:, 0].tolist()))
    if len(values) > 1:
        finish(strategy)
        raise UserError(f"workers have {values}: {explanation}")


def wait_for_workers(strategy):
    """Waits until every worker has called this function."""
    check_agreement(strategy, 0, "")


def finish(strategy):
    """Waits until no other worker needs this process any more.

    A collective operation is over in one worker before the others have
    fetched the last of it from there: whoever ends its process at once takes
    that from them. To be called by all workers, after all that each has to
    do; whatever they agreed on, be it to refuse.

    Args:
      strategy: ``tf.distribute.Strategy``.
    """
    # One that is gone has come through here: all were done by then.
    with contextlib.suppress(WorkerLostError):
        wait_for_workers(strategy)


class worker_loss_explained:
    """Context that reports the failure of another worker in one line.

    Args:
      strategy: ``tf.distribute.Strategy``.

    Raises:
      WorkerLostError: the connection to another worker is lost.
    """

    def __init__(self, strategy):
        self._alone = num_workers(strategy) == 1

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        if self._alone or not isinstance(error, CONNECTION_ERRORS):
            return
        raise WorkerLostError(
            "the connection to another worker is lost "
            f"({type(error).__name__}): start all workers again with the same "
            "command; they continue from the last checkpoint"
        ) from error


def _task(strategy):
    """Returns (type, index) of this worker, or None if it is the only one."""
    resolver = strategy.cluster_resolver
    if resolver is None or not isinstance(
        strategy, tf.distribute.MultiWorkerMirroredStrategy
    ):
        return None
    if not resolver.cluster_spec():
        return None
    kind, index = resolver.task_type, resolver.task_id
    if kind == "worker" and "chief" in resolver.cluster_spec().jobs:
        index += 1
    return kind, index
