"""What can we ask of a code host? One Protocol, answered by GitHub and GitLab alike.

Every method may raise OutsideTrouble: `permanent` for 401, 403, 404 and 422, with `retry_after` (seconds)
where the host asked for patience. A 404 of something that may well be absent is an answer, not trouble.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from bot.connection import Repository
from bot.events import HostRepository, HostUser, PullRequest
from bot.host_roles import HostRole


class StatusState(StrEnum):
    """GitHub's four words; GitLab's are mapped to and from them in `gitlab.py`."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"


@dataclass(frozen=True)
class CommitStatus:
    """`context` is at most 255 characters, `description` at most 140.

    `lasts`: it is pending until a person does something. Such words must be right however much it costs to say them.
    """

    context: str
    state: StatusState
    description: str
    target_url: str
    lasts: bool = False


@dataclass(frozen=True)
class Thread:
    """Where comments are written: a pull request, or a commit. Exactly one is set."""

    pull_number: int | None = None
    commit_sha: str = ""


@dataclass(frozen=True)
class HostComment:
    """A comment as the host has it. Both times are the host's."""

    id: str
    author: HostUser
    body: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class MergeFacts:
    """What stands in the way of an apply, in words for a person; without our own statuses counted in."""

    lacking_approval: tuple[str, ...] = ()
    blocks: tuple[str, ...] = ()  # conflicts, required checks, a draft …
    divergence: tuple[str, ...] = ()


@dataclass(frozen=True)
class GitCredential:
    """What Git is given for one fetch, by an askpass helper's environment; never in a URL or argv."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class CheckRun:
    """GitHub App only: a check run with buttons. `external_id` says what it covers."""

    head_sha: str
    name: str
    external_id: str
    is_completed: bool
    conclusion: str  # "success" | "failure" | "neutral" | "action_required" | ""
    title: str
    summary: str
    details_url: str
    buttons: tuple[tuple[str, str, str], ...] = ()  # (label ≤ 20, identifier ≤ 20, description ≤ 40)


class CodeHost(Protocol):
    comment_limit: int  # characters

    def git_credential(self, repository: Repository) -> GitCredential | None: ...

    def find_repository(self, path: str) -> HostRepository:
        """The repository at a path (`acme/infra`). Raises Refused if there is none that we may see."""
        ...

    def look_up(self, repository: Repository) -> HostRepository:
        """What the host says of a repository now, found by its id. Raises NotFound if we may not see it any more."""
        ...

    def check_identity(self, repository: Repository) -> None:
        """Raises OutsideTrouble (permanent) if another repository stands where this one is asked for."""
        ...

    def ensure_webhook(self, repository: Repository, url: str, secret: str) -> bool:
        """Register our webhook if it isn't there; False if the credential isn't allowed to."""
        ...

    def post_status(
        self, repository: Repository, commit_sha: str, status: CommitStatus, *, pull: PullRequest | None
    ) -> None: ...

    def post_check_run(self, repository: Repository, check: CheckRun, known_id: str) -> str:
        """Create the check run, or update `known_id`; its id."""
        ...

    def create_comment(self, repository: Repository, thread: Thread, body: str) -> HostComment: ...

    def edit_comment(self, repository: Repository, thread: Thread, comment_id: str, body: str) -> HostComment:
        """Raises NotFound if the comment was deleted."""
        ...

    def read_comment(self, repository: Repository, thread: Thread, comment_id: str) -> HostComment | None: ...

    def comments(
        self, repository: Repository, thread: Thread, since: datetime | None = None
    ) -> Iterable[HostComment]: ...

    def react(self, repository: Repository, thread: Thread, comment_id: str, reaction: str) -> None:
        """`reaction` is GitHub's word: "eyes", "+1", "-1", "confused"."""
        ...

    def read_pull(self, repository: Repository, number: int) -> PullRequest | None: ...

    def open_pulls(self, repository: Repository) -> Iterable[PullRequest]: ...

    def merged_pulls_of(self, repository: Repository, commit_sha: str) -> list[PullRequest]:
        """Merged pull requests that brought this commit to its branch."""
        ...

    def merge_facts(self, repository: Repository, pull: PullRequest, own_prefix: str) -> MergeFacts: ...

    def merge(self, repository: Repository, pull: PullRequest) -> None:
        """Merge if the head is still `pull.head_sha`. Raises Refused with the host's reason if it won't."""
        ...

    def role_of(self, repository: Repository, user: HostUser) -> HostRole: ...

    def branch_head(self, repository: Repository, branch: str) -> str | None: ...
