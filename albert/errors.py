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

    Entry points print the message and exit with status 0.
    """
