"""A terminal with nothing set up, and one with the organization acme and a plain repository connected."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask, Response, jsonify, request
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.fakes.command_line import Terminal
from tests.fakes.git_repositories import new_bare

TOKEN = "t0ken-of-the-bot"


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    return Terminal(tmp_path, monkeypatch)


@pytest.fixture
def acme(terminal: Terminal) -> Terminal:
    new_bare(terminal.folder / "infra.git")
    terminal.runlock("init", "--organization", "acme", "--email", "ada@example.com", "--token-file", "token")
    terminal.runlock("connect", "git", "infra.git")
    return terminal


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:
        pass


@pytest.fixture
def code_host() -> Iterator[str]:
    """The address of a host that knows one token, and whose it is."""
    app = Flask("host")

    @app.get("/<path:path>")
    def who(path: str) -> Response:
        given = request.headers.get("Authorization", "") + request.headers.get("Private-Token", "")
        if not path.endswith("/user") or TOKEN not in given.split():
            return Response('{"message": "Bad credentials"}', 401, content_type="application/json")
        return jsonify(id=1, login="bot", username="bot")

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()
