# SPDX-License-Identifier: Apache-2.0
"""Answers requests for the page and for TensorFlow Serving's REST paths.

Starlette rather than FastAPI or Gradio: what a request must look like comes
from the model's signatures, not from declared types, and the page is three
files; so it is the smallest well-kept library that does it.
"""

import asyncio
import concurrent.futures
import dataclasses
import importlib.resources
import json
import urllib.parse

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

import albert
from albert.serve.predict_requests import RequestError
from albert.serve.predict_requests import join_outputs
from albert.serve.predict_requests import make_answer
from albert.serve.predict_requests import parse_request

# A body is to arrive within this time, in seconds.
BODY_SECONDS = 10
# Requests that wait for the model. It works with all cores at one row of one
# request at a time, by turns: a batch is not quicker than its rows on a CPU,
# and a large one would keep small ones waiting.
MOST_WAITING = 16
# A body that is too large is read on up to so many times the limit: a client
# that is still sending would not read the answer.
_READ_ON = 16
_VERSION = "1"
_PAGE = {
    "": ("index.html", "text/html"),
    "page.css": ("page.css", "text/css"),
    "page.js": ("page.js", "text/javascript"),
    "requests.js": ("requests.js", "text/javascript"),
    "results.js": ("results.js", "text/javascript"),
    "search.js": ("search.js", "text/javascript"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
}
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; "
        "img-src 'self'; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def make_application(model, name, limits, timeout, hosts=None, source=""):
    """Makes the ASGI application.

    Args:
      model: ``albert.serve.served_model.ServedModel``.
      name: str, of the model in the REST paths.
      limits: ``albert.serve.predict_requests.Limits``.
      timeout: float, seconds that a client waits for the model at most.
      hosts: the names of this server in the header Host; None: any. A page
        elsewhere could otherwise have its own name point to this machine,
        and read what its visitors' models say.
      source: str, the model's name on the page.

    Returns:
      the application.
    """
    service = _Service(model, name, limits, timeout, source)
    models = "/v1/models/{name}"
    version = models + "/versions/{version}"
    routes = [
        Route(f"/{path}", _page(*file), methods=["GET"])
        for path, file in _PAGE.items()
    ]
    routes.append(Route("/description.json", service.describe))
    for prefix in (version, models):
        routes += [
            Route(f"{prefix}/metadata", service.tell_signatures),
            Route(f"{prefix}:predict", service.predict, methods=["POST"]),
            Route(prefix, service.tell_status),
        ]
    return _Guard(
        Starlette(
            routes=routes,
            exception_handlers={
                RequestError: _refuse,
                HTTPException: _refuse_path,
                ClientDisconnect: _refuse_rest,
                Exception: _fail,
            },
        ),
        hosts,
    )


class _Service:
    """Endpoints whose answers depend on the model."""

    def __init__(self, model, name, limits, timeout, source):
        self._model = model
        self._name = name
        self._limits = limits
        self._timeout = timeout
        self._source = source
        self._worker = concurrent.futures.ThreadPoolExecutor(1)
        self._num_asking = 0

    async def describe(self, request):
        """Answers with what the page has to know."""
        metadata = self._model.metadata
        return _json(
            {
                "name": self._name,
                "source": self._source,
                "version": albert.__version__,
                **{
                    key: metadata.get(key)
                    for key in ("kind", "task", "labels", "max_seq_length")
                },
                "default": metadata.get("serving_default"),
                "signatures": sorted(self._model.signatures),
                "limits": dataclasses.asdict(self._limits),
            }
        )

    async def tell_status(self, request):
        """Answers as ``GetModelStatus`` of TensorFlow Serving."""
        self._check_model(request)
        state = {
            "version": _VERSION,
            "state": "AVAILABLE",
            "status": {"error_code": "OK", "error_message": ""},
        }
        return _json({"model_version_status": [state]})

    async def tell_signatures(self, request):
        """Answers as ``GetModelMetadata`` of TensorFlow Serving."""
        self._check_model(request)
        return _json(
            {
                "model_spec": {
                    "name": self._name,
                    "signature_name": "",
                    "version": _VERSION,
                },
                "metadata": {
                    "signature_def": {"signature_def": self._model.definitions}
                },
            }
        )

    async def predict(self, request):
        """Answers as ``Predict`` of TensorFlow Serving."""
        self._check_model(request)
        body = await _read_body(request, self._limits.body_bytes)
        asked = parse_request(
            body, self._model.signatures, self._model.default, self._limits
        )
        if self._num_asking > MOST_WAITING:
            raise RequestError(503, "too many requests are waiting: try later")
        self._num_asking += 1
        try:
            outputs = await self._ask(request, asked)
        finally:
            self._num_asking -= 1
        return _response(make_answer(asked, outputs))

    async def _ask(self, request, asked):
        """Returns the outputs, unless it takes too long or the client leaves.

        A row that the model has begun goes on then, but no other one.
        """
        outputs = asyncio.ensure_future(self._predict(asked))
        leaving = asyncio.ensure_future(_wait_for_leaving(request))
        try:
            await asyncio.wait(
                {outputs, leaving},
                timeout=self._timeout,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if outputs.done():
                return outputs.result()
            if leaving.done():
                # For nobody; 499 is what servers call it in their logs.
                raise RequestError(499, "the client has left")
            raise RequestError(
                503,
                f"no answer within {self._timeout:g} seconds: send fewer or "
                "shorter texts",
            )
        except asyncio.CancelledError as error:
            raise RequestError(503, "the server is ending") from error
        finally:
            outputs.cancel()
            leaving.cancel()

    async def _predict(self, asked):
        parts = []
        for inputs in asked.split():
            future = self._worker.submit(
                self._model.predict, asked.signature_name, inputs
            )
            parts.append(await asyncio.wrap_future(future))
        return join_outputs(parts)

    def _check_model(self, request):
        asked = request.path_params
        if (
            asked["name"] != self._name
            or asked.get("version", _VERSION) != _VERSION
        ):
            raise RequestError(
                404, f"this server has the model {self._name!r}, version 1"
            )


class _Guard:
    """Wrapper that refuses other pages' requests, and adds the headers."""

    def __init__(self, application, hosts):
        self._application = application
        self._hosts = hosts

    async def __call__(self, scope, receive, send):
        async def send_with_headers(message):
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    *((k.encode(), v.encode()) for k, v in _HEADERS.items()),
                ]
            await send(message)

        error = self._find_fault(
            {k.decode("latin-1"): v for k, v in scope["headers"]}
        )
        answer = _error(403, error) if error else self._application
        await answer(scope, receive, send_with_headers)

    def _find_fault(self, headers):
        host = headers.get("host", b"").decode("latin-1")
        origin = headers.get("origin")
        try:
            if self._hosts is not None and (
                urllib.parse.urlsplit(f"//{host}").hostname not in self._hosts
            ):
                return (
                    "the header Host names another server: use the address "
                    "that this server printed"
                )
            if origin is not None and host != (
                urllib.parse.urlsplit(origin.decode("latin-1")).netloc
            ):
                return (
                    "pages of other servers may not send requests to this one"
                )
        except ValueError:
            return "the header Host or Origin is not an address"
        return None


def _page(file_name, media_type):
    """Returns an endpoint that answers with one of the page's files."""
    content = (
        importlib.resources.files("albert.serve")
        .joinpath("page", file_name)
        .read_text("utf-8")
    )

    async def answer(request):
        return _response(content, media_type=media_type)

    return answer


async def _read_body(request, limit):
    """Returns bytes, no more than the limit."""
    body, length = [], 0
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                length += len(part)
                if length > limit:
                    body.clear()
                else:
                    body.append(part)
                if length > _READ_ON * limit:
                    break
    except TimeoutError as error:
        raise RequestError(
            408, f"the body did not arrive within {BODY_SECONDS} seconds"
        ) from error
    if length > limit:
        raise RequestError(
            413, f"the body is too large: this server takes {limit:,} bytes"
        )
    return b"".join(body)


async def _wait_for_leaving(request):
    """Returns when the client of a request whose body was read closes."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _refuse(request, error):
    return _error(error.status, str(error))


async def _refuse_path(request, error):
    message = f"{request.method} {request.url.path[:100]}: {error.detail}"
    return _error(error.status_code, message, error.headers)


async def _refuse_rest(request, error):
    return _error(400, "the request ended before its body was complete")


async def _fail(request, error):
    """Answers without the traceback, which is for standard error alone."""
    return _error(500, "the server failed at this request; its log says why")


def _error(status, message, headers=None):
    headers = {**(headers or {})}
    if status in (408, 413):
        headers["connection"] = "close"
    return _response(
        json.dumps({"error": message}), status_code=status, headers=headers
    )


def _json(value):
    return _response(json.dumps(value, ensure_ascii=False))


def _response(text, media_type="application/json", **options):
    return Response(text, media_type=media_type, **options)
