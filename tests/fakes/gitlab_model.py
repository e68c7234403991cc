"""What is in the double of GitLab? People, projects, comments, hooks: they do as people do, and keep it.

The words are those of the GitHub double, so that a story can be told of both. Every deed that GitLab would tell
webhooks of queues its deliveries at the host (`gitlab_events.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from tests.fakes import gitlab_events as events
from tests.fakes.github_git import NO_COMMIT, BareRepository, Files, Signature
from tests.fakes.gitlab_pipelines import Pipeline, Status, head_status

if TYPE_CHECKING:
    from tests.fakes.gitlab import FakeGitLab
    from tests.fakes.gitlab_pull import FakePull

LEVELS = {"none": 0, "read": 10, "triage": 20, "write": 30, "maintain": 40, "admin": 50}


@dataclass(eq=False)
class Person:
    """A user or a bot. `state` is GitLab's: active, blocked."""

    host: FakeGitLab = field(repr=False)
    id: int
    login: str
    state: str = "active"

    def signature(self) -> Signature:
        return Signature(self.login, f"{self.login}@users.noreply.example.com", self.host.now)


@dataclass(eq=False)
class Hook:
    id: int
    url: str
    token: str = field(repr=False)
    events: dict[str, bool] = field(default_factory=dict)  # push_events, … → on


@dataclass(eq=False)
class FakeComment:
    """A note. Its id is unique over the whole instance; `discussion_id` is what commit notes are edited through."""

    id: int
    repository: FakeRepository
    author: Person
    body: str
    created_at: datetime
    updated_at: datetime
    discussion_id: str
    pull: FakePull | None = None
    commit_sha: str = ""
    system: bool = False
    given: list[tuple[Person, str]] = field(default_factory=list)
    deleted: bool = False

    @property
    def reactions(self) -> list[str]:
        """In GitHub's words, as the Protocol has them."""
        words = {"thumbsup": "+1", "thumbsdown": "-1"}
        return [words.get(name, name) for _, name in self.given]

    def edit(self, body: str) -> None:
        self.body, self.updated_at = body, self.repository.host.now
        events.commented(self, "update")

    def delete(self) -> None:
        """GitLab tells no webhook of it."""
        self.deleted = True


