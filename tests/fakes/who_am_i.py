"""A code host that knows one token, one App, and nothing but who they are."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response, jsonify, request
from werkzeug.serving import WSGIRequestHandler, make_server

TOKEN = "glpat-s3cret"


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.0"

    def log(self, type: str, message: str, *args: object) -> None:
        pass


@dataclass
class WhoAmI:
    """Whatever holds TOKEN within is taken for a good token."""

    url: str = ""
    status: int = 0  # else what it answers to everything
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str) -> Any:
        self.asked.append(path)
        if self.status:
            return Response('{"message": "trouble"}', self.status, content_type="application/json")
        given = request.headers.get("Authorization", "") + request.headers.get("Private-Token", "")
        if path == "api/v3/app":
            return jsonify(id=1, name="Runlock of acme", slug="runlock")
        if TOKEN not in given:
            return Response('{"message": "Bad credentials"}', 401, content_type="application/json")
        return jsonify(id=1, login="bot", username="bot")


@contextmanager
def who_am_i() -> Iterator[WhoAmI]:
    found, app = WhoAmI(), Flask("host")
    app.add_url_rule("/<path:path>", "answer", found.answer, methods=["GET"])
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
