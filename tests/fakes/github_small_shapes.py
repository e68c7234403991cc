"""How does GitHub show comments, statuses, check runs, hooks, commits and installations as JSON?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes.github_shapes import REACTIONS, node, stamp, user

if TYPE_CHECKING:
    from tests.fakes.github_git import CommitFacts
    from tests.fakes.github_model import FakeRepository
    from tests.fakes.github_things import App, FakeComment, Hook, PostedCheckRun, Status

Json = dict[str, Any]


def comment(comment: FakeComment) -> Json:
    """A comment on a pull request, or on a commit."""
    repo = comment.repository
    shared: Json = {
        "id": comment.id,
        "node_id": node("Comment", comment.id),
        "user": user(comment.author),
        "created_at": stamp(comment.created_at),
        "updated_at": stamp(comment.updated_at),
        "author_association": "MEMBER",
        "body": comment.body,
    }
    if comment.pull is not None:
        api = f"{repo.api_url}/issues/comments/{comment.id}"
        return {
            **shared,
            "url": api,
            "html_url": f"{repo.html_url}/pull/{comment.pull.number}#issuecomment-{comment.id}",
            "issue_url": f"{repo.api_url}/issues/{comment.pull.number}",
            "performed_via_github_app": None,
            "reactions": reactions(comment),
        }
    return {
        **shared,
        "url": f"{repo.api_url}/comments/{comment.id}",
        "html_url": f"{repo.html_url}/commit/{comment.commit_sha}#commitcomment-{comment.id}",
        "position": None,
        "line": None,
        "path": None,
        "commit_id": comment.commit_sha,
        "reactions": reactions(comment),
    }


def reactions(comment: FakeComment) -> Json:
    kind = "issues/comments" if comment.pull is not None else "comments"
    counts = {name: sum(1 for _, given in comment.given if given == name) for name in REACTIONS}
    url = f"{comment.repository.api_url}/{kind}/{comment.id}/reactions"
    return {"url": url, "total_count": len(comment.given), **counts}


def reaction(comment: FakeComment, number: int) -> Json:
    person, content = comment.given[number]
    return {
        "id": comment.id * 100 + number,
        "node_id": node("Reaction", comment.id * 100 + number),
        "user": user(person),
        "content": content,
        "created_at": stamp(comment.updated_at),
    }


def status(repo: FakeRepository, status: Status) -> Json:
    return {
        "url": f"{repo.api_url}/statuses/{status.commit_sha}",
        "avatar_url": f"{repo.host.url}/avatars/{status.creator.id}",
        "id": status.id,
        "node_id": node("StatusContext", status.id),
        "state": status.state,
        "description": status.description,
        "target_url": status.target_url,
        "context": status.context,
        "created_at": stamp(status.created_at),
        "updated_at": stamp(status.created_at),
        "creator": user(status.creator),
    }


def check_run(repo: FakeRepository, run: PostedCheckRun) -> Json:
    api = f"{repo.api_url}/check-runs/{run.id}"
    output = run.body.get("output", {})
    return {
        "id": run.id,
        "node_id": node("CheckRun", run.id),
        "head_sha": run.body["head_sha"],
        "external_id": run.body.get("external_id", ""),
        "url": api,
        "html_url": f"{repo.html_url}/runs/{run.id}",
        "details_url": run.body.get("details_url", repo.html_url),
        "name": run.body["name"],
        "status": run.body.get("status", "queued"),
        "conclusion": run.body.get("conclusion"),
        "started_at": stamp(run.created_at),
        "completed_at": stamp(run.created_at) if run.body.get("conclusion") else None,
        "check_suite": check_suite(repo, run),
        "output": {
            "title": output.get("title"),
            "summary": output.get("summary"),
            "text": output.get("text"),
            "annotations_count": 0,
            "annotations_url": f"{api}/annotations",
        },
        "app": None,
        "pull_requests": [],
    }


def check_suite(repo: FakeRepository, run: PostedCheckRun) -> Json:
    return {
        "id": run.id + 1,
        "node_id": node("CheckSuite", run.id),
        "head_branch": None,
        "head_sha": run.body["head_sha"],
        "status": "completed",
        "conclusion": None,
        "url": f"{repo.api_url}/check-suites/{run.id + 1}",
        "before": None,
        "after": None,
        "pull_requests": [],
        "app": app(run.app) if run.app else None,
        "created_at": stamp(run.created_at),
        "updated_at": stamp(run.created_at),
    }


def app(app: App) -> Json:
    return {
        "id": app.id,
        "slug": app.slug,
        "node_id": node("App", app.id),
        "client_id": f"Iv1.{app.id:016x}",
        "owner": user(app.owner),
        "name": app.slug,
        "description": None,
        "external_url": app.owner.host.url,
        "html_url": f"{app.owner.host.url}/apps/{app.slug}",
        "created_at": stamp(app.owner.host.started_at),
        "updated_at": stamp(app.owner.host.started_at),
        "permissions": PERMISSIONS,
        "events": ["push", "pull_request"],
    }


_WRITTEN = ("checks", "contents", "pull_requests", "statuses")
PERMISSIONS = {**dict.fromkeys(_WRITTEN, "write"), "metadata": "read"}


def installation(app: App, installation_id: int) -> Json:
    host = app.owner.host
    return {
        "id": installation_id,
        "account": user(app.owner),
        "repository_selection": "selected",
        "access_tokens_url": f"{host.api_url}/app/installations/{installation_id}/access_tokens",
        "repositories_url": f"{host.api_url}/installation/repositories",
        "html_url": f"{host.url}/settings/installations/{installation_id}",
        "app_id": app.id,
        "app_slug": app.slug,
        "target_id": app.owner.id,
        "target_type": app.owner.kind,
        "permissions": PERMISSIONS,
        "events": ["push", "pull_request"],
        "created_at": stamp(host.started_at),
        "updated_at": stamp(host.started_at),
        "single_file_name": None,
        "suspended_by": None,
        "suspended_at": None,
    }


def repository_in_installation(repo: FakeRepository) -> Json:
    return {
        "id": repo.id,
        "node_id": node("Repository", repo.id),
        "name": repo.name,
        "full_name": repo.full_name,
        "private": repo.private,
    }


def hook(repo: FakeRepository, hook: Hook) -> Json:
    """The secret is never shown again."""
    api = f"{repo.api_url}/hooks/{hook.id}"
    return {
        "type": "Repository",
        "id": hook.id,
        "name": "web",
        "active": hook.active,
        "events": list(hook.events),
        "config": {"url": hook.url, "content_type": hook.content_type, "insecure_ssl": "0", "secret": "********"},
        "updated_at": stamp(repo.host.now),
        "created_at": stamp(repo.created_at),
        "url": api,
        "test_url": f"{api}/test",
        "ping_url": f"{api}/pings",
        "deliveries_url": f"{api}/deliveries",
        "last_response": {"code": None, "status": "unused", "message": None},
    }


def pushed_commit(repo: FakeRepository, facts: CommitFacts) -> Json:
    """A commit as a push lists it."""
    name, email = facts.author
    return {
        "id": facts.sha,
        "tree_id": facts.tree,
        "distinct": True,
        "message": facts.message,
        "timestamp": facts.at,
        "url": f"{repo.html_url}/commit/{facts.sha}",
        "author": {"name": name, "email": email},
        "committer": {"name": name, "email": email},
        "added": list(facts.added),
        "removed": list(facts.removed),
        "modified": list(facts.modified),
    }


def commit(repo: FakeRepository, facts: CommitFacts) -> Json:
    """A commit as the API shows it."""
    api = f"{repo.api_url}/commits/{facts.sha}"
    name, email = facts.author
    who = {"name": name, "email": email, "date": facts.at}
    return {
        "url": api,
        "sha": facts.sha,
        "node_id": node("Commit", facts.sha),
        "html_url": f"{repo.html_url}/commit/{facts.sha}",
        "comments_url": f"{api}/comments",
        "commit": {
            "url": f"{repo.api_url}/git/commits/{facts.sha}",
            "author": who,
            "committer": who,
            "message": facts.message,
            "comment_count": 0,
            "tree": {"sha": facts.tree, "url": f"{repo.api_url}/git/trees/{facts.tree}"},
        },
        "author": user(repo.owner),
        "committer": user(repo.owner),
        "parents": [{"sha": sha, "url": f"{repo.api_url}/commits/{sha}"} for sha in facts.parents],
    }
