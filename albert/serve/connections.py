# SPDX-License-Identifier: Apache-2.0
"""Runs the application on connections that cannot keep others out.

uvicorn counts connections, and closes one that is idle between two requests.
It waits for ever for a first request, for the rest of a header and for a
reader of its answers, and refuses everyone while too many of these are open.
Here each has its time; and one that is too many takes the place of the one
that has waited longest without having asked anything.
"""

import dataclasses
import functools

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol


@dataclasses.dataclass(frozen=True)
class ConnectionLimits:
    """Limits of the connections to a server.

    Those of an address and all must be more than the requests that the
    application answers at a time, or a new one may find no room.

    Attributes:
      of_address: int, connections from one address.
      total: int, connections; below the 256 files that some systems allow.
      header_seconds: float, from the connection or the last answer to the end
        of a header; the application has limits of its own for the body.
      answer_seconds: float, to read an answer.
      ending_seconds: float, to answer what has begun when the server ends.
    """

    of_address: int = 64
    total: int = 128
    header_seconds: float = 10
    answer_seconds: float = 30
    ending_seconds: float = 5


def make_server(application, limits):
    """Makes the server of an ASGI application.

    Args:
      application: as ``albert.serve.application.make_application`` makes it.
      limits: ``ConnectionLimits``.

    Returns:
      ``uvicorn.Server``, whose ``run`` takes listening sockets.
    """
    return uvicorn.Server(
        uvicorn.Config(
            application,
            loop="asyncio",
            http=functools.partial(_Connection, limits=limits),
            ws="none",
            lifespan="off",
            log_config=None,
            # The paths say nothing, and the texts are nobody's business.
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=limits.ending_seconds,
        )
    )


class _Connection(H11Protocol):
    """Connection that is closed when its client is too slow, or has no room."""

    def __init__(self, *, limits, **options):
        super().__init__(**options)
        self._limits = limits
        self._timers = {}
        self._is_over = False
        self._waits_since = self.loop.time()

    @property
    def _waits(self):
        """Whether no complete request is being answered."""
        cycle = self.cycle
        return cycle is None or cycle.response_complete or cycle.more_body

    def connection_made(self, transport):
        super().connection_made(transport)
        self._start_timer("header", self._limits.header_seconds)
        address = self.client and self.client[0]
        self._make_room(
            self._limits.of_address,
            lambda other: other.client and other.client[0] == address,
        )
        self._make_room(self._limits.total, lambda other: True)

    def connection_lost(self, exc):
        for name in list(self._timers):
            self._stop_timer(name)
        super().connection_lost(exc)

    def data_received(self, data):
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_timer("header")

    def on_response_complete(self):
        super().on_response_complete()
        # The next request may have come already, and be on its way.
        if self.cycle.response_complete:
            self._waits_since = self.loop.time()
            is_read = not self.transport.get_write_buffer_size()
            self._start_timer(
                "header",
                self._limits.header_seconds
                if is_read
                else self._limits.answer_seconds,
            )

    def pause_writing(self):
        super().pause_writing()
        self._start_timer("answer", self._limits.answer_seconds)

    def resume_writing(self):
        super().resume_writing()
        self._stop_timer("answer")

    def _make_room(self, limit, is_meant):
        """Ends the connection that has waited longest, if there are too many.

        A new one that finds all others at work is itself ended.
        """
        found = [
            other
            for other in self.connections
            if not other._is_over and is_meant(other)
        ]
        if len(found) > limit:
            waiting = [
                other for other in found if other._waits and other is not self
            ]
            min(
                waiting, key=lambda other: other._waits_since, default=self
            )._end()

    def _start_timer(self, name, seconds):
        self._stop_timer(name)
        self._timers[name] = self.loop.call_later(seconds, self._end)

    def _stop_timer(self, name):
        timer = self._timers.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _end(self):
        """Closes at once; what is not read of an answer is dropped."""
        self._is_over = True
        self.transport.abort()
