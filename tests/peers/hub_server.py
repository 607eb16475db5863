# SPDX-License-Identifier: Apache-2.0
"""A small Hugging Face Hub on loopback, for the real client."""

import base64
import hashlib
import http.server
import json
import re
import threading
import urllib.parse

_MODEL = re.compile(r"/api/models/([^/]+/[^/]+?)(?:/(revision|tree)/([^/]+))?")
_FILE = re.compile(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)")
_ANSWERS = {"Content-Type": "application/json"}


class HubServer:
    """A hub that serves directories as models.

    Attributes:
      models: dict from "owner/name" to dict of file name to bytes.
      revisions: dict from "owner/name" to list of the names of its revision;
        each model has one commit.
      private: dict from the name of a model that was made to bool.
      requests: list of "METHOD path" that were answered.
      broken: function of a path to bool, what is cut off half-way.
      html: bool, whether all is answered with a page.
      refuses: bool, whether commits are refused.
    """

    def __init__(self):
        self.models = {}
        self.private = {}
        self.requests = []
        self.broken = lambda path: False
        self.html = False
        self.refuses = False
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                hub.answer(self, with_body=True)

            def do_POST(self):
                hub.take(self)

            def do_HEAD(self):
                hub.answer(self, with_body=False)

            def log_message(self, *arguments):
                pass

        self._server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), Handler
        )
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def commit(self, model):
        """Returns the commit of a model: 40 digits that its content has."""
        digest = hashlib.sha1()
        for name, content in sorted(self.models[model].items()):
            digest.update(name.encode() + content)
        return digest.hexdigest()

    def answer(self, request, with_body):
        """Answers a request."""
        path = urllib.parse.unquote(urllib.parse.urlparse(request.path).path)
        self.requests.append(f"{request.command} {path}")
        headers, status = dict(_ANSWERS), 200
        if self.html:
            body = b"<html><body>Log in to the network</body></html>"
            headers["Content-Type"] = "text/html"
        elif found := _MODEL.fullmatch(path):
            status, body = self._describe(*found.groups(), headers)
        elif (found := _FILE.fullmatch(path)) and found[1] in self.models:
            body = self.models[found[1]].get(found[3])
            status = 200 if body is not None else 404
            body = body or b""
            headers |= {
                "Content-Type": "application/octet-stream",
                "ETag": f'"{hashlib.sha1(body).hexdigest()}"',
                "X-Repo-Commit": self.commit(found[1]),
            }
            if status == 404:
                headers["X-Error-Code"] = "EntryNotFound"
        else:
            status, body = 404, b"{}"
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if with_body:
            if self.broken(path):
                body = body[: len(body) // 2]
                request.close_connection = True
            request.wfile.write(body)

    def take(self, request):
        """Answers a request of an upload, whose files are in the commit."""
        path = urllib.parse.urlparse(request.path).path
        length = int(request.headers.get("Content-Length") or 0)
        content = request.rfile.read(length)
        self.requests.append(f"POST {path}")
        status, answer = 200, {}
        if path == "/api/repos/create":
            given = json.loads(content)
            name = f"{given.get('organization') or 'me'}/{given['name']}"
            self.models.setdefault(name, {})
            self.private[name] = given.get("visibility") == "private"
            answer = {"url": f"{self.address}/{name}"}
        elif path.endswith("/preupload/main"):
            answer = {
                "files": [
                    {**file, "uploadMode": "regular", "shouldIgnore": False}
                    for file in json.loads(content)["files"]
                ]
            }
        elif found := re.fullmatch(r"/api/models/(.+)/commit/main", path):
            status = 403 if self.refuses else 200
            for line in content.splitlines() if status == 200 else ():
                given = json.loads(line)
                if given["key"] == "deletedFile":
                    del self.models[found[1]][given["value"]["path"]]
                if given["key"] == "file":
                    file = given["value"]
                    self.models[found[1]][file["path"]] = base64.b64decode(
                        file["content"]
                    )
            commit = self.commit(found[1])
            address = f"{self.address}/{found[1]}/commit/{commit}"
            answer = {"commitUrl": address, "commitOid": commit}
        body = json.dumps(answer).encode()
        request.send_response(status)
        request.send_header("Content-Type", "application/json")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def _describe(self, model, what, revision, headers):
        if model not in self.models:
            headers["X-Error-Code"] = "RepoNotFound"
            return 404, b'{"error": "Repository not found"}'
        commit = self.commit(model)
        if revision not in (None, "main", commit):
            headers["X-Error-Code"] = "RevisionNotFound"
            return 404, b'{"error": "Invalid rev id"}'
        files = self.models[model]
        if what == "tree":
            return 200, json.dumps(
                [
                    {
                        "type": "file",
                        "path": name,
                        "size": len(content),
                        "oid": hashlib.sha1(content).hexdigest(),
                    }
                    for name, content in files.items()
                ]
            ).encode()
        return 200, json.dumps(
            {
                "_id": "1",
                "id": model,
                "modelId": model,
                "sha": commit,
                "private": self.private.get(model, False),
                "tags": [],
                "downloads": 0,
                "likes": 0,
                "siblings": [{"rfilename": name} for name in files],
            }
        ).encode()
