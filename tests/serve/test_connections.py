# SPDX-License-Identifier: Apache-2.0
"""Connections that ask nothing, too slowly or too often, over sockets."""

import asyncio
import contextlib
import http.client
import socket
import threading
import time

import pytest

from albert.serve import connections

# Seconds that nothing here takes on a calm machine, and no time at all.
PATIENCE = 120
SOON = 0.2
LARGE = 64 * 2**20
HALF_A_HEADER = b"GET / HTTP/1.1\r\nHost: 127"
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"


class Application:
    """Answers /wait when it is told to, /large with much, others at once."""

    def __init__(self):
        self.began = threading.Event()
        self.gate = threading.Event()
        self.waits = 0
        self.left = 0

    async def __call__(self, scope, receive, send):
        body = b"x"
        if scope["path"] == "/echo":
            message = {"more_body": True}
            while message.get("more_body"):
                message = await receive()
                if message["type"] == "http.disconnect":
                    self.left += 1
                    return
        elif scope["path"] == "/large":
            body = bytes(LARGE)
        elif scope["path"] == "/wait":
            self.waits += 1
            self.began.set()
            while not self.gate.is_set():
                await asyncio.sleep(0.01)
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [(b"content-length", str(len(body)).encode())],
            }
        )
        await send({"type": "http.response.body", "body": body})


