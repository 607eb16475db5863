# SPDX-License-Identifier: Apache-2.0
"""The one exception that a user of the command line is meant to read."""


class UserError(Exception):
    """Input that cannot be worked with.

    The message is one line that names the thing (file, line or record, flag)
    and the remedy. Entry points print it without a traceback and exit with
    status 2; library callers catch it like any exception.
    """


class WorkerLostError(UserError):
    """Another worker of the cluster is gone.

    Entry points exit with a status above 127, which Kubernetes' TFJob
    takes for a failure that a restart mends.
    """


class StopRequested(Exception):
    """The process was asked to end (SIGTERM), and has saved its work.

    Entry points print the message and exit with status 0.
    """
