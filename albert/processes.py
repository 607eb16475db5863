# SPDX-License-Identifier: Apache-2.0
"""Spreads work over processes, with results in order."""

import collections
import concurrent.futures
import contextlib
import multiprocessing
import os
import queue
import signal
import threading
import traceback

from albert.errors import UserError

# More only take memory, about 100 MB each.
_MOST_A_CORE = 8


def available_cores():
    """Returns the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


def check_number(num_workers):
    """Returns how many processes to start: int.

    Args:
      num_workers: int, 0 for as many as there are cores.

    Raises:
      UserError: so many that their memory would be all they use.
    """
    cores = available_cores()
    most = _MOST_A_CORE * cores
    if num_workers > most:
        raise UserError(
            f"--num_workers={num_workers}: this machine has {cores} cores: "
            f"give at most {most}, or 0 for one a core"
        )
    return num_workers or cores


class ProcessPool:
    """Processes that each hold a context of their own.

    With one worker everything runs in the calling process. Use as a context
    manager.

    Example:
      with ProcessPool(4, functools.partial(Tokenizer, "spiece.model")) as pool:
          for ids in pool.map(Tokenizer.encode, lines):
              ...
    """

    def __init__(self, num_workers, make_context):
        """Starts the processes.

        Args:
          num_workers: number of processes.
          make_context: function without arguments, called once in each
            process; must be picklable, like all that crosses to a process.
        """
        self._num_workers = num_workers
        self._executor = None
        if num_workers == 1:
            self._own_context = make_context()
            return
        # A pipe of its own for each: one that all share is blocked for ever
        # by a process that is killed while it writes, as
        # concurrent.futures.ProcessPoolExecutor's is.
        self._idle = queue.SimpleQueue()
        self._connections, self._processes = [], []
        # Fresh processes: a forked one would inherit threads' locks.
        spawn = multiprocessing.get_context("spawn")
        for _ in range(num_workers):
            here, there = spawn.Pipe()
            process = spawn.Process(
                target=_work, args=(there, make_context), daemon=True
            )
            process.start()
            # The process has the only other end: when it dies, this end says
            # so; when this process dies, that one does.
            there.close()
            self._processes.append(process)
            self._connections.append(here)
            self._idle.put(here)
        self._executor = concurrent.futures.ThreadPoolExecutor(num_workers)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self._executor is None:
            return
        for process in self._processes:
            process.terminate()
        self._executor.shutdown(wait=True, cancel_futures=True)
        for connection, process in zip(
            self._connections, self._processes, strict=True
        ):
            connection.close()
            process.join()

    def map(self, function, items):
        """Yields ``function(context, item)`` for each item, in order.

        Few items are taken ahead of the results, so neither side piles up.

        Raises:
          UserError: a process died.
          Exception: what ``function``, or making the context, raised.
        """
        if self._executor is None:
            for item in items:
                yield function(self._own_context, item)
            return
        pending = collections.deque()
        for item in items:
            pending.append(self._executor.submit(self._ask, function, item))
            if len(pending) >= 2 * self._num_workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()

    def _ask(self, function, item):
        """Has an idle process do it and waits; runs in a thread for each."""
        connection = self._idle.get()
        try:
            connection.send((function, item))
            error, result = connection.recv()
        except (EOFError, OSError):
            raise UserError(
                "a worker process was killed (out of memory?): try again "
                f"with fewer than --num_workers={self._num_workers}"
            ) from None
        finally:
            self._idle.put(connection)
        if error is not None:
            raise error
        return result


def _work(connection, make_context):
    # Ctrl-C reaches the whole process group; the parent ends the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    context = None
    with contextlib.suppress(EOFError, OSError):  # The parent is gone.
        while True:
            function, item = connection.recv()
            try:
                if context is None:
                    context = make_context()
                answer = None, function(context, item)
            except Exception as error:
                error.add_note(
                    f"In a worker process:\n{traceback.format_exc()}"
                )
                answer = error, None
            connection.send(answer)


@contextlib.contextmanager
def termination_as_interrupt():
    """Makes SIGTERM raise ``KeyboardInterrupt``, so that files are cleaned up.

    Does nothing outside the main thread, where signals cannot be handled.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(signal_number, frame):
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
