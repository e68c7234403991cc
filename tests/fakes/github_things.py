"""What small things are in the double of GitHub? People, apps, hooks, statuses, check runs, comments."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tests.fakes import github_events as events
from tests.fakes.github_git import Signature

if TYPE_CHECKING:
    from tests.fakes.github import FakeGitHub
    from tests.fakes.github_model import FakeRepository
    from tests.fakes.github_pull import FakePull

ROLES = ("none", "read", "triage", "write", "maintain", "admin")


@dataclass(eq=False)
class Person:
    """A user, an organization or a bot. Renaming keeps the id."""

    host: FakeGitHub = field(repr=False)
    id: int
    login: str
    kind: str = "User"
    deleted: bool = False

    def signature(self) -> Signature:
        return Signature(self.login, f"{self.id}+{self.login}@users.noreply.example.com", self.host.now)


@dataclass(eq=False)
class App:
    id: int
    slug: str
    owner: Person
    bot: Person
    private_key: str = field(repr=False)
    public_key: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    webhook_url: str = ""
    installations: dict[int, set[int]] = field(default_factory=dict)  # installation id → repository ids

    def installation_of(self, repo: FakeRepository) -> int | None:
        return next((number for number, ids in self.installations.items() if repo.id in ids), None)


@dataclass(eq=False)
class Hook:
    id: int
    url: str
    secret: str = field(repr=False)
    events: tuple[str, ...] = ("*",)
    content_type: str = "json"
    active: bool = True


@dataclass(frozen=True)
class Status:
    id: int
    commit_sha: str
    context: str
    state: str
    description: str | None
    target_url: str | None
    creator: Person
    created_at: datetime


@dataclass(eq=False)
class PostedCheckRun:
    """`body` is what was posted, later posts laid over earlier ones."""

    id: int
    repository: FakeRepository
    body: dict[str, Any]
    created_at: datetime
    app: App | None = None

    def press(self, button: str, by: Person) -> None:
        """Press one of its buttons, as it is on the page. Raises LookupError if it isn't there."""
        if button not in [action["identifier"] for action in self.body.get("actions", [])]:
            raise LookupError(f"the check run has no button {button!r}")
        events.button_pressed(self, button, by)


@dataclass(eq=False)
class FakeComment:
    id: int
    repository: FakeRepository
    author: Person
    body: str
    created_at: datetime
    updated_at: datetime
    pull: FakePull | None = None
    commit_sha: str = ""
    given: list[tuple[Person, str]] = field(default_factory=list)
    deleted: bool = False

    @property
    def reactions(self) -> list[str]:
        return [content for _, content in self.given]

    def edit(self, body: str) -> None:
        self.body, self.updated_at = body, self.repository.host.now
        events.commented(self, "edited", before=body)

    def delete(self) -> None:
        self.deleted = True
        events.commented(self, "deleted")


@dataclass
class Protection:
    """What a branch asks for before a merge. `through` says where it is set: the two show at different places."""

    contexts: tuple[str, ...] = ()
    reviews: int = 0
    strict: bool = False  # the head must be up to date
    through: str = "branch protection"  # or "ruleset"
