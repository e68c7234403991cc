"""What stands in a GitLab payload? Each kind of delivery, turned into our event.

Source: https://docs.gitlab.com/user/project/integrations/webhook_events/. Every function raises
MalformedDelivery, and nothing else, where the payload isn't what that page says.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import quote

from bot.errors import Ignored
from bot.events import (
    NOBODY,
    Commented,
    HostRepository,
    HostUser,
    PullAction,
    PullChanged,
    PullRequest,
    Pushed,
    RepositoryMoved,
    Tagged,
)
from bot.vcs import deliveries as read

_PLAIN_ACTIONS = {
    "open": PullAction.OPENED,
    "reopen": PullAction.REOPENED,
    "close": PullAction.CLOSED,
    "merge": PullAction.MERGED,
}
# What GitLab's `Draft:` may look like in a title; `WIP:` is its old spelling (until 14.0).
_DRAFT_PREFIXES = ("draft:", "[draft]", "(draft)", "wip:", "[wip]")


def repository_host_id(payload: Mapping[str, Any]) -> str:
    """The id of the project that the delivery is about; a merge request's is its target's.

    Raises MalformedDelivery if the delivery names none.
    """
    if read.optional_mapping(payload, "project") is not None:
        return read.host_id(payload, "project", "id")
    return read.host_id(payload, "project_id")


def moved(payload: Mapping[str, Any]) -> RepositoryMoved:
    """GitLab tells no URLs and no branch here: only `host_id` and `path` are set."""
    repository = HostRepository(
        repository_host_id(payload), read.word(payload, "path_with_namespace"), clone_url="", default_branch=""
    )
    return RepositoryMoved(repository, read.optional_text(payload, "old_path_with_namespace"))


def push(payload: Mapping[str, Any]) -> Pushed | Ignored:
    """GitLab's payload has no flag for a forced push: `forced` is always False, and the mirror knows better.

    After a forced push the listed paths lack what the dropped commits had changed, so whoever finds the push
    forced must not trust `changed_paths` either.
    """
    branch = read.word(payload, "ref").removeprefix("refs/heads/")
    if branch == payload["ref"]:
        return Ignored(f"{branch[:100]} is not a branch")
    before, after = read.sha(payload, "before"), read.sha(payload, "after")
    if read.is_no_commit(after):
        return Ignored(f"branch {branch[:100]} was deleted")
    created = read.is_no_commit(before)
    return Pushed(
        repository=_repository(payload),
        branch=branch,
        before_sha=before,
        after_sha=after,
        forced=False,
        changed_paths=None if created else _changed_paths(payload),
        sender=_pusher(payload),
        message=_message_of(payload, after),
        created=created,
    )


def _changed_paths(payload: Mapping[str, Any]) -> tuple[str, ...] | None:
    """All paths that the pushed commits touched, or None where GitLab left commits out.

    It lists the newest 20 commits only. It lists none when a branch was set back, which changes files all the same.
    """
    commits = _commits(payload)
    total = read.number(payload, "total_commits_count") if commits else 0
    if not commits or total > len(commits):
        return None
    lists = (read.texts(commit, name) for commit in commits for name in ("added", "modified", "removed"))
    return tuple(sorted({path for paths in lists for path in paths}))


def _commits(payload: Mapping[str, Any]) -> tuple[Mapping[str, Any], ...]:
    return () if payload.get("commits") is None else read.mappings(payload, "commits")


def _message_of(payload: Mapping[str, Any], commit_sha: str) -> str:
    """The message of the pushed head, or "" if GitLab didn't list it."""
    for commit in _commits(payload):
        if read.text(commit, "id") == commit_sha:
            return read.optional_text(commit, "message")
    return ""


def tag_push(payload: Mapping[str, Any]) -> Tagged | Ignored:
    """`after` is the tag's own object where the tag is annotated; `checkout_sha` is the commit behind it."""
    tag = read.word(payload, "ref").removeprefix("refs/tags/")
    if tag == payload["ref"]:
        return Ignored(f"{tag[:100]} is not a tag")
    if read.is_no_commit(read.sha(payload, "after")) or payload.get("checkout_sha") is None:
        return Ignored(f"tag {tag[:100]} was deleted")
    return Tagged(
        repository=_repository(payload),
        tag=tag,
        commit_sha=read.sha(payload, "checkout_sha"),
        sender=_pusher(payload),
        message=read.optional_text(payload, "message"),
    )


def merge_request(payload: Mapping[str, Any]) -> PullChanged | Ignored:
    """What happened to a merge request; one without commits is not for us until it has some, or ends."""
    action = _pull_action(payload)
    if isinstance(action, Ignored):
        return action
    pull = _pull(payload)
    ends = action in (PullAction.CLOSED, PullAction.MERGED)
    if not pull.head_sha and not ends:
        return Ignored(f"merge request !{pull.number} has no commits")
    return PullChanged(_repository(payload), action, pull, _user(payload))


def _pull_action(payload: Mapping[str, Any]) -> PullAction | Ignored:
    """`oldrev` is there only when the head moved; any other update is told by `changes` alone.

    A new head comes first: whatever else changed with it is in the pull request's own fields.
    """
    name = read.optional_text(payload, "object_attributes", "action")
    if name in _PLAIN_ACTIONS:
        return _PLAIN_ACTIONS[name]
    if name != "update":
        return Ignored(f"Runlock does nothing when a merge request is {name[:40]!r}")
    if read.optional_text(payload, "object_attributes", "oldrev"):
        return PullAction.UPDATED
    changes = read.optional_mapping(payload, "changes") or {}
    if read.optional_mapping(changes, "target_branch"):
        return PullAction.RETARGETED
    if _left_draft(changes):
        return PullAction.READY
    return Ignored("neither the commits nor the target branch of the merge request changed")


