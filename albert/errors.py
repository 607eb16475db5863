# SPDX-License-Identifier: Apache-2.0
"""Defines the exceptions that end a command with one line."""


class UserError(Exception):
    """Error in what the user gave, explained in one line.

    The message is one line that names the thing (file, line or record, flag)
    and the remedy. Entry points print it without a traceback and exit with
    status 2; library callers catch it like any exception.
    """


class WorkerLostError(UserError):
    """Loss of another worker of the cluster.

    Entry points exit with a status above 127, which Kubernetes' TFJob
    takes for a failure that a restart mends.
    """


class StopRequested(Exception):
    """Request to end the process (SIGTERM), made after its work is saved.

    Entry points print the message and exit with ``status``.

    Attributes:
      status: int, 143: as of a process that SIGTERM itself has ended, so that
        nothing takes what was begun for done. Above 127, it is one that
        Kubernetes' TFJob starts again after.
    """

    status = 143


class ServerStopped(StopRequested):
    """Request to end a server, which has nothing left to do."""

    status = 0
