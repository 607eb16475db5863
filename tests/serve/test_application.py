# SPDX-License-Identifier: Apache-2.0
"""The server over a socket, with a model that only pretends."""

import concurrent.futures
import contextlib
import http.client
import json
import socket
import threading
import time

import numpy as np
import pytest

from albert.serve import application
from albert.serve import connections
from albert.serve.connections import ConnectionLimits
from albert.serve.predict_requests import Limits
from albert.serve.predict_requests import Signature

PATH = "/v1/models/tiny:predict"
ONE = {"instances": ["a"]}
# Seconds; nothing here takes a tenth of it on a calm machine.
PATIENCE = 120


class Worker(concurrent.futures.ThreadPoolExecutor):
    """The service's worker, which remembers what it was given."""

    submitted = []

    def submit(self, *arguments):
        future = super().submit(*arguments)
        self.submitted.append(future)
        return future


class Model:
    """Says how long each text is."""

    default = "serving_default"
    metadata = {
        "kind": "classification",
        "task": "lengths",
        "labels": ["<b>", "é"],
        "max_seq_length": 37,
        "serving_default": "text",
        "settings": {"data_dir": "/home/somebody"},
    }
    definitions = {"text": {"method_name": "tensorflow/serving/predict"}}
    signatures = {
        "text": Signature({"text": (None,)}, ("length",)),
        "serving_default": Signature({"text": (None,)}, ("length",)),
    }

    def __init__(self):
        self.gate = threading.Event()
        self.gate.set()
        self.calls = 0
        self.seen = []

    def predict(self, signature_name, inputs):
        self.calls += 1
        self.seen += inputs["text"].tolist()
        self.gate.wait(20)
        if b"bad" in inputs["text"]:
            raise RuntimeError("/home/somebody/secret is broken")
        return {"length": np.array([len(t) for t in inputs["text"]], np.int32)}


