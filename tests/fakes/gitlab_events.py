"""What would GitLab tell a webhook of that? Payloads, tokens, and the queue of what is to be delivered.

Source: https://docs.gitlab.com/user/project/integrations/webhook_events/
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tests.fakes.github_git import NO_COMMIT
from tests.fakes.gitlab_shapes import avatar

if TYPE_CHECKING:
    from tests.fakes.gitlab_model import FakeComment, FakeRepository, Hook, Person
    from tests.fakes.gitlab_pull import FakePull

Json = dict[str, Any]
MOST_COMMITS = 20  # as many as a payload lists


@dataclass(eq=False)
class Delivery:
    """One webhook with its token. Sending it again keeps `Idempotency-Key`, and only that."""

    event: str
    payload: Json = field(repr=False)
    url: str
    headers: dict[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    status: int | None = None  # of the last answer

    @property
    def id(self) -> str:
        return self.headers["Idempotency-Key"]

    @property
    def action(self) -> str:
        return str(self.payload.get("object_attributes", {}).get("action", ""))

    def again(self) -> None:
        """What GitLab does to the headers before another attempt."""
        self.headers["X-Gitlab-Webhook-UUID"] = str(uuid.uuid4())


def tell(repo: FakeRepository, event: str, switch: str, payload: Json) -> None:
    """Queue the event for every hook of the project that wants it."""
    for hook in repo.hooks:
        if hook.events.get(switch):
            repo.host.queue(_delivery(repo, event, payload, hook))


def _delivery(repo: FakeRepository, event: str, payload: Json, hook: Hook) -> Delivery:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "GitLab/18.6.0",
        "Idempotency-Key": str(uuid.uuid4()),
        "X-Gitlab-Event": event,
        "X-Gitlab-Webhook-UUID": str(uuid.uuid4()),
        "X-Gitlab-Instance": repo.host.url,
        "X-Gitlab-Event-UUID": str(uuid.uuid4()),
        **({"X-Gitlab-Token": hook.token} if hook.token else {}),
    }
    return Delivery(event, payload, hook.url, headers, json.dumps(payload).encode())


def pushed(repo: FakeRepository, ref: str, before: str, after: str, by: Person) -> None:
    """A branch or a tag was created, moved or deleted."""
    bare, is_tag = repo.bare, ref.startswith("refs/tags/")
    tip = None if after == NO_COMMIT else bare.git("rev-parse", f"{after}^{{commit}}")
    base = None if before == NO_COMMIT else before
    # Of a new branch GitLab lists what the default branch lacks.
    excluded = base or (bare.head(repo.default_branch) if ref != f"refs/heads/{repo.default_branch}" else None)
    shas = [] if tip is None or is_tag else bare.between(excluded, tip)
    kind = "tag_push" if is_tag else "push"
    payload = {
        "object_kind": kind,
        "event_name": kind,
        "before": before,
        "after": after,
        "ref": ref,
        "ref_protected": ref == f"refs/heads/{repo.default_branch}",
        "checkout_sha": tip,
        "message": bare.git("cat-file", "tag", after).split("\n\n", 1)[1] if is_tag and tip and tip != after else None,
        "user_id": by.id,
        "user_name": by.login.title(),
        "user_username": by.login,
        "user_email": None,
        "user_avatar": avatar(by),
        "project_id": repo.id,
        "project": project(repo),
        "commits": [_pushed_commit(repo, sha) for sha in shas[-MOST_COMMITS:]],
        "total_commits_count": len(shas),
        "push_options": {},
        "repository": {**repository(repo), "git_http_url": repo.clone_url, "visibility_level": 0},
    }
    event, switch = ("Tag Push Hook", "tag_push_events") if is_tag else ("Push Hook", "push_events")
    tell(repo, event, switch, payload)


def pull(
    merge_request: FakePull, action: str, by: Person, *, changes: Json | None = None, oldrev: str | None = None
) -> None:
    """Something happened to a merge request."""
    repo = merge_request.repository
    attributes = {**_merge_request(merge_request), "action": action, **({"oldrev": oldrev} if oldrev else {})}
    payload = {
        "object_kind": "merge_request",
        "event_type": "merge_request",
        "user": user(by),
        "project": project(repo),
        "object_attributes": attributes,
        "labels": [],
        "changes": {"updated_at": {"previous": None, "current": attributes["updated_at"]}, **(changes or {})},
        "repository": repository(repo),
    }
    tell(repo, "Merge Request Hook", "merge_requests_events", payload)


def commented(comment: FakeComment, action: str) -> None:
    """A note was written or edited."""
    repo = comment.repository
    on = "MergeRequest" if comment.pull else "Commit"
    payload = {
        "object_kind": "note",
        "event_type": "note",
        "user": user(comment.author),
        "project_id": repo.id,
        "project": project(repo),
        "object_attributes": {
            "id": comment.id,
            "note": comment.body,
            "noteable_type": on,
            "noteable_id": comment.pull.id if comment.pull else None,
            "author_id": comment.author.id,
            "created_at": _time(comment.created_at),
            "updated_at": _time(comment.updated_at),
            "project_id": repo.id,
            "commit_id": comment.commit_sha or None,
            "line_code": None,
            "system": comment.system,
            "action": action,
            "url": f"{repo.html_url}#note_{comment.id}",
        },
        "repository": repository(repo),
    }
    if comment.pull:
        payload["merge_request"] = _merge_request(comment.pull)
    else:
        payload["commit"] = _commit(repo, comment.commit_sha)
    tell(repo, "Note Hook", "note_events", payload)


def repository_moved(repo: FakeRepository, event: str, old_path: str) -> None:
    """A project was renamed or transferred: project hooks aren't told, the instance's are."""
    payload = {
        "event_name": event,
        "created_at": repo.created_at.isoformat(),
        "updated_at": repo.host.now.isoformat(),
        "name": repo.name,
        "path": repo.name,
        "path_with_namespace": repo.path,
        "project_id": repo.id,
        "owners": [],
        "project_visibility": "private",
        "old_path_with_namespace": old_path,
    }
    for hook in repo.host.system_hooks:
        repo.host.queue(_delivery(repo, "System Hook", payload, hook))


def user(person: Person) -> Json:
    return {
        "id": person.id,
        "name": person.login.title(),
        "username": person.login,
        "avatar_url": avatar(person),
        "email": "[REDACTED]",
    }


def project(repo: FakeRepository) -> Json:
    return {
        "id": repo.id,
        "name": repo.name,
        "description": "",
        "web_url": repo.html_url,
        "avatar_url": None,
        "git_ssh_url": f"git@gitlab.example.com:{repo.path}.git",
        "git_http_url": repo.clone_url,
        "namespace": repo.namespace.rsplit("/", 1)[-1],
        "visibility_level": 0,
        "path_with_namespace": repo.path,
        "default_branch": repo.default_branch,
        "ci_config_path": None,
    }


def repository(repo: FakeRepository) -> Json:
    return {
        "name": repo.name,
        "url": f"git@gitlab.example.com:{repo.path}.git",
        "description": "",
        "homepage": repo.html_url,
    }


def _merge_request(pull: FakePull) -> Json:
    repo, source = pull.repository, pull.head_repository
    return {
        "id": pull.id,
        "iid": pull.number,
        "target_branch": pull.base_branch,
        "source_branch": pull.head_branch,
        "source_project_id": source.id if source else None,
        "target_project_id": repo.id,
        "author_id": pull.author.id,
        "title": pull.title,
        "description": pull.body,
        "created_at": _time(pull.created_at),
        "updated_at": _time(pull.updated_at),
        "state": pull.state,
        "work_in_progress": pull.draft,
        "draft": pull.draft,
        "merge_status": "unchecked",
        "detailed_merge_status": "unchecked",
        "merge_commit_sha": pull.merge_commit_sha or None,
        "url": f"{repo.html_url}/-/merge_requests/{pull.number}",
        "source": project(source) if source else None,
        "target": project(repo),
        "last_commit": _commit(repo, pull.head_sha),
    }


def _commit(repo: FakeRepository, sha: str) -> Json:
    facts = repo.bare.facts(sha)
    return {
        "id": sha,
        "message": f"{facts.message}\n",
        "title": facts.message.split("\n", 1)[0],
        "timestamp": facts.at,
        "url": f"{repo.html_url}/-/commit/{sha}",
        "author": {"name": facts.author[0], "email": "[REDACTED]"},
    }


def _pushed_commit(repo: FakeRepository, sha: str) -> Json:
    facts = repo.bare.facts_with_files(sha)
    files = {"added": list(facts.added), "modified": list(facts.modified), "removed": list(facts.removed)}
    return _commit(repo, sha) | files


def _time(moment: datetime) -> str:
    """Not ISO 8601, as in these payloads at GitLab."""
    return moment.strftime("%Y-%m-%d %H:%M:%S UTC")
