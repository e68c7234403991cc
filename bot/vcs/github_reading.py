"""What do GitHub's objects say in our words? The same reading for deliveries and for answers of the API.

All of them raise MalformedDelivery, naming the path, when an object isn't what GitHub's description says.
Source: https://docs.github.com/en/rest
"""

from collections.abc import Mapping
from typing import Any

from bot.events import NOBODY, HostRepository, HostUser, PullRequest
from bot.vcs.code_host import HostComment, Thread
from bot.vcs.deliveries import (
    host_id,
    mapping,
    number,
    optional_address,
    optional_flag,
    optional_mapping,
    optional_text,
    optional_time,
    sha,
    text,
    time,
    word,
)

Json = Mapping[str, Any]


def read_repository(repository: Json) -> HostRepository:
    return HostRepository(
        host_id=host_id(repository, "id"),
        path=word(repository, "full_name"),
        clone_url=word(repository, "clone_url"),
        default_branch=word(repository, "default_branch"),
        html_url=optional_text(repository, "html_url"),
    )


def read_user(holder: Json, *path: str) -> HostUser:
    """The user at `path`; NOBODY where it is null (a deleted account, a deploy key)."""
    user = optional_mapping(holder, *path)
    if user is None:
        return NOBODY
    addresses = (optional_address(user, "html_url"), optional_address(user, "avatar_url"))
    return HostUser(host_id(user, "id"), word(user, "login"), *addresses)


def read_pull(pull: Json) -> PullRequest:
    """A pull request. A head without repository is a fork that was deleted."""
    head = mapping(pull, "head")
    head_repository = optional_mapping(head, "repo")
    base_id = host_id(pull, "base", "repo", "id")
    return PullRequest(
        number=number(pull, "number"),
        title=text(pull, "title"),
        author=read_user(pull, "user"),
        head_sha=sha(head, "sha"),
        head_branch=word(head, "ref"),
        base_branch=word(pull, "base", "ref"),
        base_sha=sha(pull, "base", "sha"),
        is_open=text(pull, "state") == "open",
        # Lists don't carry `merged`; `merged_at` is in both.
        is_merged=optional_time(pull, "merged_at") is not None or optional_flag(pull, "merged"),
        is_draft=optional_flag(pull, "draft"),
        from_fork=head_repository is None or host_id(head_repository, "id") != base_id,
        merge_commit_sha=_merge_commit(pull),
        html_url=optional_text(pull, "html_url"),
        body=optional_text(pull, "body"),
        updated_at=optional_time(pull, "updated_at"),
    )


def read_comment(comment: Json) -> HostComment:
    """A comment on a pull request or on a commit."""
    return HostComment(
        id=host_id(comment, "id"),
        author=read_user(comment, "user"),
        body=optional_text(comment, "body"),
        created_at=time(comment, "created_at"),
        updated_at=time(comment, "updated_at"),
    )


def is_in(comment: Json, thread: Thread) -> bool:
    """Whether a comment stands in this pull request, or at this commit."""
    if thread.pull_number is not None:
        return text(comment, "issue_url").endswith(f"/issues/{thread.pull_number}")
    return text(comment, "commit_id") == thread.commit_sha


def _merge_commit(pull: Json) -> str:
    """Before the merge `merge_commit_sha` is GitHub's trial merge, which is nobody's commit."""
    merged = optional_time(pull, "merged_at") is not None
    return sha(pull, "merge_commit_sha") if merged and pull.get("merge_commit_sha") is not None else ""
