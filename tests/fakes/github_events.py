"""What would GitHub tell a webhook of that? Payloads, signatures, and the queue of what is to be delivered."""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.fakes import github_description as description
from tests.fakes import github_shapes as shapes
from tests.fakes import github_small_shapes as small
from tests.fakes.github_git import NO_COMMIT

if TYPE_CHECKING:
    from tests.fakes.github_model import FakeRepository
    from tests.fakes.github_pull import FakePull
    from tests.fakes.github_things import App, FakeComment, Hook, Person, PostedCheckRun

Json = dict[str, Any]


@dataclass(eq=False)
class Delivery:
    """One webhook, signed. Sending it again keeps its id."""

    event: str
    payload: Json = field(repr=False)
    url: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    status: int | None = None  # of the last answer

    @property
    def id(self) -> str:
        return self.headers["X-GitHub-Delivery"]

    @property
    def action(self) -> str:
        return self.payload.get("action", "")


def signed(event: str, payload: Json, url: str, secret: str, hook_id: int) -> Delivery:
    body = json.dumps(payload).encode()
    headers = {
        "Accept": "*/*",
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/fake",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-GitHub-Event": event,
        "X-GitHub-Hook-ID": str(hook_id),
        "X-Hub-Signature": "sha1=" + hmac.new(secret.encode(), body, hashlib.sha1).hexdigest(),
        "X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(),
    }
    return Delivery(event, payload, url, headers, body)


def tell(repo: FakeRepository, event: str, payload: Json, sender: Person) -> None:
    """Queue the event for every hook of the repository that wants it, and for the App."""
    host = repo.host
    whole = {**payload, "repository": shapes.repository(repo), "sender": shapes.user(sender)}
    host.violations += description.check_webhook(event, whole)
    for hook in repo.hooks:
        if hook.active and (event in hook.events or "*" in hook.events):
            host.queue(signed(event, whole, hook.url, hook.secret, hook.id))
    installed = host.app.installation_of(repo) if host.app else None
    if host.app is not None and installed is not None:
        known = {"id": installed, "node_id": shapes.node("Installation", installed)}
        _tell_app(host.app, event, {**whole, "installation": known})


def _tell_app(app: App, event: str, payload: Json) -> None:
    app.owner.host.queue(signed(event, payload, app.webhook_url, app.webhook_secret, app.id))


def pushed(repo: FakeRepository, ref: str, before: str, after: str, by: Person) -> None:
    """A ref was created, moved or deleted."""
    bare = repo.bare
    tip = None if after == NO_COMMIT else bare.git("rev-parse", f"{after}^{{commit}}")
    is_branch = ref.startswith("refs/heads/")
    forced = is_branch and NO_COMMIT not in (before, after) and not bare.is_ancestor(before, after)
    # A new branch lists what no other branch has; a moved one what it has gained.
    start = bare.head(repo.default_branch) if before == NO_COMMIT and not ref.endswith(repo.default_branch) else before
    listed = bare.between(start, tip) if tip and is_branch else []
    commits = [small.pushed_commit(repo, bare.facts_with_files(sha)) for sha in listed[: repo.host.most_commits_listed]]
    payload = {
        "ref": ref,
        "before": before,
        "after": after,
        "created": before == NO_COMMIT,
        "deleted": after == NO_COMMIT,
        "forced": forced,
        "base_ref": None,
        "compare": f"{repo.html_url}/compare/{before[:12]}...{after[:12]}",
        "commits": commits,
        "head_commit": small.pushed_commit(repo, bare.facts_with_files(tip)) if tip else None,
        "pusher": {"name": by.login, "email": by.signature().email},
    }
    tell(repo, "push", payload, by)


def pull(pull: FakePull, action: str, by: Person, **more: Any) -> None:
    payload = {"action": action, "number": pull.number, "pull_request": shapes.full_pull(pull), **more}
    tell(pull.repository, "pull_request", payload, by)


def commented(comment: FakeComment, action: str, before: str = "") -> None:
    payload: Json = {"action": action, "comment": small.comment(comment)}
    if action == "edited":
        payload["changes"] = {"body": {"from": before}}
    if comment.pull is None:
        if action == "created":  # GitHub tells of no other deed with a commit's comment
            tell(comment.repository, "commit_comment", payload, comment.author)
        return
    payload["issue"] = shapes.issue(comment.pull)
    tell(comment.repository, "issue_comment", payload, comment.author)


def button_pressed(run: PostedCheckRun, button: str, by: Person) -> None:
    payload = {
        "action": "requested_action",
        "check_run": {**small.check_run(run.repository, run), "app": small.app(run.app) if run.app else None},
        "requested_action": {"identifier": button},
    }
    tell(run.repository, "check_run", payload, by)


def repository_moved(repo: FakeRepository, action: str, by: Person, old: str, old_owner: Person | None = None) -> None:
    if action == "renamed" or old_owner is None:
        changes: Json = {"repository": {"name": {"from": old.partition("/")[2]}}}
    else:
        kind = "organization" if old_owner.kind == "Organization" else "user"
        changes = {"owner": {"from": {kind: _organization(old_owner) if kind != "user" else shapes.user(old_owner)}}}
    tell(repo, "repository", {"action": action, "changes": changes}, by)


def _organization(person: Person) -> Json:
    api = f"{person.host.api_url}/orgs/{person.login}"
    links = ("repos_url", "events_url", "hooks_url", "issues_url")
    return {
        "login": person.login,
        "id": person.id,
        "node_id": shapes.node("Organization", person.id),
        "url": api,
        **{name: f"{api}/{name.removesuffix('_url')}" for name in links},
        "members_url": f"{api}/members{{/member}}",
        "public_members_url": f"{api}/public_members{{/member}}",
        "avatar_url": f"{person.host.url}/avatars/{person.id}",
        "description": "",
    }


def ping(repo: FakeRepository, hook: Hook, by: Person) -> None:
    """What GitHub sends when a hook is made."""
    payload = {
        "zen": "Keep it logically awesome.",
        "hook_id": hook.id,
        "hook": {**small.hook(repo, hook), "config": {"url": hook.url, "content_type": "json", "insecure_ssl": "0"}},
        "repository": shapes.repository(repo),
        "sender": shapes.user(by),
    }
    repo.host.violations += description.check_webhook("ping", payload)
    repo.host.queue(signed("ping", payload, hook.url, hook.secret, hook.id))


def installation(app: App, number: int, action: str, repositories: list[FakeRepository]) -> None:
    listed = [small.repository_in_installation(repo) for repo in repositories]
    sender = shapes.user(app.owner)
    payload: Json = {"action": action, "installation": small.installation(app, number), "sender": sender}
    event = "installation"
    if action in ("added", "removed"):
        event = "installation_repositories"
        payload |= {"repositories_added": [], "repositories_removed": [], "repository_selection": "selected"}
        payload |= {f"repositories_{action}": listed, "requester": None}
    else:
        payload["repositories"] = listed
    app.owner.host.violations += description.check_webhook(event, payload)
    _tell_app(app, event, payload)