@contextlib.contextmanager
def serve(application=None, **limits):
    """Yields (port, server)."""
    limits = {
        "header_seconds": PATIENCE,
        "answer_seconds": PATIENCE,
        "ending_seconds": 1,
        **limits,
    }
    server = connections.make_server(
        application or Application(), connections.ConnectionLimits(**limits)
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield listener.getsockname()[1], server
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def connect():
    """Makes connections that are closed at the end."""
    with contextlib.ExitStack() as stack:

        def make(port, content=b""):
            connection = stack.enter_context(
                socket.create_connection(("127.0.0.1", port), PATIENCE)
            )
            connection.sendall(content)
            return connection

        yield make


def ask(port, path="/"):
    """Asks until there is an answer: SOON may be too soon for a header."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        connection = http.client.HTTPConnection(
            "127.0.0.1", port, timeout=PATIENCE
        )
        with contextlib.closing(connection), contextlib.suppress(OSError):
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read()
    return None


def keep(connect, port, request, end):
    """Returns a connection whose first request is answered, as ``ask``."""
    while True:
        connection = connect(port, request)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(1000):
                answer += part
                if answer.endswith(end):
                    return connection


def ask_and_wait(application, port):
    """Returns (thread, answers), when the application has the request."""
    found = []
    asking = threading.Thread(target=lambda: found.append(ask(port, "/wait")))
    asking.start()
    assert application.began.wait(PATIENCE)
    return asking, found


def is_closed(connection):
    """Waits for the end; False if there is an answer."""
    try:
        return connection.recv(1000) == b""
    except ConnectionResetError:
        return True


def wait(condition):
    end = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


@pytest.mark.parametrize("content", [b"", b"G", HALF_A_HEADER])
def test_a_header_has_its_time(connect, content):
    with serve(header_seconds=SOON) as (port, _):
        assert is_closed(connect(port, content))
        assert ask(port) == (200, b"x")


def test_a_header_that_comes_in_drops(connect):
    with serve(header_seconds=SOON) as (port, _):
        connection = connect(port)
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            for drop in HALF_A_HEADER + b"a" * 10_000:
                connection.sendall(bytes([drop]))
                time.sleep(SOON / 10)


def test_the_header_of_a_second_request_has_its_time(connect):
    with serve(header_seconds=SOON) as (port, _):
        connection = keep(connect, port, GET, b"\r\n\r\nx")
        connection.sendall(HALF_A_HEADER)
        assert is_closed(connection)


def test_a_rest_that_nobody_reads_has_its_time(connect):
    # The answer does not wait for the body, which never ends.
    with serve(header_seconds=SOON) as (port, server):
        keep(connect, port, POST.replace(b"/echo", b"/"), b"\r\n\r\nx")
        assert wait(lambda: not server.server_state.connections)


def test_a_request_that_takes_longer_than_its_header_may(connect):
    application = Application()
    with serve(application, header_seconds=SOON) as (port, _):
        asking, found = ask_and_wait(application, port)
        # It ends behind the time in which the other's header was to come.
        assert is_closed(connect(port))
        application.gate.set()
        asking.join()
        assert found == [(200, b"x")] and application.waits == 1


@pytest.mark.parametrize("content", [b"", HALF_A_HEADER, POST + b"1"])
def test_those_that_ask_nothing_keep_nobody_out(connect, content):
    # 70 of them made the answer 503 for everyone until they closed.
    with serve(of_address=5) as (port, server):
        idle = [connect(port, content) for _ in range(70)]
        # The application waits for the bodies.
        bodies = 5 * content.startswith(b"POST")
        assert wait(lambda: len(server.server_state.tasks) == bodies)
        for _ in range(3):
            assert ask(port) == (200, b"x")
        assert wait(lambda: len(server.server_state.connections) <= 5)
        assert is_closed(idle[0])


def test_those_that_are_answered_are_not_ended(connect):
    application = Application()
    with serve(application, of_address=3) as (port, _):
        asking, found = ask_and_wait(application, port)
        idle = [connect(port) for _ in range(20)]
        assert is_closed(idle[0])
        application.gate.set()
        asking.join()
        assert found == [(200, b"x")] and application.waits == 1


def test_one_that_finds_all_at_work_is_ended(connect):
    application = Application()
    with serve(application, of_address=2) as (port, server):
        for _ in range(2):
            connect(port, GET.replace(b"/", b"/wait", 1))
        assert wait(
            lambda: (
                [not each._waits for each in [*server.server_state.connections]]
                == [True] * 2
            )
        )
        assert is_closed(connect(port))
        application.gate.set()


class Transport(asyncio.Transport):
    """A connection from any address: a machine may have one of its own."""

    is_open = True

    def __init__(self, address):
        super().__init__({"peername": (address, 1)})

    def abort(self):
        self.is_open = False


def test_one_address_leaves_room_for_others():
    server = connections.make_server(
        Application(), connections.ConnectionLimits(of_address=4, total=7)
    )

    async def connect_from(*addresses):
        transports = [Transport(address) for address in addresses]
        for transport in transports:
            protocol = server.config.http(
                config=server.config,
                server_state=server.server_state,
                app_state={},
            )
            protocol.connection_made(transport)
        return transports

    async def connect_all():
        others = await connect_from(*["10.0.0.2"] * 3)
        ours = await connect_from(*["10.0.0.1"] * 20)
        assert [each.is_open for each in ours] == [False] * 16 + [True] * 4
        assert all(each.is_open for each in others)
        # All together have a limit too.
        last = await connect_from(*[f"10.0.0.{n}" for n in range(3, 9)])
        opened = [each.is_open for each in (*others, *ours, *last)]
        assert opened == [False] * 22 + [True] * 7

    asyncio.run(connect_all())


def test_an_answer_that_is_not_read(connect):
    with serve(answer_seconds=SOON) as (port, server):
        connection = connect(port, GET.replace(b"/", b"/large", 1))
        assert wait(lambda: server.server_state.total_requests)
        assert wait(lambda: not server.server_state.connections)
        length = 0
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(2**20):
                length += len(part)
        assert 0 < length < LARGE
        assert ask(port) == (200, b"x")


def test_answers_that_are_asked_for_and_not_read(connect):
    # The second one waits for the first to be read.
    with serve(answer_seconds=SOON) as (port, server):
        connect(port, GET.replace(b"/", b"/large", 1) * 2)
        assert wait(lambda: server.server_state.total_requests)
        assert wait(lambda: not server.server_state.connections)
        assert wait(lambda: not server.server_state.tasks)


def test_a_large_answer_is_read_in_its_time():
    with serve(header_seconds=SOON) as (port, _):
        assert ask(port, "/large") == (200, bytes(LARGE))


def test_a_client_that_leaves_in_the_middle(connect):
    application = Application()
    with serve(application) as (port, server):
        for content in (HALF_A_HEADER, POST + b"1"):
            connect(port, content).close()
        assert wait(lambda: not server.server_state.connections)
        assert wait(lambda: application.left == 1)
        assert wait(lambda: not server.server_state.tasks)
        assert ask(port) == (200, b"x")


def test_the_end_does_not_wait_for_those_that_ask_nothing(connect):
    begin = time.monotonic()
    with serve(ending_seconds=PATIENCE) as (port, server):
        idle = [connect(port, content) for content in (b"", HALF_A_HEADER)]
        assert wait(lambda: len(server.server_state.connections) == 2)
    assert all(map(is_closed, idle))
    assert time.monotonic() - begin < PATIENCE
