"""What can people do with a repository of the double of GitHub? Push, tag, open pull requests, rename it.

Every deed that GitHub would tell webhooks of queues its deliveries at the host (`github_events.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tests.fakes import github_events as events
from tests.fakes.github_git import NO_COMMIT, BareRepository, Files
from tests.fakes.github_things import ROLES, FakeComment, Hook, Person, PostedCheckRun, Protection, Status

if TYPE_CHECKING:
    from tests.fakes.github import FakeGitHub
    from tests.fakes.github_pull import FakePull


@dataclass(eq=False)
class FakeRepository:
    """Made by `FakeGitHub.create_repository`."""

    host: FakeGitHub = field(repr=False)
    id: int
    owner: Person
    name: str
    bare: BareRepository = field(repr=False)
    created_at: datetime
    pushed_at: datetime
    private: bool = True
    default_branch: str = "main"
    fork_of: FakeRepository | None = None
    deleted: bool = False
    merge_methods: tuple[str, ...] = ("merge", "squash", "rebase")
    roles: dict[int, str] = field(default_factory=dict)  # person's id → role
    custom_roles: dict[str, str] = field(default_factory=dict)  # name → the role that it is built on
    hooks: list[Hook] = field(default_factory=list)
    pulls: list[FakePull] = field(default_factory=list)
    all_statuses: list[Status] = field(default_factory=list)
    check_runs: list[PostedCheckRun] = field(default_factory=list)
    all_comments: list[FakeComment] = field(default_factory=list)
    protections: dict[str, Protection] = field(default_factory=dict)

    @property
    def full_name(self) -> str:
        return f"{self.owner.login}/{self.name}"

    @property
    def api_url(self) -> str:
        return f"{self.host.api_url}/repos/{self.full_name}"

    @property
    def html_url(self) -> str:
        return f"{self.host.url}/{self.full_name}"

    @property
    def clone_url(self) -> str:
        return f"{self.html_url}.git"

    @property
    def host_id(self) -> str:
        return str(self.id)

    @property
    def open_pulls(self) -> list[FakePull]:
        return [pull for pull in self.pulls if pull.is_open]

    def head(self, branch: str = "main") -> str:
        """The commit that a branch is at. Raises LookupError if there is no such branch."""
        found = self.bare.head(branch)
        if found is None:
            raise LookupError(f"{self.full_name} has no branch {branch}")
        return found

    def role_of(self, person: Person) -> str:
        return self.roles.get(person.id, "none" if self.private else "read")

    def base_role(self, person: Person) -> str:
        """The role, a custom one replaced by GitHub's own that it is built on."""
        return self.custom_roles.get(self.role_of(person), self.role_of(person))

    def may(self, person: Person, least: str) -> bool:
        return ROLES.index(self.base_role(person)) >= ROLES.index(least)

    def add_hook(self, url: str, secret: str, events: tuple[str, ...] = ("*",)) -> Hook:
        hook = Hook(self.host.next_id(), url, secret, events)
        self.hooks.append(hook)
        return hook

    def protect(self, branch: str = "main", **asks: Any) -> None:
        self.protections[branch] = Protection(**asks)

    def push(
        self,
        branch: str,
        files: Files | None = None,
        message: str = "Change",
        *,
        by: Person | None = None,
        force: bool = False,
        delete: tuple[str, ...] = (),
        parent: str | None = None,
    ) -> str:
        """Commit and push; the commit's id. A new branch starts at the default branch.

        With `force` the branch is moved to a new commit beside its head (on the head's first parent), or on `parent`.
        """
        with self.host.lock:
            before = self.bare.head(branch)
            start = parent or before or self.bare.head(self.default_branch)
            if force and parent is None and before is not None:
                start = next(iter(self.bare.facts(before).parents), None)
            author = by or self.owner
            after = self.bare.commit(branch, files or {}, delete, message, author.signature(), start)
            self._moved(branch, before, after, author)
            return after

    def move_branch(self, branch: str, commit_sha: str, *, by: Person) -> None:
        """Push a commit that exists already, forced if need be."""
        with self.host.lock:
            before = self.bare.head(branch)
            self.bare.move(f"refs/heads/{branch}", commit_sha)
            self._moved(branch, before, commit_sha, by)

    def push_commits(self, branch: str, changes: list[Files], *, by: Person | None = None) -> str:
        """Several commits in one push; the last one's id."""
        with self.host.lock:
            author, before = by or self.owner, self.bare.head(branch)
            after = before or self.bare.head(self.default_branch)
            for number, files in enumerate(changes, start=1):
                after = self.bare.commit(branch, files, (), f"Change {number}", author.signature(), after)
            assert after is not None
            self._moved(branch, before, after, author)
            return after

    def delete_branch(self, branch: str, *, by: Person | None = None) -> None:
        """Delete a branch; pull requests from it are closed."""
        with self.host.lock:
            before = self.head(branch)
            self.bare.move(f"refs/heads/{branch}", None)
            events.pushed(self, f"refs/heads/{branch}", before, NO_COMMIT, by or self.owner)
            for pull in self.host.pulls_from(self, branch):
                pull.close(by or self.owner)

    def tag(self, name: str, commit_sha: str, *, by: Person | None = None, annotated: bool = False) -> None:
        """Create or move a tag; an annotated one is an object of its own."""
        with self.host.lock:
            author = by or self.owner
            ref = f"refs/tags/{name}"
            before = self.bare.resolve(ref) or NO_COMMIT
            target = commit_sha
            if annotated:
                lines = f"object {commit_sha}\ntype commit\ntag {name}\ntagger {author.signature().line}\n\n{name}\n"
                target = self.bare.git("mktag", input_text=lines.encode())
            self.bare.move(ref, target)
            events.pushed(self, ref, before, target, author)

    def open_pull(
        self,
        branch: str,
        into: str = "main",
        *,
        by: Person | None = None,
        title: str = "Change",
        body: str = "",
        draft: bool = False,
        head: FakeRepository | None = None,
    ) -> FakePull:
        """Open a pull request from a branch of this repository, or of the fork `head`."""
        from tests.fakes.github_pull import open_pull

        with self.host.lock:
            return open_pull(self, head or self, branch, into, by or self.owner, title, body, draft=draft)

    def fork(self, owner: Person) -> FakeRepository:
        """Fork this repository into another account."""
        return self.host.create_repository(f"{owner.login}/{self.name}", fork_of=self)

    def comment_on(self, commit_sha: str, body: str, by: Person) -> FakeComment:
        """Comment on a commit."""
        with self.host.lock:
            now = self.host.now
            comment = FakeComment(self.host.next_id(), self, by, body, now, now, commit_sha=commit_sha)
            self.all_comments.append(comment)
            events.commented(comment, "created")
            return comment

    def comments_on(self, commit_sha: str) -> list[FakeComment]:
        return [c for c in self.all_comments if c.commit_sha == commit_sha and not c.deleted]

    def statuses(self, commit_sha: str) -> dict[str, Status]:
        """The latest status of each context."""
        return {status.context: status for status in self.all_statuses if status.commit_sha == commit_sha}

    def rename(self, name: str, *, by: Person | None = None) -> None:
        """The old path redirects from now on."""
        with self.host.lock:
            old = self.full_name
            self.host.moved[old], self.name = self, name
            events.repository_moved(self, "renamed", by or self.owner, old)

    def transfer(self, owner: Person, *, by: Person | None = None) -> None:
        with self.host.lock:
            old, before = self.full_name, self.owner
            self.host.moved[old], self.owner = self, owner
            events.repository_moved(self, "transferred", by or before, old, before)

    def delete(self) -> None:
        """Delete the repository; pull requests from it lose their head's repository."""
        self.deleted = True

    def _moved(self, branch: str, before: str | None, after: str, by: Person) -> None:
        """Tell of a branch that moved, and let its pull requests follow."""
        self.pushed_at = self.host.now
        events.pushed(self, f"refs/heads/{branch}", before or NO_COMMIT, after, by)
        for pull in self.host.pulls_from(self, branch):
            pull.head_moved(after, by)
        for pull in [pull for pull in self.open_pulls if pull.base_branch == branch]:
            if before != after and self.bare.is_ancestor(pull.head_sha, after):
                pull.became_merged(after, by)
