"""How does GitHub show its things as JSON? Every field that its descriptions require, and those that we read."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.fakes.github_model import FakeRepository
    from tests.fakes.github_pull import FakePull
    from tests.fakes.github_things import Person

Json = dict[str, Any]

_USER_LINKS = {
    "followers_url": "followers",
    "following_url": "following{/other_user}",
    "gists_url": "gists{/gist_id}",
    "starred_url": "starred{/owner}{/repo}",
    "subscriptions_url": "subscriptions",
    "organizations_url": "orgs",
    "repos_url": "repos",
    "events_url": "events{/privacy}",
    "received_events_url": "received_events",
}
_REPOSITORY_LINKS = {
    "forks_url": "forks",
    "keys_url": "keys{/key_id}",
    "collaborators_url": "collaborators{/collaborator}",
    "teams_url": "teams",
    "hooks_url": "hooks",
    "issue_events_url": "issues/events{/number}",
    "events_url": "events",
    "assignees_url": "assignees{/user}",
    "branches_url": "branches{/branch}",
    "tags_url": "tags",
    "blobs_url": "git/blobs{/sha}",
    "git_tags_url": "git/tags{/sha}",
    "git_refs_url": "git/refs{/sha}",
    "trees_url": "git/trees{/sha}",
    "statuses_url": "statuses/{sha}",
    "languages_url": "languages",
    "stargazers_url": "stargazers",
    "contributors_url": "contributors",
    "subscribers_url": "subscribers",
    "subscription_url": "subscription",
    "commits_url": "commits{/sha}",
    "git_commits_url": "git/commits{/sha}",
    "comments_url": "comments{/number}",
    "issue_comment_url": "issues/comments{/number}",
    "contents_url": "contents/{+path}",
    "compare_url": "compare/{base}...{head}",
    "merges_url": "merges",
    "archive_url": "{archive_format}{/ref}",
    "downloads_url": "downloads",
    "issues_url": "issues{/number}",
    "pulls_url": "pulls{/number}",
    "milestones_url": "milestones{/number}",
    "notifications_url": "notifications{?since,all,participating}",
    "labels_url": "labels{/name}",
    "releases_url": "releases{/id}",
    "deployments_url": "deployments",
}
REACTIONS = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")


def stamp(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def node(kind: str, number: int | str) -> str:
    return base64.b64encode(f"0:{kind}{number}".encode()).decode()


def user(person: Person) -> Json:
    api, web = f"{person.host.api_url}/users/{person.login}", f"{person.host.url}/{person.login}"
    return {
        "login": person.login,
        "id": person.id,
        "node_id": node("User", person.id),
        "avatar_url": f"{person.host.url}/avatars/{person.id}",
        "gravatar_id": "",
        "url": api,
        "html_url": web,
        **{name: f"{api}/{rest}" for name, rest in _USER_LINKS.items()},
        "type": person.kind,
        "site_admin": False,
    }


def public_user(person: Person) -> Json:
    blank = ("name", "company", "location", "email", "hireable", "bio")
    return {
        **user(person),
        **dict.fromkeys(blank),
        "blog": "",
        "user_view_type": "public",
        **dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0),
        "created_at": stamp(person.host.started_at),
        "updated_at": stamp(person.host.started_at),
    }


def repository(repo: FakeRepository) -> Json:
    host = repo.host
    api, web = f"{host.api_url}/repos/{repo.full_name}", f"{host.url}/{repo.full_name}"
    counts = ("stargazers_count", "watchers_count", "watchers", "size", "forks", "forks_count")
    return {
        "id": repo.id,
        "node_id": node("Repository", repo.id),
        "name": repo.name,
        "full_name": repo.full_name,
        "private": repo.private,
        "owner": user(repo.owner),
        "html_url": web,
        "description": None,
        "fork": repo.fork_of is not None,
        "url": api,
        **{name: f"{api}/{rest}" for name, rest in _REPOSITORY_LINKS.items()},
        "created_at": stamp(repo.created_at),
        "updated_at": stamp(repo.created_at),
        "pushed_at": stamp(repo.pushed_at),
        "git_url": f"git://127.0.0.1/{repo.full_name}.git",
        "ssh_url": f"git@127.0.0.1:{repo.full_name}.git",
        "clone_url": f"{web}.git",
        "svn_url": web,
        "homepage": None,
        **dict.fromkeys(counts, 0),
        "language": "HCL",
        "has_issues": True,
        "has_projects": False,
        "has_downloads": True,
        "has_wiki": False,
        "has_pages": False,
        "has_discussions": False,
        "mirror_url": None,
        "archived": False,
        "disabled": False,
        "open_issues_count": len(repo.open_pulls),
        "open_issues": len(repo.open_pulls),
        "license": None,
        "topics": [],
        "visibility": "private" if repo.private else "public",
        "default_branch": repo.default_branch,
    }


def full_repository(repo: FakeRepository) -> Json:
    allowed = {f"allow_{name}": method in repo.merge_methods for method, name in MERGE_SETTINGS.items()}
    return {**repository(repo), "network_count": 0, "subscribers_count": 0, **allowed}


MERGE_SETTINGS = {"merge": "merge_commit", "squash": "squash_merge", "rebase": "rebase_merge"}


def simple_pull(pull: FakePull) -> Json:
    repo = pull.repository
    api, web = f"{repo.api_url}/pulls/{pull.number}", f"{repo.html_url}/pull/{pull.number}"
    issue = f"{repo.api_url}/issues/{pull.number}"
    links = {
        "self": api,
        "html": web,
        "issue": issue,
        "comments": f"{issue}/comments",
        "review_comments": f"{api}/comments",
        "review_comment": f"{repo.api_url}/pulls/comments{{/number}}",
        "commits": f"{api}/commits",
        "statuses": f"{repo.api_url}/statuses/{pull.head_sha}",
    }
    return {
        "url": api,
        "id": pull.id,
        "node_id": node("PullRequest", pull.id),
        "html_url": web,
        "diff_url": f"{web}.diff",
        "patch_url": f"{web}.patch",
        "issue_url": issue,
        "commits_url": links["commits"],
        "review_comments_url": links["review_comments"],
        "review_comment_url": links["review_comment"],
        "comments_url": links["comments"],
        "statuses_url": links["statuses"],
        "number": pull.number,
        "state": "open" if pull.is_open else "closed",
        "locked": False,
        "title": pull.title,
        "user": user(pull.author),
        "body": pull.body or None,
        "labels": [],
        "milestone": None,
        "active_lock_reason": None,
        "created_at": stamp(pull.created_at),
        "updated_at": stamp(pull.updated_at),
        "closed_at": stamp(pull.closed_at) if pull.closed_at else None,
        "merged_at": stamp(pull.closed_at) if pull.merged and pull.closed_at else None,
        "merge_commit_sha": pull.merge_commit_sha or None,
        "assignee": None,
        "assignees": [],
        "requested_reviewers": [],
        "requested_teams": [],
        "head": _side(pull.head_repository, pull.author, pull.head_branch, pull.head_sha),
        "base": _side(repo, repo.owner, pull.base_branch, pull.base_sha),
        "_links": {name: {"href": href} for name, href in links.items()},
        "author_association": "MEMBER",
        "auto_merge": None,
        "draft": pull.draft,
    }


def full_pull(pull: FakePull) -> Json:
    return {
        **simple_pull(pull),
        "merged": pull.merged,
        "mergeable": None if pull.merged else pull.is_mergeable,
        "rebaseable": None,
        "mergeable_state": "unknown" if pull.merged else pull.merge_state.lower(),
        "merged_by": user(pull.merged_by) if pull.merged_by else None,
        "comments": len(pull.comments),
        "review_comments": 0,
        "maintainer_can_modify": False,
        "commits": len(pull.commits),
        "additions": 1,
        "deletions": 0,
        "changed_files": 1,
    }


def _side(repo: FakeRepository | None, person: Person, branch: str, commit_sha: str) -> Json:
    """Head or base. The repository of a deleted fork is null; its branch's name and commit stay."""
    owner = repo.owner if repo else person
    return {
        "label": f"{owner.login}:{branch}" if repo else branch,
        "ref": branch,
        "sha": commit_sha,
        "user": user(owner),
        "repo": repository(repo) if repo else None,
    }


