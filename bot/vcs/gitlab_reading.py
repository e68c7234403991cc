"""What do the objects of GitLab's API say in our words?

All of them raise MalformedDelivery, naming the path, when an object isn't what GitLab's description says.
Source: https://docs.gitlab.com/api/rest/
"""

from bot.events import HostRepository, HostUser, PullRequest
from bot.vcs import deliveries as read
from bot.vcs.code_host import HostComment
from bot.vcs.gitlab_client import Json


def read_repository(project: Json) -> HostRepository:
    """A project; an empty one has no default branch."""
    return HostRepository(
        host_id=read.host_id(project, "id"),
        path=read.word(project, "path_with_namespace"),
        clone_url=read.word(project, "http_url_to_repo"),
        default_branch=read.optional_text(project, "default_branch"),
        html_url=read.optional_text(project, "web_url"),
    )


def read_user(holder: Json, *path: str) -> HostUser:
    """The user at `path`. GitLab puts its ghost user in the place of deleted ones."""
    return HostUser(
        read.host_id(holder, *path, "id"),
        read.optional_text(holder, *path, "username"),
        html_url=read.optional_address(holder, *path, "web_url"),
        avatar_url=read.optional_address(holder, *path, "avatar_url"),
    )


def read_pull(merge_request: Json) -> PullRequest:
    """A merge request. One without commits has no `sha`; one of a deleted fork has no `source_project_id`.

    `base_sha` is the target's head when the newest head was pushed (`diff_refs.start_sha`), like GitHub's; lists don't
    carry it. GitLab's own `diff_refs.base_sha` is the merge base.
    Source: https://docs.gitlab.com/api/merge_requests/#get-single-mr
    """
    state = read.text(merge_request, "state")
    source = merge_request.get("source_project_id")
    return PullRequest(
        number=read.number(merge_request, "iid"),
        title=read.text(merge_request, "title"),
        author=read_user(merge_request, "author"),
        head_sha=_sha_or_none(merge_request, "sha"),
        head_branch=read.word(merge_request, "source_branch"),
        base_branch=read.word(merge_request, "target_branch"),
        base_sha=_sha_or_none(read.optional_mapping(merge_request, "diff_refs") or {}, "start_sha"),
        is_open=state == "opened",
        is_merged=state == "merged",
        is_draft=read.optional_flag(merge_request, "draft") or read.optional_flag(merge_request, "work_in_progress"),
        from_fork=source is None or source != read.number(merge_request, "target_project_id"),
        merge_commit_sha=_landed_as(merge_request) if state == "merged" else "",
        html_url=read.optional_text(merge_request, "web_url"),
        body=read.optional_text(merge_request, "description"),
        updated_at=read.optional_time(merge_request, "updated_at"),
    )


def read_comment(note: Json) -> HostComment:
    """A note. Its id is unique over the whole instance."""
    return HostComment(
        id=read.host_id(note, "id"),
        author=read_user(note, "author"),
        body=read.text(note, "body"),
        created_at=read.time(note, "created_at"),
        updated_at=read.time(note, "updated_at"),
    )


def is_system_note(note: Json) -> bool:
    """Whether GitLab wrote it by itself ("approved this merge request")."""
    return read.optional_flag(note, "system")


def _landed_as(merge_request: Json) -> str:
    """The commit on the target branch: the merge, else the squash, else (fast-forward) the head itself."""
    names = ("merge_commit_sha", "squash_commit_sha", "sha")
    return next((found for name in names if (found := _sha_or_none(merge_request, name))), "")


def _sha_or_none(holder: Json, name: str) -> str:
    return read.sha(holder, name) if holder.get(name) else ""