@contextlib.contextmanager
def serve(model, hosts=("127.0.0.1",), timeout=PATIENCE, **limits):
    limits = {"body_bytes": 1000, "texts": 5, "characters": 211, **limits}
    made = application.make_application(
        model, "tiny", Limits(**limits), timeout, hosts, "a model"
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = connections.make_server(
            made, ConnectionLimits(ending_seconds=1)
        )
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()
            model.gate.set()


@pytest.fixture(scope="module")
def model():
    return Model()


@pytest.fixture(scope="module")
def port(model):
    with serve(model) as port:
        yield port


def ask(port, path, body=None, method=None, headers=()):
    """Returns (status, headers, body), the body read where it is JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    if body is not None and not isinstance(body, bytes):
        body = json.dumps(body).encode()
    connection.request(
        method or ("GET" if body is None else "POST"),
        path,
        body,
        dict(headers),
    )
    response = connection.getresponse()
    text = response.read().decode()
    if response.getheader("content-type") == "application/json":
        text = json.loads(text)
    connection.close()
    return response.status, dict(response.getheaders()), text


def wait(condition):
    end = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def test_predictions(port):
    status, _, answer = ask(port, PATH, {"instances": ["a", "bcd"]})
    assert (status, answer) == (200, {"predictions": [1, 3]})
    status, _, answer = ask(
        port,
        "/v1/models/tiny/versions/1:predict",
        {"signature_name": "text", "inputs": {"text": ["aé"]}},
    )
    assert (status, answer) == (200, {"outputs": [3]})


def test_a_client_that_keeps_its_connection(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    for text in ("a", "bc", "def"):
        connection.request("POST", PATH, json.dumps({"instances": [text]}))
        answer = json.loads(connection.getresponse().read())
        assert answer == {"predictions": [len(text)]}
    connection.close()


def test_status_and_signatures(port):
    status, _, answer = ask(port, "/v1/models/tiny")
    assert status == 200
    assert answer["model_version_status"][0]["state"] == "AVAILABLE"
    assert ask(port, "/v1/models/tiny/versions/1")[2] == answer
    for path in ("/v1/models/tiny", "/v1/models/tiny/versions/1"):
        status, _, answer = ask(port, f"{path}/metadata")
        assert status == 200
        assert answer["model_spec"]["name"] == "tiny"
        assert answer["metadata"]["signature_def"]["signature_def"] == (
            Model.definitions
        )


def test_the_page_and_its_headers(port):
    for path, (_, kind) in application._PAGE.items():
        status, headers, text = ask(port, f"/{path}")
        assert status == 200 and text
        assert headers["content-type"].startswith(kind)
    for path in ("/", PATH, "/v1/models/none"):
        _, headers, _ = ask(port, path)
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert "server" not in headers


def test_the_page_learns_the_model_and_no_path_of_the_machine(port):
    status, _, answer = ask(port, "/description.json")
    assert status == 200
    assert answer["kind"] == "classification"
    assert answer["labels"] == ["<b>", "é"]
    assert answer["name"] == "tiny" and answer["default"] == "text"
    assert answer["source"] == "a model"
    assert "text" in answer["signatures"]
    assert answer["limits"] == {
        "body_bytes": 1000,
        "texts": 5,
        "characters": 211,
    }
    assert "somebody" not in json.dumps(answer)


@pytest.mark.parametrize(
    "path, body, method, status",
    [
        ("/nothing", None, None, 404),
        ("/../application.py", None, None, 404),
        ("/%2e%2e/application.py", None, None, 404),
        ("/v1/models/other", None, None, 404),
        ("/v1/models/tiny/versions/2", None, None, 404),
        ("/v1/models/other:predict", ONE, None, 404),
        ("/v1/models/tiny:classify", ONE, None, 405),
        (PATH, None, "PUT", 405),
        ("/", b"", "POST", 405),
        (PATH, b"{", None, 400),
        (PATH, b"", "POST", 400),
        (PATH, {"instances": [1]}, None, 400),
        (PATH, {"instances": ["a"] * 6}, None, 413),
        (PATH, {"instances": ["a" * 212]}, None, 413),
        (PATH, b" " * 1001, None, 413),
        (PATH, b" " * 100_000, None, 413),
    ],
)
def test_bad_requests_get_one_clear_line_of_json(
    port, model, path, body, method, status
):
    calls = model.calls
    found, headers, answer = ask(port, path, body, method)
    assert found == status
    assert list(answer) == ["error"]
    assert answer["error"] and "\n" not in answer["error"]
    assert model.calls == calls


def test_the_largest_body_is_taken(port):
    body = json.dumps(ONE).encode()
    body += b" " * (1000 - len(body))
    assert ask(port, PATH, body)[0] == 200


def test_a_body_in_chunks_is_limited_too(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    chunks = (b" " * 500 for _ in range(9))
    connection.request("POST", PATH, chunks, encode_chunked=True)
    response = connection.getresponse()
    assert response.status == 413
    assert "1,000 bytes" in json.loads(response.read())["error"]
    connection.close()


def test_other_names_and_other_pages_are_refused(port, model):
    calls = model.calls
    for headers in (
        {"Host": "evil.example"},
        {"Host": f"evil.example:{port}"},
        {"Host": "[::1"},
        {"Origin": "http://evil.example"},
        {"Origin": f"http://127.0.0.1:{port + 1}"},
        {"Origin": "null"},
    ):
        status, _, answer = ask(port, PATH, ONE, headers=headers)
        assert status == 403 and list(answer) == ["error"]
    assert model.calls == calls
    for headers in (
        {"Host": "127.0.0.1:7"},
        {"Origin": f"http://127.0.0.1:{port}"},
    ):
        assert ask(port, PATH, ONE, headers=headers)[0] == 200


def test_any_name_will_do_where_others_may_ask():
    with serve(Model(), hosts=None) as port:
        headers = {"Host": "machine.example"}
        assert ask(port, PATH, ONE, headers=headers)[0] == 200


def test_a_fault_of_the_model_says_nothing_of_the_machine(port, caplog):
    status, _, answer = ask(port, PATH, {"instances": ["bad"]})
    assert status == 500
    assert list(answer) == ["error"] and "somebody" not in answer["error"]
    # It is for whoever runs the server, who gets it after the client.
    assert wait(lambda: any(each.exc_info for each in caplog.records))
    assert ask(port, PATH, ONE)[0] == 200


def test_a_slow_model_and_a_crowd(monkeypatch):
    monkeypatch.setattr(application, "MOST_WAITING", 2)
    model = Model()
    model.gate.clear()
    # Long enough for all seven to have come on a busy machine.
    with serve(model, timeout=4.0) as port:
        found = []

        def one():
            found.append(ask(port, PATH, ONE))

        threads = [threading.Thread(target=one) for _ in range(7)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [status for status, _, _ in found] == [503] * 7
        told = sorted(answer["error"] for _, _, answer in found)
        assert [text[:9] for text in told] == ["no answer"] * 3 + [
            "too many "
        ] * 4
        # Those that waited in vain never reach the model.
        assert model.calls == 1
        model.gate.set()
        assert wait(lambda: ask(port, PATH, ONE)[0] == 200)
        assert ask(port, PATH, ONE)[2] == {"predictions": [1]}


@pytest.fixture
def submitted(monkeypatch):
    """What the workers of new servers were given: list of futures."""
    monkeypatch.setattr(Worker, "submitted", [])
    monkeypatch.setattr(concurrent.futures, "ThreadPoolExecutor", Worker)
    return Worker.submitted


def start(function, *arguments):
    """Returns (thread, list that its result will be in)."""
    found = []
    thread = threading.Thread(target=lambda: found.append(function(*arguments)))
    thread.start()
    return thread, found


def test_a_large_request_lets_small_ones_in_between(submitted):
    model = Model()
    model.gate.clear()
    with serve(model) as port:
        rows = ["1", "22", "333", "4444"]
        large, large_found = start(ask, port, PATH, {"instances": rows})
        assert wait(lambda: len(submitted) == 1)
        small, small_found = start(ask, port, PATH, ONE)
        assert wait(lambda: len(submitted) == 2)
        model.gate.set()
        large.join()
        small.join()
        assert large_found[0][2] == {"predictions": [1, 2, 3, 4]}
        assert small_found[0][2] == {"predictions": [1]}
    assert model.seen == [b"1", b"a", b"22", b"333", b"4444"]


def test_nothing_more_is_done_for_those_who_have_waited_too_long():
    model = Model()
    model.gate.clear()
    with serve(model, timeout=0.2) as port:
        assert ask(port, PATH, {"instances": ["1", "22", "333"]})[0] == 503
        model.gate.set()
        assert wait(lambda: ask(port, PATH, ONE)[0] == 200)
    assert b"22" not in model.seen and b"333" not in model.seen


def test_nothing_more_is_done_for_those_who_have_left(submitted):
    model = Model()
    model.gate.clear()
    with serve(model) as port:
        asking, found = start(ask, port, PATH, ONE)
        assert wait(lambda: len(submitted) == 1)
        body = b'{"instances": ["1", "22"]}'
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(
                f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                f"Content-Length: {len(body)}\r\n\r\n".encode()
                + body
            )
            assert wait(lambda: len(submitted) == 2)
        assert wait(submitted[1].cancelled)
        model.gate.set()
        asking.join()
        assert found[0][0] == 200
    assert model.seen == [b"a"]


def test_the_end_of_the_server_is_told_to_those_who_wait():
    model = Model()
    model.gate.clear()
    found = []
    with serve(model) as port:
        asking = threading.Thread(
            target=lambda: found.append(ask(port, PATH, ONE))
        )
        asking.start()
        assert wait(lambda: model.calls)
    asking.join()
    assert found[0][0] == 503 and "ending" in found[0][2]["error"]


def test_a_body_that_does_not_come(monkeypatch):
    monkeypatch.setattr(application, "BODY_SECONDS", 0.3)
    with (
        serve(Model()) as port,
        socket.create_connection(("127.0.0.1", port)) as connection,
    ):
        connection.sendall(
            f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            "Content-Length: 50\r\n\r\n{".encode()
        )
        connection.settimeout(PATIENCE)
        answer = connection.recv(9000)
        assert answer.startswith(b"HTTP/1.1 408")
