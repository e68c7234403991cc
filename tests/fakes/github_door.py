"""Who comes to the double's API, and does what is said fit GitHub's description?"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import jwt
from flask import Flask, Response, g, jsonify, request
from werkzeug.wrappers import Response as PlainResponse

from tests.fakes import github_description as description
from tests.fakes.github_api import Api
from tests.fakes.github_graphql import WrongQuery, execute
from tests.fakes.github_trouble import PRIMARY, SECONDARY

if TYPE_CHECKING:
    from tests.fakes.github import FakeGitHub
    from tests.fakes.github_model import FakeRepository
    from tests.fakes.github_things import Person

API_PREFIX = "/api/v3"
_REPOSITORY = re.compile(r"/api/v3/repos/([^/]+/[^/]+)(/.*)?")
_BY_ID = re.compile(r"/api/v3/repositories/(\d+)(/.*)?")


@dataclass(frozen=True)
class Caller:
    """Whoever a token speaks for; an App itself may only ask about its installations."""

    host: FakeGitHub
    person: Person
    installation: int | None = None
    is_app: bool = False

    def may(self, repo: FakeRepository, least: str) -> bool:
        if self.is_app:
            return False
        if self.installation is not None and self.host.app is not None:
            return repo.id in self.host.app.installations.get(self.installation, set()) and least != "admin"
        return repo.may(self.person, least)


class Door:
    """What comes before and after every route."""

    def __init__(self, host: FakeGitHub) -> None:
        self.host = host

    def open(self, app: Flask) -> None:
        Api(self.host).routes(app)
        app.add_url_rule("/api/graphql", "graphql", self.graphql, methods=["POST"])
        app.before_request(self.before)
        app.after_request(self.after)
        app.teardown_request(self.leave)
        app.register_error_handler(404, self.unknown)

    def renamed(self, app: Callable[..., Any]) -> Callable[..., Iterable[bytes]]:
        """Redirect old paths to the id, as GitHub does: 301 for reading, 307 for writing; and know paths by id."""

        def wsgi(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            path = environ["PATH_INFO"]
            old, by_id = _REPOSITORY.fullmatch(path), _BY_ID.fullmatch(path)
            if by_id:
                found = next((repo for repo in self.host.repositories if repo.id == int(by_id[1])), None)
                name = found.full_name if found is not None else "nobody/nothing"  # which is answered with 404
                environ["PATH_INFO"] = f"{API_PREFIX}/repos/{name}{by_id[2] or ''}"
            elif old and old[1] in self.host.moved and self.host.repository(old[1]) is None:
                target = f"{self.host.api_url}/repositories/{self.host.moved[old[1]].id}{old[2] or ''}"
                if environ.get("QUERY_STRING"):
                    target += f"?{environ['QUERY_STRING']}"
                status = 301 if environ["REQUEST_METHOD"] == "GET" else 307
                body = '{"message": "Moved Permanently", "url": "%s"}' % target  # noqa: UP031 - braces
                headers = {"Location": target, "Content-Type": "application/json"}
                return PlainResponse(body, status, headers)(environ, start_response)
            return app(environ, start_response)

        return wsgi

    def before(self) -> Response | None:
        """Take the lock, count, and say no where it is due. What we send is held against the description first."""
        self.host.lock.acquire()
        g.locked = True
        trouble, now = self.host.trouble, self.host.now
        g.rate = trouble.count(now)
        path = request.path.removeprefix(API_PREFIX)
        if request.path.startswith(API_PREFIX):
            body = request.get_json(silent=True) if request.data else None
            query = request.query_string.decode()
            self.host.violations += description.check_request(request.method, path, query, body)
        if failure := trouble.failure_for(request.method, request.path):
            return _error(failure.status, failure.message, dict(failure.headers))
        g.caller = self._caller(request.headers.get("Authorization", ""))
        if g.caller is None:
            return _error(401, "Bad credentials")
        if trouble.is_exhausted:
            return _error(403, PRIMARY)
        if wait := trouble.seconds_to_wait(request.method, request.path, now):
            return _error(403, SECONDARY, {"Retry-After": str(wait)})
        return None

    def after(self, response: Response) -> Response:
        for name, value in g.rate.items():
            response.headers.setdefault(name, value)
        response.headers["Date"] = format_datetime(self.host.now, usegmt=True)
        self._note(response)
        if request.path.startswith(API_PREFIX):
            path = request.path.removeprefix(API_PREFIX)
            answer = response.get_json(silent=True)
            self.host.violations += description.check_answer(request.method, path, response.status_code, answer)
        return response

    def leave(self, _error: BaseException | None) -> None:
        if g.pop("locked", False):
            self.host.lock.release()

    def unknown(self, _error: Exception) -> Response:
        return _error_answer(404, "Not Found")

    def graphql(self) -> Any:
        body = request.get_json()
        asked = body["variables"]
        repo = self.host.repository(f"{asked['owner']}/{asked['name']}")
        pull = next((p for p in repo.pulls if p.number == asked["number"]), None) if repo else None
        if repo is None or pull is None or not g.caller.may(repo, "read"):
            words = "Could not resolve to a PullRequest."
            return {"data": {"repository": None}, "errors": [{"type": "NOT_FOUND", "message": words}]}
        try:
            return {"data": execute(body["query"], pull, asked.get("after"))}
        except WrongQuery as wrong:
            self.host.violations.append(f"GraphQL: {wrong}")
            return {"errors": [{"message": str(wrong)}]}

    def _note(self, response: Response) -> None:
        from tests.fakes.github import Exchange

        self.host.exchanges.append(Exchange(request.method, request.path, response.status_code, self.host.now))

    def _caller(self, header: str) -> Caller | None:
        kind, _, token = header.partition(" ")
        if kind.lower() not in ("token", "bearer"):
            return None
        app = self.host.app
        if token.count(".") == 2 and app is not None:
            return Caller(self.host, app.bot, is_app=True) if self._is_app(token) else None
        return self.host.caller(token)

    def _is_app(self, assertion: str) -> bool:
        """Whether the App signed this, for now and for ten minutes at most, by the host's clock."""
        app = self.host.app
        assert app is not None
        try:
            unchecked = {"verify_exp": False, "verify_iat": False}
            claims = jwt.decode(assertion, app.public_key, algorithms=["RS256"], options=unchecked)
        except jwt.PyJWTError:
            return False
        now = self.host.now.timestamp()
        return claims["iss"] == str(app.id) and claims["iat"] <= now < claims["exp"] <= now + 600


def _error(status: int, message: str, headers: dict[str, str] | None = None) -> Response:
    answer = _error_answer(status, message)
    answer.headers.update(headers or {})
    return answer


def _error_answer(status: int, message: str) -> Response:
    answer = jsonify({"message": message, "documentation_url": "https://docs.github.com/rest"})
    answer.status_code = status
    return answer
