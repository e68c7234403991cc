"""What does the double answer at which address? GitLab's REST API, as much of it as we use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from flask import Flask, Response, abort, g, jsonify, request

from tests.fakes import gitlab_description as description
from tests.fakes import gitlab_shapes as shapes
from tests.fakes.gitlab_model import FakeComment, FakeRepository, Hook
from tests.fakes.gitlab_pipelines import StatusRefused, post
from tests.fakes.gitlab_pull import FakePull, NotMergeable

if TYPE_CHECKING:
    from tests.fakes.gitlab import FakeGitLab

PREFIX = "/api/v4"
PROJECT = f"{PREFIX}/projects/<int:project_id>"
PULL = f"{PROJECT}/merge_requests/<int:iid>"
COMMIT = f"{PROJECT}/repository/commits/<sha>"
T = TypeVar("T")


class Api:
    """The routes of one double. Who asks is in `g.caller`, put there by the door in `gitlab_door.py`."""

    def __init__(self, host: FakeGitLab) -> None:
        self.host = host

    def routes(self, app: Flask) -> None:
        """Put all routes into the app."""
        rows: list[tuple[str, str, Any]] = [
            ("GET", PROJECT, self.project),
            ("GET", f"{PROJECT}/hooks", self.hooks),
            ("POST", f"{PROJECT}/hooks", self.make_hook),
            ("PUT", f"{PROJECT}/hooks/<int:number>", self.change_hook),
            ("GET", f"{PROJECT}/members/all/<int:number>", self.member),
            ("GET", f"{PROJECT}/repository/branches/<path:branch>", self.branch),
            ("GET", f"{COMMIT}/merge_requests", self.pulls_of),
            ("GET", f"{COMMIT}/statuses", self.statuses),
            ("POST", f"{PROJECT}/statuses/<sha>", self.post_status),
            ("GET", f"{COMMIT}/discussions", self.discussions),
            ("POST", f"{COMMIT}/discussions", self.discuss),
            ("PUT", f"{COMMIT}/discussions/<discussion_id>/notes/<int:number>", self.edit_commit_note),
            ("GET", f"{PROJECT}/merge_requests", self.pulls),
            ("GET", PULL, self.pull),
            ("PUT", f"{PULL}/merge", self.merge),
            ("GET", f"{PULL}/approvals", self.approvals),
            ("GET", f"{PULL}/pipelines", self.pipelines),
            ("GET", f"{PULL}/notes", self.notes),
            ("POST", f"{PULL}/notes", self.comment),
            ("GET", f"{PULL}/notes/<int:number>", self.note),
            ("PUT", f"{PULL}/notes/<int:number>", self.edit_note),
            ("POST", f"{PULL}/notes/<int:number>/award_emoji", self.award),
        ]
        for method, rule, view in rows:
            app.add_url_rule(rule, f"{method} {rule}", view, methods=[method])

    def project(self, project_id: int) -> Any:
        return shapes.project(self._repo(project_id))

    def hooks(self, project_id: int) -> Any:
        repo = self._repo(project_id, least=40)
        return page(repo.hooks, lambda hook: shapes.hook(repo, hook))

    def make_hook(self, project_id: int) -> Any:
        repo = self._repo(project_id, least=40)
        hook = Hook(self.host.next_id(), "", "")
        self._set_hook(hook)
        repo.hooks.append(hook)
        return shapes.hook(repo, hook), 201

    def change_hook(self, project_id: int, number: int) -> Any:
        repo = self._repo(project_id, least=40)
        hook = found([hook for hook in repo.hooks if hook.id == number])
        self._set_hook(hook)
        return shapes.hook(repo, hook)

    def _set_hook(self, hook: Hook) -> None:
        body = dict(request.get_json())
        if not str(body["url"]).startswith(("http://", "https://")):
            refuse(422, "Validation failed: Url is blocked: Only allowed schemes are http, https")
        hook.url, hook.token = body.pop("url"), body.pop("token", hook.token)
        hook.events = {"push_events": True, **hook.events, **body}

    def member(self, project_id: int, number: int) -> Any:
        repo, person = self._repo(project_id), self.host.people.get(number)
        if person is None or not repo.level_of(person):
            refuse(404, "404 Not found")
        return shapes.member(repo, person)

    def branch(self, project_id: int, branch: str) -> Any:
        repo = self._repo(project_id)
        sha = repo.bare.head(branch)
        return shapes.branch(repo, branch, sha) if sha else refuse(404, "404 Branch Not Found")

    def pulls_of(self, project_id: int, sha: str) -> Any:
        """Found by the commits of the head, by squash and by merge commit; of a rebased merge by both its heads."""
        repo = self._commit_repo(project_id, sha)
        if self.host.late_pulls:
            self.host.late_pulls -= 1
            return page([], shapes.merge_request_in_list)
        return page([pull for pull in repo.pulls if _brought(pull, sha)], shapes.merge_request_in_list)

    def statuses(self, project_id: int, sha: str) -> Any:
        repo, asked = self._commit_repo(project_id, sha), request.args
        jobs = [
            (pipeline, job)
            for pipeline in repo.pipelines
            if pipeline.sha == sha
            and asked.get("ref", pipeline.ref) == pipeline.ref
            and (asked.get("pipeline_id", str(pipeline.id)) == str(pipeline.id) or not self.host.filters_by_pipeline)
            for job in (pipeline.jobs if asked.get("all") == "true" else pipeline.latest)
            if asked.get("name", job.name) == job.name
        ]
        return page(sorted(jobs, key=lambda each: each[1].id), lambda each: shapes.status(*each))

    def post_status(self, project_id: int, sha: str) -> Any:
        repo = self._repo(project_id, least=30)
        try:
            pipeline, job = post(repo, sha, g.caller, request.get_json())
        except StatusRefused as refused:
            refuse(refused.status, str(refused))
        return shapes.status(pipeline, job), 201

    def discussions(self, project_id: int, sha: str) -> Any:
        repo = self._commit_repo(project_id, sha)
        notes = [note for note in repo.all_comments if note.commit_sha == sha and not note.deleted]
        return page(notes, shapes.discussion)

    def discuss(self, project_id: int, sha: str) -> Any:
        repo = self._commit_repo(project_id, sha)
        return shapes.discussion(repo.write(self._body(), g.caller, commit_sha=sha)), 201

    def edit_commit_note(self, project_id: int, sha: str, discussion_id: str, number: int) -> Any:
        repo = self._commit_repo(project_id, sha)
        notes = [n for n in repo.all_comments if n.commit_sha == sha and n.discussion_id == discussion_id]
        return self._edit(notes, number)

    def pulls(self, project_id: int) -> Any:
        pulls = [p for p in self._repo(project_id).pulls if request.args.get("state", "all") in ("all", p.state)]
        newest_first = request.args.get("sort", "desc") == "desc"
        return page(sorted(pulls, key=lambda p: p.number, reverse=newest_first), shapes.merge_request_in_list)

    def pull(self, project_id: int, iid: int) -> Any:
        diverged = request.args.get("include_diverged_commits_count") == "true"
        return shapes.merge_request(self._pull(project_id, iid), diverged=diverged)

    def merge(self, project_id: int, iid: int) -> Any:
        pull = self._pull(project_id, iid)
        if pull.repository.level_of(g.caller) < 30:
            refuse(401, "401 Unauthorized")
        try:
            pull.merge("", g.caller, request.get_json().get("sha", ""), admin=False)
        except NotMergeable as reason:
            refuse(reason.status, str(reason))
        return shapes.merge_request(pull)

    def approvals(self, project_id: int, iid: int) -> Any:
        return shapes.approvals(self._pull(project_id, iid))

    def pipelines(self, project_id: int, iid: int) -> Any:
        pull = self._pull(project_id, iid)
        refs = (pull.head_branch, f"refs/merge-requests/{iid}/head", f"refs/merge-requests/{iid}/merge")
        own = [pipeline for pipeline in pull.repository.pipelines if pipeline.ref in refs]
        return page(own[::-1], lambda pipeline: shapes.pipeline(pull.repository, pipeline))

    def notes(self, project_id: int, iid: int) -> Any:
        key = request.args.get("order_by", "created_at")
        newest_first = request.args.get("sort", "desc") == "desc"
        notes = self._notes(project_id, iid)
        return page(sorted(notes, key=lambda n: (getattr(n, key), n.id), reverse=newest_first), shapes.note)

    def comment(self, project_id: int, iid: int) -> Any:
        pull = self._pull(project_id, iid)
        return shapes.note(pull.repository.write(self._body(), g.caller, pull=pull)), 201

    def note(self, project_id: int, iid: int, number: int) -> Any:
        return shapes.note(found([note for note in self._notes(project_id, iid) if note.id == number], "404 Note"))

    def edit_note(self, project_id: int, iid: int, number: int) -> Any:
        return self._edit(self._notes(project_id, iid), number)

    def award(self, project_id: int, iid: int, number: int) -> Any:
        note = found([note for note in self._notes(project_id, iid) if note.id == number], "404 Award Emoji")
        given = (g.caller, request.get_json()["name"])
        if given in note.given:
            refuse(404, "404 Award Emoji Name has already been taken Not Found")
        note.given.append(given)
        return shapes.award(note, *given), 201

    def _edit(self, notes: Sequence[FakeComment], number: int) -> Any:
        note = found([note for note in notes if note.id == number and not note.deleted], "404 Note")
        if note.author is not g.caller:
            refuse(403, "403 Forbidden")
        note.edit(self._body())
        return shapes.note(note)

    def _body(self) -> str:
        body: str = request.get_json()["body"]
        for line in description.quick_actions(body):
            self.host.violations.append(f"GitLab would run this line of a comment as a quick action: {line!r}")
        return body

    def _repo(self, project_id: int, least: int = 10) -> FakeRepository:
        """GitLab says 404 of what the caller may not see, and 403 of what they may see but not do."""
        repo = next((r for r in self.host.repositories if r.id == project_id and not r.deleted), None)
        level = repo.level_of(g.caller) if repo else 0
        if repo is None or not level:
            refuse(404, "404 Project Not Found")
        return repo if level >= least else refuse(403, "403 Forbidden")

    def _commit_repo(self, project_id: int, sha: str) -> FakeRepository:
        repo = self._repo(project_id)
        return repo if repo.bare.has(sha) else refuse(404, "404 Commit Not Found")

    def _pull(self, project_id: int, iid: int) -> FakePull:
        return found([pull for pull in self._repo(project_id).pulls if pull.number == iid])

    def _notes(self, project_id: int, iid: int) -> list[FakeComment]:
        pull = self._pull(project_id, iid)
        return [note for note in pull.repository.all_comments if note.pull is pull and not note.deleted]


def _brought(pull: FakePull, sha: str) -> bool:
    return sha in pull.commits or sha in (pull.merge_commit_sha, pull.squash_commit_sha)


def found(things: Sequence[T], what: str = "404") -> T:
    return things[0] if things else refuse(404, f"{what} Not Found" if what != "404" else "404 Not found")


def refuse(status: int, message: str) -> NoReturn:
    response = jsonify({"message": message})
    response.status_code = status
    abort(response)


def page(things: Sequence[T], show: Callable[[T], Any]) -> Response:
    """One page of a list. `X-Next-Page` is there and empty on the last one, as at GitLab."""
    size, number = int(request.args.get("per_page", 20)), int(request.args.get("page", 1))
    start = (number - 1) * size
    response = jsonify([show(thing) for thing in things[start : start + size]])
    more = len(things) > start + size
    response.headers["X-Page"], response.headers["X-Per-Page"] = str(number), str(size)
    response.headers["X-Next-Page"] = str(number + 1) if more else ""
    return response
