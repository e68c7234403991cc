"""A code host, its Git and a runner, all in memory: for tests that walk through thousands of orders of events.

No HTTP, no Git and no engine; the reactions, the records and the queue are the real ones. Stories use the doubles
over HTTP instead; here only the order in which things happen is of interest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bot.connection import Repository
from bot.events import HostRepository, HostUser, PullRequest
from bot.host_roles import HostRole
from bot.vcs.code_host import CheckRun, CommitStatus, GitCredential, HostComment, MergeFacts, Thread
from bot.vcs.history import CommitFacts
from handlers.services import Services

ALICE = HostUser("7", "alice")
US = HostUser("99", "runlock-bot")


class Clock:
    """Time moves when it is told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def tick(self, seconds: float = 1) -> None:
        self.now += timedelta(seconds=seconds)


@dataclass
class QuickHost:
    """`parents`: commit → what it was made on. Everything that is true at the host is here."""

    clock: Clock
    comment_limit: int = 60_000

    def __post_init__(self) -> None:
        self.parents: dict[str, str] = {}
        self.branches: dict[str, str] = {"main": self.commit("")}
        self.pulls: dict[int, PullRequest] = {}
        self.merged: dict[str, int] = {}
        self.said: dict[str, tuple[Thread, HostComment]] = {}
        self.statuses: dict[tuple[str, str], CommitStatus] = {}

    def commit(self, parent: str) -> str:
        sha = hashlib.sha1(f"commit {len(self.parents)}".encode(), usedforsecurity=False).hexdigest()
        self.parents[sha] = parent
        return sha

    def contains(self, sha: str, ancestor: str) -> bool:
        while sha and sha != ancestor:
            sha = self.parents[sha]
        return sha == ancestor

    def say(self, thread: Thread, body: str, by: HostUser) -> HostComment:
        comment = HostComment(str(len(self.said) + 1), by, body, self.clock(), self.clock())
        self.said[comment.id] = (thread, comment)
        return comment

    # What Runlock asks.

    def git_credential(self, repository: Repository) -> GitCredential | None:
        return None

    def find_repository(self, path: str) -> HostRepository:
        return HostRepository("1", path, f"https://host.test/{path}.git", "main")

    def look_up(self, repository: Repository) -> HostRepository:
        return self.find_repository(repository.path)

    def check_identity(self, repository: Repository) -> None:
        pass

    def ensure_webhook(self, repository: Repository, url: str, secret: str) -> bool:
        return True

    def post_status(
        self, repository: Repository, commit_sha: str, status: CommitStatus, *, pull: PullRequest | None
    ) -> None:
        self.statuses[commit_sha, status.context] = status

    def post_check_run(self, repository: Repository, check: CheckRun, known_id: str) -> str:
        raise AssertionError("nobody asked for check runs")

    def create_comment(self, repository: Repository, thread: Thread, body: str) -> HostComment:
        return self.say(thread, body, US)

    def edit_comment(self, repository: Repository, thread: Thread, comment_id: str, body: str) -> HostComment:
        edited = replace(self.said[comment_id][1], body=body, updated_at=self.clock())
        self.said[comment_id] = (thread, edited)
        return edited

    def read_comment(self, repository: Repository, thread: Thread, comment_id: str) -> HostComment | None:
        return self.said[comment_id][1]

    def comments(self, repository: Repository, thread: Thread, since: datetime | None = None) -> Iterable[HostComment]:
        return [comment for place, comment in self.said.values() if place == thread]

    def react(self, repository: Repository, thread: Thread, comment_id: str, reaction: str) -> None:
        pass

    def read_pull(self, repository: Repository, number: int) -> PullRequest | None:
        return self.pulls.get(number)

    def open_pulls(self, repository: Repository) -> Iterable[PullRequest]:
        return [pull for pull in self.pulls.values() if pull.is_open]

    def merged_pulls_of(self, repository: Repository, commit_sha: str) -> list[PullRequest]:
        return [self.pulls[self.merged[commit_sha]]] if commit_sha in self.merged else []

    def merge_facts(self, repository: Repository, pull: PullRequest, own_prefix: str) -> MergeFacts:
        fresh = self.contains(pull.head_sha, self.branches[pull.base_branch])
        return MergeFacts(divergence=() if fresh else ("its base has moved",))

    def merge(self, repository: Repository, pull: PullRequest) -> None:
        raise AssertionError("nobody asked for a merge")

    def role_of(self, repository: Repository, user: HostUser) -> HostRole:
        return HostRole.WRITE

    def branch_head(self, repository: Repository, branch: str) -> str | None:
        return self.branches.get(branch)


class QuickMirror:
    """Every commit is here, and each changes main.tf."""

    def __init__(self, host: QuickHost) -> None:
        self._host = host

    def ensure_commit(self, sha: str, *, refs: Any = ()) -> None:
        pass

    def has_commit(self, sha: str) -> bool:
        return sha in self._host.parents

    def pin(self, sha: str) -> None:
        pass

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        return self._host.contains(descendant, ancestor)

    def changed_paths(self, before: str, after: str) -> tuple[str, ...]:
        return ("main.tf",)

    def changed_paths_of_pull(self, base: str, head: str) -> tuple[str, ...]:
        return ("main.tf",)

    def commit(self, sha: str) -> CommitFacts:
        return CommitFacts(sha, "a change", "alice", "alice@host.test", self._host.clock(), ())

    def archive(self, sha: str, target: Path, *, submodules: bool) -> None:
        target.write_bytes(b"a tree")


class QuickServices(Services):
    """The real services with another mirror."""

    def mirror(self, repository: Repository) -> Any:
        return QuickMirror(self.hosts[repository.connection_id])  # type: ignore[arg-type]


def quick(services: Services) -> QuickServices:
    return QuickServices(**{field.name: getattr(services, field.name) for field in fields(Services)})


def a_state(serial: int, applied: Iterable[str]) -> bytes:
    """A state that remembers which commits were applied, in order."""
    outputs = {"applied": {"value": list(applied), "type": ["list", "string"]}}
    document = {"version": 4, "terraform_version": "1.9.0", "serial": serial, "lineage": "lineage-1"}
    return json.dumps({**document, "outputs": outputs, "resources": []}).encode()
