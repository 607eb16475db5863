# SPDX-License-Identifier: Apache-2.0
"""Serves a model: a page to try it by hand, and a REST interface.

    albert serve MODEL_DIR

MODEL_DIR is a model directory, or any weights that come with a configuration
and a tokenizer; or what `albert export` wrote with --format=serving, onnx or
openvino. Programs ask it as they ask TensorFlow Serving:

    curl http://127.0.0.1:8000/v1/models/albert:predict \\
        -d '{"instances": ["The [MASK] of the house was open."]}'

It has no passwords and no encryption: it is for the machine it runs on.
"""

import contextlib
import importlib
import importlib.util
import ipaddress
import os
import re
import signal
import socket
import tempfile

from absl import logging

from albert import command_line
from albert.errors import ServerStopped
from albert.errors import UserError
from albert.export import engine_directory
from albert.export import engine_flags
from albert.flag_groups import FlagGroup

POSITIONAL = ("MODEL_DIR",)
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")


def define_flags(fv):
    """Defines the command's flags."""
    server = FlagGroup(fv, "Server")
    server.string(
        "host",
        "127.0.0.1",
        "Address to listen at. Only this machine reaches 127.0.0.1; others "
        "reach 0.0.0.0.",
    )
    server.integer(
        "port",
        8000,
        "Port to listen at; 0: one that is free.",
        lower_bound=0,
        upper_bound=65535,
    )
    server.string("model_name", "albert", "Name in the REST paths.")
    limits = FlagGroup(fv, "Limits")
    limits.integer(
        "max_characters",
        20_000,
        "Characters of one text at most.",
        lower_bound=1,
        upper_bound=10**7,
    )
    limits.integer(
        "max_texts",
        64,
        "Texts (rows of the batch) of one request.",
        lower_bound=1,
        upper_bound=10**5,
    )
    limits.integer(
        "max_body_bytes",
        2**18,
        "Bytes of one request at most.",
        lower_bound=1,
        upper_bound=2**30,
    )
    limits.real(
        "timeout",
        60,
        "Seconds that a client waits for an answer at most.",
        lower_bound=1,
        # A day.
        upper_bound=86_400,
    )
    engine_flags.define_flags(fv)


def main(fv, source):
    """Serves the model until a signal comes."""
    _check_libraries()
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", fv.model_name):
        raise UserError(
            f"--model_name {fv.model_name!r}: use letters, digits, _, . and -"
        )
    engine = engine_flags.find_engine(fv, source, engine_directory.find(source))
    with (
        _stop_by_signal(),
        _own_temporary_files(),
        _bind(fv.host, fv.port) as listener,
    ):
        address, port, *_ = listener.getsockname()
        is_loopback = ipaddress.ip_address(address).is_loopback
        if not is_loopback:
            logging.warning(
                "listening at %s: anyone who reaches this machine can use the "
                "model, and nothing is encrypted",
                address,
            )
        # TensorFlow's lines about what it writes.
        logging.set_verbosity(logging.WARNING)
        command_line.load_tensorflow()
        from albert.serve import connections
        from albert.serve import served_model
        from albert.serve.application import make_application
        from albert.serve.predict_requests import Limits

        model = served_model.load(source, engine, fv.quantization)
        names = {*_LOOPBACK_NAMES, fv.host.lower(), address}
        application = make_application(
            model,
            fv.model_name,
            Limits(fv.max_body_bytes, fv.max_texts, fv.max_characters),
            fv.timeout,
            names if is_loopback else None,
            os.path.basename(os.path.abspath(source)),
        )
        listener.listen()
        shown = f"[{address}]" if ":" in address else address
        computed = f", computed by {engine}" if engine else ""
        print(f"Model: {source}, {model.metadata['kind']}{computed}")
        print(
            f"Page: http://{shown}:{port}/ (Ctrl-C ends the server)", flush=True
        )
        connections.make_server(
            application, connections.ConnectionLimits()
        ).run(sockets=[listener])


def _check_libraries():
    """Refuses to start without what `albert-keras[serve]` asks for."""
    try:
        for name in ("starlette", "uvicorn"):
            importlib.import_module(name)
        # It takes TensorFlow along, which is for later.
        if importlib.util.find_spec("tensorflow_text") is None:
            raise ImportError("No module named 'tensorflow_text'")
    except ImportError as error:
        raise UserError(
            f"the server's libraries cannot be imported ({error}): pip "
            "install 'albert-keras[serve]', or starlette, uvicorn and "
            "tensorflow-text"
        ) from error


def _bind(host, port):
    """Returns a socket that is bound and does not listen yet.

    An address that is taken is then found before the model is loaded, which
    takes its time.
    """
    listener = None
    try:
        (family, kind, protocol, _, address), *_ = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except (OSError, UnicodeError) as error:
        if listener is not None:
            listener.close()
        reason = getattr(error, "strerror", None) or error
        raise UserError(
            f"--host {host} --port {port}: {reason}: choose another --port, "
            "or 0 for one that is free; --host is an address of this machine"
        ) from error
    return listener


@contextlib.contextmanager
def _stop_by_signal():
    """Turns Ctrl-C and SIGTERM into ``ServerStopped``.

    The server takes them while it runs, answers what it has begun, and then
    raises them again.
    """

    def stop(signal_number, frame):
        raise ServerStopped("Stopped.")

    before = {
        signal_number: signal.signal(signal_number, stop)
        for signal_number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for signal_number, handler in before.items():
            signal.signal(signal_number, handler)


@contextlib.contextmanager
def _own_temporary_files():
    """Removes what TensorFlow leaves in the temporary directory.

    It would do so when Python ends, which ``command_line.leave`` does not
    wait for.
    """
    with tempfile.TemporaryDirectory(prefix="albert-serve-") as place:
        before, tempfile.tempdir = tempfile.tempdir, place
        try:
            yield
        finally:
            tempfile.tempdir = before


if __name__ == "__main__":
    command_line.run(main, define_flags, POSITIONAL)
