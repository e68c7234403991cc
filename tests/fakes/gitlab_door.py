"""Who comes to the double's API, and does what is said fit GitLab's description?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from flask import Flask, Response, g, jsonify, request
from werkzeug.wrappers import Response as PlainResponse

from tests.fakes import gitlab_description as description
from tests.fakes.gitlab_api import PREFIX, Api

if TYPE_CHECKING:
    from tests.fakes.gitlab import FakeGitLab
    from tests.fakes.gitlab_model import FakeRepository, Person

_PROJECT = re.compile(rf"{PREFIX}/projects/([^/]+)(/.*)?")
_TOO_MANY = {"error": "Too many requests. Please try again later."}


@dataclass(frozen=True)
class Exchange:
    """One request to the API and its status, as it was meant (before the answer was lost)."""

    method: str
    path: str
    status: int
    at: datetime


class Door:
    """What comes before and after every route."""

    def __init__(self, host: FakeGitLab) -> None:
        self.host = host

    def open(self, app: Flask) -> None:
        Api(self.host).routes(app)
        app.before_request(self.before)
        app.after_request(self.after)
        app.teardown_request(self.leave)
        app.register_error_handler(404, self.unknown)

    def by_id(self, app: Callable[..., Any]) -> Callable[..., Iterable[bytes]]:
        """Turn a project's encoded path into its id; an old path of a moved project redirects a reader."""

        def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            raw_path = environ["REQUEST_URI"].split("?", 1)[0]
            environ["runlock.raw_path"] = raw_path
            match = _PROJECT.fullmatch(raw_path)
            if match and not match[1].isdecimal():
                path, rest = unquote(match[1]), match[2] or ""
                repo, old = self.host.repository(path), self.host.old_paths.get(path)
                if repo is None and old is not None and environ["REQUEST_METHOD"] == "GET":
                    target = f"{self.host.api_url}/projects/{old.id}{rest}"
                    return PlainResponse("", 301, {"Location": target})(environ, start_response)
                environ["PATH_INFO"] = f"{PREFIX}/projects/{repo.id if repo else 0}{unquote(rest)}"
            return app(environ, start_response)

        return wsgi

    def before(self) -> Response | None:
        """Take the lock, and say no where it is due. What we send is held against the description first."""
        self.host.lock.acquire()
        g.locked = True
        body = request.get_json(silent=True) if request.data else None
        query = request.query_string.decode()
        self.host.violations += description.check_request(request.method, self._path(), query, body)
        trouble, now = self.host.trouble, self.host.now
        if failure := trouble.failure_for(request.method, request.path):
            return _answer(failure.status, failure.message, dict(failure.headers))
        g.caller = self.host.caller(request.headers.get("PRIVATE-TOKEN", ""))
        if g.caller is None:
            return _answer(401, "401 Unauthorized")
        if wait := trouble.seconds_to_wait(request.method, request.path, now):
            reset = str(int(now.timestamp()) + wait)
            return _answer(429, _TOO_MANY, {"Retry-After": str(wait), "RateLimit-Reset": reset})
        return None

    def after(self, response: Response) -> Response:
        self.host.exchanges.append(Exchange(request.method, request.path, response.status_code, self.host.now))
        answer = response.get_json(silent=True)
        self.host.violations += description.check_answer(request.method, self._path(), response.status_code, answer)
        return response

    def leave(self, _error: BaseException | None) -> None:
        if g.pop("locked", False):
            self.host.lock.release()

    def unknown(self, _error: Exception) -> Response:
        response = jsonify({"error": "404 Not Found"})
        response.status_code = 404
        return response

    def _path(self) -> str:
        path: str = request.environ["runlock.raw_path"]
        return path.removeprefix(PREFIX)


def _answer(status: int, message: object, headers: dict[str, str] | None = None) -> Response:
    response = jsonify({"message": message})
    response.status_code = status
    response.headers.update(headers or {})
    return response


def may_git(host: FakeGitLab, repo: FakeRepository | None, password: str | None, *, writes: bool) -> bool:
    """Any user name will do with an access token as password."""
    person: Person | None = host.caller(password or "")
    return repo is not None and person is not None and repo.level_of(person) >= (30 if writes else 20)
