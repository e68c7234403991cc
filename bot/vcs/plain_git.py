"""What can a plain Git repository answer of what we ask a code host? Branches; it has no people and no pages.

`runlock connect git PATH` names a repository on this machine. Its absolute path is its id, its path and its clone URL.
"""

# ruff: noqa: ARG002 - the Protocol's parameters stay where a plain repository has no use for them

import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from bot.connection import Connection, Repository
from bot.errors import Refused
from bot.events import HostRepository, HostUser, PullRequest
from bot.host_roles import HostRole
from bot.vcs.code_host import CheckRun, CommitStatus, GitCredential, HostComment, MergeFacts, Thread
from bot.vcs.git_command import GitCommand
from bot.vcs.git_hook import install_hook, open_repository
from bot.vcs.history import resolve

_READING_SECONDS = 30.0


class PlainGitHost:
    """`CodeHost` for repositories of this machine. What only a code host has raises Refused."""

    comment_limit = 0  # characters: there are no comments

    def __init__(self, connection: Connection, own_folder: Path | None = None) -> None:
        """`own_folder` is where Runlock keeps what it remembers: no repository of anybody's."""
        self._connection = connection
        self._own_folder = own_folder.resolve() if own_folder is not None else None

    def git_credential(self, repository: Repository) -> GitCredential | None:
        """None: what can be read, can be read."""
        return None

    def find_repository(self, path: str) -> HostRepository:
        """The repository at an absolute path, by its real path. Raises Refused if it isn't one, or is our own."""
        with open_repository(path) as repo:
            real_path = os.path.realpath(path)
            places = (Path(real_path), Path(repo.common_dir).resolve())  # a folder may keep its Git data elsewhere
            if self._own_folder is not None and any(place.is_relative_to(self._own_folder) for place in places):
                raise Refused(f"{path} is inside Runlock's own data folder; a repository to listen to is elsewhere")
            head = repo.head
            default_branch = str(head.reference.name) if not head.is_detached else ""
        return HostRepository(real_path, real_path, real_path, default_branch)

    def look_up(self, repository: Repository) -> HostRepository:
        """See `CodeHost`. Its path is its id, so only its default branch can be news."""
        return self.find_repository(repository.host_id)

    def check_identity(self, repository: Repository) -> None:
        """See `CodeHost`. A plain repository is its path."""

    def ensure_webhook(self, repository: Repository, url: str, secret: str) -> bool:
        """Install the `post-receive` hook. Raises Refused with what stands in the way."""
        install_hook(Path(repository.host_id), url, secret)
        return True

    def branch_head(self, repository: Repository, branch: str) -> str | None:
        """The commit of a branch, or None if there is no such branch."""
        with open_repository(repository.host_id) as repo:
            folder = Path(repo.common_dir).resolve()
        return resolve(GitCommand(folder, _READING_SECONDS), f"refs/heads/{branch}")

    def read_pull(self, repository: Repository, number: int) -> PullRequest | None:
        return None

    def open_pulls(self, repository: Repository) -> Iterable[PullRequest]:
        return ()

    def merged_pulls_of(self, repository: Repository, commit_sha: str) -> list[PullRequest]:
        return []

    def role_of(self, repository: Repository, user: HostUser) -> HostRole:
        """NONE: a plain repository knows no people. Approving is done by `runlock apply RUN`."""
        return HostRole.NONE

    def comments(self, repository: Repository, thread: Thread, since: datetime | None = None) -> Iterable[HostComment]:
        return ()

    def read_comment(self, repository: Repository, thread: Thread, comment_id: str) -> HostComment | None:
        return None

    def post_status(
        self, repository: Repository, commit_sha: str, status: CommitStatus, *, pull: PullRequest | None
    ) -> None:
        _has_no("statuses")

    def post_check_run(self, repository: Repository, check: CheckRun, known_id: str) -> str:
        _has_no("check runs")

    def create_comment(self, repository: Repository, thread: Thread, body: str) -> HostComment:
        _has_no("comments")

    def edit_comment(self, repository: Repository, thread: Thread, comment_id: str, body: str) -> HostComment:
        _has_no("comments")

    def react(self, repository: Repository, thread: Thread, comment_id: str, reaction: str) -> None:
        _has_no("comments")

    def merge_facts(self, repository: Repository, pull: PullRequest, own_prefix: str) -> MergeFacts:
        _has_no("pull requests")

    def merge(self, repository: Repository, pull: PullRequest) -> None:
        _has_no("pull requests")


def _has_no(things: str) -> NoReturn:
    raise Refused(f"a plain Git repository has no {things}")