def issue(pull: FakePull) -> Json:
    """The issue that every pull request also is."""
    repo = pull.repository
    api, web = f"{repo.api_url}/issues/{pull.number}", f"{repo.html_url}/pull/{pull.number}"
    return {
        "url": api,
        "repository_url": repo.api_url,
        "labels_url": f"{api}/labels{{/name}}",
        "comments_url": f"{api}/comments",
        "events_url": f"{api}/events",
        "html_url": web,
        "id": pull.id + 1,
        "node_id": node("Issue", pull.id),
        "number": pull.number,
        "title": pull.title,
        "user": user(pull.author),
        "labels": [],
        "state": "open" if pull.is_open else "closed",
        "locked": False,
        "assignee": None,
        "assignees": [],
        "milestone": None,
        "comments": len(pull.comments),
        "created_at": stamp(pull.created_at),
        "updated_at": stamp(pull.updated_at),
        "closed_at": stamp(pull.closed_at) if pull.closed_at else None,
        "author_association": "MEMBER",
        "active_lock_reason": None,
        "draft": pull.draft,
        "pull_request": {
            "url": f"{repo.api_url}/pulls/{pull.number}",
            "html_url": web,
            "diff_url": f"{web}.diff",
            "patch_url": f"{web}.patch",
            "merged_at": None,
        },
        "body": pull.body or None,
        "reactions": _reactions(api, []),
        "timeline_url": f"{api}/timeline",
        "performed_via_github_app": None,
        "state_reason": None,
    }


def _reactions(url: str, given: list[tuple[Person, str]]) -> Json:
    counts = {content: sum(1 for _, name in given if name == content) for content in REACTIONS}
    return {"url": f"{url}/reactions", "total_count": len(given), **counts}
