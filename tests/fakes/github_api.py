"""What does the double answer at which address? The REST API, as much of it as we use."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import Flask, g, request

from tests.fakes import github_events as events
from tests.fakes import github_shapes as shapes
from tests.fakes import github_small_shapes as small
from tests.fakes.github_lookup import Lookup, refuse
from tests.fakes.github_pull import NotMergeable
from tests.fakes.github_things import Hook, PostedCheckRun, Status

REPO = "/api/v3/repos/<owner>/<name>"


class Api(Lookup):
    """The routes of one double. Who asks is in `g.caller`, put there by the door in `github.py`."""

    def routes(self, app: Flask) -> None:
        """Put all routes into the app."""
        rows: list[tuple[str, str, Any]] = [
            ("GET", REPO, self.repository),
            ("GET", f"{REPO}/installation", self.installation),
            ("GET", f"{REPO}/hooks", self.hooks),
            ("POST", f"{REPO}/hooks", self.make_hook),
            ("PATCH", f"{REPO}/hooks/<int:number>", self.change_hook),
            ("POST", f"{REPO}/statuses/<sha>", self.post_status),
            ("POST", f"{REPO}/check-runs", self.make_check_run),
            ("PATCH", f"{REPO}/check-runs/<int:number>", self.change_check_run),
            ("GET", f"{REPO}/commits/<sha>/check-runs", self.check_runs),
            ("GET", f"{REPO}/commits/<sha>/pulls", self.pulls_of),
            ("GET", f"{REPO}/commits/<sha>/comments", self.commit_comments),
            ("POST", f"{REPO}/commits/<sha>/comments", self.comment_on_commit),
            ("GET", f"{REPO}/issues/<int:number>/comments", self.issue_comments),
            ("POST", f"{REPO}/issues/<int:number>/comments", self.comment_on_issue),
            ("GET", f"{REPO}/pulls", self.pulls),
            ("GET", f"{REPO}/pulls/<int:number>", self.pull),
            ("PUT", f"{REPO}/pulls/<int:number>/merge", self.merge),
            ("GET", f"{REPO}/compare/<path:spec>", self.compare),
            ("GET", f"{REPO}/rules/branches/<path:branch>", self.rules),
            ("GET", f"{REPO}/git/ref/heads/<path:branch>", self.ref),
            ("GET", f"{REPO}/collaborators/<login>/permission", self.permission),
            ("GET", "/api/v3/user/<int:number>", self.user),
            ("POST", "/api/v3/app/installations/<int:number>/access_tokens", self.installation_token),
        ]
        for method, rule, view in rows:
            app.add_url_rule(rule, f"{method} {rule}", view, methods=[method])
        for kind in ("issues/comments", "comments"):
            rule = f"{REPO}/{kind}/<int:number>"
            for method, end, view in (
                ("GET", "", self.comment),
                ("PATCH", "", self.edit_comment),
                ("POST", "/reactions", self.react),
            ):
                app.add_url_rule(rule + end, f"{method} {rule}", view, methods=[method], defaults={"kind": kind})

    def repository(self, owner: str, name: str) -> Any:
        return shapes.full_repository(self._repo(owner, name))

    def installation(self, owner: str, name: str) -> Any:
        app, repo = self.host.app, self.host.repository(f"{owner}/{name}")
        number = app.installation_of(repo) if app and repo else None
        if app is None or number is None or not g.caller.is_app:
            refuse(404, "Not Found")
        return small.installation(app, number)

    def hooks(self, owner: str, name: str) -> Any:
        repo = self._repo(owner, name, "admin")
        return self._page([small.hook(repo, hook) for hook in repo.hooks])

    def make_hook(self, owner: str, name: str) -> Any:
        repo, body = self._repo(owner, name, "admin"), self._body()
        if any(hook.url == body["config"]["url"] for hook in repo.hooks):
            errors = [{"resource": "Hook", "code": "custom", "message": "Hook already exists on this repository"}]
            refuse(422, "Validation Failed", errors=errors)
        hook = Hook(self.host.next_id(), body["config"]["url"], body["config"].get("secret", ""), tuple(body["events"]))
        repo.hooks.append(hook)
        events.ping(repo, hook, g.caller.person)
        return small.hook(repo, hook), 201

    def change_hook(self, owner: str, name: str, number: int) -> Any:
        repo, body = self._repo(owner, name, "admin"), self._body()
        hook = self._found(hook for hook in repo.hooks if hook.id == number)
        hook.active, hook.events = body.get("active", hook.active), tuple(body.get("events", hook.events))
        hook.secret = body.get("config", {}).get("secret", hook.secret)
        return small.hook(repo, hook)

    def post_status(self, owner: str, name: str, sha: str) -> Any:
        repo, body = self._repo(owner, name, "write"), self._body()
        self._commit(repo, sha)
        if len(body.get("description") or "") > 140 or len(body["context"]) > 255:
            refuse(422, "Validation Failed", errors=[{"message": "context or description is too long"}])
        if sum(1 for s in repo.all_statuses if (s.commit_sha, s.context) == (sha, body["context"])) >= 1000:
            refuse(422, "Validation Failed", errors=[{"message": "This SHA and context has reached the maximum"}])
        text = (body["context"], body["state"], body.get("description"), body.get("target_url"))
        status = Status(self.host.next_id(), sha, *text, g.caller.person, self.host.now)
        repo.all_statuses.append(status)
        return small.status(repo, status), 201

    def make_check_run(self, owner: str, name: str) -> Any:
        repo, body = self._repo(owner, name, "write"), self._body()
        self._of_an_app()
        self._commit(repo, body["head_sha"])
        run = PostedCheckRun(self.host.next_id(), repo, body, self.host.now, self.host.app)
        repo.check_runs.append(run)
        return small.check_run(repo, run), 201

    def change_check_run(self, owner: str, name: str, number: int) -> Any:
        repo = self._repo(owner, name, "write")
        self._of_an_app()
        run = self._found(run for run in repo.check_runs if run.id == number)
        run.body = {**run.body, **self._body()}
        return small.check_run(repo, run)

    def check_runs(self, owner: str, name: str, sha: str) -> Any:
        repo, wanted = self._repo(owner, name), request.args.get("check_name")
        here = [r for r in repo.check_runs if r.body["head_sha"] == sha and wanted in (None, r.body["name"])]
        return {"total_count": len(here), "check_runs": [small.check_run(repo, run) for run in here]}

    def pulls_of(self, owner: str, name: str, sha: str) -> Any:
        repo = self._repo(owner, name)
        self._commit(repo, sha)
        found = [pull for pull in repo.pulls if sha == pull.merge_commit_sha or sha in pull.brought]
        found += [pull for pull in repo.open_pulls if sha in pull.commits]
        if self.host.late_pulls > 0:  # GitHub's index trails behind its merges
            self.host.late_pulls -= 1
            found = []
        return self._page([shapes.simple_pull(pull) for pull in found])

    def issue_comments(self, owner: str, name: str, number: int) -> Any:
        pull = self._pull(owner, name, number)
        since = request.args.get("since")
        start = datetime.fromisoformat(since) if since else None
        kept = [c for c in pull.comments if start is None or c.updated_at.replace(microsecond=0) >= start]
        return self._page([small.comment(comment) for comment in kept])

    def commit_comments(self, owner: str, name: str, sha: str) -> Any:
        repo = self._repo(owner, name)
        self._commit(repo, sha)
        return self._page([small.comment(comment) for comment in repo.comments_on(sha)])

    def comment_on_issue(self, owner: str, name: str, number: int) -> Any:
        pull = self._pull(owner, name, number)
        return small.comment(pull.comment(self._text(), g.caller.person)), 201

    def comment_on_commit(self, owner: str, name: str, sha: str) -> Any:
        repo = self._repo(owner, name)
        self._commit(repo, sha)
        return small.comment(repo.comment_on(sha, self._text(), g.caller.person)), 201

    def comment(self, owner: str, name: str, kind: str, number: int) -> Any:
        return small.comment(self._comment(owner, name, kind, number))

    def edit_comment(self, owner: str, name: str, kind: str, number: int) -> Any:
        comment = self._comment(owner, name, kind, number)
        if comment.author is not g.caller.person:
            refuse(403, "Must have admin rights to Repository.")
        comment.edit(self._text())
        return small.comment(comment)

    def react(self, owner: str, name: str, kind: str, number: int) -> Any:
        comment, given = self._comment(owner, name, kind, number), (g.caller.person, self._body()["content"])
        known = given in comment.given
        if not known:
            comment.given.append(given)
        return small.reaction(comment, comment.given.index(given)), 200 if known else 201

    def pulls(self, owner: str, name: str) -> Any:
        repo, state = self._repo(owner, name), request.args.get("state", "open")
        kept = [pull for pull in repo.pulls if state == "all" or pull.is_open == (state == "open")]
        return self._page([shapes.simple_pull(pull) for pull in reversed(kept)])

    def pull(self, owner: str, name: str, number: int) -> Any:
        return shapes.full_pull(self._pull(owner, name, number))

    def merge(self, owner: str, name: str, number: int) -> Any:
        self._repo(owner, name, "write")
        pull, body = self._pull(owner, name, number), self._body()
        try:
            sha = pull.merge(body.get("merge_method", "merge"), g.caller.person, body.get("sha", ""), admin=False)
        except NotMergeable as refused:
            refuse(refused.status, str(refused))
        return {"sha": sha, "merged": True, "message": "Pull Request successfully merged"}

    def compare(self, owner: str, name: str, spec: str) -> Any:
        repo = self._repo(owner, name)
        base_name, _, head_name = spec.partition("...")
        base, head = (repo.bare.head(n) or (n if repo.bare.has(n) else None) for n in (base_name, head_name))
        if base is None or head is None:
            refuse(404, "Not Found")
        ahead, behind = repo.bare.between(base, head), repo.bare.between(head, base)
        words = {(True, True): "diverged", (True, False): "ahead", (False, True): "behind"}
        fork = repo.bare.merge_base(base, head)
        if fork is None:
            refuse(404, f"No common ancestor between {base_name} and {head_name}.")
        web, api = f"{repo.html_url}/compare/{spec}", f"{repo.api_url}/compare/{spec}"
        return {
            "url": api,
            "html_url": web,
            "permalink_url": web,
            "diff_url": f"{web}.diff",
            "patch_url": f"{web}.patch",
            "base_commit": small.commit(repo, repo.bare.facts(base)),
            "merge_base_commit": small.commit(repo, repo.bare.facts(fork)),
            "status": words.get((bool(ahead), bool(behind)), "identical"),
            "ahead_by": len(ahead),
            "behind_by": len(behind),
            "total_commits": len(ahead),
            "commits": [small.commit(repo, repo.bare.facts(sha)) for sha in ahead[: self._per_page()]],
        }

    def rules(self, owner: str, name: str, branch: str) -> Any:
        rules = self._repo(owner, name).protections.get(branch)
        if rules is None or rules.through != "ruleset" or not rules.contexts:
            return self._page([])
        checks = [{"context": context} for context in rules.contexts]
        parameters = {"required_status_checks": checks, "strict_required_status_checks_policy": rules.strict}
        return self._page([{"type": "required_status_checks", "parameters": parameters, "ruleset_id": 1}])

    def ref(self, owner: str, name: str, branch: str) -> Any:
        repo = self._repo(owner, name)
        head = repo.bare.head(branch)
        if head is None:
            refuse(404, "Not Found")
        ref, api = f"refs/heads/{branch}", f"{repo.api_url}/git"
        target = {"type": "commit", "sha": head, "url": f"{api}/commits/{head}"}
        return {"ref": ref, "node_id": shapes.node("Ref", ref), "url": f"{api}/{ref}", "object": target}

    def permission(self, owner: str, name: str, login: str) -> Any:
        repo, person = self._repo(owner, name, "write"), self.host.person_named(login)
        if person is None:
            refuse(404, "Not Found")
        role = repo.role_of(person)
        coarse = {"maintain": "write", "triage": "read"}.get(repo.base_role(person), repo.base_role(person))
        flags = {least: repo.may(person, role) for least, role in PERMISSION_FLAGS.items()}
        return {
            "permission": coarse,
            "role_name": role,
            "user": {**shapes.user(person), "role_name": role, "permissions": flags},
        }

    def user(self, number: int) -> Any:
        person = self.host.people.get(number)
        if person is None or person.deleted:
            refuse(404, "Not Found")
        return shapes.public_user(person)

    def installation_token(self, number: int) -> Any:
        app = self.host.app
        if app is None or not g.caller.is_app or number not in app.installations:
            refuse(404, "Not Found")
        ends = self.host.now + timedelta(hours=1)
        token = self.host.issue_installation_token(number, ends)
        return {"token": token, "expires_at": shapes.stamp(ends), "permissions": small.PERMISSIONS}, 201


PERMISSION_FLAGS = {"pull": "read", "triage": "triage", "push": "write", "maintain": "maintain", "admin": "admin"}
