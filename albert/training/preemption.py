# SPDX-License-Identifier: Apache-2.0
"""Reacts to SIGTERM, which announces that the process must end in seconds."""

import contextlib
import os
import signal
import threading


@contextlib.contextmanager
def on_sigterm(callback):
    """Calls a function at once when SIGTERM arrives, instead of ending.

    A handler in Python only runs between instructions of the main thread,
    which may be in TensorFlow for minutes. Python's C handler writes into a
    pipe right away; a thread of ours reads it.

    Args:
      callback: function without arguments, called in another thread, once.

    Raises:
      ValueError: not used in the main thread.
    """
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)

    def wait():
        while numbers := os.read(read_end, 1):
            if numbers[0] == signal.SIGTERM:
                callback()
                return

    before = signal.signal(signal.SIGTERM, lambda signal_number, frame: None)
    wakeup_before = signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup_before)
        signal.signal(signal.SIGTERM, before)
        os.close(write_end)  # ends the thread, if no signal has
        thread.join()
        os.close(read_end)
