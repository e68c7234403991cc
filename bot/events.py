"""What can happen at a code host, in our own words? Outside words stop in the file that met them."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True)
class HostRepository:
    """A repository as the host describes it. `host_id` never changes; `path` does when it is renamed."""

    host_id: str
    path: str
    clone_url: str
    default_branch: str
    html_url: str = ""


@dataclass(frozen=True)
class HostUser:
    """A person or bot at the host. `host_id` is what we know them by; the rest is for showing."""

    host_id: str
    login: str
    # Addresses of the host's, where it told them; text from outside.
    html_url: str = field(default="", compare=False)
    avatar_url: str = field(default="", compare=False)


NOBODY = HostUser("", "")


@dataclass(frozen=True)
class Pushed:
    """A branch moved. `changed_paths` is None when the host gave no complete list (ask the mirror)."""

    repository: HostRepository
    branch: str
    before_sha: str
    after_sha: str
    forced: bool
    changed_paths: tuple[str, ...] | None
    sender: HostUser
    message: str = ""
    created: bool = False


@dataclass(frozen=True)
class Tagged:
    """A tag was created or moved; `commit_sha` is the commit behind it."""

    repository: HostRepository
    tag: str
    commit_sha: str
    sender: HostUser
    message: str = ""


class PullAction(StrEnum):
    OPENED = "opened"
    UPDATED = "updated"  # a new head
    REOPENED = "reopened"
    READY = "ready"  # left draft
    RETARGETED = "retargeted"  # a new base branch
    CLOSED = "closed"
    MERGED = "merged"


@dataclass(frozen=True)
class PullRequest:
    """A pull or merge request as the host tells it now."""

    number: int
    title: str
    author: HostUser
    head_sha: str
    head_branch: str
    base_branch: str
    base_sha: str = ""
    is_open: bool = True
    is_merged: bool = False
    is_draft: bool = False
    from_fork: bool = False
    merge_commit_sha: str = ""
    html_url: str = ""
    body: str = ""
    updated_at: datetime | None = None


@dataclass(frozen=True)
class PullChanged:
    repository: HostRepository
    action: PullAction
    pull: PullRequest
    sender: HostUser


@dataclass(frozen=True)
class Commented:
    """Somebody wrote a comment. Exactly one of `pull_number` and `commit_sha` is set.

    The body is not acted on: the comment is read back from the host by `comment_id` first.
    """

    repository: HostRepository
    comment_id: str
    author: HostUser
    body: str
    pull_number: int | None = None
    commit_sha: str | None = None


@dataclass(frozen=True)
class ButtonPressed:
    """A button of our check run was pressed; `external_id` says what the check run covers."""

    repository: HostRepository
    button: str  # "apply" | "discard"
    external_id: str
    head_sha: str
    sender: HostUser


@dataclass(frozen=True)
class InstallationChanged:
    """A GitHub App was installed, suspended or removed, or its repositories changed."""

    installation_id: str
    action: str  # "created" | "deleted" | "suspend" | "unsuspend" | "added" | "removed"
    repositories: tuple[tuple[str, str], ...] = ()  # (host_id, path)


@dataclass(frozen=True)
class RepositoryMoved:
    """A repository was renamed or transferred: same host id, new path."""

    repository: HostRepository
    old_path: str = ""


Event = Pushed | Tagged | PullChanged | Commented | ButtonPressed | InstallationChanged | RepositoryMoved