@dataclass(eq=False)
class FakeRepository:
    """A project. Made by `FakeGitLab.create_repository`."""

    host: FakeGitLab = field(repr=False)
    id: int
    path: str
    bare: BareRepository = field(repr=False)
    created_at: datetime
    default_branch: str = "main"
    fork_of: FakeRepository | None = None
    deleted: bool = False
    merge_method: str = "merge"  # "rebase_merge" and "ff" ask for a head that has its target
    squash: bool = False
    pipelines_must_succeed: bool = False
    required_approvals: int = 0  # a rule of the paid editions
    roles: dict[int, str] = field(default_factory=dict)  # person's id → role, in the project itself
    hooks: list[Hook] = field(default_factory=list)
    pulls: list[FakePull] = field(default_factory=list)
    pipelines: list[Pipeline] = field(default_factory=list)
    all_comments: list[FakeComment] = field(default_factory=list)

    @property
    def full_name(self) -> str:
        return self.path

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[1]

    @property
    def namespace(self) -> str:
        return self.path.rsplit("/", 1)[0]

    @property
    def host_id(self) -> str:
        return str(self.id)

    @property
    def html_url(self) -> str:
        return f"{self.host.url}/{self.path}"

    @property
    def clone_url(self) -> str:
        return f"{self.html_url}.git"

    @property
    def open_pulls(self) -> list[FakePull]:
        return [pull for pull in self.pulls if pull.is_open]

    def head(self, branch: str = "main") -> str:
        """The commit that a branch is at. Raises LookupError if there is no such branch."""
        found = self.bare.head(branch)
        if found is None:
            raise LookupError(f"{self.path} has no branch {branch}")
        return found

    def role_of(self, person: Person) -> str:
        """The highest of the project's own role and those of the groups above it."""
        groups = [self.path.rsplit("/", up)[0] for up in range(1, self.path.count("/") + 1)]
        roles = [self.roles.get(person.id, "none"), *(self.host.groups.get((g, person.id), "none") for g in groups)]
        return max(roles, key=LEVELS.__getitem__)

    def level_of(self, person: Person) -> int:
        return LEVELS[self.role_of(person)]

    def add_hook(self, url: str, secret: str) -> Hook:
        """The hook as Runlock registers it."""
        names = ("push_events", "tag_push_events", "merge_requests_events", "note_events")
        hook = Hook(self.host.next_id(), url, secret, dict.fromkeys(names, True))
        self.hooks.append(hook)
        return hook

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
            author = by or self.host.root
            after = self.bare.commit(branch, files or {}, delete, message, author.signature(), start)
            self.moved(branch, before, after, author)
            return after

    def move_branch(self, branch: str, commit_sha: str, *, by: Person) -> None:
        """Push a commit that exists already, forced if need be."""
        with self.host.lock:
            before = self.bare.head(branch)
            self.bare.move(f"refs/heads/{branch}", commit_sha)
            self.moved(branch, before, commit_sha, by)

    def push_commits(self, branch: str, changes: list[Files], *, by: Person | None = None) -> str:
        """Several commits in one push; the last one's id."""
        with self.host.lock:
            author, before = by or self.host.root, self.bare.head(branch)
            after = before or self.bare.head(self.default_branch)
            for number, files in enumerate(changes, start=1):
                after = self.bare.commit(branch, files, (), f"Change {number}", author.signature(), after)
            assert after is not None
            self.moved(branch, before, after, author)
            return after

    def delete_branch(self, branch: str, *, by: Person | None = None) -> None:
        """Delete a branch. Merge requests from it stay open at GitLab, and can't be merged any more."""
        with self.host.lock:
            before = self.head(branch)
            self.bare.move(f"refs/heads/{branch}", None)
            events.pushed(self, f"refs/heads/{branch}", before, NO_COMMIT, by or self.host.root)

    def tag(self, name: str, commit_sha: str, *, by: Person | None = None, annotated: bool = False) -> None:
        """Create or move a tag; an annotated one is an object of its own."""
        with self.host.lock:
            author = by or self.host.root
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
        """Open a merge request from a branch of this project, or of the fork `head`."""
        from tests.fakes.gitlab_pull import open_pull

        with self.host.lock:
            return open_pull(self, head or self, branch, into, by or self.host.root, (title, body), draft)

    def fork(self, owner: Person) -> FakeRepository:
        """Fork this project into a person's own namespace."""
        return self.host.create_repository(f"{owner.login}/{self.name}", fork_of=self)

    def comment_on(self, commit_sha: str, body: str, by: Person) -> FakeComment:
        """Comment on a commit."""
        with self.host.lock:
            return self.write(body, by, commit_sha=commit_sha)

    def comments_on(self, commit_sha: str) -> list[FakeComment]:
        return [c for c in self.all_comments if c.commit_sha == commit_sha and not c.deleted and not c.system]

    def write(
        self, body: str, by: Person, *, pull: FakePull | None = None, commit_sha: str = "", system: bool = False
    ) -> FakeComment:
        """A new note of any kind, told to the webhooks."""
        number, now = self.host.next_id(), self.host.now
        comment = FakeComment(number, self, by, body, now, now, f"{number:040x}", pull, commit_sha, system)
        self.all_comments.append(comment)
        if not system:
            events.commented(comment, "create")
        return comment

    def run_pipeline(
        self, commit_sha: str, ref: str, jobs: dict[str, str], *, source: str = "push", by: Person | None = None
    ) -> Pipeline:
        """A pipeline as a `.gitlab-ci.yml` makes it: job → its status."""
        with self.host.lock:
            pipeline = Pipeline(self.host.next_id(), commit_sha, ref, source, by or self.host.root)
            for name, status in jobs.items():
                pipeline.add_job(self.host.next_id(), name, status, self.host.now)
            self.pipelines.append(pipeline)
            return pipeline

    def statuses(self, commit_sha: str) -> dict[str, Status]:
        """The latest posted status of each context, its state in GitHub's words."""
        return head_status(self.pipelines, commit_sha)

    def rename(self, name: str, *, by: Person | None = None) -> None:
        """The old path redirects from now on. Only a hook of the whole instance is told."""
        self.move_to(f"{self.namespace}/{name}", "project_rename")

    def transfer(self, namespace: str) -> None:
        """Move to another group."""
        self.move_to(f"{namespace}/{self.name}", "project_transfer")

    def move_to(self, path: str, event: str) -> None:
        with self.host.lock:
            old, self.path = self.path, path
            self.host.old_paths[old] = self
            events.repository_moved(self, event, old)

    def delete(self) -> None:
        """Delete the project; merge requests from it lose their source."""
        self.deleted = True

    def moved(self, branch: str, before: str | None, after: str, by: Person) -> None:
        """Tell of a branch that moved, and let its merge requests follow."""
        events.pushed(self, f"refs/heads/{branch}", before or NO_COMMIT, after, by)
        for pull in self.host.pulls_from(self, branch):
            pull.head_moved(after, by)
        for pull in [pull for pull in self.open_pulls if pull.base_branch == branch]:
            if before != after and self.bare.is_ancestor(pull.head_sha, after):
                pull.became_merged(by)
