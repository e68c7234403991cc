"""What does a request to the double's API name, and may its caller see it? Lookups that answer GitHub's errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from flask import Response, abort, g, jsonify, request

from tests.fakes.github_model import FakeRepository
from tests.fakes.github_pull import FakePull
from tests.fakes.github_things import FakeComment

if TYPE_CHECKING:
    from tests.fakes.github import FakeGitHub

Json = dict[str, Any]


def refuse(status: int, message: str, **more: Any) -> None:
    """Answer an error as GitHub words it."""
    answer = jsonify({"message": message, "documentation_url": "https://docs.github.com/rest", **more})
    answer.status_code = status
    abort(answer)


class Lookup:
    """Who asks is in `g.caller`, put there by the door."""

    def __init__(self, host: FakeGitHub) -> None:
        self.host = host

    def _repo(self, owner: str, name: str, least: str = "read") -> FakeRepository:
        """The repository, if the caller may do that to it: 404 hides what they can't see, 403 what they can."""
        repo, caller = self.host.repository(f"{owner}/{name}"), g.caller
        if repo is None or not caller.may(repo, "read") or (least == "admin" and not caller.may(repo, "admin")):
            refuse(404, "Not Found")
        if not caller.may(repo, least):
            refuse(403, "Resource not accessible by personal access token")
        return repo

    def _pull(self, owner: str, name: str, number: int) -> FakePull:
        return self._found(pull for pull in self._repo(owner, name).pulls if pull.number == number)

    def _comment(self, owner: str, name: str, kind: str, number: int) -> FakeComment:
        on_pull = kind == "issues/comments"
        here = [c for c in self._repo(owner, name).all_comments if not c.deleted and (c.pull is not None) == on_pull]
        return self._found(comment for comment in here if comment.id == number)

    def _found(self, things: Any) -> Any:
        thing = next(iter(things), None)
        return refuse(404, "Not Found") if thing is None else thing

    def _commit(self, repo: FakeRepository, sha: str) -> None:
        if not repo.bare.has(sha):
            refuse(422, f"No commit found for SHA: {sha}")

    def _of_an_app(self) -> None:
        if g.caller.installation is None:
            refuse(403, "You must authenticate via a GitHub App.")

    def _body(self) -> Json:
        return request.get_json()

    def _text(self) -> str:
        body = self._body()["body"]
        if not body.strip() or len(body) > 65536:
            refuse(422, "Validation Failed", errors=[{"message": "Body is blank or too long (maximum is 65536)"}])
        return body

    def _per_page(self) -> int:
        return min(100, int(request.args.get("per_page", 30)))

    def _page(self, things: list[Json]) -> Response:
        number, size = int(request.args.get("page", 1)), self._per_page()
        answer = jsonify(things[(number - 1) * size : number * size])
        if number * size < len(things):
            query = urlencode({**request.args, "page": number + 1})
            answer.headers["Link"] = f'<{self.host.url}{request.path}?{query}>; rel="next"'
        return answer
