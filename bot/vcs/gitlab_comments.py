"""How do we write and read comments at GitLab? Notes of merge requests, and discussions of commits.

A commit comment made through `/commits/:sha/comments` comes back without an id; as a discussion it has one. A note is
edited through its discussion, whose id only the list of them tells.
Sources: https://docs.gitlab.com/api/notes/#merge-requests and https://docs.gitlab.com/api/discussions/#commits
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from bot.connection import Repository
from bot.errors import NotFound
from bot.vcs import deliveries as read
from bot.vcs.code_host import HostComment, Thread
from bot.vcs.gitlab_client import GitLabClient, GitLabTrouble, Json, segment
from bot.vcs.gitlab_reading import is_system_note, read_comment

# GitHub's words for reactions, which our Protocol speaks, in GitLab's.
_EMOJI = {"eyes": "eyes", "+1": "thumbsup", "-1": "thumbsdown", "confused": "confused"}


def create(client: GitLabClient, repository: Repository, thread: Thread, body: str) -> HostComment:
    """Write a new comment. Raises OutsideTrouble."""
    deed = f"commenting on {_name(repository, thread)}"
    if thread.pull_number is not None:
        return client.send(deed, "post", _notes(repository, thread), read_comment, {"body": body})
    return client.send(deed, "post", _discussions(repository, thread), _first_note, {"body": body})


def edit(client: GitLabClient, repository: Repository, thread: Thread, comment_id: str, body: str) -> HostComment:
    """Give a comment another body. Raises NotFound if it is gone, or OutsideTrouble."""
    deed = f"editing comment {comment_id} on {_name(repository, thread)}"
    gone = NotFound(f"comment {comment_id} on {_name(repository, thread)} is gone")
    path = _note_path(client, deed, repository, thread, comment_id)
    if path is None:
        raise gone
    try:
        return client.send(deed, "put", path, read_comment, {"body": body})
    except GitLabTrouble as trouble:
        if trouble.status == 404:
            raise gone from trouble
        raise


def find(client: GitLabClient, repository: Repository, thread: Thread, comment_id: str) -> HostComment | None:
    """The comment as it is now; None if it is gone, or if GitLab wrote it by itself. Raises OutsideTrouble."""
    deed = f"reading comment {comment_id} on {_name(repository, thread)}"
    if not comment_id.isdecimal():
        return None
    if thread.pull_number is not None:
        return client.find(deed, f"{_notes(repository, thread)}/{comment_id}", _persons_note)
    notes = (note for _, note in _commit_notes(client, deed, repository, thread))
    return next((note for note in notes if note.id == comment_id), None)


def each(client: GitLabClient, repository: Repository, thread: Thread, since: datetime | None) -> Iterable[HostComment]:
    """People's comments, oldest first; with `since`, those written or edited then or later. Raises OutsideTrouble."""
    deed = f"listing the comments on {_name(repository, thread)}"
    if thread.pull_number is None:
        notes = [note for _, note in _commit_notes(client, deed, repository, thread)]
        return sorted((note for note in notes if since is None or note.updated_at >= since), key=_age)
    path = _notes(repository, thread)
    if since is None:
        return _people(client.each(deed, path, _persons_note, order_by="created_at", sort="asc"))
    # GitLab has no filter by time: from the newest backwards, so that a long merge request costs one page.
    recent = []
    for comment in client.each(deed, path, _note_with_origin, order_by="updated_at", sort="desc"):
        if comment[0].updated_at < since:
            break
        recent.append(comment)
    return sorted((note for note, by_gitlab in recent if not by_gitlab), key=_age)


def react(client: GitLabClient, repository: Repository, thread: Thread, comment_id: str, reaction: str) -> None:
    """Put an emoji on a merge request's note. Commit notes have none in the API: there it does nothing.

    GitLab answers 404 to an emoji that is there already, as to a note that is gone: both are as good as done.
    Source: https://docs.gitlab.com/api/emoji_reactions/
    """
    emoji = _EMOJI[reaction]
    if thread.pull_number is None or not comment_id.isdecimal():
        return
    deed = f"reacting to comment {comment_id} on {_name(repository, thread)}"
    path = f"{_notes(repository, thread)}/{comment_id}/award_emoji"
    try:
        client.send(deed, "post", path, dict, {"name": emoji})
    except GitLabTrouble as trouble:
        if trouble.status != 404:
            raise


def _age(note: HostComment) -> tuple[datetime, int]:
    return note.created_at, int(note.id)


def _people(notes: Iterable[HostComment | None]) -> Iterator[HostComment]:
    return (note for note in notes if note is not None)


def _persons_note(note: Json) -> HostComment | None:
    comment, by_gitlab = _note_with_origin(note)
    return None if by_gitlab else comment


def _note_with_origin(note: Json) -> tuple[HostComment, bool]:
    return read_comment(note), is_system_note(note)


def _first_note(discussion: Json) -> HostComment:
    notes = read.mappings(discussion, "notes")
    return read_comment(read.mapping({"note": next(iter(notes), None)}, "note"))


def _commit_notes(
    client: GitLabClient, deed: str, repository: Repository, thread: Thread
) -> Iterator[tuple[str, HostComment]]:
    """People's notes on a commit, each with its discussion's id; none if the commit is gone."""
    try:
        for discussion_id, notes in client.each(deed, _discussions(repository, thread), _discussion):
            for note in notes:
                yield discussion_id, note
    except GitLabTrouble as trouble:
        if trouble.status != 404:
            raise


def _discussion(discussion: Json) -> tuple[str, list[HostComment]]:
    notes = _people(_persons_note(note) for note in read.mappings(discussion, "notes"))
    return read.word(discussion, "id"), list(notes)


def _note_path(client: GitLabClient, deed: str, repository: Repository, thread: Thread, comment_id: str) -> str | None:
    """Where a note is edited; None if there is no such note."""
    if not comment_id.isdecimal():
        return None
    if thread.pull_number is not None:
        return f"{_notes(repository, thread)}/{comment_id}"
    for discussion_id, note in _commit_notes(client, deed, repository, thread):
        if note.id == comment_id:
            return f"{_discussions(repository, thread)}/{segment(discussion_id)}/notes/{comment_id}"
    return None


def _notes(repository: Repository, thread: Thread) -> str:
    return f"/projects/{segment(repository.host_id)}/merge_requests/{thread.pull_number}/notes"


def _discussions(repository: Repository, thread: Thread) -> str:
    return f"/projects/{segment(repository.host_id)}/repository/commits/{segment(thread.commit_sha)}/discussions"


def _name(repository: Repository, thread: Thread) -> str:
    if thread.pull_number is not None:
        return f"{repository.path}!{thread.pull_number}"
    return f"{repository.path} at {thread.commit_sha[:10]}"