def _left_draft(changes: Mapping[str, Any]) -> bool:
    """`draft` since 14.0, `work_in_progress` before; older versions still only tell the new title."""
    for name in ("draft", "work_in_progress"):
        if read.optional_mapping(changes, name) is not None:
            return read.optional_flag(changes, name, "previous") and not read.optional_flag(changes, name, "current")
    if read.optional_mapping(changes, "title") is None:
        return False
    before, now = (read.optional_text(changes, "title", which).strip().lower() for which in ("previous", "current"))
    return before.startswith(_DRAFT_PREFIXES) and not now.startswith(_DRAFT_PREFIXES)


def _pull(payload: Mapping[str, Any]) -> PullRequest:
    """The merge request as the payload has it; it never tells the target's commit, so `base_sha` stays empty."""
    told = read.mapping(payload, "object_attributes")
    state = read.text(told, "state")
    last_commit = read.optional_mapping(told, "last_commit")
    return PullRequest(
        number=read.number(told, "iid"),
        title=read.text(told, "title"),
        author=_known_user(payload, read.host_id(told, "author_id")),
        head_sha=read.sha(last_commit, "id") if last_commit else "",
        head_branch=read.word(told, "source_branch"),
        base_branch=read.word(told, "target_branch"),
        is_open=state == "opened",
        is_merged=state == "merged",
        is_draft=read.optional_flag(told, "draft") or read.optional_flag(told, "work_in_progress"),
        from_fork=_is_from_fork(told),
        merge_commit_sha=read.sha(told, "merge_commit_sha") if told.get("merge_commit_sha") else "",
        html_url=read.optional_text(told, "url"),
        body=read.optional_text(told, "description"),
        updated_at=_optional_time(told, "updated_at"),
    )


def _is_from_fork(told: Mapping[str, Any]) -> bool:
    """`source_project_id` is null when the fork has been deleted since."""
    if told.get("source_project_id") is None:
        return True
    return read.number(told, "source_project_id") != read.number(told, "target_project_id")


def note(payload: Mapping[str, Any]) -> Commented | Ignored:
    """`action` came with 16.11, and edits with it: without one, the comment is new."""
    told = read.mapping(payload, "object_attributes")
    if read.optional_flag(told, "system"):
        return Ignored("GitLab wrote this note by itself")
    if (read.optional_text(told, "action") or "create") != "create":
        return Ignored("a comment acts once, when it is written; this one was changed")
    on = read.optional_text(told, "noteable_type")
    if on not in ("MergeRequest", "Commit"):
        return Ignored(f"Runlock does nothing on comments on GitLab's {on[:40]!r}")
    on_pull = on == "MergeRequest"
    return Commented(
        repository=_repository(payload),
        comment_id=read.host_id(told, "id"),
        author=_known_user(payload, read.host_id(told, "author_id")),
        body=read.text(told, "note"),
        pull_number=read.number(payload, "merge_request", "iid") if on_pull else None,
        commit_sha=None if on_pull else read.sha(payload, "commit", "id"),
    )


def _repository(payload: Mapping[str, Any]) -> HostRepository:
    """`path_with_namespace` holds subgroups too; an empty project has no default branch."""
    return HostRepository(
        host_id=repository_host_id(payload),
        path=read.word(payload, "project", "path_with_namespace"),
        clone_url=read.word(payload, "project", "git_http_url"),
        default_branch=read.optional_text(payload, "project", "default_branch"),
        html_url=read.optional_text(payload, "project", "web_url"),
    )


def _pusher(payload: Mapping[str, Any]) -> HostUser:
    if payload.get("user_id") is None:
        return NOBODY
    login = read.optional_text(payload, "user_username")
    avatar_url = read.optional_address(payload, "user_avatar")
    return HostUser(read.host_id(payload, "user_id"), login, _profile(payload, login), avatar_url)


def _user(payload: Mapping[str, Any]) -> HostUser:
    login = read.optional_text(payload, "user", "username")
    avatar_url = read.optional_address(payload, "user", "avatar_url")
    return HostUser(read.host_id(payload, "user", "id"), login, _profile(payload, login), avatar_url)


def _profile(payload: Mapping[str, Any], login: str) -> str:
    """The page of a user: payloads name none, but it stands under the instance's address, as projects do.

    Source: https://docs.gitlab.com/user/profile/#access-your-user-profile
    """
    path = "/" + read.optional_text(payload, "project", "path_with_namespace")
    web_url = read.optional_address(payload, "project", "web_url")
    if not login or path == "/" or not web_url.endswith(path):
        return ""
    return f"{web_url.removesuffix(path)}/{quote(login, safe='')}"


def _known_user(payload: Mapping[str, Any], host_id: str) -> HostUser:
    """A person of whom GitLab tells the id only; their login is known if they caused the delivery themselves."""
    sender = _user(payload)
    return sender if sender.host_id == host_id else HostUser(host_id, "")


def _optional_time(payload: Mapping[str, Any], name: str) -> datetime | None:
    """GitLab writes `2024-05-17 18:08:09 UTC` in some payloads and ISO 8601 in others."""
    if payload.get(name) is None:
        return None
    return read.time({name: read.text(payload, name).replace(" UTC", "+00:00")}, name)
