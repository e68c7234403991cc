"""How do the doubles serve Git? `git http-backend` as WSGI, over a folder of bare repositories.

It goes under any WSGI app: `GitServer(find, allows).under(app.wsgi_app)`.
Source: https://git-scm.com/docs/git-http-backend
"""

import base64
import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from werkzeug.http import dump_header
from werkzeug.wrappers import Response

WSGIApp = Callable[..., Iterable[bytes]]
# (path of the repository without .git, user name, password, writes) → may they? Both texts are None without Basic auth.
Allows = Callable[[str, str | None, str | None, bool], bool]

_GIT_PATH = re.compile(
    r"/(?P<repository>[^?]+?)(?:\.git)?/(?P<rest>info/refs|git-upload-pack|git-receive-pack|HEAD|objects/.+)"
)


@dataclass
class GitRequest:
    """One request that was served or refused; tests count them."""

    method: str
    repository: str
    rest: str
    user: str | None
    status: int


@dataclass
class GitServer:
    """`find` gives the bare repository's folder for a path, or None (404)."""

    find: Callable[[str], Path | None]
    allows: Allows
    allows_push: bool = False
    requests: list[GitRequest] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def under(self, app: WSGIApp) -> WSGIApp:
        """A WSGI app that answers Git's paths and hands everything else to `app`."""

        def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            match = _GIT_PATH.fullmatch(environ.get("PATH_INFO", ""))
            if match is None:
                return app(environ, start_response)
            response = self._answer(environ, match["repository"], match["rest"])
            return response(environ, start_response)

        return wsgi

    def _answer(self, environ: dict[str, Any], repository: str, rest: str) -> Response:
        user, password = _basic_auth(environ.get("HTTP_AUTHORIZATION", ""))
        writes = "receive-pack" in rest or "receive-pack" in environ.get("QUERY_STRING", "")
        response = self._decide(environ, repository, rest, (user, password), writes=writes)
        with self._lock:
            method = environ.get("REQUEST_METHOD", "")
            self.requests.append(GitRequest(method, repository, rest, user, response.status_code))
        return response

    def _decide(
        self, environ: dict[str, Any], repository: str, rest: str, who: tuple[str | None, str | None], *, writes: bool
    ) -> Response:
        folder = self.find(repository)
        if writes and not self.allows_push:
            return Response("pushing is off here\n", 403)
        if not self.allows(repository, *who, writes):
            # Hosts answer 401 without credentials and 404 (GitHub) or 403 with the wrong ones: Git asks only on 401.
            if who[0] is None:
                challenge = dump_header({"realm": "fake"})
                return Response("who are you?\n", 401, {"WWW-Authenticate": f"Basic {challenge}"})
            return Response("not found\n", 404)
        if folder is None:
            return Response("not found\n", 404)
        return _run_backend(environ, folder, rest, who[0] or "")


def _basic_auth(header: str) -> tuple[str | None, str | None]:
    kind, _, value = header.partition(" ")
    if kind.lower() != "basic":
        return None, None
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except ValueError:
        return None, None
    return user, password


def _run_backend(environ: dict[str, Any], folder: Path, rest: str, user: str) -> Response:
    """One CGI exchange. The body is read whole: the doubles' repositories are small."""
    body = _body(environ)
    variables = {
        "PATH": os.environ.get("PATH", os.defpath),
        "GIT_PROJECT_ROOT": str(folder.parent),
        "PATH_INFO": f"/{folder.name}/{rest}",
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        # Commits that left a branch are still fetched by their id, as at the real hosts.
        "GIT_CONFIG_COUNT": "3",
        "GIT_CONFIG_KEY_0": "uploadpack.allowAnySHA1InWant",
        "GIT_CONFIG_VALUE_0": "true",
        "GIT_CONFIG_KEY_1": "safe.directory",
        "GIT_CONFIG_VALUE_1": "*",
        "GIT_CONFIG_KEY_2": "uploadpack.allowFilter",
        "GIT_CONFIG_VALUE_2": "true",
        "REQUEST_METHOD": environ.get("REQUEST_METHOD", "GET"),
        "QUERY_STRING": environ.get("QUERY_STRING", ""),
        "CONTENT_TYPE": environ.get("CONTENT_TYPE", ""),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": environ.get("HTTP_CONTENT_ENCODING", ""),
        "HTTP_GIT_PROTOCOL": environ.get("HTTP_GIT_PROTOCOL", ""),
        "GIT_PROTOCOL": environ.get("HTTP_GIT_PROTOCOL", ""),
        "REMOTE_USER": user,
        "REMOTE_ADDR": "127.0.0.1",
    }
    done = subprocess.run(["git", "http-backend"], input=body, env=variables, capture_output=True, check=False)
    return _from_cgi(done.stdout)


def _body(environ: dict[str, Any]) -> bytes:
    """The request's body. Git sends packs above 1 MiB chunked, which werkzeug marks as terminated input."""
    stream: IO[bytes] = environ["wsgi.input"]
    length = environ.get("CONTENT_LENGTH")
    if length:
        return stream.read(int(length))
    return stream.read() if environ.get("wsgi.input_terminated") else b""


def _from_cgi(output: bytes) -> Response:
    head, _, body = output.partition(b"\r\n\r\n")
    headers = [tuple(line.split(": ", 1)) for line in head.decode("latin-1").split("\r\n") if ": " in line]
    status = next((value for name, value in headers if name.lower() == "status"), "200 OK")
    kept = [(name, value) for name, value in headers if name.lower() != "status"]
    return Response(body, int(status.split(" ", 1)[0]), kept) if output else Response("git http-backend failed\n", 500)


def git(*arguments: str, folder: Path, input_text: bytes = b"", environment: dict[str, str] | None = None) -> str:
    """Run one Git command in `folder`, apart from the machine's configuration; its output, stripped."""
    variables = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        **(environment or {}),
    }
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=variables, input=input_text, capture_output=True, check=False
    )
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip()
        raise RuntimeError(f"git {' '.join(arguments)}: exit {done.returncode}: {said}")
    return done.stdout.decode(errors="surrogateescape").strip()
