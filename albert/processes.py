# SPDX-License-Identifier: Apache-2.0
"""Work spread over processes, with results in order."""

import collections
import concurrent.futures
import contextlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading

from albert.errors import UserError

# What the functions of this process work with; set in worker processes.
_context = None


def available_cores():
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0))


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
        # Fresh processes: a forked one would inherit threads' locks.
        self._executor = concurrent.futures.ProcessPoolExecutor(
            num_workers,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_start_worker,
            initargs=(make_context,),
        )

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)

    def map(self, function, items):
        """Yields ``function(context, item)`` for each item, in order.

        Few items are taken ahead of the results, so neither side piles up.

        Raises:
          UserError: a process died.
          Exception: what ``function`` raised.
        """
        if self._executor is None:
            for item in items:
                yield function(self._own_context, item)
            return
        pending = collections.deque()
        try:
            for item in items:
                pending.append(self._executor.submit(_call, function, item))
                if len(pending) >= 2 * self._num_workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        except concurrent.futures.process.BrokenProcessPool as error:
            raise UserError(
                "a worker process was killed (out of memory?): try again "
                f"with fewer than --num_workers={self._num_workers}"
            ) from error


def _start_worker(make_context):
    global _context
    # Ctrl-C reaches the whole process group; the parent ends the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _context = make_context()


def _end_with_parent():
    # A killed parent cannot tell its workers, which would wait for ever.
    parent = multiprocessing.parent_process()
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)


def _call(function, item):
    return function(_context, item)


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
